"""A long loop body in pieces, each of which runs over a short strip of the loop before the next one does.

LLVM takes more than twice as long for a body of twice the length, most of it to find out which of
its thousand values are in registers. Each piece is a nest of its own over one strip, and a function
of its own; pieces that differ in names only, as in a loop written out, are compiled once. What one
piece leaves to another lies in strips of memory small enough for the second-level cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Buffer,
    Constant,
    Guard,
    Guarded,
    Index,
    LoopNest,
    Source,
    Statement,
    Store,
    sources,
    unguarded,
)

if TYPE_CHECKING:
    import numpy as np

Item = Statement | Store | Accumulate

LONG = 128  # statements; a loop body up to this length is in one piece
PIECE = 60  # divided by most periods that programs have
MEMORY = 32768  # elements that all strips have together
LENGTHS = 16, 256  # of a strip: at least, at most
FIRST, COUNT = "first", "count"  # sizes of a piece: where its strip begins, and its length
OUTER = "outer{}"  # and where the loops around it are


@dataclass(frozen=True, slots=True)
class Strips:
    """The pieces of a body; `sums` are their results for each reduction in a register, in order of appearance."""

    pieces: list[LoopNest]
    memory: list[Buffer]
    sums: list[tuple[Accumulate, Buffer]]

    @property
    def length(self) -> int:
        """Elements of a strip: a power of 2."""
        least, most = LENGTHS
        fits = MEMORY // max(1, len(self.memory))
        return max(least, min(most, 1 << max(0, fits.bit_length() - 1)))


def strips(nest: LoopNest) -> Strips | None:
    """The body of a nest in pieces; None where it is short."""
    if not nest.domain or len(nest.body) <= LONG:
        return None
    return _Cutter(nest).strips()


class _Cutter:
    """Cuts one body; `place` says in which strip a name lies."""

    def __init__(self, nest: LoopNest) -> None:
        self.rank = len(nest.domain)
        self.cuts = [nest.body[k : k + PIECE] for k in range(0, len(nest.body), PIECE)]
        self.found = Strips([], [], [])
        self.place: dict[str, Buffer] = {}
        self.free: dict[np.dtype, list[Buffer]] = {}
        made = {s.target: k for k, cut in enumerate(self.cuts) for s in cut if isinstance(s, Statement)}
        self.readers = [[n for n in names_read(cut) if made.get(n, k) < k] for k, cut in enumerate(self.cuts)]
        self.last = {name: k for k, names in enumerate(self.readers) for name in names}

    def strips(self) -> Strips:
        for k, cut in enumerate(self.cuts):
            piece = LoopNest((COUNT,))
            taken = {name: self.place[name] for name in self.readers[k]}
            for item in cut:
                piece.body += self._item(item, taken)
            self.found.pieces.append(piece)
            for name in self.readers[k]:
                if self.last[name] == k:  # from the next piece on
                    self.free.setdefault(self.place[name].dtype, []).append(self.place[name])
        return self.found

    def _item(self, item: Item, taken: dict[str, Buffer]) -> list[Item]:
        if isinstance(item, Store):
            return [Store(self._access(item.target), self._source(item.value, taken))]
        if isinstance(item, Accumulate):
            return [self._accumulate(item, self._source(item.value, taken))]
        made = Statement(item.target, item.instr, tuple(self._source(o, taken) for o in item.operands))
        if item.target not in self.last:
            return [made]
        assert item.instr is not None
        self.place[item.target] = strip = self._strip(item.instr.results[0].aval.dtype)
        return [made, Store(Access(strip, (Index(0),)), item.target)]

    def _accumulate(self, item: Accumulate, value: Source) -> Accumulate:
        if item.depth(self.rank) == -1:
            kept = tuple(map(self._index, item.kept))
            return Accumulate(item.instr, item.buffer, value, (), kept, item.total, item.part)
        total = Buffer(f"{item.total}_strip", (), item.buffer.dtype)
        self.found.sums.append((item, total))
        return Accumulate(item.instr, total, value, (0,), (), item.total, item.part)

    def _source(self, source: Source, taken: dict[str, Buffer]) -> Source:
        if isinstance(source, str):
            return Access(taken[source], (Index(0),)) if source in taken else source
        if isinstance(source, Access):
            return self._access(source)
        if isinstance(source, Guarded):
            inner = self._source(source.source, taken)
            assert not isinstance(inner, Guarded)
            return Guarded(inner, tuple(Guard(self._index(g.index), g.size) for g in source.guards), source.zero)
        assert isinstance(source, Constant)
        return source

    def _access(self, access: Access) -> Access:
        return Access(access.buffer, tuple(map(self._index, access.index)))

    def _index(self, index: Index) -> Index:
        """A position of the nest as one of the piece, whose loop begins at 0."""
        if index.axis is None:
            return index
        inner = index.axis == self.rank - 1
        return index.through(Index(0, FIRST) if inner else Index(None, OUTER.format(index.axis)))

    def _strip(self, dtype: np.dtype) -> Buffer:
        """Memory that nobody needs now."""
        if self.free.get(dtype):
            return self.free[dtype].pop()
        self.found.memory.append(Buffer(f"strip{len(self.found.memory)}", (COUNT,), dtype))
        return self.found.memory[-1]


def names_read(items: Sequence[Item]) -> list[str]:
    """The names that statements read, each once."""
    found = (unguarded(s) for item in items for s in sources(item))
    return list(dict.fromkeys(s for s in found if isinstance(s, str)))
