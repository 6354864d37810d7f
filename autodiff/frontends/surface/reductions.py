"""NumPy's reductions and scans, with NumPy's signatures."""

from __future__ import annotations

import builtins
import math
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, DTypeError, ShapeError
from autodiff.frontends.surface.common import as_dtype, as_float, keep, lift, one_axis, some_axes, unsupported
from autodiff.ir.aval import ArrayAval
from autodiff.ops import reduction as ops
from autodiff.ops.arithmetic import logical_or, maximum, minimum, stop_gradient, sub
from autodiff.ops.complex_numbers import squared_magnitude
from autodiff.ops.families import (
    add,
    broadcast_shapes,
    broadcast_to,
    full,
    logical_and,
    mul,
    not_equal,
    reduce_sum,
    reshape,
    select,
)
from autodiff.ops.families import cast as cast_op
from autodiff.ops.movement import concatenate, transpose
from autodiff.ops.transcendental import exp, root

MISSING = np._NoValue  # type: ignore[attr-defined]


def _reduce(
    op: Any, name: str, x: Any, axis: Any, keepdims: Any, dtype: Any, out: Any, where: Any, initial: Any
) -> Any:
    if out is not None:
        unsupported(name, out=(out, None))
    x = lift(x) if dtype is None else as_dtype(lift(x), dtype)
    axes = some_axes(axis, x.aval.ndim, name)
    neutral, combine = NEUTRAL[name]
    if where is not MISSING and everywhere(where):
        if name in ("max", "min") and (initial is MISSING or initial is None):
            raise ArgumentError(f"{name}: with where= there may be nothing to choose from", "give initial= as well")
        x = select(included(where, x, name), x, neutral(x.aval.dtype))
    if initial is MISSING or initial is None:
        return keep(op(x, axes=axes), x.aval.shape, axes, bool(keepdims is not MISSING and keepdims))
    if not _count(x.aval.shape, axes):
        x = broadcast_to(as_dtype(lift(initial), x.aval.dtype), _once(x.aval.shape, axes))
        return keep(op(x, axes=axes), x.aval.shape, axes, bool(keepdims is not MISSING and keepdims))
    y = op(x, axes=axes)
    return keep(combine(y, initial), x.aval.shape, axes, bool(keepdims is not MISSING and keepdims))


def lowest(dtype: np.dtype) -> Any:
    """What is below every number of a dtype."""
    return -np.inf if dtype.kind == "f" else int(np.iinfo(dtype).min) if dtype.kind in "iu" else False


def highest(dtype: np.dtype) -> Any:
    """What is above every number of a dtype."""
    return np.inf if dtype.kind == "f" else int(np.iinfo(dtype).max) if dtype.kind in "iu" else True


# What an element that `where` leaves out counts as, and how `initial` joins the result.
NEUTRAL: dict[str, tuple[Any, Any]] = {
    "sum": (lambda dtype: 0, add),
    "prod": (lambda dtype: 1, mul),
    "max": (lowest, maximum),
    "min": (highest, minimum),
    "any": (lambda dtype: False, logical_or),
    "all": (lambda dtype: True, logical_and),
}


def included(where: Any, x: Any, name: str) -> Any:
    """A `where=` argument as booleans of the shape of x."""
    mask = as_dtype(lift(where), np.bool_)
    if broadcast_shapes(name, [mask.aval.shape, x.aval.shape]) != x.aval.shape:
        raise ShapeError(f"{name}: where of shape {mask.aval.shape} does not fit an array of shape {x.aval.shape}")
    return broadcast_to(mask, x.aval.shape)


def everywhere(where: Any) -> bool:
    """Whether a `where=` argument leaves anything out."""
    return where is not MISSING and where is not True and where is not None


def _once(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(1 if k in axes else n for k, n in enumerate(shape))


def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = MISSING,
    initial: Any = MISSING,
    where: Any = MISSING,
) -> Any:
    return _reduce(reduce_sum, "sum", a, axis, keepdims, dtype, out, where, initial)


def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = MISSING,
    initial: Any = MISSING,
    where: Any = MISSING,
) -> Any:
    return _reduce(ops.reduce_prod, "prod", a, axis, keepdims, dtype, out, where, initial)


