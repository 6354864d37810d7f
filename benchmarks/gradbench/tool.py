"""The GradBench tool: `python -m benchmarks.gradbench.tool` speaks the protocol on standard input and output."""

import contextlib
import importlib
import sys
from collections.abc import Mapping

from benchmarks.gradbench import protocol
from benchmarks.gradbench.function import Function

EVALS = ("hello", "llsq", "lse", "gmm", "ba", "ht", "lstm", "kmeans", "particle", "saddle", "ode", "det")


def find(name: str) -> Mapping[str, Function]:
    """The functions of an eval, by name."""
    if name not in EVALS:
        raise LookupError(f"no eval {name!r}, only {', '.join(EVALS)}")
    functions: Mapping[str, Function] = importlib.import_module(f"benchmarks.gradbench.evals.{name}").FUNCTIONS
    return functions


def main() -> None:
    out = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # whatever prints: standard output carries answers and nothing else
        protocol.serve(sys.stdin, out, find)


if __name__ == "__main__":
    main()
