"""Reductions that leave nan out: masked lanes, through which no derivative flows."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.frontends.surface import reductions
from autodiff.frontends.surface.common import as_dtype, as_float, lift, unsupported
from autodiff.frontends.surface.reductions import MISSING
from autodiff.ops.arithmetic import isnan
from autodiff.ops.families import cast, logical_not, select


def _without_nan(a: Any, fill: float, dtype: Any = None) -> tuple[Any, Any]:
    """The array with `fill` in place of nan, and where that is."""
    x = as_dtype(lift(a), dtype)
    if x.aval.dtype.kind != "f":
        return x, None
    missing = isnan(x)
    return select(missing, fill, x), missing


def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = MISSING,
    initial: Any = MISSING,
    where: Any = MISSING,
) -> Any:
    x, _ = _without_nan(a, 0.0, dtype)
    return reductions.sum(x, axis=axis, out=out, keepdims=keepdims, initial=initial, where=where)


def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = MISSING,
    initial: Any = MISSING,
    where: Any = MISSING,
) -> Any:
    x, _ = _without_nan(a, 1.0, dtype)
    return reductions.prod(x, axis=axis, out=out, keepdims=keepdims, initial=initial, where=where)


def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return reductions.cumsum(_without_nan(a, 0.0, dtype)[0], axis=axis, out=out)


def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    return reductions.cumprod(_without_nan(a, 1.0, dtype)[0], axis=axis, out=out)


def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, *, where: Any = MISSING
) -> Any:
    unsupported("nanmean", out=(out, None), where=(where, MISSING))
    x, missing = _without_nan(as_float(lift(a)), 0.0, dtype)
    return reductions.sum(x, axis=axis, keepdims=keepdims) / _count(missing, axis, keepdims, x.aval.dtype)


def _count(missing: Any, axis: Any, keepdims: Any, dtype: np.dtype) -> Any:
    return reductions.sum(cast(logical_not(missing), dtype=dtype), axis=axis, keepdims=keepdims)


def nanvar(
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
    unsupported("nanvar", out=(out, None), where=(where, MISSING), mean=(mean, MISSING))
    ddof = ddof if correction is MISSING else correction
    x, missing = _without_nan(as_float(lift(a)), 0.0, dtype)
    centre = nanmean(a, axis, dtype, keepdims=True)
    deviation = select(missing, 0.0, x - centre)
    free = _count(missing, axis, keepdims, x.aval.dtype) - float(ddof)
    total = reductions.sum(deviation * deviation, axis=axis, keepdims=keepdims)
    return select(free > 0.0, total / free, np.nan)


def nanstd(
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
    return reductions.root(nanvar(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction))


def nanmax(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING, where: Any = MISSING
) -> Any:
    unsupported("nanmax", out=(out, None), initial=(initial, MISSING), where=(where, MISSING))
    return _extremum(reductions.max, a, -np.inf, axis, keepdims)


def nanmin(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING, where: Any = MISSING
) -> Any:
    unsupported("nanmin", out=(out, None), initial=(initial, MISSING), where=(where, MISSING))
    return _extremum(reductions.min, a, np.inf, axis, keepdims)


def _extremum(best: Any, a: Any, fill: float, axis: Any, keepdims: Any) -> Any:
    x, missing = _without_nan(a, fill)
    y = best(x, axis=axis, keepdims=keepdims)
    return y if missing is None else select(reductions.all(missing, axis=axis, keepdims=keepdims), np.nan, y)


def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = MISSING) -> Any:
    return reductions.argmax(_without_nan(a, -np.inf)[0], axis=axis, out=out, keepdims=keepdims)


def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = MISSING) -> Any:
    return reductions.argmin(_without_nan(a, np.inf)[0], axis=axis, out=out, keepdims=keepdims)
