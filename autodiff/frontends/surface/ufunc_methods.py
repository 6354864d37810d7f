"""Methods of ufuncs: reduce, accumulate, reduceat and outer, for those that are associative.

`accumulate` of maximum, minimum and logaddexp doubles the width of its windows at each step
(Hillis and Steele, "Data parallel algorithms", 1986): log2(n) elementwise instructions, and no
element is counted twice, so ties are shared as the ufunc itself shares them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, AxisError
from autodiff.frontends.surface import reductions
from autodiff.frontends.surface.common import as_dtype, lift, one_axis
from autodiff.frontends.surface.shapes import concatenate, moveaxis, reshape
from autodiff.frontends.surface.static import static_array
from autodiff.ops import arithmetic as ar
from autodiff.ops import transcendental as tr
from autodiff.ops.families import select
from autodiff.ops.indexing import scatter_add, take
from autodiff.ops.movement import slice_axis

REDUCED: dict[Any, Callable[..., Any]] = {
    np.add: reductions.sum,
    np.multiply: reductions.prod,
    np.maximum: reductions.max,
    np.minimum: reductions.min,
    np.logaddexp: reductions.logaddexp_reduce,
    np.logical_and: reductions.all,
    np.logical_or: reductions.any,
}


def _by_doubling(combine: Callable[..., Any]) -> Callable[..., Any]:
    def accumulate(array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        x = as_dtype(lift(array), dtype)
        k = one_axis(axis, x.aval.ndim, "accumulate")
        n, width = x.aval.shape[k], 1
        while width < n:
            later = combine(slice_axis(x, k, 0, n - width), slice_axis(x, k, width, n))
            x = concatenate([slice_axis(x, k, 0, width), later], k)
            width *= 2
        return x

    return accumulate


ACCUMULATED: dict[Any, Callable[..., Any]] = {
    np.add: reductions.cumsum,
    np.multiply: reductions.cumprod,
    np.maximum: _by_doubling(ar.maximum),
    np.minimum: _by_doubling(ar.minimum),
    np.logaddexp: _by_doubling(tr.logaddexp),
    np.logical_and: _by_doubling(ar.logical_and),
    np.logical_or: _by_doubling(ar.logical_or),
}


def reduce(ufunc: Any, array: Any, axis: Any = 0, **kwargs: Any) -> Any:
    """`ufunc.reduce`: what the reduction of the same meaning does."""
    given = {k: v for k, v in kwargs.items() if v is not None}
    return REDUCED[ufunc](array, axis=axis, **given)


def accumulate(ufunc: Any, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    return ACCUMULATED[ufunc](array, axis=axis, dtype=dtype, out=out)


def outer(function: Callable[..., Any], a: Any, b: Any) -> Any:
    """The ufunc of every pair: an axis of length 1 in a for each axis of b."""
    x, y = lift(a), lift(b)
    return function(reshape(x, x.aval.shape + (1,) * y.aval.ndim), y)


# ---- reduceat --------------------------------------------------------------------------------


def reduceat(ufunc: Any, array: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    """Reduce x[i:j] for neighbouring indices i < j; where they do not rise, x[i] alone."""
    x = as_dtype(lift(array), dtype)
    k = one_axis(axis, x.aval.ndim, "reduceat")
    places = _segments(static_array(indices, f"np.{ufunc.__name__}.reduceat: indices"), x.aval.shape[k])
    if ufunc is np.add:
        source = np.concatenate(places)
        owner = np.repeat(np.arange(len(places)), [p.size for p in places])
        shape = tuple(len(places) if j == k else n for j, n in enumerate(x.aval.shape))
        return scatter_add(take(x, lift(source), axis=k), lift(owner), shape=shape, axis=k)
    # A row for each segment, filled up with what changes no result.
    longest = max(p.size for p in places)
    table = np.zeros((len(places), longest), np.intp)
    inside = np.zeros((len(places), longest), bool)
    for row, mask, own in zip(table, inside, places, strict=True):
        row[: own.size], mask[: own.size] = own, True
    rows = moveaxis(take(x, lift(table), axis=k), (k, k + 1), (-2, -1))
    rows = select(lift(inside), rows, _neutral(ufunc, x.aval.dtype))
    return moveaxis(REDUCED[ufunc](rows, axis=-1), -1, k)


def _segments(indices: np.ndarray, n: int) -> list[np.ndarray]:
    """The positions that each result combines."""
    if indices.ndim != 1 or indices.dtype.kind not in "iu" or not indices.size:
        raise ArgumentError(f"reduceat: indices must be a row of integers, got shape {indices.shape}")
    if indices.min() < 0 or indices.max() >= n:
        raise AxisError(f"reduceat: index {indices[(indices < 0) | (indices >= n)][0]} out of bounds [0, {n})")
    edges = [*indices.tolist(), n]
    return [np.arange(a, b if a < b else a + 1) for a, b in itertools.pairwise(edges)]


def _neutral(ufunc: Any, dtype: np.dtype) -> Any:
    if ufunc.identity is not None and ufunc is not np.logaddexp:
        return dtype.type(ufunc.identity).item()
    if ufunc is np.logaddexp:
        return -np.inf
    return reductions.lowest(dtype) if ufunc is np.maximum else reductions.highest(dtype)


def answers(ufunc: Any, method: str) -> bool:
    """Whether this method of the ufunc has a rule."""
    return ufunc in (ACCUMULATED if method == "accumulate" else REDUCED) if method != "outer" else True


METHODS: dict[str, Callable[..., Any]] = {"reduce": reduce, "accumulate": accumulate, "reduceat": reduceat}
