"""What each op is. `OPS` holds them all, by name; a new op is one definition in one file.

The ops of linear algebra and the special functions are imported when somebody asks for them, or for `OPS` (PEP 562):
together they are half of all ops, and most programs need none.
"""

import importlib
from typing import TYPE_CHECKING, Any

from autodiff.ops import (
    arithmetic,
    bitwise,
    complex_numbers,
    contraction,
    exponents,
    extents,
    families,
    indexing,
    movement,
    ordering,
    overwrite,
    reduction,
    transcendental,
    window,
)

if TYPE_CHECKING:
    from autodiff.ops import (
        banded,
        checkpoint,
        cond,
        decompositions,
        determinant,
        eigenvalues,
        fourier,
        least_squares,
        linear_solve,
        loop,
        lu,
        matrix_functions,
        sparse,
        special,
        stack,
        while_loop,
    )
    from autodiff.ops.op import OPS

__all__ = [
    "OPS",
    "arithmetic",
    "banded",
    "bitwise",
    "checkpoint",
    "complex_numbers",
    "cond",
    "contraction",
    "decompositions",
    "determinant",
    "eigenvalues",
    "exponents",
    "extents",
    "families",
    "fourier",
    "indexing",
    "least_squares",
    "linear_solve",
    "loop",
    "lu",
    "matrix_functions",
    "movement",
    "ordering",
    "overwrite",
    "recursion",
    "reduction",
    "sparse",
    "special",
    "stack",
    "transcendental",
    "while_loop",
    "window",
]

_LATER = (
    *("banded", "decompositions", "determinant", "eigenvalues", "fourier", "least_squares", "linear_solve", "lu"),
    *("matrix_functions", "sparse", "special", "stack", "loop", "while_loop", "cond", "checkpoint", "recursion"),
)


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return importlib.import_module(f"{__name__}.{name}")
    if name != "OPS":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    for later in _LATER:
        importlib.import_module(f"{__name__}.{later}")
    found = globals()["OPS"] = importlib.import_module(f"{__name__}.op").OPS
    return found
