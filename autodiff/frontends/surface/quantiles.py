"""Median, quantile, percentile: picked from the sorted elements, between two of them linearly.

`nan` makes the result nan, as in NumPy; `nanmedian` leaves it out.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, NotDifferentiableError, ShapeError
from autodiff.frontends.surface.common import as_float, keep, lift, some_axes, unsupported
from autodiff.frontends.surface.indexing import getitem
from autodiff.frontends.surface.ordering import sorted_along
from autodiff.frontends.surface.shapes import stack
from autodiff.ir.core import Operand
from autodiff.ops.arithmetic import isnan, maximum
from autodiff.ops.families import cast, logical_not, reduce_sum, reshape, select
from autodiff.ops.movement import transpose
from autodiff.ops.ordering import INTP, take_along


def _sorted_rows(x: Any, axes: tuple[int, ...], name: str) -> Any:
    """The elements along `axes`, sorted, as the last axis; the other axes in front."""
    kept = tuple(k for k in range(x.aval.ndim) if k not in axes)
    outer = tuple(x.aval.shape[k] for k in kept)
    count = int(np.prod([x.aval.shape[k] for k in axes], dtype=int))
    if not count:
        raise ShapeError(f"{name} of zero elements has no value: shape {x.aval.shape}", "check for empty input")
    rows = reshape(transpose(x, perm=(*kept, *axes)), shape=(*outer, count))
    return sorted_along(rows, len(outer))


def _nan_if_any(rows: Any, y: Any) -> Any:
    """nan where a row holds one: it has been sorted to the end."""
    return select(isnan(getitem(rows, (..., -1))), np.nan, y)


def median(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    unsupported("median", out=(out, None))
    x = as_float(lift(a))
    axes = some_axes(axis, x.aval.ndim, "median")
    rows = _sorted_rows(x, axes, "median")
    n = rows.aval.shape[-1]
    middle = getitem(rows, (..., n // 2))
    if n % 2 == 0:
        middle = 0.5 * (getitem(rows, (..., n // 2 - 1)) + middle)
    return keep(_nan_if_any(rows, middle), x.aval.shape, axes, keepdims)


def nanmedian(a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: bool = False) -> Any:
    unsupported("nanmedian", out=(out, None))
    x = as_float(lift(a))
    axes = some_axes(axis, x.aval.ndim, "nanmedian")
    rows = _sorted_rows(x, axes, "nanmedian")
    last = rows.aval.ndim - 1
    count = reduce_sum(cast(logical_not(isnan(rows)), dtype=INTP), axes=(last,))
    count = reshape(count, shape=(*count.aval.shape, 1))
    # A row of nan has no middle: place 0 holds nan, which is its median.
    low, high = maximum((count - 1) // 2, 0), maximum(count, 1) // 2
    middle = 0.5 * (take_along(rows, low, axis=last) + take_along(rows, _inside(high, count), axis=last))
    return keep(reshape(middle, shape=middle.aval.shape[:-1]), x.aval.shape, axes, keepdims)


def _inside(place: Any, count: Any) -> Any:
    return select(place < count, place, 0)


def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
    interpolation: Any = None,
) -> Any:
    unsupported("quantile", out=(out, None), weights=(weights, None), interpolation=(interpolation, None))
    return _quantile("quantile", a, q, 1.0, axis, method, keepdims)


def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: Any = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
    interpolation: Any = None,
) -> Any:
    unsupported("percentile", out=(out, None), weights=(weights, None), interpolation=(interpolation, None))
    return _quantile("percentile", a, q, 100.0, axis, method, keepdims)


def _quantile(name: str, a: Any, q: Any, whole: float, axis: Any, method: str, keepdims: bool) -> Any:
    if method != "linear":
        raise NotDifferentiableError(f"np.{name} with method={method!r} has no rule in autodiff", "use method='linear'")
    if isinstance(q, Operand):
        raise NotDifferentiableError(f"np.{name} has no derivative with respect to q here", "pass q as plain numbers")
    part = np.asarray(q, np.float64) / whole
    if not part.size or not (part.min() >= 0.0 and part.max() <= 1.0):
        raise ArgumentError(f"{name}: q must be between 0 and {whole:g}, got {q!r:.60}")
    x = as_float(lift(a))
    axes = some_axes(axis, x.aval.ndim, name)
    rows = _sorted_rows(x, axes, name)
    found = [_nan_if_any(rows, _between(rows, float(p))) for p in part.ravel()]
    found = [keep(y, x.aval.shape, axes, keepdims) for y in found]
    if part.ndim == 0:
        return found[0]
    return reshape(stack(found), shape=(*part.shape, *found[0].aval.shape))


def _between(rows: Any, part: float) -> Any:
    """The quantile of each row, by NumPy's formula: computed from the nearer of its two neighbours."""
    n = rows.aval.shape[-1]
    place = part * (n - 1)
    low = int(np.floor(place))
    t = place - low
    below = getitem(rows, (..., low))
    if t == 0.0:
        return below
    above = getitem(rows, (..., low + 1))
    return below + (above - below) * t if t < 0.5 else above - (above - below) * (1.0 - t)
