"""Elementwise functions that NumPy writes with several ufuncs, and ufuncs that are made of ours.

Where a function has a kink its slope there is what `ops.arithmetic` says of `abs` and `sign`: 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff import ops  # `ops.special` is imported when it is needed
from autodiff.errors import ArgumentError, NotDifferentiableError
from autodiff.frontends.surface.common import as_dtype, as_float, lift, one_axis, unsupported
from autodiff.frontends.surface.indexing import getitem
from autodiff.frontends.surface.reductions import cumsum
from autodiff.frontends.surface.shapes import concatenate, moveaxis
from autodiff.frontends.surface.static import static_array
from autodiff.ops import arithmetic as ar
from autodiff.ops import exponents
from autodiff.ops import transcendental as tr
from autodiff.ops.families import broadcast_shapes, broadcast_to, cast, equal, logical_and, promoted, select
from autodiff.ops.promotion import ufunc_types

COPYSIGN = ufunc_types(np.copysign)
FLOAT1 = ufunc_types(np.exp)
BOOL = np.dtype(np.bool_)


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        return np.nonzero(static_array(condition, "np.where(condition) with one argument"))
    if x is None or y is None:
        raise ArgumentError("where: either both or neither of x and y must be given")
    return select(as_dtype(lift(condition), BOOL), x, y)


def clip(
    a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None, **kwargs: Any
) -> Any:
    unsupported("clip", out=(out, None), where=(kwargs.get("where", True), True))
    low, high = a_min if a_min is not None else min, a_max if a_max is not None else max
    x = as_dtype(lift(a), kwargs.get("dtype"))
    if low is None:
        return x if high is None else ar.minimum(x, high)
    return ar.maximum(x, low) if high is None else ar.clip(x, low, high)


def nan_to_num(x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    y = lift(x)
    if y.aval.dtype.kind != "f":
        return y
    info = np.finfo(y.aval.dtype)
    y = select(ar.isnan(y), nan, y)
    y = select(equal(y, np.inf), float(info.max) if posinf is None else posinf, y)
    return select(equal(y, -np.inf), float(info.min) if neginf is None else neginf, y)


def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    unsupported("round", out=(out, None))
    x = lift(a)
    whole = x.aval.dtype.kind != "f"
    if decimals == 0 or (whole and decimals > 0):
        return as_dtype(x, np.float16) if x.aval.dtype == BOOL else x if whole else ar.rint(x)
    unit = 10.0 ** abs(decimals)
    y = as_float(x)
    y = ar.rint(y * unit) / unit if decimals > 0 else ar.rint(y / unit) * unit
    return as_dtype(y, x.aval.dtype)


def fix(x: Any, out: Any = None) -> Any:
    unsupported("fix", out=(out, None))
    return ar.trunc(lift(x))


def _in_float64(x: Any) -> Any:
    y = lift(x)
    return as_dtype(y, np.complex128 if y.aval.dtype.kind == "c" else np.float64)


# ---- comparison ------------------------------------------------------------------------------


def isclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    x, y = as_float(lift(a)), as_float(lift(b))
    near = logical_and(ar.less_equal(ar.absolute(x - y), atol + rtol * ar.absolute(y)), ar.isfinite(y))
    near = ar.logical_or(near, equal(x, y))
    return ar.logical_or(near, logical_and(ar.isnan(x), ar.isnan(y))) if equal_nan else near


def isneginf(x: Any, out: Any = None) -> Any:
    unsupported("isneginf", out=(out, None))
    return equal(lift(x), -np.inf)


def isposinf(x: Any, out: Any = None) -> Any:
    unsupported("isposinf", out=(out, None))
    return equal(lift(x), np.inf)


# ---- signs and parts -------------------------------------------------------------------------


def signbit(x: Any) -> Any:
    """Whether the sign is a minus; that of -0.0 shows in its reciprocal."""
    (y,) = promoted(FLOAT1, [x])
    zero = equal(y, 0.0)
    return ar.less(select(zero, ar.reciprocal(y), y), 0.0)


def copysign(x1: Any, x2: Any) -> Any:
    """|x1| with the sign of x2."""
    x, y = promoted(COPYSIGN, [x1, x2])
    size = ar.absolute(x)
    return ar.tie(select(signbit(y), -size, size), y)


def heaviside(x1: Any, x2: Any) -> Any:
    x, at_zero = promoted(ufunc_types(np.heaviside), [x1, x2])
    step = select(equal(x, 0.0), at_zero, cast(ar.greater(x, 0.0), dtype=x.aval.dtype))
    return ar.tie(select(ar.isnan(x), x, step), x)


def divmod_(x1: Any, x2: Any) -> tuple[Any, Any]:
    return ar.floordiv(x1, x2), ar.mod(x1, x2)


def modf(x: Any) -> tuple[Any, Any]:
    """(fraction, whole part), both with the sign of x."""
    (y,) = promoted(FLOAT1, [x])
    whole = ar.trunc(y)
    return select(ar.isinf(y), 0.0, y - whole), whole


def frexp(x: Any) -> tuple[Any, Any]:
    """(mantissa, exponent) with x = mantissa * 2**exponent; the exponent is an integer, without derivative."""
    (y,) = promoted(FLOAT1, [x])
    e = exponents.exponent(y)
    return exponents.ldexp(y, -e), e


def ldexp(x1: Any, x2: Any) -> Any:
    """x1 * 2**x2; linear in x1, x2 holds integers."""
    n = lift(x2)
    if n.aval.dtype.kind not in "iub":
        raise ArgumentError(f"ldexp: the exponents have dtype {n.aval.dtype}", "exponents are integers")
    (x,) = promoted(FLOAT1, [x1])
    shape = broadcast_shapes("ldexp", [x.aval.shape, n.aval.shape])
    return exponents.ldexp(broadcast_to(x, shape), broadcast_to(as_dtype(n, np.int32), shape))


# ---- sinc, i0, unwrap ------------------------------------------------------------------------


def sinc(x: Any) -> Any:
    """sin(turn) / turn with turn = pi * x. Near 0 its power series: the quotient's derivatives cancel there."""
    turn = np.pi * as_float(lift(x))
    near = ar.less(ar.absolute(turn), 1.0)
    square = select(near, turn, 0.0) ** 2
    series = 1.0 - square / 342.0  # 18 * 19; the first term left out is 1e-20
    for n in (16, 14, 12, 10, 8, 6, 4, 2):
        series = 1.0 - square / float(n * (n + 1)) * series
    far = select(near, 1.0, turn)
    return select(near, series, tr.sin(far) / far)


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2.0 * np.pi) -> Any:
    """Jumps of more than half a period taken out; what is added is constant, so the slope is 1."""
    x = lift(p)
    k = one_axis(axis, x.aval.ndim, "unwrap")
    x = moveaxis(x, k, -1)
    step = ar.stop_gradient(getitem(x, (..., slice(1, None))) - getitem(x, (..., slice(None, -1))))
    half = ar.div(period, 2.0)
    low = ar.mod(step + half, period) - half
    low = select(logical_and(equal(low, -half), ar.greater(step, 0.0)), half, low)
    limit = half if discont is None else discont
    jump = select(ar.less(ar.absolute(step), limit), 0.0, low - step)
    rest = getitem(x, (..., slice(1, None))) + cumsum(jump, axis=-1)
    return moveaxis(concatenate([as_dtype(getitem(x, (..., slice(None, 1))), rest.aval.dtype), rest], -1), -1, k)


