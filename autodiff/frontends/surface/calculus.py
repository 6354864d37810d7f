"""Differences, sums and lines between samples: diff, ediff1d, trapezoid, gradient, interp."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.surface.common import as_dtype, as_float, lift, one_axis
from autodiff.frontends.surface.indexing import getitem
from autodiff.frontends.surface.reductions import MISSING
from autodiff.frontends.surface.reductions import sum as sum_
from autodiff.frontends.surface.shapes import concatenate, moveaxis, ravel
from autodiff.ir.core import Operand
from autodiff.ops.arithmetic import absolute, clip, mod, sub
from autodiff.ops.families import broadcast_to, equal, not_equal, select
from autodiff.ops.indexing import take
from autodiff.ops.ordering import argsort, searchsorted


def _last(x: Any, start: int | None, stop: int | None = None) -> Any:
    """x[..., start:stop]."""
    return getitem(x, (..., slice(start, stop)))


def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = MISSING, append: Any = MISSING) -> Any:
    """Differences of neighbours, n times; of booleans whether they differ."""
    if n < 0:
        raise ArgumentError(f"diff: the order, {n}, must not be negative")
    x = lift(a)
    if n == 0:
        return x
    if not x.aval.ndim:
        raise ShapeError("diff: an array of shape () has no neighbours", "give an array of one or more axes")
    k = one_axis(axis, x.aval.ndim, "diff")
    parts = [_end(prepend, x, k), x, _end(append, x, k)]
    parts = [p for p in parts if p is not None]
    x = moveaxis(x if len(parts) == 1 else concatenate(parts, k), k, -1)
    for _ in range(n):
        step = not_equal if x.aval.dtype == np.bool_ else sub
        x = step(_last(x, 1), _last(x, None, -1))
    return moveaxis(x, -1, k)


def _end(value: Any, x: Any, axis: int) -> Any:
    if value is MISSING:
        return None
    v = lift(value)
    shape = tuple(1 if k == axis else m for k, m in enumerate(x.aval.shape))
    return v if v.aval.ndim else broadcast_to(v, shape)


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    x = ravel(lift(ary))
    parts = [_last(x, 1) - _last(x, None, -1)]
    parts = parts if to_begin is None else [as_dtype(ravel(lift(to_begin)), x.aval.dtype), *parts]
    parts = parts if to_end is None else [*parts, as_dtype(ravel(lift(to_end)), x.aval.dtype)]
    return concatenate(parts)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    values = lift(y)
    k = one_axis(axis, values.aval.ndim, "trapezoid")
    values = moveaxis(values, k, -1)
    width = dx
    if x is not None:
        places = lift(x)
        places = places if places.aval.ndim == 1 else moveaxis(places, axis, -1)
        width = _last(places, 1) - _last(places, None, -1)
    return sum_(width * (_last(values, 1) + _last(values, None, -1)) / 2.0, axis=-1)


# ---- gradient --------------------------------------------------------------------------------


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    x = as_float(lift(f))
    axes = range(x.aval.ndim) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    axes = [one_axis(k, x.aval.ndim, "gradient") for k in axes]
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: edge_order must be 1 or 2, got {edge_order}")
    found = tuple(
        moveaxis(_slopes(moveaxis(x, k, -1), h, edge_order), -1, k)
        for k, h in zip(axes, _spacings(varargs, len(axes)), strict=True)
    )
    return found[0] if len(found) == 1 else found


def _spacings(given: tuple[Any, ...], count: int) -> list[Any]:
    """For each axis a distance, or the coordinates along it."""
    spacings = [h if isinstance(h, int | float) else lift(h) for h in given]
    if not spacings:
        return [1.0] * count
    if len(spacings) == 1 and (not isinstance(spacings[0], Operand) or not spacings[0].aval.shape):
        return spacings * count
    if len(spacings) != count:
        raise ArgumentError(
            f"gradient: {len(spacings)} spacings for {count} axes", "give none, one number, or one per axis"
        )
    return spacings


def _slopes(y: Any, h: Any, edge_order: int) -> Any:
    """Central differences along the last axis, one-sided ones at its ends (Fornberg 1988)."""
    n = y.aval.shape[-1]
    if n < edge_order + 1:
        raise ShapeError(f"gradient: an axis of length {n} is too short for edge_order={edge_order}")
    if not isinstance(h, Operand) or not h.aval.shape:
        before = after = h
        head, tail = (h, h), (h, h)
    else:
        if h.aval.shape != (n,):
            raise ShapeError(f"gradient: coordinates of shape {h.aval.shape} do not fit an axis of length {n}")
        steps = _last(h, 1) - _last(h, None, -1)
        before, after = _last(steps, None, -1), _last(steps, 1)
        head, tail = (
            (_last(steps, 0, 1), _last(steps, 1, 2)),
            (_last(steps, n - 2, n - 1), _last(steps, n - 3, n - 2)),
        )
    first, second, third = ([_last(y, a, a + 1) for a in places] for places in ((0, n - 1), (1, n - 2), (2, n - 3)))
    inner = _weighted(
        (_last(y, None, -2), -after / (before * (before + after))),
        (_last(y, 1, -1), (after - before) / (before * after)),
        (_last(y, 2), before / (after * (before + after))),
    )
    if edge_order == 1:
        low, high = (second[0] - first[0]) / head[0], (first[1] - second[1]) / tail[0]
    else:
        low = _edge(first[0], second[0], third[0], *head)
        high = -_edge(first[1], second[1], third[1], *tail)
    return concatenate([low, inner, high], -1)


def _weighted(*terms: tuple[Any, Any]) -> Any:
    (y0, w0), (y1, w1), (y2, w2) = terms
    return y0 * w0 + y1 * w1 + y2 * w2


def _edge(y0: Any, y1: Any, y2: Any, near: Any, far: Any) -> Any:
    """The slope at y0 of the parabola through three points, `near` and `far` apart."""
    return _weighted(
        (y0, -(2.0 * near + far) / (near * (near + far))),
        (y1, (near + far) / (near * far)),
        (y2, -near / (far * (near + far))),
    )


# ---- interp ----------------------------------------------------------------------------------


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """The line through samples; differentiable in the places, the samples' places and their values.

    At a sample the derivative in `x` is the slope to its right; beyond the ends it is 0.
    """
    at, places, values = (as_dtype(lift(v), np.float64) for v in (x, xp, fp))
    if places.aval.ndim != 1 or places.aval.shape != values.aval.shape or not places.aval.size:
        raise ShapeError(f"interp: xp of shape {places.aval.shape} and fp of shape {values.aval.shape} do not fit")
    if period is not None:
        at, places, values = _around(at, places, values, period)
        left = right = None
    n = places.aval.size
    if n == 1:
        y = broadcast_to(getitem(values, 0), at.aval.shape)
    else:
        low = clip(searchsorted(places, at, right=True) - 1, 0, n - 2)
        y = _on_segment(at, places, values, low)
    y = select(at < getitem(places, 0), getitem(values, 0) if left is None else left, y)
    return select(at > getitem(places, -1), getitem(values, -1) if right is None else right, y)


def _around(at: Any, places: Any, values: Any, period: Any) -> tuple[Any, Any, Any]:
    """Places brought into one period, with the last sample repeated before and the first one after it."""
    if isinstance(period, int | float) and period == 0:
        raise ArgumentError("interp: the period must not be 0")
    length = absolute(lift(period))
    at, places = mod(at, length), mod(places, length)
    order = argsort(places, axis=0)
    places, values = take(places, order, axis=0), take(values, order, axis=0)
    first, last = (getitem(places, slice(0, 1)), getitem(places, slice(-1, None)))
    places = concatenate([last - length, places, first + length])
    values = concatenate([getitem(values, slice(-1, None)), values, getitem(values, slice(0, 1))])
    return at, places, values


def _on_segment(at: Any, places: Any, values: Any, low: Any) -> Any:
    x0, x1, y0, y1 = (take(v, low + k, axis=0) for v in (places, values) for k in (0, 1))
    same = equal(x0, x1)
    part = select(same, 1.0, (at - x0) / select(same, 1.0, x1 - x0))
    return y0 + part * (y1 - y0)
