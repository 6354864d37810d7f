"""Parts of axes between positions that are computed: what `x[:i]` and `x[i + 1:]` leave of an axis.

How long such a slice is depends on values, and shapes may not. So all elements stay where they are, and a `Span`
says which of them belong to the slice. Two slices between the same positions then line up by themselves. Others
are moved: read through a window whose start is the difference of their beginnings.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

import numpy as np

from autodiff.errors import ConcretizationError
from autodiff.frontends.surface import positions
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.storage import View
from autodiff.ir.build import emitter
from autodiff.ir.core import Operand
from autodiff.ops.arithmetic import greater_equal, less, maximum, minimum, sub
from autodiff.ops.extents import agreed, within
from autodiff.ops.families import add, cast, logical_and, reshape, select
from autodiff.ops.movement import pad
from autodiff.ops.window import INT, window

Key = Any  # hashable; equal keys mean equal numbers


class Span(NamedTuple):
    """The elements from `lo` on and before `hi` of an axis of `size`; none where `hi` is not above `lo`.

    Both are at least 0 and at most `size`; ints, or int64 operands. Spans of equal `place` begin at the same
    position, and if they have equal `count` too, they are the same.
    """

    size: int
    lo: Any
    hi: Any
    place: Key
    count: Key

    def length(self) -> Any:
        """How many elements there are."""
        if isinstance(self.lo, int) and isinstance(self.hi, int):
            return max(self.hi - self.lo, 0)
        return maximum(sub(self.hi, self.lo), 0)


def whole(size: int) -> Span:
    """All of an axis."""
    return Span(size, 0, size, 0, ("whole", size))


class Open(View):
    """The storage of an array with spans: of a part of `base`. It holds nothing that could be an operand."""

    __slots__ = ("spans",)

    def __init__(self, base: Any, spans: tuple[Span | None, ...]) -> None:
        self.base = base
        self.spans = spans
        self.first = self.value = self.source = self.viewer = None

    def now(self, x: Any) -> NoReturn:
        x.refuse("this operation")


def of(x: Any) -> tuple[Span | None, ...] | None:
    """The spans of an array with an unknown shape; None of any other object."""
    held = getattr(x, "storage", None)
    return held.spans if isinstance(held, Open) else None


class Cut(NamedTuple):
    """An index in two steps: one that leaves some axes whole, and what of each axis of its result is meant."""

    index: tuple[Any, ...]
    spans: tuple[Span | None, ...]


def cut(x: Any, index: Any) -> Cut | None:
    """An index with slices of unknown length; None for any other, which other modules know.

    Raises
    ------
    ConcretizationError
        For a step other than 1 and -1 between computed positions.
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    if not any(isinstance(p, slice) and positions.is_computed_part(p) for p in parts):
        return None
    closed: list[Any] = []
    spans: list[Span | None] = []
    axis = 0
    for part in positions.filled(parts, x.aval.ndim):
        if part is None:
            closed.append(None)
            spans.append(None)
            continue
        n = x.aval.shape[axis]
        found = _opened(part, n, axis)
        closed.append(part if found is None else slice(None, None, part.step))
        if isinstance(part, slice):
            spans.append(found)
        elif not positions.is_place(part):
            return None
        axis += 1
    return Cut(tuple(closed), tuple(spans)) if any(s is not None for s in spans) else None


def _opened(part: Any, n: int, axis: int) -> Span | None:
    """The span that a slice means; None for a part of an index whose length is known."""
    if not isinstance(part, slice) or not positions.is_computed_part(part):
        return None
    if part.step in (None, 1):
        length = positions.distance(part, n)
        return sliced(part, whole(n)) if length is None or length < 0 else None
    if part.step == -1:
        return sliced(part, whole(n))
    raise ConcretizationError(
        f"a slice of axis {axis} (of size {n}) between computed positions, with step {part.step!r}",
        "take every element, x[i:j], and leave out those that do not count with np.where; or let the loop be "
        "unrolled: ad.unrolled(range(...))",
    )


def sliced(part: slice, span: Span) -> Span:
    """What a slice (of step 1 or -1) leaves of a span; a span in the reversed axis if the step is -1."""
    length = span.length()
    if part.step == -1:
        # x[a:b:-1] is x[b + 1:a + 1] from behind.
        last = length if part.start is None else _end(part.start, length, 1)
        first = 0 if part.stop is None else _end(part.stop, length, 1)
    else:
        first = 0 if part.start is None else _end(part.start, length, 0)
        last = length if part.stop is None else _end(part.stop, length, 0)
    lo = _sum(span.lo, first)
    hi = span.hi if part.stop is None and part.step != -1 else _sum(span.lo, last)
    keys = tuple([None if end is None else _key(end) for end in (part.start, part.stop)])
    at_start = part.start is None or (isinstance(part.start, int) and part.start == 0)
    place = span.place if at_start else (span.place, span.count, keys[0])
    found = Span(span.size, lo, hi, place, (span.count, keys, part.step == -1))
    if part.step != -1:
        return found
    return flipped(found._replace(place=(span.place, span.count, keys, -1)))


