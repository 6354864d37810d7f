"""Write a result over an intermediate that is read there for the last time.

A nest that reads `b[i]` for the last time and writes `a[i]`, of the same shape and dtype, may do
both in one place: less memory to allocate, and to go through. `b` becomes another name of `a`.
"""

from __future__ import annotations

from dataclasses import replace

from autodiff.backends.numba.lives import lives_of, roots_of
from autodiff.backends.numba.nest import Alias, Buffer, Guarded, Index, KernelPlan, LoopNest, Store, accesses


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
        written = [s.target.buffer for s in step.body if isinstance(s, Store)]
        for target in written:
            if target not in lives or lives[target][0] != k or target.zeroed or not _pointwise(step, target):
                continue
            source = next((b for b in _read(step) if b in free and _replaces(step, target, b, lives, k)), None)
            if source is not None:
                _stores_last(step, target)
                aliases.insert(0, Alias(source, target))
                free -= {source, target} if target in aliased else {source}
                lives[target] = (lives[source][0], lives[target][1])
    if not aliases:
        return plan
    gone = {a.buffer for a in aliases}
    return replace(plan, steps=[*aliases, *plan.steps], allocated=[b for b in plan.allocated if b not in gone])


def _read(nest: LoopNest) -> list[Buffer]:
    return [a.buffer for s in nest.body if not isinstance(s, Store) for a in accesses(s)]


def _replaces(nest: LoopNest, target: Buffer, source: Buffer, lives: dict[Buffer, tuple[int, int]], k: int) -> bool:
    """Whether nobody needs `source` after this nest, which reads it only where it writes `target`."""
    first, last = lives[source]
    same = source.shape == target.shape and source.dtype == target.dtype
    return same and first < k == last and _pointwise(nest, source)


def _pointwise(nest: LoopNest, buffer: Buffer) -> bool:
    """Whether a nest touches every element of a buffer in its own trip only, without conditions."""
    whole = tuple(Index(k) for k in range(len(nest.domain)))
    if buffer.shape != nest.domain:
        return False
    for item in nest.body:
        if any(a.buffer is buffer and a.index != whole for a in accesses(item)):
            return False
        sources = item.operands if hasattr(item, "operands") else (item.value,)
        if any(isinstance(s, Guarded) and getattr(s.source, "buffer", None) is buffer for s in sources):
            return False
        if getattr(item, "buffer", None) is buffer:  # added up in place
            return False
    return True


def _stores_last(nest: LoopNest, buffer: Buffer) -> None:
    """Write a buffer when all else has been read."""
    stores = [s for s in nest.body if isinstance(s, Store) and s.target.buffer is buffer]
    nest.body[:] = [*(s for s in nest.body if s not in stores), *stores]
