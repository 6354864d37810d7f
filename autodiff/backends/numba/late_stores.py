"""Stores that join the nest before them: what is written down of values is written where they are computed.

A nest that only stores runs along with the one before it, over the same domain. What it would read of the values that
the other one has just stored it takes from there; an array that is then read by nobody is not written at all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from autodiff.backends.numba.lives import buffers_of, loose_buffers, reads_of, whole_of, writes_of
from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Alias,
    Buffer,
    Guarded,
    KernelPlan,
    LoopNest,
    Source,
    Statement,
    Step,
    Store,
    every_step,
    inner_steps,
)

Root = Callable[[Buffer], Buffer]


def merge_stores(plan: KernelPlan, root: Root) -> KernelPlan:
    """The plan with stores in as few nests as possible."""
    _merge(plan.steps, root)
    unread = _unread(plan, root)
    if unread:
        _drop(plan.steps, unread, root)
    return replace(plan, allocated=[b for b in plan.allocated if b not in unread])


def _merge(steps: list[Step], root: Root) -> None:
    k = 1
    while k < len(steps):
        one, other = steps[k - 1], steps[k]
        for inner in inner_steps(other):
            _merge(inner, root)
        merged = _merged(one, other, root) if isinstance(one, LoopNest) and isinstance(other, LoopNest) else None
        if merged is not None:
            steps[k - 1 : k + 1] = [merged]
        else:
            k += 1
    if steps:
        for inner in inner_steps(steps[0]):
            _merge(inner, root)


def _merged(one: LoopNest, other: LoopNest, root: Root) -> LoopNest | None:
    """Both nests as one, if the other one only stores and what it reads is known."""
    if not one.domain or one.domain != other.domain:
        return None
    known = _stored(one, root)
    sums = {item.buffer.name for item in one.body if isinstance(item, Accumulate)}  # known after the last trip only
    stores: list[Store] = []
    for item in other.body:
        if not isinstance(item, Store) or _name(item.value) in sums:
            return None
        stores.append(Store(item.target, _from(known, item.value, whole_of(one), root)))
    late = LoopNest(other.domain, [*stores])
    written = {root(w) for w, _ in writes_of(one)}
    mine = {root(w) for w, _ in writes_of(late)}
    touched = written | {root(a.buffer) for a in reads_of(one)}
    apart = written.isdisjoint(root(a.buffer) for a in reads_of(late)) and mine.isdisjoint(touched)
    return LoopNest(one.domain, [*one.body, *stores]) if apart else None


def _name(source: Source) -> str:
    """Of the scalar that is read; empty where none is."""
    if isinstance(source, Guarded):
        return _name(source.source)
    return source if isinstance(source, str) else ""


def _stored(nest: LoopNest, root: Root) -> dict[Buffer, str]:
    """The values that a nest has stored as they are, each element on its own trip, by array."""
    found: dict[Buffer, str] = {}
    several = set()
    for item in nest.body:
        if isinstance(item, Accumulate):
            several.add(root(item.buffer))
        elif isinstance(item, Store):
            memory, target = root(item.target.buffer), item.target
            several |= {memory} & found.keys()
            pointwise = target.index == whole_of(nest) and target.buffer.shape == nest.domain
            if isinstance(item.value, str) and pointwise:
                found[memory] = item.value
            else:
                several.add(memory)
    return {memory: value for memory, value in found.items() if memory not in several}


def _from(known: dict[Buffer, str], source: Source, whole: tuple[object, ...], root: Root) -> Source:
    """A value that was just stored, instead of what lies in memory."""
    if isinstance(source, Access) and source.index == whole:
        return known.get(root(source.buffer), source)
    return source


def _unread(plan: KernelPlan, root: Root) -> set[Buffer]:
    """Memory of the kernel's own that is only written."""
    needed = {root(b) for b in plan.results}
    for step in every_step(plan.steps):
        if isinstance(step, LoopNest):
            needed.update(root(a.buffer) for a in reads_of(step))
            needed.update(root(s.buffer) for s in step.body if isinstance(s, Accumulate))
        else:
            needed.update(map(root, loose_buffers(step) if inner_steps(step) else buffers_of(step)))
    return {b for b in plan.allocated if not b.stack and b not in needed}


def _drop(steps: list[Step], unread: set[Buffer], root: Root) -> None:
    """Leave out what is about this memory, and nests that then do nothing."""
    for step in steps:
        for inner in inner_steps(step):
            _drop(inner, unread, root)
        if isinstance(step, LoopNest):
            step.body[:] = [s for s in step.body if not (isinstance(s, Store) and root(s.target.buffer) in unread)]
    steps[:] = [s for s in steps if not (_is_idle(s) or (isinstance(s, Alias) and root(s.base) in unread))]


def _is_idle(step: Step) -> bool:
    return isinstance(step, LoopNest) and bool(step.domain) and all(isinstance(s, Statement) for s in step.body)
