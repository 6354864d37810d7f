"""Order: argsort, searchsorted, and moving elements along one axis by a table of places.

Sorting is `take_along(x, argsort(x))`, so its derivative follows the order that was found;
equal elements keep theirs (stable), nan comes last, as in NumPy. `take_along` and `put_along`
are each other's transposes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import AxisError, DTypeError, ShapeError
from autodiff.ir.aval import ArrayAval, Shape
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.batching import along, leading, resting_at_first
from autodiff.ops.checks import check_axes, check_indices, check_same
from autodiff.ops.families import along_axes
from autodiff.ops.op import NAMES, Arrays, BadExample, Batched, Call, Example, Op, applied
from autodiff.ops.promotion import common_types

INTP = np.dtype(np.intp)


# ---- argsort -------------------------------------------------------------------------------


def _argsort_shape(x: ArrayAval, *, axis: int) -> ArrayAval:
    check_axes("argsort", x.shape, (axis,))
    return ArrayAval(x.shape, INTP)


argsort = Call(
    "argsort",
    lambda x, *, axis: np.argsort(x, axis=axis, kind="stable"),
    _argsort_shape,
    axes=lambda d, operands, result, *, axis: operands[0],
    batching=along,
    examples=(
        Example(((4,),), {"axis": 0}),
        Example(((2, 3),), {"axis": 1}),
        Example(((2, 3, 2),), {"axis": 1}),
        Example(((12, 10),), {"axis": 0}),
        Example(((0,),), {"axis": 0}),
        Example((np.array([3.0, 3.0, 1.0, np.nan, -np.inf, 3.0, np.nan, np.inf, 0.0, -0.0]),), {"axis": 0}),
    ),
    errors=along_axes("axis"),
)


# ---- searchsorted --------------------------------------------------------------------------


def _searchsorted_numpy(a: Any, v: Any, *, right: bool) -> Any:
    side: Any = "right" if right else "left"
    if a.ndim == 1:
        return np.asarray(np.searchsorted(a, v, side=side))[()]
    out = np.empty(v.shape, INTP)
    for row in np.ndindex(a.shape[:-1]):
        out[row] = np.searchsorted(a[row], v[row], side=side)
    return out


def _searchsorted_shape(a: ArrayAval, v: ArrayAval, *, right: bool) -> ArrayAval:
    stack = a.shape[:-1]
    if not a.shape or v.shape[: len(stack)] != stack:
        raise ShapeError(f"searchsorted: a table of shape {a.shape} for values of shape {v.shape}")
    return ArrayAval(v.shape, INTP)


def _searchsorted_axes(d: Dims, operands: Sequence[DimShape], result: Shape, *, right: bool) -> DimShape:
    a, v = operands
    stack = len(a) - 1
    return (*d.join_all([a[:-1], v[:stack]]), *v[stack:])


def _searchsorted_batch(op: Op, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
    # One table serves values of any shape.
    if operands[0].aval.ndim == 1:
        return applied(op, operands, params)
    return leading(op, operands, batched, params)


_SORTED = np.array([-1, 0, 1, 1, 1])

# (a[..., n], v[..., any axes]) with the same axes in front: places in each row of `a`.
searchsorted = Call(
    "searchsorted",
    _searchsorted_numpy,
    _searchsorted_shape,
    types=common_types,
    axes=_searchsorted_axes,
    batching=_searchsorted_batch,
    examples=(
        Example((_SORTED, (3,)), {"right": False}),
        Example((_SORTED, np.array([[1, 2], [0, -3]])), {"right": True}),
        Example((_SORTED, ()), {"right": True}),
        Example((_SORTED, (12, 10)), {"right": False}),
        Example((np.array([[-1, 0, 1], [-2, 0, 0]]), (2, 3)), {"right": False}),
        Example((np.array([[-1, 0, 1], [-2, 0, 0]]), (2,)), {"right": True}),
    ),
    errors=(
        BadExample(((), (3,)), {"right": False}, ShapeError, ("()", "(3,)")),
        BadExample((NAMES, NAMES), {"right": False}, DTypeError, ("<U3",)),
    ),
)


# ---- take along, put along -------------------------------------------------------------------


def _take_along_numpy(x: Any, indices: Any, *, axis: int) -> Any:
    try:
        return np.take_along_axis(x, indices, axis)
    except IndexError as error:
        raise AxisError(f"take_along: {error}", "check the indices against the shape of the array") from None


def _put_along_numpy(updates: Any, indices: Any, *, shape: Shape, axis: int) -> Any:
    out = np.zeros(shape, updates.dtype)
    grid: list[Any] = list(np.ogrid[tuple(map(slice, indices.shape))])
    grid[axis] = indices
    try:
        np.add.at(out, tuple(grid), updates)
    except IndexError as error:
        raise AxisError(f"put_along: {error}", "check the indices against the shape of the result") from None
    return out


def _take_along_axes(d: Dims, operands: Sequence[DimShape], result: Shape, *, axis: int) -> DimShape:
    x, indices = operands
    d.join_all([x[:axis] + x[axis + 1 :], indices[:axis] + indices[axis + 1 :]])
    return indices


def _put_along_axes(d: Dims, operands: Sequence[DimShape], result: Shape, *, shape: Shape, axis: int) -> DimShape:
    # Most often the transpose of `take_along`: the axis has the size of the one that was taken from.
    updates = d.join_all(operands)
    return (*updates[:axis], d.probably(shape[axis]), *updates[axis + 1 :])


def _take_along_shape(x: ArrayAval, indices: ArrayAval, *, axis: int) -> ArrayAval:
    check_axes("take_along", x.shape, (axis,))
    check_indices("take_along", indices)
    check_same("take_along", x.shape, indices.shape, but=axis)
    return ArrayAval(indices.shape, x.dtype)


def _put_along_shape(updates: ArrayAval, indices: ArrayAval, *, shape: Shape, axis: int) -> ArrayAval:
    check_axes("put_along", shape, (axis,))
    check_indices("put_along", indices)
    check_same("put_along", updates.shape, indices.shape)
    check_same("put_along", shape, indices.shape, but=axis)
    return ArrayAval(shape, updates.dtype)


_PLACES = np.array([[1, 0], [2, -1]])
_LONG = np.array([5, -1, 0, 11, 5, 5, 3, 2, -12, 1, 7, 11])

take_along = Call(
    "take_along",
    _take_along_numpy,
    _take_along_shape,
    rule=lambda ct, y, operands, active, *, axis: [
        put_along(ct, operands[1], shape=operands[0].aval.shape, axis=axis),
        None,
    ],
    tangent=lambda tangents, y, operands, *, axis: (
        None if tangents[0] is None else take_along(tangents[0], operands[1], axis=axis)
    ),
    axes=_take_along_axes,
    batching=along,
    rest=resting_at_first,
    moves=True,
    examples=(
        Example(((3,), np.array([2, 0, 2, 1])), {"axis": 0}),
        Example(((2, 3), _PLACES), {"axis": 1}),
        Example(((12,), _LONG), {"axis": 0}),
    ),
    errors=(
        BadExample(((3,), np.array([3])), {"axis": 0}, AxisError, ("index 3",)),
        BadExample(((3,), np.array([0])), {"axis": 1}, AxisError, ("axis 1", "(3,)")),
        BadExample(((2, 3), np.array([0])), {"axis": 1}, ShapeError, ("(2, 3)", "(1,)")),
    ),
    selects=True,
)
put_along = Call(
    "put_along",
    _put_along_numpy,
    _put_along_shape,
    rule=lambda ct, y, operands, active, *, shape, axis: [take_along(ct, operands[1], axis=axis), None],
    tangent=lambda tangents, y, operands, *, shape, axis: (
        None if tangents[0] is None else put_along(tangents[0], operands[1], shape=shape, axis=axis)
    ),
    axes=_put_along_axes,
    implied_params=("shape",),
    batching=along,
    rest=resting_at_first,
    moves=True,
    examples=(
        Example(((4,), np.array([2, 0, 2, 1])), {"shape": (3,), "axis": 0}),
        Example(((2, 2), _PLACES), {"shape": (2, 3), "axis": 1}),
        Example(((12,), _LONG), {"shape": (12,), "axis": 0}),
    ),
    errors=(
        BadExample(((1,), np.array([3])), {"shape": (3,), "axis": 0}, AxisError, ("index 3",)),
        BadExample(((1,), np.array([0])), {"shape": (3,), "axis": 1}, AxisError, ("axis 1", "(3,)")),
        BadExample(((2,), np.array([0])), {"shape": (3,), "axis": 0}, ShapeError, ("(2,)", "(1,)")),
    ),
)