def i0(x: Any) -> Any:
    return ops.special.i0(as_float(lift(x)))


def real_if_close(a: Any, tol: float = 100) -> Any:
    """Of a real array itself; of complex numbers the dtype would depend on values."""
    x = lift(a)
    if x.aval.dtype.kind == "c":
        raise NotDifferentiableError("np.real_if_close has a dtype that depends on values", "take x.real")
    return x


UFUNCS: dict[Any, Callable[..., Any]] = {
    np.heaviside: heaviside,
    np.float_power: lambda x, y: tr.power(_in_float64(x), _in_float64(y)),
    np.deg2rad: lambda x: x * (np.pi / 180.0),
    np.radians: lambda x: x * (np.pi / 180.0),
    np.rad2deg: lambda x: x * (180.0 / np.pi),
    np.degrees: lambda x: x * (180.0 / np.pi),
    np.logaddexp2: lambda x, y: tr.logaddexp(x * np.log(2.0), y * np.log(2.0)) / np.log(2.0),
    np.signbit: signbit,
    np.copysign: copysign,
    np.divmod: divmod_,
    np.modf: modf,
    np.frexp: frexp,
    np.ldexp: ldexp,
}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: where,
    np.clip: clip,
    np.nan_to_num: nan_to_num,
    np.real_if_close: real_if_close,
    np.isclose: isclose,
    np.isneginf: isneginf,
    np.isposinf: isposinf,
    np.copy: lambda a, order="K", subok=False: ar.identity(a),
    np.round: round_,
    np.around: round_,
    np.fix: fix,
    np.sinc: sinc,
    np.i0: i0,
    np.unwrap: unwrap,
}
