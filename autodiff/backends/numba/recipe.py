"""What has to be known of a kernel, besides its machine code, to call it.

Which memory it wants, in which order, and where its results are. It is plain data, made from the
plan once, and stored with the machine code: whoever loads a kernel from disk needs no plan.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.backends.numba.cost import cost_of
from autodiff.backends.numba.lives import lives_of, roots_of
from autodiff.backends.numba.nest import Cycle, KernelPlan, every_step

ALIGNMENT = 64  # bytes: a cache line, and the widest vector
PAGE = 4096  # bytes: a store seems to meet a load whose address is the same within a page, and makes it wait
APART = 5 * ALIGNMENT  # between arrays of whole pages, which would all begin at the same place of one
SCALAR = -1  # the place of a result of shape ()


@dataclass(frozen=True, slots=True)
class Memory:
    """An array that a kernel is given to write; `life` is its first and last step, None for a result's."""

    shape: tuple[str, ...]
    dtype: str
    life: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to call a kernel.

    `params` are (dtype, shape) of its arrays and numbers, literals included; `results` are (place among
    `allocated`, or `SCALAR`; shape; dtype); `calls_host` says that it takes the address of a host.
    """

    params: tuple[tuple[str, tuple[str, ...]], ...]
    sizes: tuple[str, ...]
    allocated: tuple[Memory, ...]
    results: tuple[tuple[int, tuple[str, ...], str], ...]
    calls_host: bool
    costs: tuple[tuple[float, tuple[str, ...]], ...] = ()
    loops: bool = False  # it has loops of its own, and nobody knows how long they run

    def work(self, sizes: Mapping[str, int]) -> float:
        """Estimated nanoseconds of one run."""
        return sum(cost * math.prod(numbers(shape, sizes)) for cost, shape in self.costs)

    def scalars(self) -> list[np.dtype]:
        """Dtypes of the results of shape (), in order."""
        return [np.dtype(dtype) for place, _, dtype in self.results if place == SCALAR]

    def as_json(self) -> list[Any]:
        """Lists, texts and numbers."""
        allocated = [[m.shape, m.dtype, m.life] for m in self.allocated]
        return [self.params, self.sizes, allocated, self.results, self.calls_host, self.costs, self.loops]

    @classmethod
    def from_json(cls, data: list[Any]) -> Recipe:
        params, sizes, allocated, results, calls_host, costs, loops = data
        return cls(
            tuple((str(dtype), tuple(shape)) for dtype, shape in params),
            tuple(sizes),
            tuple(Memory(tuple(shape), str(dtype), tuple(life) if life else None) for shape, dtype, life in allocated),
            tuple((int(place), tuple(shape), str(dtype)) for place, shape, dtype in results),
            bool(calls_host),
            tuple((float(cost), tuple(shape)) for cost, shape in costs),
            bool(loops),
        )


def recipe(plan: KernelPlan, calls_host: bool) -> Recipe:
    """The recipe of a plan."""
    roots = roots_of(plan)
    made = {roots.get(b, b) for b in plan.results if b.shape}
    lives = lives_of(plan, roots)
    allocated = tuple(Memory(b.shape, b.dtype.str, None if b in made else lives.get(b, (0, 0))) for b in plan.allocated)
    places = {b: k for k, b in enumerate(plan.allocated)}
    results = tuple((places[roots.get(b, b)] if b.shape else SCALAR, b.shape, b.dtype.str) for b in plan.results)
    params = tuple((p.dtype.str, tuple(p.shape)) for p in plan.params)
    costs: dict[tuple[str, ...], float] = {}  # of equal shapes together
    for cost, shape in filter(None, map(cost_of, every_step(plan.steps))):
        if all(n.isdigit() or n in plan.sizes for n in shape):  # how long an inner loop runs is not known
            costs[shape] = costs.get(shape, 0.0) + cost
    loops = any(isinstance(step, Cycle) for step in every_step(plan.steps))
    return Recipe(params, plan.sizes, allocated, results, calls_host, tuple((c, s) for s, c in costs.items()), loops)


class Layout:
    """Where in the arena each intermediate of one program lies: its offset by its number.

    Memory is used again when nobody needs what is in it any more: the largest arrays are placed
    first, each at the lowest place that is free during its life (the "greedy by size" of Pisarchyk
    and Lee, Efficient Memory Management for Deep Neural Net Inference, 2020).
    """

    def __init__(self, recipe: Recipe, sizes: Mapping[str, int]) -> None:
        self.offsets: dict[int, int] = {}
        placed: list[tuple[int, int, int, int]] = []  # start, end, first step, last step
        wanted = [(self._bytes(m, sizes), k, m.life) for k, m in enumerate(recipe.allocated) if m.life]
        for count, k, (first, last) in sorted(wanted, key=lambda w: (-w[0], w[1])):
            start = 0
            for begin, end, others_first, others_last in placed:  # sorted by start
                if others_first <= last and first <= others_last and begin < start + count and start < end:
                    start = end
            self.offsets[k] = start
            placed.append((start, start + count, first, last))
            placed.sort()
        self.total = max((end for _, end, _, _ in placed), default=0) + ALIGNMENT  # the start of an arena may cost some

    @staticmethod
    def _bytes(memory: Memory, sizes: Mapping[str, int]) -> int:
        count = math.prod(numbers(memory.shape, sizes)) * np.dtype(memory.dtype).itemsize
        return -(-count // ALIGNMENT) * ALIGNMENT + (APART if count >= PAGE else 0)


def numbers(shape: tuple[str, ...], sizes: Mapping[str, int]) -> tuple[int, ...]:
    """A shape's sizes in one program."""
    return tuple(int(n) if n.isdigit() else sizes[n] for n in shape)
