"""Order: argsort, searchsorted, and moving elements along one axis by a table of places.

Sorting is `take_along(x, argsort(x))`, so its derivative follows the order that was found;
equal elements keep theirs (stable), nan comes last, as in NumPy. `take_along` and `put_along`
are each other's transposes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import AxisError
from autodiff.ir.aval import ArrayAval, Shape
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.op import Call, Example
from autodiff.ops.promotion import common_types
from autodiff.ops.reduction import split_axis

INTP = np.dtype(np.intp)


# ---- argsort -------------------------------------------------------------------------------


def merge_runs(x: Any, order: Any, merged: Any, low: int, middle: int, high: int) -> None:
    """Two sorted runs of `order`, [low, middle) and [middle, high), into one of `merged`."""
    i, j = low, middle
    for k in range(low, high):
        right = i >= middle
        if i < middle and j < high:
            a, b = x[order[i]], x[order[j]]
            # Only a smaller element overtakes; nan, which is no number, is overtaken by any number.
            right = b < a or (a != a and b == b)
        if right:
            merged[k] = order[j]
            j += 1
        else:
            merged[k] = order[i]
            i += 1


def argsort_loop(out: Any, x: Any, axis: int) -> None:
    """Merge sort from short runs to long ones: stable, n log n whatever the input."""
    outer, n, inner = split_axis(x.shape, axis)
    source, target = x.reshape((outer, n, inner)), out.reshape((outer, n, inner))
    order, merged = np.empty(n, np.int64), np.empty(n, np.int64)
    for o in range(outer):
        for k in range(inner):
            for i in range(n):
                order[i] = i
            width = 1
            while width < n:
                for low in range(0, n, 2 * width):
                    merge_runs(source[o, :, k], order, merged, low, min(low + width, n), min(low + 2 * width, n))
                order, merged = merged, order
                width *= 2
            for i in range(n):
                target[o, i, k] = order[i]


argsort = Call(
    "argsort",
    lambda x, *, axis: np.argsort(x, axis=axis, kind="stable"),
    lambda x, *, axis: ArrayAval(x.shape, INTP),
    argsort_loop,
    axes=lambda d, operands, result, *, axis: operands[0],
    examples=(
        Example(((4,),), {"axis": 0}),
        Example(((2, 3),), {"axis": 1}),
        Example(((2, 3, 2),), {"axis": 1}),
        Example(((12, 10),), {"axis": 0}),
        Example(((0,),), {"axis": 0}),
        Example((np.array([3.0, 3.0, 1.0, np.nan, -np.inf, 3.0, np.nan, np.inf, 0.0, -0.0]),), {"axis": 0}),
    ),
)


# ---- searchsorted --------------------------------------------------------------------------


def searchsorted_loop(out: Any, a: Any, v: Any, right: bool) -> None:
    """Bisection; nan is after every number."""
    values, target = v.reshape((v.size,)), out.reshape((v.size,))
    for i in range(v.size):
        x = values[i]
        low, high = 0, a.size
        while low < high:
            middle = (low + high) // 2
            y = a[middle]
            if right:
                ahead = not (x < y or (y != y and x == x))
            else:
                ahead = y < x or (x != x and y == y)
            if ahead:
                low = middle + 1
            else:
                high = middle
        target[i] = low


_SORTED = np.array([-1, 0, 1, 1, 1])

searchsorted = Call(
    "searchsorted",
    lambda a, v, *, right: np.asarray(np.searchsorted(a, v, side="right" if right else "left"))[()],
    lambda a, v, *, right: ArrayAval(v.shape, INTP),
    searchsorted_loop,
    types=common_types,
    axes=lambda d, operands, result, *, right: operands[1],
    examples=(
        Example((_SORTED, (3,)), {"right": False}),
        Example((_SORTED, np.array([[1, 2], [0, -3]])), {"right": True}),
        Example((_SORTED, ()), {"right": True}),
        Example((_SORTED, (12, 10)), {"right": False}),
    ),
)


# ---- take along, put along -------------------------------------------------------------------


def take_along_loop(out: Any, x: Any, indices: Any, axis: int) -> None:
    """out[o, j, k] = x[o, indices[o, j, k], k]."""
    outer, n, inner = split_axis(x.shape, axis)
    m = indices.shape[axis]
    source, target = x.reshape((outer, n, inner)), out.reshape((outer, m, inner))
    places = indices.reshape((outer, m, inner))
    for o in range(outer):
        for j in range(m):
            for k in range(inner):
                i = places[o, j, k]
                if i < -n or i >= n:
                    raise IndexError("index out of range in take_along")
                target[o, j, k] = source[o, i + n if i < 0 else i, k]


def put_along_loop(out: Any, updates: Any, indices: Any, axis: int) -> None:
    """out = 0, then out[o, indices[o, j, k], k] += updates[o, j, k]."""
    outer, n, inner = split_axis(out.shape, axis)
    m = indices.shape[axis]
    target, source = out.reshape((outer, n, inner)), updates.reshape((outer, m, inner))
    places = indices.reshape((outer, m, inner))
    target[:] = 0
    for o in range(outer):
        for j in range(m):
            for k in range(inner):
                i = places[o, j, k]
                if i < -n or i >= n:
                    raise IndexError("index out of range in put_along")
                target[o, i + n if i < 0 else i, k] += source[o, j, k]


def _take_along_numpy(x: Any, indices: Any, *, axis: int) -> Any:
    try:
        return np.take_along_axis(x, indices, axis)
    except IndexError as error:
        raise AxisError(f"take_along_axis: {error}", "check the indices against the shape of the array") from None


def _put_along_numpy(updates: Any, indices: Any, *, shape: Shape, axis: int) -> Any:
    out = np.zeros(shape, updates.dtype)
    grid: list[Any] = list(np.ogrid[tuple(map(slice, indices.shape))])
    grid[axis] = indices
    np.add.at(out, tuple(grid), updates)
    return out


def _take_along_axes(d: Dims, operands: Sequence[DimShape], result: Shape, *, axis: int) -> DimShape:
    x, indices = operands
    d.join_all([x[:axis] + x[axis + 1 :], indices[:axis] + indices[axis + 1 :]])
    return indices


def _put_along_axes(d: Dims, operands: Sequence[DimShape], result: Shape, *, shape: Shape, axis: int) -> DimShape:
    # Most often the transpose of `take_along`: the axis has the size of the one that was taken from.
    updates = d.join_all(operands)
    return (*updates[:axis], d.probably(shape[axis]), *updates[axis + 1 :])


_PLACES = np.array([[1, 0], [2, -1]])
_LONG = np.array([5, -1, 0, 11, 5, 5, 3, 2, -12, 1, 7, 11])

take_along = Call(
    "take_along",
    _take_along_numpy,
    lambda x, i, *, axis: ArrayAval(i.shape, x.dtype),
    take_along_loop,
    rule=lambda ct, y, operands, active, *, axis: [
        put_along(ct, operands[1], shape=operands[0].aval.shape, axis=axis),
        None,
    ],
    tangent=lambda tangents, y, operands, *, axis: (
        None if tangents[0] is None else take_along(tangents[0], operands[1], axis=axis)
    ),
    axes=_take_along_axes,
    examples=(
        Example(((3,), np.array([2, 0, 2, 1])), {"axis": 0}),
        Example(((2, 3), _PLACES), {"axis": 1}),
        Example(((12,), _LONG), {"axis": 0}),
    ),
)
put_along = Call(
    "put_along",
    _put_along_numpy,
    lambda u, i, *, shape, axis: ArrayAval(shape, u.dtype),
    put_along_loop,
    rule=lambda ct, y, operands, active, *, shape, axis: [take_along(ct, operands[1], axis=axis), None],
    tangent=lambda tangents, y, operands, *, shape, axis: (
        None if tangents[0] is None else put_along(tangents[0], operands[1], shape=shape, axis=axis)
    ),
    axes=_put_along_axes,
    implied_params=("shape",),
    examples=(
        Example(((4,), np.array([2, 0, 2, 1])), {"shape": (3,), "axis": 0}),
        Example(((2, 2), _PLACES), {"shape": (2, 3), "axis": 1}),
        Example(((12,), _LONG), {"shape": (12,), "axis": 0}),
    ),
)
