"""The segments of a vector loop: parts of its range in which no guard changes.

A guard holds between two places of its axis. These cut the range into segments; in each, every guard is known before
the first trip, and what is read is read by plain loads. Where the cuts are is known when the kernel runs, so one code
serves all segments: it is told where a segment begins, and chooses addresses. Each segment consists of whole vectors
that begin at a multiple of their length; what lies between two of them, a few elements around each cut, is computed
under masks that ask every guard (`llvm_vector.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from autodiff.backends.numba.llvm_function import WORD, FunctionPrinter
from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Constant,
    Guard,
    Guarded,
    LoopNest,
    Statement,
    Store,
    sources,
)
from autodiff.ops.movement import joined

if TYPE_CHECKING:
    from llvmlite import ir

MOST_CUTS = 16  # in more places a loop is not cut: they are sorted where the nest begins


@dataclass(frozen=True, slots=True)
class Seam:
    """A `joined` value: `one` is read where `guard` holds, `other` elsewhere; `zero` where not all of `common` do."""

    guard: Guard
    one: Access
    other: Access
    common: tuple[Guard, ...]
    zero: Constant


def seam_of(item: Statement | Store | Accumulate) -> Seam | None:
    """The seam that a statement is."""
    if not isinstance(item, Statement) or item.instr is None or item.instr.op is not joined:
        return None
    x, y = item.operands
    if not isinstance(x, Guarded) or not isinstance(y, Guarded):
        return None
    found = [s for s in (_seam(x, y), _seam(y, x)) if s is not None]
    return min(found, key=lambda seam: holds_widely(seam.guard), default=None)


def _seam(x: Guarded, y: Guarded) -> Seam | None:
    own = [g for g in x.guards if g not in y.guards]
    if len(own) != 1 or not isinstance(x.source, Access) or not isinstance(y.source, Access):
        return None
    return Seam(own[0], x.source, y.source, tuple(g for g in x.guards if g in y.guards), x.zero)


def guards_by_loop(nest: LoopNest, seams: bool) -> dict[int, list[Guard]]:
    """The guards of a nest, each once, by the loop that they are about; if `seams`, without those of a single side."""
    found: dict[int, dict[Guard, None]] = {}
    for item in nest.body:
        seam = seam_of(item) if seams else None
        for guard in seam.common if seam is not None else _guards(item):
            if guard.index.axis is not None and guard.index.step == 1:
                found.setdefault(guard.index.axis, {})[guard] = None
    return {axis: list(guards) for axis, guards in found.items()}


def _guards(item: Statement | Store | Accumulate) -> Iterator[Guard]:
    for source in sources(item):
        yield from source.guards if isinstance(source, Guarded) else ()


def holds_widely(guard: Guard) -> bool:
    """Whether a guard may hold at more than one place, as most do nearly everywhere."""
    return guard.size != "1"


def inner_part(
    f: FunctionPrinter, guards: Iterable[Guard], start: ir.Value, stop: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """The part of a range in which the guards hold, those of a single place left aside."""
    for guard in filter(holds_widely, guards):
        first, beyond = span(f, guard)
        start, stop = f.larger(start, first), f.smaller(stop, beyond)
    return start, stop


def span(f: FunctionPrinter, guard: Guard) -> tuple[ir.Value, ir.Value]:
    """Where a guard begins to hold, and where it no longer does."""
    start, size = f.size(guard.index.start), f.size(guard.size)
    if guard.index.step == 1:
        first = f.b.neg(start)
    else:
        first = f.b.add(f.b.sub(start, size), WORD(1))
    return first, f.b.add(first, size)


def assumptions(guards: Iterable[Guard]) -> dict[Guard, bool]:
    """What is known of guards in an inner part that has no single places in it."""
    return {g: holds_widely(g) for g in guards}


class Segments:
    """The segments of a nest's innermost axis: pairs of words, the last of which is empty and at the end.

    `known` is what holds of guards in all of them. At the places where those of `cutting` change they are cut.
    """

    def __init__(self, size: str, lanes: int, guards: list[Guard], sides: list[Guard]) -> None:
        self.size, self.lanes, self.guards = size, lanes, guards
        self.cutting = list(dict.fromkeys((*sides, *(g for g in guards if not holds_widely(g)))))
        self.known = assumptions([*guards, *(g for g in sides if not holds_widely(g))])

    def emit(self, f: FunctionPrinter) -> None:
        """Find the segments; they do not depend on the loops around."""
        b, end = f.b, f.size(self.size)
        low, high = inner_part(f, self.guards, WORD(0), end)
        cuts = [f.smaller(f.larger(cut, low), high) for guard in self.cutting for cut in self._cuts(f, guard)]
        points = [low, *_sorted(f, cuts), high]
        self.table = f.entry.alloca(WORD, WORD(2 * len(points)))
        self.count: ir.Value = WORD(0)
        for begin, beyond in pairwise(points):
            first = b.and_(b.add(begin, WORD(self.lanes - 1)), WORD(-self.lanes))
            last = b.and_(beyond, WORD(-self.lanes))
            self._store(b, first, last)
            self.count = b.add(self.count, b.zext(b.icmp_signed("<", first, last), WORD))
        self._store(b, end, end)

    def _cuts(self, f: FunctionPrinter, guard: Guard) -> list[ir.Value]:
        first, beyond = span(f, guard)
        return [beyond] if guard.index.start == "0" and guard.index.step == 1 else [first, beyond]

    def _store(self, b: ir.IRBuilder, first: ir.Value, last: ir.Value) -> None:
        for k, value in enumerate((first, last)):
            b.store(value, b.gep(self.table, [b.add(b.shl(self.count, WORD(1)), WORD(k))]))

    def bounds(self, b: ir.IRBuilder, number: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Where a segment begins and ends."""
        first, last = (b.load(b.gep(self.table, [b.add(b.shl(number, WORD(1)), WORD(k))])) for k in (0, 1))
        return first, last


def segments_of(nest: LoopNest, lanes: int) -> Segments | None:
    """The segments of a nest, where there are guards along its innermost axis and not too many."""
    axis = len(nest.domain) - 1
    guards = guards_by_loop(nest, seams=True).get(axis, [])
    seams = [seam.guard for seam in map(seam_of, nest.body) if seam is not None]
    sides = [g for g in seams if g.index.axis == axis and abs(g.index.step) == 1]
    found = Segments(nest.domain[-1], lanes, guards, sides)
    return found if (guards or found.cutting) and 2 * len(found.cutting) <= MOST_CUTS else None


def _sorted(f: FunctionPrinter, numbers: list[ir.Value]) -> list[ir.Value]:
    """By insertion."""
    found: list[ir.Value] = []
    for number in numbers:
        for k, other in enumerate(found):
            found[k], number = f.smaller(other, number), f.larger(other, number)
        found.append(number)
    return found