def max(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING, where: Any = MISSING
) -> Any:
    return _reduce(ops.reduce_max, "max", a, axis, keepdims, None, out, where, initial)


def min(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING, where: Any = MISSING
) -> Any:
    return _reduce(ops.reduce_min, "min", a, axis, keepdims, None, out, where, initial)


def any(a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, *, where: Any = MISSING) -> Any:
    return _reduce(ops.reduce_any, "any", as_dtype(lift(a), np.bool_), axis, keepdims, None, out, where, MISSING)


def all(a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, *, where: Any = MISSING) -> Any:
    return _reduce(ops.reduce_all, "all", as_dtype(lift(a), np.bool_), axis, keepdims, None, out, where, MISSING)


def logaddexp_reduce(array: Any, axis: Any = 0, **kwargs: Any) -> Any:
    """`np.logaddexp.reduce`."""
    unsupported("np.logaddexp.reduce", **{k: (v, None) for k, v in kwargs.items() if k != "keepdims"})
    return logsumexp(array, axis=axis, keepdims=bool(kwargs.get("keepdims", False)))


def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return sum(cast_op(not_equal(lift(a), 0), dtype=np.dtype(np.intp)), axis=axis, keepdims=keepdims)


def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING) -> Any:
    unsupported("ptp", out=(out, None))
    return sub(max(a, axis=axis, keepdims=keepdims), min(a, axis=axis, keepdims=keepdims))


@lru_cache(maxsize=4096)
def _count(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    return math.prod([shape[k] for k in axes])


def counted(x: Any, axes: tuple[int, ...], keepdims: Any, where: Any) -> Any:
    """How many elements a mean is over: a number, or an array of them with `where`."""
    if not everywhere(where):
        return float(_count(x.aval.shape, axes))
    ones = cast_op(included(where, x, "mean"), dtype=x.aval.dtype)
    return sum(ones, axis=axes, keepdims=keepdims)


def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, *, where: Any = MISSING
) -> Any:
    x = as_dtype(as_float(lift(a)), dtype)
    axes = some_axes(axis, x.aval.ndim, "mean")
    return sum(x, axis=axis, out=out, keepdims=keepdims, where=where) / counted(x, axes, keepdims, where)


def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = MISSING) -> Any:
    x = lift(a)
    if weights is None:
        y = mean(x, axis=axis, keepdims=keepdims)
        n = float(_count(x.aval.shape, some_axes(axis, x.aval.ndim, "average")))
        return (y, full(y.aval, n)) if returned else y
    x, w = as_float(x), lift(weights)
    w = w if w.aval.shape == x.aval.shape else _along_axes(w, x.aval.shape, axis)
    scale = sum(broadcast_to(w, x.aval.shape), axis=axis, keepdims=keepdims)
    y = sum(mul(x, w), axis=axis, keepdims=keepdims) / scale
    return (y, as_dtype(scale, y.aval.dtype)) if returned else y


def _along_axes(w: Any, shape: tuple[int, ...], axis: Any) -> Any:
    """Weights of some axes, in the order these are named, as an array that broadcasts."""
    if axis is None:
        raise DTypeError(f"average: weights of shape {w.aval.shape} for an array of shape {shape}", "say which axis")
    named = [one_axis(k, len(shape), "average") for k in (axis if isinstance(axis, tuple) else (axis,))]
    if w.aval.shape != tuple(shape[k] for k in named):
        raise ShapeError(f"average: weights of shape {w.aval.shape} do not fit axis {axis} of shape {shape}")
    moved = transpose(w, perm=tuple(int(k) for k in np.argsort(named)))
    return reshape(moved, shape=tuple(n if k in named else 1 for k, n in enumerate(shape)))


