"""The driver: make inputs, ask a tool, compare with the references, print a table; fail if an answer was wrong."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks import machine
from benchmarks.gradbench import race, report
from benchmarks.gradbench.conversation import ToolError, ToolProcess
from benchmarks.gradbench.tool import EVALS


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradbench", description=__doc__)
    parser.add_argument("--eval", nargs="+", choices=EVALS, default=EVALS, metavar="NAME", help=", ".join(EVALS))
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--all", action="store_true", help="GradBench's own sizes; some take minutes and gigabytes")
    sizes.add_argument("--tiny", action="store_true", help="sizes at which all is quick but the compiler")
    parser.add_argument("--runs", type=int, default=2, metavar="N", help="at least so many runs of each (default 2)")
    parser.add_argument("--seconds", type=float, default=0.2, metavar="S", help="and at least so long (default 0.2)")
    parser.add_argument("--json", type=Path, metavar="PATH", help="store the results too")
    parser.add_argument(
        "--tool", nargs=argparse.REMAINDER, metavar="COMMAND", help="another tool than ours; comes last"
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    answers: list[race.Answer] = []
    for name in options.eval:
        found = run(options, name)
        answers += found
        for answer in found:
            if not answer.correct:
                print(f"{name} {answer.size} {answer.function}: {answer.failure or answer.error}", file=sys.stderr)
    print(report.table(answers))
    if options.json:
        content = {"machine": machine.describe(), "results": [asdict(answer) for answer in answers]}
        options.json.write_text(json.dumps(content, indent=1) + "\n")
    return 0 if all(answer.correct for answer in answers) else 1


def run(options: argparse.Namespace, name: str) -> list[race.Answer]:
    """One eval, in a process of its own, as GradBench does it."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    by = race.reference(name)
    sizes = by.SIZES if options.all else by.TINY if options.tiny else by.DEFAULT
    found: list[race.Answer] = []
    try:
        with ToolProcess(options.tool) as conversation:
            found.extend(race.run(conversation, name, sizes, options.runs, options.seconds))
    except ToolError as error:
        found.append(race.Answer(name, (), "", True, failure=str(error)))
    return found


if __name__ == "__main__":
    sys.exit(main())
