"""What each op is. `OPS` holds them all, by name; a new op is one definition in one file."""

from autodiff.ops import (
    arithmetic,
    contraction,
    families,
    indexing,
    movement,
    ordering,
    reduction,
    special,
    transcendental,
)
from autodiff.ops.op import OPS

__all__ = [
    "OPS",
    "arithmetic",
    "contraction",
    "families",
    "indexing",
    "movement",
    "ordering",
    "reduction",
    "special",
    "transcendental",
]
