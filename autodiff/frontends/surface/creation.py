"""Arrays made from a shape or from end points: linspace and kin are differentiable in their ends."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.frontends.surface.common import as_dtype, as_float, lift, one_axis, valued
from autodiff.frontends.surface.shapes import _sizes as sizes
from autodiff.frontends.surface.shapes import broadcast_to, moveaxis
from autodiff.ir.aval import ArrayAval
from autodiff.ir.core import Operand
from autodiff.ops import arithmetic as ar
from autodiff.ops.families import broadcast_shapes, cast, full, promoted, reshape, select
from autodiff.ops.promotion import common_types
from autodiff.ops.transcendental import power


def zeros_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **kw: Any) -> Any:
    return full_like(a, 0, dtype, shape=shape)


def ones_like(a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **kw: Any) -> Any:
    return full_like(a, 1, dtype, shape=shape)


def empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **kw: Any
) -> Any:
    """Zeros: an array that nobody has written to has no values to record."""
    return full_like(prototype, 0, dtype, shape=shape)


def full_like(
    a: Any, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None, **kw: Any
) -> Any:
    aval = lift(a).aval
    wanted = ArrayAval(aval.shape if shape is None else sizes(shape), np.dtype(dtype or aval.dtype))
    if isinstance(fill_value, int | float):
        return valued(full(wanted, fill_value))
    return valued(broadcast_to(as_dtype(lift(fill_value), wanted.dtype), wanted.shape))


def arange(start: Any, stop: Any, step: Any = 1, dtype: Any = None) -> Any:
    """`numpy.arange` of recorded ends; how many points there are is asked for as a Python int.

    Raises
    ------
    ConcretizationError
        Where that has no value: it depends on what a loop carries, or on an entry of a batch.
    """
    points = start + step * np.arange(int(np.ceil((stop - start) / step)))
    return as_dtype(points, dtype) if isinstance(points, Operand) else np.asarray(points, dtype)


# ---- points between two ends -----------------------------------------------------------------


def linspace(
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: Any = 0,
    *,
    device: Any = None,
) -> Any:
    """start + k * step, and the last point exactly stop."""
    first, last, count = _ends("linspace", start, stop, num)
    divisions = count - 1 if endpoint else count
    step = (last - first) / float(divisions) if divisions > 0 else ar.tie(full(first.aval, np.nan), last - first)
    y = _at_places(lambda k: first + k * step if divisions > 0 else first, count, first)
    if endpoint and count > 1:
        y = _with_end(y, count - 1, last)
    if dtype is not None and np.dtype(dtype).kind in "iu":
        y = ar.floor(y)
    y = _placed(as_dtype(y, dtype), axis)
    return (y, step) if retstep else y


def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: Any = 0
) -> Any:
    b = lift(base)
    if b.aval.ndim:
        start, stop = lift(start), lift(stop)
        shape = broadcast_shapes("logspace", [start.aval.shape, stop.aval.shape, b.aval.shape])
        start, stop, b = (broadcast_to(x, shape) for x in (start, stop, b))
    places = linspace(start, stop, num, endpoint)
    return _placed(as_dtype(power(as_float(b), places), dtype), axis)


def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: Any = 0) -> Any:
    """start * (stop / start)**t for t from 0 to 1; both ends of one sign, and exact."""
    first, last, count = _ends("geomspace", start, stop, num)
    divisions = count - 1 if endpoint else count
    ratio = last / first
    y = _at_places(lambda k: first * power(ratio, k / float(max(divisions, 1))), count, first)
    if count:
        y = _with_end(y, 0, first)
    if endpoint and count > 1:
        y = _with_end(y, count - 1, last)
    return _placed(as_dtype(y, dtype), axis)


def _ends(name: str, start: Any, stop: Any, num: Any) -> tuple[Any, Any, int]:
    """Both ends as floats of one shape, and the number of points."""
    count = operator.index(num)
    if count < 0:
        raise ArgumentError(f"{name}: the number of points, {count}, must not be negative")
    ends = [as_float(x) for x in promoted(common_types, [start, stop])]
    shape = broadcast_shapes(name, [x.aval.shape for x in ends])
    first, last = (broadcast_to(x, shape) for x in ends)
    return first, last, count


def _at_places(value: Any, count: int, like: Any) -> Any:
    """`value(k)` for k = 0, 1, ..., along a new first axis."""
    k = np.arange(count, dtype=like.aval.dtype).reshape(count, *(1,) * like.aval.ndim)
    return broadcast_to(value(lift(k)), (count, *like.aval.shape))


def _with_end(y: Any, place: int, end: Any) -> Any:
    here = np.arange(y.aval.shape[0]).reshape(-1, *(1,) * end.aval.ndim) == place
    return select(lift(here), reshape(end, shape=(1, *end.aval.shape)), y)


def _placed(y: Any, axis: Any) -> Any:
    k = one_axis(axis, y.aval.ndim, "axis")
    return y if k == 0 else moveaxis(y, 0, k)


def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    y, wanted = lift(x), np.dtype(dtype)
    if y.aval.dtype == wanted:
        return ar.identity(y) if copy else y
    return cast(y, dtype=wanted)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.zeros_like: zeros_like,
    np.ones_like: ones_like,
    np.empty_like: empty_like,
    np.full_like: full_like,
    np.linspace: linspace,
    np.logspace: logspace,
    np.geomspace: geomspace,
    np.astype: astype,
}
