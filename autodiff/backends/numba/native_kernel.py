"""A kernel as machine code, and the memory it works in.

Results are fresh NumPy arrays; intermediates lie in an arena that all kernels of the process
share. The interpreter's lock is held during a call, so two kernels never work in it at once; it
grows to what the largest program needs, and stays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.backends.numba.host import Host
from autodiff.backends.numba.llvm import is_large, print_llvm, scalar_results
from autodiff.backends.numba.native import MachineCode
from autodiff.backends.numba.nest import Alias, Buffer, KernelPlan
from autodiff.backends.numba.thunk import ThunkError, invoke

ALIGNMENT = 64  # bytes: a cache line, and the widest vector


class NativeKernel:
    """Machine code for one signature.

    Raises
    ------
    NoKernel
        When the plan needs what only Numba can compile.
    ThunkError
        Where this interpreter cannot call it.
    """

    def __init__(self, plan: KernelPlan, source: str) -> None:
        self.source = source
        self.plan = plan
        self._invoke = invoke()
        self._host = Host(plan)  # before the code, which looks for its symbol
        self._code = MachineCode(print_llvm(plan), "kernel", quick=is_large(plan))
        self._roots = _result_memory(plan)

    def bind(self, literals: Sequence[Any], sizes: Mapping[str, int]) -> Callable[..., tuple[Any, ...]]:
        """The kernel for one program: from its arrays and numbers to a tuple of results."""
        plan, call, address, owner = self.plan, self._invoke, self._code.address, self
        results = [(_numbers(b.shape, sizes), b.dtype) for b in plan.results]
        fresh = {root: results[k] for k, root in self._roots.items()}
        if self._host.calls:
            # The lock may be given away in between: the shared arena is not ours alone.
            fresh = {b: (_numbers(b.shape, sizes), b.dtype) for b in plan.allocated} | fresh
        layout = _Layout([b for b in plan.allocated if b not in fresh], sizes)
        before = (*map(_word, literals), *(sizes[name] for name in plan.sizes))
        before += (self._host.table,) if self._host.calls else ()
        made = [fresh[b] for b in plan.allocated if b in fresh]
        picked = _picker(plan, [b for b in plan.allocated if b in fresh], self._roots)
        scalars = [b.dtype for b in scalar_results(plan)]
        empty, placed = np.empty, (None, ())

        def place() -> Any:
            """The arena as it is now, and the intermediates' addresses in it."""
            nonlocal placed
            memory, places = layout.place()
            placed = memory, tuple(places.get(b) for b in plan.allocated)
            return placed

        def run(*args: Any) -> tuple[Any, ...]:
            # One tuple, read once: another thread may replace it, and the arena, at any time.
            memory, words = placed
            if memory is not ARENA.memory:
                memory, words = place()
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

        pair = picked == [(True, 0), (False, 0)] and len(plan.allocated) == 1
        chosen = run_pair if pair else run if plan.allocated else run_numbers
        chosen = _checked(chosen, self._host) if self._host.calls else chosen
        chosen.__dict__["kernel"] = owner  # the code must live as long as the function
        return chosen


def _checked(run: Callable[..., tuple[Any, ...]], host: Host) -> Callable[..., tuple[Any, ...]]:
    """The kernel, with what a call to the host raised."""

    def checked(*args: Any) -> tuple[Any, ...]:
        results = run(*args)
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


ARENA = _Arena()


class _Layout:
    """Where in the arena each intermediate of one program lies."""

    def __init__(self, buffers: list[Buffer], sizes: Mapping[str, int]) -> None:
        self._offsets, self._total = {}, 0
        for buffer in buffers:
            self._offsets[buffer] = self._total
            count = math.prod(_numbers(buffer.shape, sizes)) * buffer.dtype.itemsize
            self._total += -(-count // ALIGNMENT) * ALIGNMENT

    def place(self) -> tuple[np.ndarray, dict[Buffer, int]]:
        """The arena, large enough, and the address of each intermediate."""
        memory = ARENA.of_size(self._total + ALIGNMENT)
        start = -(-memory.__array_interface__["data"][0] // ALIGNMENT) * ALIGNMENT
        return memory, {b: start + offset for b, offset in self._offsets.items()}


def _result_memory(plan: KernelPlan) -> dict[int, Buffer]:
    """For each array result, the allocated buffer whose memory it is."""
    bases = {s.buffer: s.base for s in plan.steps if isinstance(s, Alias)}
    found = {}
    for k, buffer in enumerate(plan.results):
        root = buffer
        while root in bases:
            root = bases[root]
        if buffer.shape:
            found[k] = root
    return found


def _picker(plan: KernelPlan, made: list[Buffer], roots: dict[int, Buffer]) -> list[tuple[bool, int]]:
    """Where each result is: (is it a scalar, its number among the scalars or arrays)."""
    found, scalars = [], 0
    for k, buffer in enumerate(plan.results):
        if buffer.shape:
            found.append((False, made.index(roots[k])))
        else:
            found.append((True, scalars))
            scalars += 1
    return found


def _numbers(shape: tuple[str, ...], sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(int(n) if n.isdigit() else sizes[n] for n in shape)


def _word(literal: Any) -> Any:
    """A literal as the thunk takes it."""
    return float(literal) if np.asarray(literal).dtype.kind == "f" else int(literal)


__all__ = ["ARENA", "NativeKernel", "ThunkError"]
