"""Median, quantile, percentile: picked from the sorted elements, between two of them linearly.

`nan` makes the result nan, as in NumPy; the functions whose names begin with nan leave it out.
Places among the sorted elements are those of Hyndman and Fan, "Sample quantiles in statistical
packages", 1996, under the names that NumPy has for them. Between two elements the result is
differentiable in q too, where the method is continuous.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, NotDifferentiableError, ShapeError
from autodiff.frontends.surface.common import as_dtype, as_float, keep, lift, some_axes, unsupported
from autodiff.frontends.surface.indexing import getitem
from autodiff.frontends.surface.ordering import sorted_along
from autodiff.frontends.surface.shapes import moveaxis
from autodiff.ir.core import Operand
from autodiff.ops.arithmetic import clip, floor, isfinite, isnan, logical_or, maximum, rint, stop_gradient
from autodiff.ops.families import (
    broadcast_to,
    cast,
    equal,
    logical_and,
    logical_not,
    not_equal,
    reduce_sum,
    reshape,
    select,
)
from autodiff.ops.movement import transpose
from autodiff.ops.ordering import INTP, take_along

# method -> (alpha, beta): the place is alpha + q * (n + 1 - alpha - beta), counted from 1
CONTINUOUS = {
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "linear": (1.0, 1.0),
    "median_unbiased": (1.0 / 3.0, 1.0 / 3.0),
    "normal_unbiased": (3.0 / 8.0, 3.0 / 8.0),
}
STEPS = ("lower", "higher", "nearest", "midpoint", "inverted_cdf", "averaged_inverted_cdf", "closest_observation")


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
    return _quantile("nanmedian", a, 0.5, 1.0, axis, "linear", keepdims)


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
    _refuse_arguments("quantile", out, weights, interpolation)
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
    _refuse_arguments("percentile", out, weights, interpolation)
    return _quantile("percentile", a, q, 100.0, axis, method, keepdims)


def nanquantile(
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
    _refuse_arguments("nanquantile", out, weights, interpolation)
    return _quantile("nanquantile", a, q, 1.0, axis, method, keepdims)


def nanpercentile(
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
    _refuse_arguments("nanpercentile", out, weights, interpolation)
    return _quantile("nanpercentile", a, q, 100.0, axis, method, keepdims)


def _refuse_arguments(name: str, out: Any, weights: Any, interpolation: Any) -> None:
    if interpolation is not None:
        raise ArgumentError(f"{name}: interpolation= is an old name of method=", f"write method={interpolation!r}")
    if weights is not None:
        raise NotDifferentiableError(
            f"np.{name} with weights= has no rule in autodiff", "repeat elements with np.repeat, or use np.average"
        )
    unsupported(name, out=(out, None))


def _quantile(name: str, a: Any, q: Any, whole: float, axis: Any, method: str, keepdims: bool) -> Any:
    if method not in CONTINUOUS and method not in STEPS:
        raise ArgumentError(f"{name}: there is no method {method!r}", f"methods are {', '.join([*CONTINUOUS, *STEPS])}")
    if not isinstance(q, Operand):
        given = np.asarray(q, np.float64)
        if not given.size or not (given.min() >= 0.0 and given.max() <= whole):
            raise ArgumentError(f"{name}: q must be between 0 and {whole:g}, got {q!r:.60}")
    x = as_float(lift(a))
    # A number takes the dtype of the array; an array of places keeps its own.
    part = as_dtype(lift(q), x.aval.dtype) if isinstance(q, int | float) else as_float(lift(q))
    part = part / whole
    axes = some_axes(axis, x.aval.ndim, name)
    rows = _sorted_rows(x, axes, name)
    outer, n = rows.aval.shape[:-1], rows.aval.shape[-1]
    # One place for each q, side by side along the last axis.
    parts = broadcast_to(reshape(part, shape=(part.aval.size,)), (*outer, part.aval.size))
    if name.startswith("nan"):
        present = reduce_sum(cast(logical_not(isnan(rows)), dtype=x.aval.dtype), axes=(len(outer),))
        # A row of nan has one element: place 0 holds nan.
        count = maximum(reshape(present, shape=(*outer, 1)), 1.0)
    else:
        count = float(n)
    found = _continuous(rows, parts, count, method) if method in CONTINUOUS else _step(rows, parts, count, method)
    if isinstance(q, Operand):
        # Recorded places may lie outside, which NumPy refuses when it sees their values.
        found = select(logical_and(parts >= 0.0, parts <= 1.0), found, np.nan)
    if not name.startswith("nan"):
        found = select(isnan(getitem(rows, (..., slice(-1, None)))), np.nan, found)
    found = reshape(moveaxis(found, -1, 0), shape=(*part.aval.shape, *outer))
    if not keepdims:
        return found
    once = tuple(1 if k in axes else m for k, m in enumerate(x.aval.shape))
    return reshape(found, shape=(*part.aval.shape, *once))


def _continuous(rows: Any, parts: Any, count: Any, method: str) -> Any:
    """Linear between the two elements around a place that moves with q."""
    alpha, beta = CONTINUOUS[method]
    place = parts * (count + (1.0 - alpha - beta)) + (alpha - 1.0)
    place = clip(place, 0.0, count - 1.0)
    return _between(rows, place, count)


def _between(rows: Any, place: Any, count: Any) -> Any:
    low = floor(stop_gradient(place))
    t = place - low
    below = _at(rows, low)
    above = _at(rows, clip(low + 1.0, 0.0, count - 1.0))
    # Computed from the nearer neighbour, as NumPy does; on an element an infinite neighbour does not count.
    width = above - below
    width = select(logical_or(isfinite(width), not_equal(t, 0.0)), width, 0.0)
    return select(t < 0.5, below + width * t, above - width * (1.0 - t))


def _step(rows: Any, parts: Any, count: Any, method: str) -> Any:
    """Methods that pick an element, or the mean of two: constant in q."""
    parts = stop_gradient(parts)
    place = parts * (count - 1.0)
    if method == "midpoint":
        low = floor(place)
        # On an element it is that element.
        high = select(equal(low, place), low, low + 1.0)
        return 0.5 * (_at(rows, low) + _at(rows, high))
    if method == "lower":
        return _at(rows, floor(place))
    if method == "higher":
        return _at(rows, -floor(-place))
    if method == "nearest":
        return _at(rows, rint(place))
    place = parts * count - 1.0
    low = floor(place)
    exact = equal(place, low)
    if method == "closest_observation":
        return _at(rows, clip(_half_to_even(parts * count - 1.5), 0.0, count - 1.0))
    high = clip(low + 1.0, 0.0, count - 1.0)
    low = clip(low, 0.0, count - 1.0)
    if method == "inverted_cdf":
        return _at(rows, select(exact, low, high))
    return select(exact, 0.5 * (_at(rows, low) + _at(rows, high)), _at(rows, high))


def _half_to_even(place: Any) -> Any:
    """The nearest observation; of two equally near, the one with the even number (counted from 1)."""
    low = floor(place)
    stays = logical_and(equal(place, low), equal(low - 2.0 * floor(low / 2.0), 1.0))
    return select(stays, low, low + 1.0)


def _at(rows: Any, place: Any) -> Any:
    """The elements at these places; a derivative reaches the elements, not the places."""
    return take_along(rows, cast(place, dtype=INTP), axis=rows.aval.ndim - 1)
