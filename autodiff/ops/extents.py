"""Indices and lengths that are computed, and checked: elements counted within an axis, lengths that have to be equal.

Each is a scalar of the kernel, or a batch of them, and a check: what reads its result may rely on it. Over a batch,
entries that take no part (`Op.harmless`) are not checked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import AxisError, DTypeError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import literal
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.batching import all_batched, resting
from autodiff.ops.families import broadcast_shapes, cast
from autodiff.ops.op import Active, Arrays, BadExample, Batched, Example, Op, applied
from autodiff.ops.window import INT
from autodiff.records import record


class Checked(Op):
    """A check of integers, or of a batch of them; no derivative runs through it."""

    says: str

    @property
    def raises(self) -> bool:
        return True

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return d.broadcast(operands, result.shape)

    def connects(self, position: int) -> bool:
        return False

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return None

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        return [None] * len(operands)

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        return applied(self, all_batched(operands, batched), params)

    def _refuse_where(self, wrong: Any, a: Any, b: Any, axis: int) -> None:
        if np.any(wrong):
            first, second = (np.extract(wrong, np.broadcast_to(x, np.shape(wrong)))[0] for x in (a, b))
            raise AxisError(self.says.format(first, second, axis=axis))


@record
class Bounded(Checked):
    """An index, counted from the start of its axis: `i`, or `i + size` for a negative one.

    Raises `IndexError` with index, axis and size when there is no such element; `extent` elements are read from it.
    """

    name: str = "bounded"
    says: str = "index {} is out of bounds for axis {axis} with size {}"
    size_params: tuple[str, ...] = ("size",)
    examples: tuple[Example, ...] = (
        Example((np.array(-4),), {"axis": 0, "size": (5,)}),
        Example((np.array(4),), {"axis": 1, "size": (12,)}),
    )
    errors: tuple[BadExample, ...] = (
        BadExample((np.array(5),), {"axis": 0, "size": (5,)}, AxisError, ("5", "axis 0")),
        BadExample((np.array(0.0),), {"axis": 0, "size": (5,)}, DTypeError, ("float64",)),
    )

    def infer(self, i: ArrayAval, *, axis: int, size: tuple[int]) -> tuple[ArrayAval, ...]:
        if i.dtype.kind not in "iu":
            raise DTypeError(f"{self.name}: an index is an integer, this one is {i.dtype}", "use .astype(int)")
        return (ArrayAval(i.shape, INT),)

    def evaluate(self, i: Any, *, axis: int, size: tuple[int]) -> Arrays:
        (n,) = size
        if not np.ndim(i) and 0 <= i < n:  # most are: the general case takes ten times as long
            return (INT.type(i),)
        found = np.where(np.asarray(i) < 0, np.asarray(i) + n, i).astype(INT)[()]
        self._refuse_where((found < 0) | (found >= n), i, n, axis)
        return (found,)

    def harmless(self, operands: Sequence[Any], batched: Batched, active: Any) -> list[Any]:
        return [resting(active, operands[0], batched[0], 0)]

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        i = cast(operands[0], dtype=INT)
        return within.batch((i, literal(params["size"][0], INT)), (True, False), {"axis": params["axis"]})


class Pair(Checked):
    """A check of two numbers."""

    name: str

    def infer(self, i: ArrayAval, count: ArrayAval, *, axis: int) -> tuple[ArrayAval, ...]:
        for aval in (i, count):
            if aval.dtype != INT:
                raise DTypeError(f"{self.name}: takes int64 numbers, not {aval.dtype}", "use .astype(int)")
        return (ArrayAval(broadcast_shapes(self.name, [i.shape, count.shape]), INT),)


@record
class Within(Pair):
    """Element `i` of `count`, counted from the first one; `-1` is the last. Raises `IndexError` if there is none."""

    name: str = "within"
    says: str = Bounded.says
    examples: tuple[Example, ...] = (
        Example((np.array(-9), np.array(9)), {"axis": 0}),
        Example((np.array(0), np.array(9)), {"axis": 1}),
        Example((np.arange(-3, 9), np.arange(9, 21)), {"axis": 0}),
    )
    errors: tuple[BadExample, ...] = (
        BadExample((np.array(3), np.array(3)), {"axis": 0}, AxisError, ("3", "axis 0")),
        BadExample((np.array(0), np.array(0)), {"axis": 0}, AxisError, ("0", "axis 0")),
        BadExample((np.array([0, 7]), np.array([5, 6])), {"axis": 2}, AxisError, ("index 7", "axis 2", "size 6")),
        BadExample((np.array(0.0), np.array(3)), {"axis": 0}, DTypeError, ("float64",)),
    )

    def evaluate(self, i: Any, count: Any, *, axis: int) -> Arrays:
        found = np.asarray(i) + np.where(np.asarray(i) < 0, count, 0)
        self._refuse_where((found < 0) | (found >= count), i, count, axis)
        return (found.astype(INT)[()],)

    def harmless(self, operands: Sequence[Any], batched: Batched, active: Any) -> list[Any]:
        i, count = operands
        return [resting(active, i, batched[0], 0), resting(active, count, batched[1], 1)]


@record
class Agreed(Pair):
    """0 where two lengths are equal; anywhere else it raises `IndexError`."""

    name: str = "agreed"
    says: str = "slices of {} and {} elements along axis {axis} do not fit together"
    examples: tuple[Example, ...] = (
        Example((np.array(3), np.array(3)), {"axis": 0}),
        Example((np.arange(12), np.arange(12)), {"axis": 0}),
    )
    errors: tuple[BadExample, ...] = (
        BadExample((np.array(3), np.array(4)), {"axis": 0}, AxisError, ("3", "4", "axis 0")),
        BadExample((np.array([2, 3]), np.array([2, 4])), {"axis": 0}, AxisError, ("3 and 4", "axis 0")),
        BadExample((np.array(0.0), np.array(3)), {"axis": 0}, DTypeError, ("float64",)),
    )

    def evaluate(self, i: Any, count: Any, *, axis: int) -> Arrays:
        self._refuse_where(np.not_equal(i, count), i, count, axis)
        return (np.zeros(np.broadcast_shapes(np.shape(i), np.shape(count)), INT)[()],)

    def harmless(self, operands: Sequence[Any], batched: Batched, active: Any) -> list[Any]:
        return [resting(active, n, flag, 0) for n, flag in zip(operands, batched, strict=True)]


bounded = Bounded()
within = Within()
agreed = Agreed()


def index_of(i: Any, axis: int, size: int) -> Any:
    """A traced index as a start: checked, and counted from the front."""
    return bounded(cast(i, dtype=INT) if i.aval.dtype != INT else i, axis=axis, size=(size,))
