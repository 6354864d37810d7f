"""Indices with positions that are computed: `x[i]`, `x[i, 1:-1]`, `x[i:i + 3]` with traced integers.

All positions of such an index make one window: a box of neighbours whose size is known. Slices with steps are not of
that kind, nor are slices whose length is not known (`spans`).
"""

from __future__ import annotations

import operator
from typing import Any, NamedTuple

from autodiff.errors import AxisError, ConcretizationError, DTypeError
from autodiff.ir.build import emitter, literal
from autodiff.ir.core import Instr, Literal, Operand
from autodiff.ops.arithmetic import identity, less, sub
from autodiff.ops.extents import index_of
from autodiff.ops.families import add, cast, select
from autodiff.ops.families import reshape as reshape_op
from autodiff.ops.window import INT, set_window, window

DEPTH = 6  # instructions, one after the other, that are compared to find that two positions are the same


class Place(NamedTuple):
    """A window of an array, and the shape in which it is seen (with new axes, for one)."""

    starts: tuple[Any, ...]
    params: dict[str, Any]
    shape: tuple[int, ...]


def place(x: Any, index: Any) -> Place | None:
    """The window that an index means; None when it is another kind of index.

    Raises
    ------
    ConcretizationError
        For a slice between computed positions whose length is not known while the function is traced.
    """
    parts = list(index) if isinstance(index, tuple) else [index]
    if not any(map(is_computed_part, parts)) or not all(map(is_place, parts)):
        return None
    return _place(x, filled(parts, x.aval.ndim))


def read(x: Any, at: Place) -> Any:
    """What is in the window."""
    return _shaped(window(x, *at.starts, **at.params), at.shape)


def written(x: Any, at: Place, part: Any) -> Any:
    """The array with `part`, of the shape in which the window is seen, in it."""
    own = window_shape_of(x, at)
    return set_window(x, _shaped(part, own), *at.starts, **at.params)


def window_shape_of(x: Any, at: Place) -> tuple[int, ...]:
    """The shape of the window itself."""
    own = dict(zip(at.params["axes"], zip(at.params["kept"], at.params["sizes"], strict=True), strict=True))
    found = [own.get(axis, (True, n)) for axis, n in enumerate(x.aval.shape)]
    return tuple(n for keep, n in found if keep)


def _shaped(x: Any, shape: tuple[int, ...]) -> Any:
    return x if x.aval.shape == shape else reshape_op(x, shape=shape)


def is_computed(x: Any) -> bool:
    """Whether it is one integer that is not known while the program is recorded."""
    return (
        isinstance(x, Operand)
        and not isinstance(x, Literal)
        and not x.aval.shape
        and x.aval.dtype.kind in "iu"
        and not hasattr(x, "known_value")
    )


def is_computed_part(part: Any) -> bool:
    return any(map(is_computed, (part.start, part.stop))) if isinstance(part, slice) else is_computed(part)


def is_place(part: Any) -> bool:
    if isinstance(part, slice):
        ends = (part.start, part.stop)
        return part.step in (None, 1) and all(e is None or type(e) is int or is_computed(e) for e in ends)
    return part is None or part is Ellipsis or type(part) is int or is_computed(part)


def filled(parts: list[Any], ndim: int) -> list[Any]:
    """One entry per axis, and those for new axes."""
    used = sum(1 for p in parts if p is not None and p is not Ellipsis)
    if used > ndim:
        raise AxisError(f"too many indices: {used} for an array of {ndim} dimensions")
    rest = [slice(None)] * (ndim - used)
    at = next((k for k, p in enumerate(parts) if p is Ellipsis), None)
    return [*parts, *rest] if at is None else [*parts[:at], *rest, *parts[at + 1 :]]


def _place(x: Any, parts: list[Any]) -> Place:
    axes, kept, sizes, starts, shape = [], [], [], [], []
    axis = 0
    for part in parts:
        if part is None:
            shape.append(1)
            continue
        n = x.aval.shape[axis]
        keep = isinstance(part, slice)
        start, size = _cut(part, n, axis) if keep else (_position(part, n, axis), 0)
        if keep:
            shape.append(size)
        if not (keep and size == n):
            axes.append(axis)
            kept.append(keep)
            sizes.append(size)
            starts.append(start)
        axis += 1
    params = {"axes": tuple(axes), "kept": tuple(kept), "sizes": tuple(sizes)}
    return Place(tuple(starts), params, tuple(shape))


