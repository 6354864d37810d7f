"""A kernel as machine code, and the memory it works in.

Results are fresh NumPy arrays; intermediates lie in an arena that all kernels of the process
share. The interpreter's lock is held during a call, so two kernels never work in it at once; it
grows to what the largest program needs, and stays. A kernel that calls the host, where the lock
may be given away, takes an arena out of a pool for as long as it runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.backends.numba.host import Host
from autodiff.backends.numba.large import LARGE, expect_large_work
from autodiff.backends.numba.llvm import is_large, print_llvm
from autodiff.backends.numba.llvm_calls import asks_host, with_work
from autodiff.backends.numba.native import MachineCode
from autodiff.backends.numba.nest import KernelPlan, NativeCall
from autodiff.backends.numba.recipe import ALIGNMENT, SCALAR, Layout, Recipe, numbers, recipe
from autodiff.backends.numba.thunk import ThunkError, invoke


class NativeKernel:
    """Machine code for one signature, and how to call it.

    Raises
    ------
    ThunkError
        Where this interpreter cannot call it.
    """

    def __init__(self, recipe: Recipe, code: MachineCode, host: Host | None) -> None:
        self.recipe, self._code, self._host = recipe, code, host
        self._invoke = invoke()

    @classmethod
    def of_plan(cls, plan: KernelPlan) -> NativeKernel:
        """Compile a plan.

        Raises
        ------
        NoKernel
            When the plan needs what only Numba can compile.
        """
        plan = with_work(plan)
        host = _host(plan)
        code = MachineCode(print_llvm(plan), "kernel", quick=is_large(plan))
        return cls(recipe(plan, host is not None), code, host)

    def bind(self, literals: Sequence[Any], sizes: Mapping[str, int]) -> Callable[..., tuple[Any, ...]]:
        """The kernel for one program: from its arrays and numbers to a tuple of results."""
        recipe, call, address, owner, host = self.recipe, self._invoke, self._code.address, self, self._host
        if recipe.work(sizes) > LARGE:
            expect_large_work()
        layout = Layout(recipe, sizes)
        before = (*map(_word, literals), *(sizes[name] for name in recipe.sizes))
        before += () if host is None else (host.address,)
        fresh = {place: (numbers(shape, sizes), np.dtype(dtype)) for place, shape, dtype in recipe.results}
        order = [k for k in range(len(recipe.allocated)) if k in fresh]
        made = [fresh[k] for k in order]
        picked = _picked(recipe, order)
        scalars = recipe.scalars()
        empty, placed = np.empty, (None, ())

        def place(memory: np.ndarray) -> Any:
            """This arena, and the intermediates' addresses in it."""
            nonlocal placed
            start = -(-memory.__array_interface__["data"][0] // ALIGNMENT) * ALIGNMENT
            places = [layout.offsets.get(k) for k in range(len(recipe.allocated))]
            placed = memory, tuple(None if p is None else start + p for p in places)
            return placed

        def run(*args: Any) -> tuple[Any, ...]:
            # One tuple, read once: another thread may replace it, and the arena, at any time.
            memory, words = placed
            if memory is not ARENA.memory:
                memory, words = place(ARENA.of_size(layout.total))
            return run_at(words, args)

        def run_alone(*args: Any) -> tuple[Any, ...]:
            arena = POOL.take(layout.total)
            try:
                memory, words = placed
                if memory is not arena:
                    memory, words = place(arena)
                return run_at(words, args)
            finally:
                POOL.give(arena)

        def run_at(words: tuple[int | None, ...], args: tuple[Any, ...]) -> tuple[Any, ...]:
            arrays = [empty(shape, dtype) for shape, dtype in made]
            cells = [empty((), dtype) for dtype in scalars]
            rest = iter(arrays)
            call(address, *args, *before, *[next(rest) if w is None else w for w in words], *cells)
            return tuple([cells[k][()] if scalar else arrays[k] for scalar, k in picked])

        def run_pair(*args: Any) -> tuple[Any, ...]:
            # A value and one gradient, without intermediates: most calls, and the shortest.
            cell, array = empty((), scalars[0]), empty(*made[0])
            call(address, *args, *before, array, cell)
            return cell[()], array

        def run_numbers(*args: Any) -> tuple[Any, ...]:
            cells = [empty((), dtype) for dtype in scalars]
            call(address, *args, *before, *cells)
            return tuple([cell[()] for cell in cells])

        pair = picked == [(True, 0), (False, 0)] and len(recipe.allocated) == 1
        chosen = run_pair if pair else run_numbers if not recipe.allocated else run if host is None else run_alone
        chosen = chosen if host is None else _checked(chosen, host)
        chosen.__dict__["kernel"] = owner  # the code must live as long as the function
        return chosen


def _host(plan: KernelPlan) -> Host | None:
    """What the kernel calls back, if it does at all."""
    if not any(map(asks_host, plan.steps)):
        return None
    return Host([s for s in plan.steps if isinstance(s, NativeCall)])


def _checked(run: Callable[..., tuple[Any, ...]], host: Host) -> Callable[..., tuple[Any, ...]]:
    """The kernel, with what a call to the host raised."""

    def checked(*args: Any) -> tuple[Any, ...]:
        results = run(*args)
        if host.errors:
            host.reraise()
        return results

    return checked


class _Arena:
    """Memory for intermediates; replaced by a larger one when a program needs it."""

    def __init__(self) -> None:
        self.memory = np.empty(0, np.uint8)

    def of_size(self, count: int) -> np.ndarray:
        if self.memory.size < count:
            self.memory = np.empty(count, np.uint8)
        return self.memory


class _Pool:
    """Arenas for kernels in the midst of which other kernels may run: each has its own while it runs."""

    def __init__(self) -> None:
        self._free: list[np.ndarray] = []

    def take(self, count: int) -> np.ndarray:
        try:
            memory = self._free.pop()  # one step to the interpreter: no two threads get the same
        except IndexError:
            memory = np.empty(0, np.uint8)
        return memory if memory.size >= count else np.empty(count, np.uint8)

    def give(self, memory: np.ndarray) -> None:
        self._free.append(memory)


ARENA = _Arena()
POOL = _Pool()


def _picked(recipe: Recipe, order: list[int]) -> list[tuple[bool, int]]:
    """Where each result is: (is it a scalar, its number among the scalars or arrays)."""
    found, scalars = [], 0
    for place, _, _ in recipe.results:
        scalar = place == SCALAR
        found.append((scalar, scalars if scalar else order.index(place)))
        scalars += scalar
    return found


def _word(literal: Any) -> Any:
    """A literal as the thunk takes it."""
    return float(literal) if np.asarray(literal).dtype.kind == "f" else int(literal)


__all__ = ["ARENA", "NativeKernel", "ThunkError"]
