"""Gather and scatter along one axis. Each is the other's transpose.

Several index arrays, boolean masks and the rest of NumPy's indexing are brought to this form
by `frontends/numpy_surface.py`. Indices count from the end when negative; one out of range
raises `IndexError`, in kernels too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import AxisError
from autodiff.ir.aval import ArrayAval, Shape
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.op import Call, Example
from autodiff.ops.reduction import split_axis


def take_loop(out: Any, x: Any, indices: Any, axis: int) -> None:
    """out[o, j, k] = x[o, indices[j], k]."""
    outer, n, inner = split_axis(x.shape, axis)
    source, places = x.reshape((outer, n, inner)), indices.reshape((indices.size,))
    target = out.reshape((outer, places.size, inner))
    for j in range(places.size):
        i = places[j]
        if i < -n or i >= n:
            raise IndexError("index out of range in take")
        if i < 0:
            i += n
        for o in range(outer):
            for k in range(inner):
                target[o, j, k] = source[o, i, k]


def scatter_add_loop(out: Any, updates: Any, indices: Any, axis: int) -> None:
    """out = 0, then out[o, indices[j], k] += updates[o, j, k]."""
    outer, n, inner = split_axis(out.shape, axis)
    places, target = indices.reshape((indices.size,)), out.reshape((outer, n, inner))
    source = updates.reshape((outer, places.size, inner))
    target[:] = 0
    for j in range(places.size):
        i = places[j]
        if i < -n or i >= n:
            raise IndexError("index out of range in scatter_add")
        if i < 0:
            i += n
        for o in range(outer):
            for k in range(inner):
                target[o, i, k] += source[o, j, k]


def _take_numpy(x: Any, indices: Any, *, axis: int) -> Any:
    try:
        return np.take(x, indices, axis=axis)
    except IndexError as error:
        raise AxisError(f"take: {error}", "check the indices against the shape of the array") from None


def _scatter_numpy(updates: Any, indices: Any, *, shape: Shape, axis: int) -> Any:
    out = np.zeros(shape, updates.dtype)
    np.add.at(out, (slice(None),) * axis + (indices,), updates)
    return out


_SCALAR, _ONE, _TABLE = np.array(-2), np.array([2, 0, 2]), np.array([[1, 0], [2, -1]])
_LONG = np.array([5, -1, 0, 11, 5, 5, 3, 2, -12, 1, 7, 11])


def _scatter_axes(d: Dims, operands: Sequence[DimShape], result: Shape, *, shape: Shape, axis: int) -> DimShape:
    # Most often the transpose of `take`: the axis has the size of the one that was taken from.
    updates, indices = operands
    inner = updates[axis + len(indices) :]
    d.join_all([updates[axis : axis + len(indices)], indices])
    return (*updates[:axis], d.probably(shape[axis]), *inner)


take = Call(
    "take",
    _take_numpy,
    lambda x, i, *, axis: ArrayAval((*x.shape[:axis], *i.shape, *x.shape[axis + 1 :]), x.dtype),
    take_loop,
    rule=lambda ct, y, operands, active, *, axis: [
        scatter_add(ct, operands[1], shape=operands[0].aval.shape, axis=axis),
        None,
    ],
    tangent=lambda tangents, y, operands, *, axis: (
        None if tangents[0] is None else take(tangents[0], operands[1], axis=axis)
    ),
    axes=lambda d, operands, result, *, axis: operands[0][:axis] + operands[1] + operands[0][axis + 1 :],
    examples=(
        Example(((3,), _ONE), {"axis": 0}),
        Example(((2, 3), _TABLE), {"axis": 1}),
        Example(((3,), _SCALAR), {"axis": 0}),
        Example(((12, 3), _LONG), {"axis": 0}),
    ),
)
scatter_add = Call(
    "scatter_add",
    _scatter_numpy,
    lambda u, i, *, shape, axis: ArrayAval(shape, u.dtype),
    scatter_add_loop,
    rule=lambda ct, y, operands, active, *, shape, axis: [take(ct, operands[1], axis=axis), None],
    tangent=lambda tangents, y, operands, *, shape, axis: (
        None if tangents[0] is None else scatter_add(tangents[0], operands[1], shape=shape, axis=axis)
    ),
    axes=_scatter_axes,
    implied_params=("shape",),
    examples=(
        Example(((3,), _ONE), {"shape": (3,), "axis": 0}),
        Example(((2, 2, 2), _TABLE), {"shape": (2, 3), "axis": 1}),
        Example(((), _SCALAR), {"shape": (3,), "axis": 0}),
        Example(((12, 3), _LONG), {"shape": (12, 3), "axis": 0}),
    ),
)