def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = MISSING,
    *,
    where: Any = MISSING,
    mean: Any = MISSING,
    correction: Any = MISSING,
) -> Any:
    unsupported("var", out=(out, None))
    ddof = ddof if correction is MISSING else correction
    x = as_dtype(as_float(lift(a)), dtype)
    axes = some_axes(axis, x.aval.ndim, "var")
    centre = mean
    if mean is MISSING:
        centre = sum(x, axis=axes, keepdims=True, where=where) / counted(x, axes, True, where)
    deviation = x - centre
    free = counted(x, axes, keepdims, where) - float(ddof)
    # NumPy divides by nothing, and not by less, where there are fewer elements than ddof.
    free = builtins.max(free, 0.0) if isinstance(free, float) else maximum(free, 0.0)
    return sum(squared_magnitude(deviation), axis=axes, keepdims=keepdims, where=where) / free


def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: float = 0,
    keepdims: Any = MISSING,
    *,
    where: Any = MISSING,
    mean: Any = MISSING,
    correction: Any = MISSING,
) -> Any:
    return root(var(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction))


def argmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = MISSING) -> Any:
    return _arg(ops.argmax, "argmax", a, axis, out, keepdims)


def argmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = MISSING) -> Any:
    return _arg(ops.argmin, "argmin", a, axis, out, keepdims)


def _arg(op: Any, name: str, a: Any, axis: Any, out: Any, keepdims: Any) -> Any:
    unsupported(name, out=(out, None))
    x = lift(a)
    shape = x.aval.shape
    kept = keepdims is not MISSING and keepdims
    if axis is None:
        flat = reshape(x, shape=(1, x.aval.size))
        return reshape(op(flat, axis=1), shape=(1,) * len(shape) if kept else ())
    k = one_axis(axis, len(shape), name)
    if len(shape) == 1:
        found = reshape(op(reshape(x, shape=(1, shape[0])), axis=1), shape=())
    else:
        found = op(x, axis=k)
    return keep(found, shape, (k,), kept)


def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    unsupported("cumsum", out=(out, None))
    x, k = _flat_axis(as_dtype(lift(a), dtype), axis, "cumsum")
    return ops.cumsum(x, axis=k)


def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    unsupported("cumprod", out=(out, None))
    x, k = _flat_axis(as_dtype(lift(a), dtype), axis, "cumprod")
    return ops.cumprod(x, k)


def cumulative_sum(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    return _cumulative(cumsum, 0, "cumulative_sum", x, axis, dtype, out, include_initial)


def cumulative_prod(
    x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None, include_initial: bool = False
) -> Any:
    return _cumulative(cumprod, 1, "cumulative_prod", x, axis, dtype, out, include_initial)


def _cumulative(
    scan: Any, first: int, name: str, x: Any, axis: Any, dtype: Any, out: Any, include_initial: bool
) -> Any:
    a = lift(x)
    if axis is None and a.aval.ndim != 1:
        raise ArgumentError(f"{name}: an array of shape {a.aval.shape} needs an axis", "say which: axis=0")
    k = 0 if axis is None else one_axis(axis, a.aval.ndim, name)
    y = scan(a, axis=k, dtype=dtype, out=out)
    if not include_initial:
        return y
    front = full(ArrayAval(tuple(1 if j == k else n for j, n in enumerate(y.aval.shape)), y.aval.dtype), first)
    return concatenate(front, y, axis=k)


def _flat_axis(x: Any, axis: Any, name: str) -> tuple[Any, int]:
    if axis is None:
        return reshape(x, shape=(x.aval.size,)), 0
    return x, one_axis(axis, x.aval.ndim, name)


# ---- SciPy's ------------------------------------------------------------------------------


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """log(sum(exp(a))), without overflow; all -inf gives -inf with derivative 0."""
    unsupported("logsumexp", b=(b, None), return_sign=(return_sign, False))
    x = as_float(lift(a))
    axes = some_axes(axis, x.aval.ndim, "logsumexp")
    return keep(ops.logsumexp(x, axes=axes), x.aval.shape, axes, keepdims)


def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / sum(exp(x)) along `axis` (all axes by default, as in SciPy)."""
    x = as_float(lift(x))
    top = stop_gradient(max(x, axis=axis, keepdims=True))
    e = exp(x - top)
    return e / sum(e, axis=axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """x - logsumexp(x) along `axis` (all axes by default, as in SciPy)."""
    x = as_float(lift(x))
    return x - logsumexp(x, axis=axis, keepdims=True)
