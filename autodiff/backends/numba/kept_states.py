"""States that a loop keeps for its adjoint, or for the caller, lie where they are kept.

A trip that stores its state as item `t` of an array and makes the next one elsewhere writes each state twice. Instead
the state of a trip is item `t`, and what the trip makes is item `t + 1`; after the last trip it lies in memory of its
own, as before the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from autodiff.backends.numba.lives import buffers_of, roots_of
from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Buffer,
    Cycle,
    Index,
    Kept,
    KernelPlan,
    LoopNest,
    NativeCall,
    Step,
    Store,
    accesses,
    every_step,
)


def keep_states(plan: KernelPlan, fresh: Callable[[str], str]) -> None:
    """Let states be items of the arrays that they are stored in."""
    roots = roots_of(plan)
    for cycle in [s for s in every_step(plan.steps) if isinstance(s, Cycle) and s.trips is not None]:
        _Keeper(plan, cycle, roots).keep(fresh)


class _Keeper:
    """Looks at one loop."""

    def __init__(self, plan: KernelPlan, cycle: Cycle, roots: dict[Buffer, Buffer]) -> None:
        self.plan, self.cycle, self.roots = plan, cycle, roots
        self.inner = list(every_step(cycle.body))

    def root(self, buffer: Buffer) -> Buffer:
        return self.roots.get(buffer, buffer)

    def keep(self, fresh: Callable[[str], str]) -> None:
        cycle = self.cycle
        for held, made in cycle.swaps:
            found = None if self._is_written(held) else next(self._stores(held, made), None)
            if found is None:
                continue
            nest, store = found
            nest.body.remove(store)
            cycle.body = [s for s in cycle.body if not (isinstance(s, LoopNest) and not s.body)]
            cycle.swaps = tuple(pair for pair in cycle.swaps if pair != (held, made))
            cycle.kept += (Kept(held, made, self.root(store.target.buffer), fresh("last")),)

    def _stores(self, held: Buffer, made: Buffer) -> Iterator[tuple[LoopNest, Store]]:
        """Where each trip stores its state as the item of its number, in an array that is not touched otherwise."""
        for nest in self.cycle.body:
            for item in nest.body if isinstance(nest, LoopNest) else ():
                if isinstance(item, Store) and self._is_state(nest, item, held):
                    kept = self.root(item.target.buffer)
                    own = kept in self.plan.allocated and not kept.zeroed and not kept.stack
                    if own and kept not in (held, made) and self._touches(kept) == 1:
                        yield nest, item

    def _is_state(self, nest: LoopNest, store: Store, held: Buffer) -> bool:
        target, value = store.target, store.value
        if not isinstance(value, Access) or self.root(value.buffer) is not held:
            return False
        whole = tuple(map(Index, range(len(nest.domain))))
        same = nest.domain == held.shape == value.buffer.shape == target.buffer.shape[1:]
        numbered = target.index == (Index(None, self.cycle.number), *whole)
        return same and numbered and value.index == whole and target.buffer.dtype == held.dtype

    def _touches(self, buffer: Buffer) -> int:
        """How often trips read or write an array; a step that is no nest counts twice."""
        found = 0
        for step in self.inner:
            if isinstance(step, LoopNest):
                found += sum(self.root(a.buffer) is buffer for item in step.body for a in accesses(item))
                found += sum(isinstance(i, Accumulate) and self.root(i.buffer) is buffer for i in step.body)
            else:
                found += 2 * any(self.root(b) is buffer for b in buffers_of(step))
        return found

    def _is_written(self, held: Buffer) -> bool:
        """Whether a trip writes its state, or moves it, before it is over."""
        return any(self.root(b) is held for step in self.inner for b in _written(step))


def _written(step: Step) -> Iterator[Buffer]:
    if isinstance(step, NativeCall):
        yield from (*step.outs, *step.work)
    elif isinstance(step, Cycle):
        yield from step.moving
    elif isinstance(step, LoopNest):
        for item in step.body:
            if isinstance(item, Store):
                yield item.target.buffer
            elif isinstance(item, Accumulate):
                yield item.buffer
