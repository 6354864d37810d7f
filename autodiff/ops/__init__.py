"""What each op is. `OPS` holds them all, by name; a new op is one definition in one file."""

from autodiff.ops import (
    arithmetic,
    complex_numbers,
    contraction,
    exponents,
    families,
    fourier,
    indexing,
    movement,
    ordering,
    overwrite,
    reduction,
    special,
    transcendental,
)
from autodiff.ops.op import OPS

__all__ = [
    "OPS",
    "arithmetic",
    "complex_numbers",
    "contraction",
    "exponents",
    "families",
    "fourier",
    "indexing",
    "movement",
    "ordering",
    "overwrite",
    "reduction",
    "special",
    "transcendental",
]
