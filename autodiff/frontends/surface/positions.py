"""Indices with positions that are computed: `x[i]`, `x[i, 1:-1]`, `x[i:i + 3]` with traced integers.

All positions of such an index make one window: a box of neighbours whose size is known. Slices with steps, and
slices whose length is not known, are not of that kind.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from autodiff.errors import AxisError, ConcretizationError, DTypeError
from autodiff.ir.build import emitter, literal
from autodiff.ir.core import Instr, Literal, Operand
from autodiff.ops.arithmetic import sub
from autodiff.ops.families import add, cast
from autodiff.ops.families import reshape as reshape_op
from autodiff.ops.window import INT, index_of, set_window, window

BACK = 64  # instructions looked back at for how the ends of a slice were computed


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
    if not any(map(_is_computed_part, parts)) or not all(map(_is_simple, parts)):
        return None
    return _place(x, _filled(parts, x.aval.ndim))


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


def _is_computed_part(part: Any) -> bool:
    return any(map(is_computed, (part.start, part.stop))) if isinstance(part, slice) else is_computed(part)


def _is_simple(part: Any) -> bool:
    if isinstance(part, slice):
        ends = (part.start, part.stop)
        return part.step in (None, 1) and all(e is None or type(e) is int or is_computed(e) for e in ends)
    return part is None or part is Ellipsis or type(part) is int or is_computed(part)


def _filled(parts: list[Any], ndim: int) -> list[Any]:
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
        start, size = _cut(x, part, n, axis) if keep else (_position(part, n, axis), 0)
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


def _cut(x: Any, part: slice, n: int, axis: int) -> tuple[Any, int]:
    """Start and length of a slice."""
    if not is_computed(part.start) and not is_computed(part.stop):
        places = range(n)[part]
        return literal(places.start, INT), len(places)
    start, stop = (0 if part.start is None else part.start), (n if part.stop is None else part.stop)
    # Of this trace, both: one may be an array of an outer loop, the other have been computed from it here.
    start, stop = (emitter().lift(p) if isinstance(p, Operand) else p for p in (start, stop))
    length = _distance(x, start, stop)
    if length is None or length < 0:
        raise ConcretizationError(
            f"a slice of axis {axis} (of size {n}) between computed positions: how long it is depends on their values",
            "slice with x[i:i + 3], of a length that is known; use np.where or a loop over the elements for others; "
            "or let the loop be unrolled: ad.unrolled(range(...))",
        )
    # A slice ends where the array ends, and a computed one that does not fit would be shorter: that is an error here.
    last = n - length
    at = start if isinstance(start, Operand) else add(stop, -length)
    if last < 0:
        raise DTypeError(f"a slice of {length} elements along axis {axis}, which has {n}", "slice within the array")
    return index_of(at, axis, last + 1), length


def _distance(x: Any, start: Any, stop: Any) -> int | None:
    """How far two positions are apart, when that is known."""
    instrs: dict[Any, Instr] = {}
    history = getattr(next(p for p in (start, stop) if isinstance(p, Operand)), "history", None)
    if history is not None:
        instrs = {r: i for i in history()[-BACK:] for r in i.results}
    (first, a), (second, b) = (_origin(p, instrs) for p in (start, stop))
    return b - a if first is second else None


def _origin(position: Any, instrs: dict[Any, Instr]) -> tuple[Any, int]:
    """A position as another one and a number of steps from it."""
    steps = 0
    while True:
        if isinstance(position, int | Literal):
            return None, steps + int(position.value if isinstance(position, Literal) else position)
        instr = instrs.get(position)
        if instr is None:
            return position, steps
        if instr.op is cast:
            position = instr.operands[0]
        elif instr.op is add and isinstance(instr.operands[1], Literal):
            position, steps = instr.operands[0], steps + int(instr.operands[1].value)
        elif instr.op is add and isinstance(instr.operands[0], Literal):
            position, steps = instr.operands[1], steps + int(instr.operands[0].value)
        elif instr.op is sub and isinstance(instr.operands[1], Literal):
            position, steps = instr.operands[0], steps - int(instr.operands[1].value)
        else:
            return position, steps
