"""The program zoo: loops, branches and writes as NumPy users write them, by theme.

Each program is a plain function of NumPy, with arguments to run it on and a scalar result; `PROGRAMS` has them by
name. `oracle.py` knows their derivatives without autodiff, `refused.py` lists programs that must give a clear error.
"""

from programs import (
    algorithms,
    aliases,
    array_loops,
    bits,
    branches,
    dynamic_programming,
    index_loops,
    linear_algebra,
    physics,
    recursion,
    scalar_loops,
    sequences,
    solvers,
    stencils,
    structure,
    while_loops,
)
from programs.zoo import PROGRAMS, Program

__all__ = [
    "PROGRAMS",
    "Program",
    "algorithms",
    "aliases",
    "array_loops",
    "bits",
    "branches",
    "dynamic_programming",
    "index_loops",
    "linear_algebra",
    "physics",
    "recursion",
    "scalar_loops",
    "sequences",
    "solvers",
    "stencils",
    "structure",
    "while_loops",
]
