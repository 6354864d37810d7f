"""Sorting and searching. A sort is stable; its derivative follows the order that it found."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.surface.common import lift, one_axis, unsupported
from autodiff.ops import ordering as ops
from autodiff.ops.families import reshape
from autodiff.ops.indexing import take


def flat_or_axis(a: Any, axis: Any, name: str) -> tuple[Any, int]:
    """The array and the axis to work along; None flattens first."""
    x = lift(a)
    if axis is None:
        return reshape(x, shape=(x.aval.size,)), 0
    return x, one_axis(axis, x.aval.ndim, name)


def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    unsupported("sort", order=(order, None))
    x, k = flat_or_axis(a, axis, "sort")
    return sorted_along(x, k)


def sorted_along(x: Any, axis: int) -> Any:
    return ops.take_along(x, ops.argsort(x, axis=axis), axis=axis)


def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    unsupported("argsort", order=(order, None))
    x, k = flat_or_axis(a, axis, "argsort")
    return ops.argsort(x, axis=k)


def partition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    """A full sort: it is a partition at every place."""
    unsupported("partition", order=(order, None))
    x, k = flat_or_axis(a, axis, "partition")
    _check_places(kth, x.aval.shape[k], "partition")
    return sorted_along(x, k)


def argpartition(a: Any, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
    unsupported("argpartition", order=(order, None))
    x, k = flat_or_axis(a, axis, "argpartition")
    _check_places(kth, x.aval.shape[k], "argpartition")
    return ops.argsort(x, axis=k)


def _check_places(kth: Any, n: int, name: str) -> None:
    for place in np.atleast_1d(kth).tolist():
        if not -n <= place < n:
            raise ArgumentError(f"{name}: kth = {place} is out of bounds for an axis of length {n}")


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """Where to insert `v` into the sorted `a`; integers, without derivative."""
    if side not in ("left", "right"):
        raise ArgumentError(f"searchsorted: side must be 'left' or 'right', got {side!r}")
    x = lift(a)
    if x.aval.ndim != 1:
        raise ShapeError(f"searchsorted: the sorted array must have one axis, its shape is {x.aval.shape}")
    if sorter is not None:
        x = take(x, lift(sorter), axis=0)
    return ops.searchsorted(x, v, right=side == "right")
