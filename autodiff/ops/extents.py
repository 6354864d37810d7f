"""Lengths that are computed: elements counted within them, and lengths that have to be equal.

Both ops are scalars of the kernel, and checks: what reads their result may rely on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import AxisError, DTypeError
from autodiff.ir.aval import ArrayAval
from autodiff.ops.arithmetic import greater_equal, less
from autodiff.ops.families import add, broadcast_shapes, equal, full, logical_and, select
from autodiff.ops.indexing import take
from autodiff.ops.op import Arrays, BadExample, Batched, Example
from autodiff.ops.window import INT, Bounded
from autodiff.records import record


@record
class Within(Bounded):
    """Element `i` of `count`, counted from the first one; `-1` is the last. Raises `IndexError` if there is none."""

    name: str = "within"
    size_params: tuple[str, ...] = ()
    examples: tuple[Example, ...] = (
        Example((np.array(-9), np.array(9)), {"axis": 0}),
        Example((np.array(0), np.array(9)), {"axis": 1}),
    )
    errors: tuple[BadExample, ...] = (
        BadExample((np.array(3), np.array(3)), {"axis": 0}, AxisError, ("3", "axis 0")),
        BadExample((np.array(0), np.array(0)), {"axis": 0}, AxisError, ("0", "axis 0")),
        BadExample((np.array(0.0), np.array(3)), {"axis": 0}, DTypeError, ("float64",)),
    )

    def infer(self, i: ArrayAval, count: ArrayAval, *, axis: int) -> tuple[ArrayAval, ...]:
        for aval in (i, count):
            if aval.dtype != INT:
                raise DTypeError(f"{self.name}: takes int64 numbers, not {aval.dtype}", "use .astype(int)")
        return (ArrayAval(broadcast_shapes(self.name, [i.shape, count.shape]), INT),)

    def evaluate(self, i: Any, count: Any, *, axis: int) -> Arrays:
        found = np.asarray(i) + np.where(np.asarray(i) < 0, count, 0)
        self._refuse_where((found < 0) | (found >= count), i, count, axis)
        return (found.astype(INT)[()],)

    def _refuse_where(self, wrong: Any, a: Any, b: Any, axis: int) -> None:
        if np.any(wrong):
            first, second = (np.extract(wrong, np.broadcast_to(x, np.shape(wrong)))[0] for x in (a, b))
            raise AxisError(self.says.format(first, second, axis=axis))

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: Mapping[str, Any], active: Any) -> list[Any]:
        return [None, None]

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        i, count = operands
        found = select(less(i, 0), add(i, count), i)
        return (add(found, _checked(logical_and(greater_equal(found, 0), less(found, count)))),)


@record
class Agreed(Within):
    """0 where two lengths are equal; anywhere else it raises `IndexError`."""

    name: str = "agreed"
    says: str = "slices of {} and {} elements along axis {axis} do not fit together"
    examples = (Example((np.array(3), np.array(3)), {"axis": 0}),)
    errors = (
        BadExample((np.array(3), np.array(4)), {"axis": 0}, AxisError, ("3", "4", "axis 0")),
        BadExample((np.array(0.0), np.array(3)), {"axis": 0}, DTypeError, ("float64",)),
    )

    def evaluate(self, i: Any, count: Any, *, axis: int) -> Arrays:
        self._refuse_where(np.not_equal(i, count), i, count, axis)
        return (np.zeros(np.broadcast_shapes(np.shape(i), np.shape(count)), INT)[()],)

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        return (_checked(equal(*operands)),)


def _checked(holds: Any) -> Any:
    """0 for each of a batch, for which a condition has to hold: `take` checks many indices at once."""
    return take(full(ArrayAval((1,), INT), 0), select(holds, full(ArrayAval(holds.aval.shape, INT), 0), 1), axis=0)


within = Within()
agreed = Agreed()
