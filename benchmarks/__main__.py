"""The command: run workloads against peers, print, store, and fail if a result was wrong."""

import argparse
import datetime
import importlib
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks import child, environments, machine, race, report, startup
from benchmarks.catalog import ALWAYS, peer_names, workload_names
from benchmarks.peer import LIMIT
from benchmarks.row import Row

LATEST = Path(__file__).parent / "results" / "latest.json"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--workload", nargs="+", choices=workload_names(), default=workload_names(), metavar="NAME")
    parser.add_argument(
        "--peer",
        nargs="+",
        choices=peer_names(),
        default=list(ALWAYS),
        metavar="NAME",
        help=f"{', '.join(peer_names())}; `{LIMIT}` always runs, the others are checked against it",
    )
    parser.add_argument("--quick", action="store_true", help="few and short rounds, no warm starts")
    parser.add_argument("--all", action="store_true", help="more rounds, and the heavy cases: half an hour")
    parser.add_argument(
        "--python",
        nargs="+",
        default=[],
        metavar="PEER=PATH",
        help="the Python a peer runs in (else see environments.py)",
    )
    parser.add_argument("--json", type=Path, default=LATEST, metavar="PATH", help="where the results are stored")
    parser.add_argument("--chart", type=Path, metavar="PATH", help="draw a picture of the results (needs matplotlib)")
    parser.add_argument("--markdown", action="store_true", help="print the table of the README")
    parser.add_argument("--child", action="store_true", help="serve one workload and peer (started by the run itself)")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.child:
        child.serve(options.workload[0], options.peer[0])
        return 0
    for pair in options.python:
        environments.choose(*pair.split("=", 1))
    effort = race.effort(options.quick, options.all)
    described = machine.describe()
    peers = [name for name in peer_names() if name in options.peer or name == LIMIT]
    rows: list[Row] = []
    versions: dict[str, str] = {}
    for workload in options.workload:
        print(f"{workload}: {', '.join(peers)} ...", file=sys.stderr, flush=True)
        found, used = race.run(workload, peers, effort)
        rows += found
        versions.update(used)
    print(report.markdown(rows, described, versions) if options.markdown else report.text(rows))
    startups = startup.measure(peers) if options.workload == workload_names() else []  # of a run of everything
    print(report.startups(startups))
    if options.chart:
        importlib.import_module("benchmarks.chart").draw(rows, options.chart)
    described["load after"] = round(os.getloadavg()[0], 2)
    store(options, effort, rows, startups, described, versions)
    return complain(rows)


def store(
    options: argparse.Namespace,
    effort: race.Effort,
    rows: list[Row],
    startups: list[startup.Startup],
    described: dict[str, object],
    versions: dict[str, str],
) -> None:
    content = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "effort": asdict(effort),
        "machine": described,
        "versions": versions,
        "startup": [asdict(each) for each in startups],
        "results": [asdict(row) for row in rows],
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(content, indent=1) + "\n")
    print(f"\nStored in {options.json}", file=sys.stderr)


def complain(rows: list[Row]) -> int:
    failed = [row for row in rows if row.failed]
    for row in failed:
        print(f"{row.status}: {row.peer} on {row.workload} · {row.case}: {row.detail}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
