"""When the memory of a plan is in use: whose it is, by which steps, and which parts of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Alias,
    Begin,
    Branch,
    Buffer,
    Cycle,
    Index,
    KernelPlan,
    Locate,
    LoopNest,
    NativeCall,
    Reserve,
    Source,
    Step,
    Store,
    accesses,
    every_step,
    inner_steps,
    sources,
    unguarded,
)


def roots_of(plan: KernelPlan) -> dict[Buffer, Buffer]:
    """For each alias, whose memory it is."""
    roots: dict[Buffer, Buffer] = {}
    for step in every_step(plan.steps):
        if isinstance(step, Alias):
            roots[step.buffer] = roots.get(step.base, step.base)
    return roots


def lives_of(plan: KernelPlan, roots: Mapping[Buffer, Buffer]) -> dict[Buffer, tuple[int, int]]:
    """The first and the last step that touches each buffer."""
    lives: dict[Buffer, tuple[int, int]] = {}
    for k, step in enumerate(plan.steps):
        for buffer in buffers_of(step):
            root = roots.get(buffer, buffer)
            lives[root] = (lives[root][0] if root in lives else k, k)
    return lives


def buffers_of(step: Step) -> list[Buffer]:
    """The memory that a step reads or writes, in order of appearance; stacks are no such memory."""
    if isinstance(step, NativeCall):
        return list(dict.fromkeys((*(b for b, _ in step.operands), *step.outs, *step.work)))
    if not isinstance(step, LoopNest):
        inner = [b for steps in inner_steps(step) for s in steps for b in buffers_of(s)]
        return list(dict.fromkeys([*inner, *(b for b in loose_buffers(step) if b.shape and not b.stack)]))
    found: dict[Buffer, None] = {}
    for item in step.body:
        found.update({a.buffer: None for a in accesses(item) if a.buffer.shape})
        if isinstance(item, Accumulate) and item.buffer.shape:
            found[item.buffer] = None
    return [b for b in found if not b.stack]


def loose_buffers(step: Step) -> list[Buffer]:
    """Memory that is touched outside of loop nests: single elements that are read, arrays that change places."""
    found = [unguarded(s) for s in loose(step) if s is not None]
    moved: list[Buffer] = []
    if isinstance(step, Cycle):
        moved = [*(b for pair in step.swaps for b in pair), *(b for k in step.kept for b in (k.held, k.made, k.items))]
    return [*(s.buffer for s in found if isinstance(s, Access)), *moved]


def loose(step: Step) -> list[Source | None]:
    """What a step reads outside of loop nests."""
    if isinstance(step, Cycle):
        return [step.trips, step.test and step.test[1], *(s for c in step.cells for s in (c.first, c.next))]
    if isinstance(step, Branch):
        return [step.condition, *(s for _, found in step.sides for s in found)]
    if isinstance(step, Locate):
        return [step.index, step.count]
    if isinstance(step, Reserve):
        return [step.at]
    return [step.count] if isinstance(step, Begin) else []


# ---- nests -------------------------------------------------------------------------------------------


def whole_of(nest: LoopNest) -> tuple[Index, ...]:
    """The index of the element that a trip is about."""
    return tuple(map(Index, range(len(nest.domain))))


def reads_of(nest: LoopNest) -> Iterator[Access]:
    """What a nest reads, under guards or not."""
    for item in nest.body:
        for source in map(unguarded, sources(item)):
            if isinstance(source, Access):
                yield source


def writes_of(nest: LoopNest) -> Iterator[tuple[Buffer, bool]]:
    """What a nest writes, and whether it writes all of it."""
    whole = whole_of(nest)
    for item in nest.body:
        if isinstance(item, Accumulate):
            yield item.buffer, False
        elif isinstance(item, Store):
            yield item.target.buffer, item.target.index == whole and item.target.buffer.shape == nest.domain
