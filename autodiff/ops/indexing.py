"""Gather and scatter along one axis. Each is the other's transpose.

Several index arrays, boolean masks and the rest of NumPy's indexing are brought to this form
by `frontends/numpy_surface.py`. Indices count from the end when negative; one out of range
raises `IndexError`, in kernels too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import AxisError, DTypeError, ShapeError
from autodiff.ir.aval import ArrayAval, Shape
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.arithmetic import sub
from autodiff.ops.batching import all_batched, resting_at_first, size_of
from autodiff.ops.checks import check_axes, check_indices, check_same
from autodiff.ops.families import add, cast, full, logical_and, reshape, select
from autodiff.ops.movement import transpose
from autodiff.ops.op import Arrays, BadExample, Batched, Call, Example, Op
from autodiff.ops.reduction import cumsum

INTP = np.dtype(np.intp)


def _take_numpy(x: Any, indices: Any, *, axis: int) -> Any:
    try:
        return np.take(x, indices, axis=axis)
    except IndexError as error:
        raise AxisError(f"take: {error}", "check the indices against the shape of the array") from None


def _scatter_numpy(updates: Any, indices: Any, *, shape: Shape, axis: int) -> Any:
    out = np.zeros(shape, updates.dtype)
    try:
        np.add.at(out, (slice(None),) * axis + (indices,), updates)
    except IndexError as error:
        raise AxisError(f"scatter_add: {error}", "check the indices against the shape of the result") from None
    return out


# ---- over a batch: indices that differ within it point into one longer axis ---------------------


def _to_back(x: Any, axis: int) -> Any:
    """The batch axis, moved from the front to before `axis` of one operand."""
    return transpose(x, perm=(*range(1, axis + 1), 0, *range(axis + 1, x.aval.ndim))) if axis else x


def _to_front(x: Any, axis: int) -> Any:
    """The other way round."""
    return transpose(x, perm=(axis, *range(axis), *range(axis + 1, x.aval.ndim))) if axis else x


def _merged(x: Any, axis: int) -> Any:
    """The batch axis and `axis` of one operand as one axis, in the place of the latter."""
    moved = _to_back(x, axis)
    shape = moved.aval.shape
    return reshape(moved, shape=(*shape[:axis], shape[axis] * shape[axis + 1], *shape[axis + 2 :]))


def _merged_indices(indices: Any, n: int) -> Any:
    """Places on the merged axis; what is out of range for its own `n` entries is out of range there."""
    places, size = cast(indices, dtype=INTP), indices.aval.shape[0]
    ones = (1,) * (indices.aval.ndim - 1)
    starts = reshape(sub(cumsum(full(ArrayAval((size,), INTP), n), axis=0), n), shape=(size, *ones))
    places = select(places < 0, add(places, n), places)
    return select(logical_and(places >= 0, places < n), add(places, starts), size * n)


def _take_batch(op: Op, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
    (x, indices), axis = operands, params["axis"]
    if not batched[1]:
        return (take(x, indices, axis=axis + 1),)
    if batched[0]:
        indices, x = _merged_indices(indices, x.aval.shape[axis + 1]), _merged(x, axis)
    return (_to_front(take(x, indices, axis=axis), axis),)


def _scatter_batch(op: Op, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
    (updates, indices), axis, shape = operands, params["axis"], params["shape"]
    n = size_of(operands, batched)
    if not batched[1]:
        return (scatter_add(updates, indices, shape=(n, *shape), axis=axis + 1),)
    updates, _ = all_batched(operands, batched)
    long = (*shape[:axis], n * shape[axis], *shape[axis + 1 :])
    y = scatter_add(_to_back(updates, axis), _merged_indices(indices, shape[axis]), shape=long, axis=axis)
    return (_to_front(reshape(y, shape=(*shape[:axis], n, *shape[axis:])), axis),)


_SCALAR, _ONE, _TABLE = np.array(-2), np.array([2, 0, 2]), np.array([[1, 0], [2, -1]])
_LONG = np.array([5, -1, 0, 11, 5, 5, 3, 2, -12, 1, 7, 11])


def _scatter_axes(d: Dims, operands: Sequence[DimShape], result: Shape, *, shape: Shape, axis: int) -> DimShape:
    # Most often the transpose of `take`: the axis has the size of the one that was taken from.
    updates, indices = operands
    inner = updates[axis + len(indices) :]
    d.join_all([updates[axis : axis + len(indices)], indices])
    return (*updates[:axis], d.probably(shape[axis]), *inner)


def _take_shape(x: ArrayAval, indices: ArrayAval, *, axis: int) -> ArrayAval:
    check_axes("take", x.shape, (axis,))
    check_indices("take", indices)
    return ArrayAval((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]), x.dtype)


def _scatter_shape(updates: ArrayAval, indices: ArrayAval, *, shape: Shape, axis: int) -> ArrayAval:
    check_axes("scatter_add", shape, (axis,))
    check_indices("scatter_add", indices)
    check_same("scatter_add", updates.shape, (*shape[:axis], *indices.shape, *shape[axis + 1 :]))
    return ArrayAval(shape, updates.dtype)


take = Call(
    "take",
    _take_numpy,
    _take_shape,
    rule=lambda ct, y, operands, active, *, axis: [
        scatter_add(ct, operands[1], shape=operands[0].aval.shape, axis=axis),
        None,
    ],
    tangent=lambda tangents, y, operands, *, axis: (
        None if tangents[0] is None else take(tangents[0], operands[1], axis=axis)
    ),
    axes=lambda d, operands, result, *, axis: operands[0][:axis] + operands[1] + operands[0][axis + 1 :],
    batching=_take_batch,
    rest=resting_at_first,
    moves=True,
    examples=(
        Example(((3,), _ONE), {"axis": 0}),
        Example(((2, 3), _TABLE), {"axis": 1}),
        Example(((3,), _SCALAR), {"axis": 0}),
        Example(((12, 3), _LONG), {"axis": 0}),
    ),
    errors=(
        BadExample(((3,), np.array([3])), {"axis": 0}, AxisError, ("index 3",)),
        BadExample(((3,), np.array([0.0])), {"axis": 0}, DTypeError, ("float64",)),
        BadExample(((3,), np.array([0])), {"axis": 1}, AxisError, ("axis 1", "(3,)")),
    ),
    takes_complex=True,
    selects=True,
)
scatter_add = Call(
    "scatter_add",
    _scatter_numpy,
    _scatter_shape,
    rule=lambda ct, y, operands, active, *, shape, axis: [take(ct, operands[1], axis=axis), None],
    tangent=lambda tangents, y, operands, *, shape, axis: (
        None if tangents[0] is None else scatter_add(tangents[0], operands[1], shape=shape, axis=axis)
    ),
    axes=_scatter_axes,
    implied_params=("shape",),
    batching=_scatter_batch,
    rest=resting_at_first,
    moves=True,
    examples=(
        Example(((3,), _ONE), {"shape": (3,), "axis": 0}),
        Example(((2, 2, 2), _TABLE), {"shape": (2, 3), "axis": 1}),
        Example(((), _SCALAR), {"shape": (3,), "axis": 0}),
        Example(((12, 3), _LONG), {"shape": (12, 3), "axis": 0}),
    ),
    errors=(
        BadExample(((1,), np.array([3])), {"shape": (3,), "axis": 0}, AxisError, ("index 3",)),
        BadExample(((1,), np.array([0])), {"shape": (3,), "axis": 1}, AxisError, ("axis 1", "(3,)")),
        BadExample(((2,), np.array([0])), {"shape": (3,), "axis": 0}, ShapeError, ("(2,)", "(1,)")),
    ),
    takes_complex=True,
)
