"""The command: time kernels with NumPy (the value), this library and JAX (value and gradient); print and store.

Results are stored one by one; a run that was stopped goes on where it was.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.npbench import report, timing
from benchmarks.npbench.kernel import kernel_names
from benchmarks.npbench.store import Store

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
    parser.add_argument("--again", action="store_true", help="measure what an earlier run has stored, too")
    parser.add_argument(
        "--child", nargs=2, metavar=("KERNEL", "LIBRARY"), help="one of them (started by the run itself)"
    )
    return parser.parse_args()


def main() -> int:
    options = arguments()
    if options.child:
        timing.child(*options.child, options.seconds)
        return 0
    store = Store(options.json)
    wanted = [(kernel, library) for kernel in options.kernel for library in options.library]
    for kernel, library in wanted if options.again else store.pending(wanted):
        print(f"{kernel}, {library} ...", file=sys.stderr, flush=True)
        store.add(timing.measure(kernel, library, options.seconds, options.limit))
    timings = store.of(wanted)
    print(report.table(timings, options.markdown))
    print(f"\nStored in {options.json}, the table beside it", file=sys.stderr)
    return 1 if any(each.problem for each in timings) else 0


if __name__ == "__main__":
    sys.exit(main())