def _sum(a: Any, b: Any) -> Any:
    if isinstance(a, int):
        return b if a == 0 else a + b if isinstance(b, int) else add(b, a)
    return a if isinstance(b, int) and b == 0 else add(a, b)


def _end(p: Any, length: Any, more: int) -> Any:
    """A limit of a slice, plus `more`, as a number between 0 and the length, by Python's rules for slices."""
    if isinstance(p, int | np.integer) and isinstance(length, int):
        return min(max((p + length if p < 0 else p) + more, 0), length)
    if isinstance(p, int | np.integer):
        at: Any = _sum(length, int(p)) if p < 0 else int(p)
    else:
        at = position(p)
        at = select(less(at, 0), _sum(length, at), at)
    return minimum(maximum(_sum(at, more), 0), length)


def position(p: Any) -> Any:
    """A traced integer as an int64 operand of the present trace."""
    found = emitter().lift(p)
    return found if found.aval.dtype == INT else cast(found, dtype=INT)


def flipped(span: Span) -> Span:
    """Where the elements of a span are in the reversed axis."""
    place = span.place
    place = place[1] if isinstance(place, tuple) and place[:1] == ("flipped",) else ("flipped", place, span.count)
    lo, hi = (span.size - end if isinstance(end, int) else sub(span.size, end) for end in (span.hi, span.lo))
    return Span(span.size, lo, hi, place, span.count)


def _key(p: Any) -> Key:
    return positions.spelled(p if isinstance(p, int) else position(p))


# ---- masks -----------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _counted(n: int) -> np.ndarray:
    places = np.arange(n)
    places.flags.writeable = False
    return places


def mask_of(spans: tuple[Span | None, ...], axes: tuple[int, ...] | None = None) -> Any:
    """Which elements belong to all spans (of some axes); axes without a span have size 1. None if all elements do."""
    found = None
    for axis, span in enumerate(spans):
        if span is None or (axes is not None and axis not in axes):
            continue
        places = reshape(
            lift(_counted(span.size)), shape=tuple(span.size if k == axis else 1 for k in range(len(spans)))
        )
        for limit, holds in ((span.lo, greater_equal), (span.hi, less)):
            if isinstance(limit, Operand) or limit not in (0, span.size):
                found = holds(places, limit) if found is None else logical_and(found, holds(places, limit))
            elif (limit == 0) == (holds is less) and span.size:
                found = less(places, 0)  # no element at all
    return found


# ---- elements brought to other positions -------------------------------------------------------


def moved(values: Any, axis: int, own: Span, wanted: Span, checked: bool = True) -> Any:
    """The elements of one span of an axis, at the positions of another one of equal length.

    Raises, when the program runs, if the lengths differ.
    """
    if own.place == wanted.place and own.count == wanted.count and own.size == wanted.size:
        return values
    start = _difference(own, wanted)
    if own.count != wanted.count and checked:
        start = _sum(start, agreed(position(own.length()), position(wanted.length()), axis=axis))
    left, right = wanted.size, wanted.size
    padded = pad(values, **_around(values.aval.ndim, axis, left, right))
    return window(padded, _sum(start, left), axes=(axis,), kept=(True,), sizes=(wanted.size,))


def _difference(own: Span, wanted: Span) -> Any:
    return 0 if own.place == wanted.place else sub(own.lo, wanted.lo)


def _around(ndim: int, axis: int, left: int, right: int) -> dict[str, tuple[int, ...]]:
    return {
        "low": tuple(left if k == axis else 0 for k in range(ndim)),
        "high": tuple(right if k == axis else 0 for k in range(ndim)),
        "interior": (0,) * ndim,
    }


def element(span: Span, k: Any, axis: int) -> Any:
    """The position of element `k` of a span. Raises, when the program runs, if there is none."""
    return _sum(span.lo, within(position(k), position(span.length()), axis=axis))


def gathered(x: Any, index: Any) -> Any:
    """`x[k]` for a part `k` of an array of integers."""
    if index.dtype.kind not in "iu":
        index.refuse("indexing by a mask")
    parts = of(index)
    places = select(mask_of(parts), lift(index.storage.base), 0)  # what is outside may be no index at all
    y = x[places]
    return y.ragged((*parts, *[None] * (y.aval.ndim - len(parts))))
