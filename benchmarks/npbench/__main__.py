"""The command: time kernels with NumPy (the value), this library and JAX (value and gradient); print and store."""

import argparse
import datetime
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks import machine
from benchmarks.npbench import report, timing
from benchmarks.npbench.kernel import has_jax, kernel_names

LATEST = Path(__file__).parent.parent / "results" / "npbench.json"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.npbench", description=__doc__)
    parser.add_argument("--kernel", nargs="+", choices=kernel_names(), default=kernel_names(), metavar="NAME")
    parser.add_argument("--library", nargs="+", choices=list(timing.LIBRARIES), default=list(timing.LIBRARIES))
    parser.add_argument("--seconds", type=float, default=1.0, metavar="S", help="of calls, per kernel and library")
    parser.add_argument(
        "--limit", type=float, default=120.0, metavar="S", help="give up after so long, compilation too"
    )
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--json", type=Path, default=LATEST, metavar="PATH", help="where the results are stored")
    parser.add_argument(
        "--child", nargs=2, metavar=("KERNEL", "LIBRARY"), help="one of them (started by the run itself)"
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.child:
        timing.child(*options.child, options.seconds)
        return 0
    described = machine.describe()
    timings: list[timing.Timing] = []
    for name in options.kernel:
        print(f"{name} ...", file=sys.stderr, flush=True)
        libraries = [library for library in options.library if library != "jax" or has_jax(name)]
        timings += [timing.measure(name, library, options.seconds, options.limit) for library in libraries]
    print(report.table(timings, options.markdown))
    described["load after"] = round(os.getloadavg()[0], 2)
    store(options.json, timings, described)
    return 1 if any(each.problem for each in timings) else 0


def store(path: Path, timings: list[timing.Timing], described: dict[str, object]) -> None:
    versions = {name: machine.version(name) for name in ("numpy", "jax", "jaxlib")}
    content = {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "machine": described,
        "versions": versions,
        "results": [asdict(each) for each in timings],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"\nStored in {path}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
