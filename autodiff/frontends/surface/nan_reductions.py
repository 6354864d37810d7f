"""Reductions that leave nan out: masked lanes, through which no derivative flows."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.frontends.surface import reductions
from autodiff.frontends.surface.common import as_dtype, as_float, lift, unsupported
from autodiff.frontends.surface.reductions import MISSING, everywhere, included
from autodiff.ops.arithmetic import isnan
from autodiff.ops.families import cast, logical_and, logical_not, select
from autodiff.ops.transcendental import root


def _without_nan(a: Any, fill: float, dtype: Any = None) -> tuple[Any, Any]:
    """The array with `fill` in place of nan, and where that is (None for dtypes without nan)."""
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


# ---- moments ---------------------------------------------------------------------------------


def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, *, where: Any = MISSING
) -> Any:
    unsupported("nanmean", out=(out, None))
    x, present = _present(a, dtype, where, "nanmean")
    return reductions.sum(x, axis=axis, keepdims=keepdims) / _count(present, axis, keepdims, x.aval.dtype)


def _present(a: Any, dtype: Any, where: Any, name: str) -> tuple[Any, Any]:
    """The array with 0 in place of what is left out, and which elements take part."""
    x, missing = _without_nan(as_float(lift(a)), 0.0, dtype)
    present = logical_not(missing)
    if everywhere(where):
        present = logical_and(present, included(where, x, name))
        x = select(present, x, 0.0)
    return x, present


def _count(present: Any, axis: Any, keepdims: Any, dtype: np.dtype) -> Any:
    return reductions.sum(cast(present, dtype=dtype), axis=axis, keepdims=keepdims)


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
    unsupported("nanvar", out=(out, None))
    ddof = ddof if correction is MISSING else correction
    x, present = _present(a, dtype, where, "nanvar")
    centre = nanmean(a, axis, dtype, keepdims=True, where=where) if mean is MISSING else mean
    deviation = select(present, x - centre, 0.0)
    free = _count(present, axis, keepdims, x.aval.dtype) - float(ddof)
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
    return root(nanvar(a, axis, dtype, out, ddof, keepdims, where=where, mean=mean, correction=correction))


# ---- extrema ---------------------------------------------------------------------------------


def nanmax(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING, where: Any = MISSING
) -> Any:
    unsupported("nanmax", out=(out, None))
    return _extremum(reductions.max, a, -np.inf, axis, keepdims, initial, where)


def nanmin(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING, where: Any = MISSING
) -> Any:
    unsupported("nanmin", out=(out, None))
    return _extremum(reductions.min, a, np.inf, axis, keepdims, initial, where)


def _extremum(best: Any, a: Any, fill: float, axis: Any, keepdims: Any, initial: Any, where: Any) -> Any:
    x, missing = _without_nan(a, fill)
    y = best(x, axis=axis, keepdims=keepdims, initial=initial, where=where)
    if missing is None or (initial is not MISSING and initial is not None):
        return y
    return select(reductions.all(missing, axis=axis, keepdims=keepdims), np.nan, y)


def nanargmax(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = MISSING) -> Any:
    return reductions.argmax(_without_nan(a, -np.inf)[0], axis=axis, out=out, keepdims=keepdims)


def nanargmin(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = MISSING) -> Any:
    return reductions.argmin(_without_nan(a, np.inf)[0], axis=axis, out=out, keepdims=keepdims)