def _position(part: Any, n: int, axis: int) -> Any:
    if isinstance(part, int):
        if not -n <= part < n:
            raise AxisError(f"index {part} is out of bounds for axis {axis} with size {n}")
        return literal(part % n, INT)
    return index_of(part, axis, n)


def _cut(part: slice, n: int, axis: int) -> tuple[Any, int]:
    """Start and length of a slice."""
    if not is_computed(part.start) and not is_computed(part.stop):
        places = range(n)[part]
        return literal(places.start, INT), len(places)
    length = distance(part, n)
    if length is None or length < 0:
        known = _by_value(part, n)
        if known is not None:
            return literal(known.start, INT), len(known)
        raise ConcretizationError(
            f"a slice of axis {axis} (of size {n}) between computed positions: how long it is depends on their values",
            "slice with x[i:i + 3], of a length that is known; use np.where or a loop over the elements for others; "
            "or let the loop be unrolled: ad.unrolled(range(...))",
        )
    if not length:
        return literal(0, INT), 0
    last = n - length
    if last < 0:
        raise DTypeError(f"a slice of {length} elements along axis {axis}, which has {n}", "slice within the array")
    at = emitter().lift(part.start) if isinstance(part.start, Operand) else add(part.stop, -length)
    # A slice ends where the array ends, and a computed one that does not fit would be shorter: that is an error here.
    # One that begins before the end, counted from there, fits if it ends there too.
    return index_of(select(less(at, 0), select(less(at, -length), add(at, n), n), at), axis, last + 1), length


def _by_value(part: slice, n: int) -> range | None:
    """The places of a slice whose ends have values while the program is recorded; None where they have none."""
    ends = [e.value if isinstance(e, Literal) else e for e in (part.start, part.stop)]
    try:
        return range(n)[slice(*(None if e is None else operator.index(e) for e in ends))]
    except ConcretizationError:
        return None


def distance(part: slice, n: int) -> int | None:
    """How far the ends of a slice of an axis of size n are apart, when that is known."""
    start, stop = (0 if part.start is None else part.start), (n if part.stop is None else part.stop)
    (first, a), (second, b) = spelled(start), spelled(stop)
    return b - a if first == second else None


# ---- positions compared ------------------------------------------------------------------------


def spelled(position: Any, depth: int = DEPTH) -> tuple[Any, int]:
    """How a position was computed: a key of what it is a number of steps away from, and these.

    Two positions with equal keys differ by what the steps differ. The key of a plain number is None.
    """
    steps = 0
    while True:
        if not isinstance(position, Operand) or isinstance(position, Literal):
            return None, steps + int(position.value if isinstance(position, Literal) else position)
        position, instr = _made(position)
        if instr is None:
            return ("at", id(position)), steps
        moved = _step(instr)
        if moved is None:
            return _key(position, instr, depth), steps
        position, more = moved
        steps += more


def _step(instr: Instr) -> tuple[Any, int] | None:
    """What an instruction counts from, and how far: of i + 3, i and 3."""
    if instr.results[0].aval.dtype.kind not in "iu" or any(o.aval.dtype.kind not in "iu" for o in instr.operands):
        return None
    if instr.op is cast or instr.op is identity:
        return instr.operands[0], 0
    if instr.op is add or instr.op is sub:
        first, second = instr.operands
        if isinstance(second, Literal):
            return first, int(second.value) if instr.op is add else -int(second.value)
        if isinstance(first, Literal) and instr.op is add:
            return second, int(first.value)
    return None


def _key(position: Any, instr: Instr, depth: int) -> Any:
    """Two positions that were computed alike, as the ends of A[k[i]:k[i + 1]] are, have equal keys."""
    try:
        params = tuple(sorted(instr.params.items()))
        hash(params)
    except TypeError:
        params = None
    if params is None or not depth or len(instr.results) > 1:
        return "at", id(position)
    return instr.op.name, params, tuple([_operand_key(o, depth - 1) for o in instr.operands])


def _operand_key(x: Any, depth: int) -> Any:
    if isinstance(x, Literal):
        return x.aval, x.value
    if not x.aval.shape and x.aval.dtype.kind in "iu":
        return spelled(x, depth)
    return "at", id(_made(x)[0])


def _made(x: Any) -> tuple[Any, Instr | None]:
    """A value, or what the trace it belongs to has captured it from, and the instruction that computes it."""
    while True:
        home = getattr(x, "home", None)
        if home is None:
            return x, None
        instr = home.producer(x)
        if instr is not None:
            return x, instr
        outside = home.captured_from(x)
        if outside is None:
            return x, None
        x = outside
