"""Nests without their loops of one trip: an axis of length 1, last in a shape, would hide the loop to vectorise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Guard,
    Guarded,
    Index,
    LoopNest,
    Source,
    Statement,
    Step,
    Store,
    every_step,
)


def squeeze(steps: Sequence[Step]) -> None:
    """Leave out the loops of one trip in all nests."""
    for step in every_step(steps):
        if isinstance(step, LoopNest):
            _squeeze(step)


def _squeeze(nest: LoopNest) -> None:
    kept = [k for k, size in enumerate(nest.domain) if size != "1"]
    if not kept or len(kept) == len(nest.domain):
        return
    squeezer = _Squeeze({axis: k for k, axis in enumerate(kept)})
    body = [squeezer.item(s) for s in nest.body]
    if any(isinstance(s, Accumulate) and s.buffer.shape and s.depth(len(kept)) == 0 for s in body):
        return  # what is reduced over all loops is a number, not an array of one
    nest.domain, nest.body = tuple(nest.domain[k] for k in kept), body


class _Squeeze:
    """Rewrites what a nest is made of; `place` is where each loop that stays goes."""

    def __init__(self, place: dict[int, int]) -> None:
        self.place = place

    def item(self, item: Statement | Store | Accumulate) -> Statement | Store | Accumulate:
        if isinstance(item, Statement):
            return replace(item, operands=tuple(map(self._source, item.operands)))
        if isinstance(item, Store):
            return Store(self._access(item.target), self._source(item.value))
        axes = tuple(self.place[k] for k in item.axes if k in self.place)
        return replace(item, value=self._source(item.value), axes=axes, kept=tuple(map(self._index, item.kept)))

    def _source(self, source: Source) -> Source:
        if isinstance(source, Access):
            return self._access(source)
        if isinstance(source, Guarded):
            inner = self._source(source.source)
            assert not isinstance(inner, Guarded)
            return Guarded(inner, tuple(Guard(self._index(g.index), g.size) for g in source.guards), source.zero)
        return source

    def _access(self, access: Access) -> Access:
        return Access(access.buffer, tuple(map(self._index, access.index)))

    def _index(self, index: Index) -> Index:
        if index.axis is None or index.axis in self.place:
            return index if index.axis is None else replace(index, axis=self.place[index.axis])
        return Index(None, index.start)
