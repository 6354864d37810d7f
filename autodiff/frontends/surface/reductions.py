"""NumPy's reductions and scans, with NumPy's signatures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.frontends.surface.common import as_dtype, as_float, keep, lift, one_axis, some_axes, unsupported
from autodiff.ops import reduction as ops
from autodiff.ops.arithmetic import absolute, isfinite, stop_gradient, sub
from autodiff.ops.families import cast as cast_op
from autodiff.ops.families import equal, logical_and, mul, not_equal, reduce_sum, reshape, select
from autodiff.ops.transcendental import exp, power, sqrt

MISSING = np._NoValue  # type: ignore[attr-defined]


def _reduce(
    op: Any, name: str, x: Any, axis: Any, keepdims: Any, dtype: Any, out: Any, where: Any, initial: Any
) -> Any:
    unsupported(name, out=(out, None))
    if where is not MISSING and where is not True:
        unsupported(name, where=(where, MISSING))
    if initial is not MISSING:
        unsupported(name, initial=(initial, MISSING))
    x = as_dtype(lift(x), dtype)
    axes = some_axes(axis, x.aval.ndim, name)
    return keep(op(x, axes=axes), x.aval.shape, axes, bool(keepdims is not MISSING and keepdims))


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


def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return sum(cast_op(lift(a) != 0, dtype=np.dtype(np.intp)), axis=axis, keepdims=keepdims)


def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING) -> Any:
    unsupported("ptp", out=(out, None))
    return sub(max(a, axis=axis, keepdims=keepdims), min(a, axis=axis, keepdims=keepdims))


def _count(shape: tuple[int, ...], axes: tuple[int, ...]) -> int:
    return math.prod(shape[k] for k in axes)


def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, *, where: Any = MISSING
) -> Any:
    x = as_dtype(as_float(lift(a)), dtype)
    axes = some_axes(axis, x.aval.ndim, "mean")
    total = sum(x, axis=axes, out=out, keepdims=keepdims, where=where)
    return total / float(_count(x.aval.shape, axes))


def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = MISSING) -> Any:
    unsupported("average", returned=(returned, False))
    if weights is None:
        return mean(a, axis=axis, keepdims=keepdims)
    x, w = lift(a), lift(weights)
    if w.aval.shape != x.aval.shape:
        axes = some_axes(axis, x.aval.ndim, "average")
        w = reshape(w, shape=tuple(n if k in axes else 1 for k, n in enumerate(x.aval.shape)))
    scale = (
        sum(w + 0.0 * x, axis=axis, keepdims=keepdims)
        if w.aval.shape != x.aval.shape
        else sum(w, axis=axis, keepdims=keepdims)
    )
    return sum(mul(x, w), axis=axis, keepdims=keepdims) / scale


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
    unsupported("var", out=(out, None), where=(where, MISSING), mean=(mean, MISSING))
    ddof = ddof if correction is MISSING else correction
    x = as_dtype(as_float(lift(a)), dtype)
    axes = some_axes(axis, x.aval.ndim, "var")
    n = _count(x.aval.shape, axes)
    centre = sum(x, axis=axes, keepdims=True) / float(n)
    deviation = x - centre
    return sum(deviation * deviation, axis=axes, keepdims=keepdims) / float(n - ddof)


def root(square: Any) -> Any:
    """sqrt with derivative 0 at 0: for norms and deviations, whose square root is no accident."""
    zero = equal(square, 0.0)
    return select(zero, 0.0, sqrt(select(zero, 1.0, square)))


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


def _flat_axis(x: Any, axis: Any, name: str) -> tuple[Any, int]:
    if axis is None:
        return reshape(x, shape=(x.aval.size,)), 0
    return x, one_axis(axis, x.aval.ndim, name)


# ---- norms ---------------------------------------------------------------------------------


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """`numpy.linalg.norm` for vectors, and matrices by entries ('fro', 1, inf, -1, -inf)."""
    x = as_float(lift(x))
    if ord is None or (ord == "fro" and (axis is None or len(tuple(np.atleast_1d(axis))) == 2)):
        return euclidean(x, some_axes(axis, x.aval.ndim, "norm"), keepdims)
    axes = (
        tuple(range(x.aval.ndim))
        if axis is None
        else tuple(one_axis(a, x.aval.ndim, "norm") for a in np.atleast_1d(axis))
    )
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    return _matrix_norm(x, ord, axes, keepdims)


def euclidean(x: Any, axes: tuple[int, ...], keepdims: bool = False) -> Any:
    """sqrt(sum(x**2)), scaled so that 1e-170 and 1e200 have norms, with derivative 0 at 0.

    The scale is a constant of the derivative: it cancels (Blue, "A portable Fortran program
    to find the Euclidean norm of a vector", 1978).
    """
    if x.aval.size == 0:
        return keep(reduce_sum(x, axes=axes), x.aval.shape, axes, keepdims)
    top = keep(ops.reduce_max(absolute(x), axes=axes), x.aval.shape, axes, True)
    usable = logical_and(isfinite(top), not_equal(top, 0.0))
    scale = stop_gradient(select(usable, top, 1.0))
    scaled = x / scale
    y = root(keep(reduce_sum(scaled * scaled, axes=axes), x.aval.shape, axes, True)) * scale
    return y if keepdims else reshape(y, shape=tuple(n for k, n in enumerate(x.aval.shape) if k not in axes))


def _vector_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if ord == 2:
        return euclidean(x, axes, keepdims)
    if ord == np.inf:
        return max(absolute(x), axis=axes, keepdims=keepdims)
    if ord == -np.inf:
        return min(absolute(x), axis=axes, keepdims=keepdims)
    if ord == 0:
        return sum(cast_op(not_equal(x, 0.0), dtype=x.aval.dtype), axis=axes, keepdims=keepdims)
    if ord == 1:
        return sum(absolute(x), axis=axes, keepdims=keepdims)
    total = sum(power(absolute(x), float(ord)), axis=axes, keepdims=keepdims)
    zero = equal(total, 0.0)
    return select(zero, 0.0, power(select(zero, 1.0, total), 1.0 / float(ord)))


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    rows, columns = axes
    if ord not in (1, -1, np.inf, -np.inf):
        unsupported("norm", ord=(ord, None))
    summed, other = (rows, columns) if abs(ord) == 1 else (columns, rows)
    totals = sum(absolute(x), axis=summed, keepdims=True)
    best = (max if ord > 0 else min)(totals, axis=other, keepdims=True)
    return best if keepdims else reshape(best, shape=tuple(n for k, n in enumerate(x.aval.shape) if k not in axes))


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
