"""What is set to zero and then restored was never changed.

The adjoint of `a[i] += v` takes the cotangent of the element out, sets it to zero, and adds it again, since reading
`a[i]` and writing it have a rule each. Together they leave the array as it is (but for the sign of a zero).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autodiff.ir.core import Instr, Literal, Value
from autodiff.ops.families import broadcast
from autodiff.ops.movement import pad, slice_
from autodiff.ops.overwrite import overwrite
from autodiff.ops.window import set_window, window

Producers = Mapping[Any, Instr]


def restored_slice(x: Any, y: Any, producers: Producers) -> Any:
    """`x + y`, where x is an array with zeros in a slice and y is that slice of it, padded: the array."""
    cleared, padded = _made(x, overwrite, producers), _made(y, pad, producers)
    if cleared is None or padded is None or not _is_zero(cleared.operands[1], producers):
        return None
    taken = _made(padded.operands[0], slice_, producers)
    if taken is None or taken.operands[0] is not cleared.operands[0]:
        return None
    low, steps = cleared.params["low"], cleared.params["steps"]
    shape = taken.results[0].aval.shape
    same = (
        tuple(padded.params["low"]) == tuple(low) == tuple(taken.params["starts"])
        and tuple(k + 1 for k in padded.params["interior"]) == tuple(steps) == tuple(taken.params["steps"])
        and shape == cleared.operands[1].aval.shape
    )
    return cleared.operands[0] if same else None


def restored_window(operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    """The same for an element, or a window, at a computed position."""
    x, part, *starts = operands
    cleared, taken = _made(x, set_window, producers), _made(part, window, producers)
    if cleared is None or taken is None or not _is_zero(cleared.operands[1], producers):
        return None
    if taken.operands[0] is not cleared.operands[0] or cleared.params != params or taken.params != params:
        return None
    if not (_same(cleared.operands[2:], starts) and _same(taken.operands[1:], starts)):
        return None
    return cleared.operands[0]


def _made(x: Any, op: Any, producers: Producers) -> Instr | None:
    instr = producers.get(x) if isinstance(x, Value) else None
    return instr if instr is not None and instr.op is op else None


def _same(a: Any, b: Any) -> bool:
    pairs = zip(a, b, strict=True)
    return all(p is q or (isinstance(p, Literal) and isinstance(q, Literal) and p.value == q.value) for p, q in pairs)


def _is_zero(x: Any, producers: Producers) -> bool:
    made = _made(x, broadcast, producers)
    number = made.operands[0] if made is not None else x
    return isinstance(number, Literal) and number.value == 0
