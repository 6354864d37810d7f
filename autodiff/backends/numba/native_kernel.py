"""A kernel as machine code, and the memory it works in.

Results are fresh NumPy arrays; intermediates lie in an arena that all kernels of the process
share. The interpreter's lock is held during a call, so two kernels never work in it at once; it
grows to what the largest program needs, and stays. A kernel that calls the host, where the lock
may be given away, takes an arena out of a pool for as long as it runs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.backends.numba.host import Host
from autodiff.backends.numba.llvm import is_large, print_llvm, scalar_results
from autodiff.backends.numba.llvm_calls import asks_host, with_work
from autodiff.backends.numba.native import MachineCode
from autodiff.backends.numba.nest import Alias, Buffer, KernelPlan, NativeCall
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
        self.plan = plan = with_work(plan)
        self._invoke = invoke()
        self._host = _host(plan)
        self._code = MachineCode(print_llvm(plan), "kernel", quick=is_large(plan))
        self._roots = _result_memory(plan)

    def bind(self, literals: Sequence[Any], sizes: Mapping[str, int]) -> Callable[..., tuple[Any, ...]]:
        """The kernel for one program: from its arrays and numbers to a tuple of results."""
        plan, call, address, owner, host = self.plan, self._invoke, self._code.address, self, self._host
        results = [(_numbers(b.shape, sizes), b.dtype) for b in plan.results]
        fresh = {root: results[k] for k, root in self._roots.items()}
        layout = _Layout([b for b in plan.allocated if b not in fresh], sizes)
        before = (*map(_word, literals), *(sizes[name] for name in plan.sizes))
        before += () if host is None else (host.address,)
        made = [fresh[b] for b in plan.allocated if b in fresh]
        picked = _picker(plan, [b for b in plan.allocated if b in fresh], self._roots)
        scalars = [b.dtype for b in scalar_results(plan)]
        empty, placed = np.empty, (None, ())

        def place(memory: np.ndarray) -> Any:
            """This arena, and the intermediates' addresses in it."""
            nonlocal placed
            places = layout.places(memory)
            placed = memory, tuple(places.get(b) for b in plan.allocated)
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

        pair = picked == [(True, 0), (False, 0)] and len(plan.allocated) == 1
        chosen = run_pair if pair else run_numbers if not plan.allocated else run if host is None else run_alone
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


class _Layout:
    """Where in the arena each intermediate of one program lies."""

    def __init__(self, buffers: list[Buffer], sizes: Mapping[str, int]) -> None:
        self._offsets, end = {}, 0
        for buffer in buffers:
            self._offsets[buffer] = end
            count = math.prod(_numbers(buffer.shape, sizes)) * buffer.dtype.itemsize
            end += -(-count // ALIGNMENT) * ALIGNMENT
        self.total = end + ALIGNMENT  # of which the start of an arena may cost some

    def places(self, memory: np.ndarray) -> dict[Buffer, int]:
        """The address of each intermediate in this arena."""
        start = -(-memory.__array_interface__["data"][0] // ALIGNMENT) * ALIGNMENT
        return {b: start + offset for b, offset in self._offsets.items()}


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
