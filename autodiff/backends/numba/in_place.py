"""Write a result over an intermediate that is read there for the last time.

A nest that reads `b[i]` for the last time and writes `a[i]`, of the same shape and dtype, may do
both in one place: less memory to allocate, and to go through. `b` becomes another name of `a`.
"""

from __future__ import annotations

from dataclasses import replace

from autodiff.backends.numba.lives import lives_of, roots_of
from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Alias,
    Buffer,
    Guarded,
    Index,
    KernelPlan,
    LoopNest,
    Store,
    accesses,
    sources,
)


def in_place(plan: KernelPlan) -> KernelPlan:
    """The plan, with memory shared where that is possible."""
    roots = roots_of(plan)
    lives = lives_of(plan, roots)
    results = {roots.get(b, b) for b in plan.results}
    aliased = set(roots.values())
    free = {b for b in plan.allocated if b not in results and b not in aliased and not b.zeroed}
    aliases: list[Alias] = []
    for k, step in enumerate(plan.steps):
        if not isinstance(step, LoopNest) or not step.domain:
            continue
        apart = _apart(step)
        for target in [s.target.buffer for s in step.body if isinstance(s, Store)]:
            if target not in lives or lives[target][0] != k or target.zeroed or target in apart:
                continue
            read = (b for b in _read(step) if b in free and b not in apart)
            source = next((b for b in read if _replaces(target, b, lives, k)), None)
            if source is not None:
                _stores_last(step, target)
                aliases.insert(0, Alias(source, target))
                free.remove(source)
                lives[target] = (lives[source][0], lives[target][1])
    if not aliases:
        return plan
    gone = {a.buffer for a in aliases}
    return replace(plan, steps=[*aliases, *plan.steps], allocated=[b for b in plan.allocated if b not in gone])


def _read(nest: LoopNest) -> list[Buffer]:
    return [a.buffer for s in nest.body if not isinstance(s, Store) for a in accesses(s)]


def _replaces(target: Buffer, source: Buffer, lives: dict[Buffer, tuple[int, int]], k: int) -> bool:
    """Whether `source` is like `target`, and nobody needs it after step `k`."""
    first, last = lives[source]
    return source.shape == target.shape and source.dtype == target.dtype and first < k == last


def _apart(nest: LoopNest) -> set[Buffer]:
    """The buffers that a nest touches otherwise than each element in its own trip, without conditions."""
    whole = tuple(Index(k) for k in range(len(nest.domain)))
    found = {a.buffer for s in nest.body for a in accesses(s) if a.index != whole or a.buffer.shape != nest.domain}
    for item in nest.body:
        found.update(s.source.buffer for s in sources(item) if isinstance(s, Guarded) and isinstance(s.source, Access))
        if isinstance(item, Accumulate):  # added up in place
            found.add(item.buffer)
    return found


def _stores_last(nest: LoopNest, buffer: Buffer) -> None:
    """Write a buffer when all else has been read."""
    stores = [s for s in nest.body if isinstance(s, Store) and s.target.buffer is buffer]
    nest.body[:] = [*(s for s in nest.body if s not in stores), *stores]
