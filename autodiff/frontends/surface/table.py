"""Which function answers for which of NumPy's: the tables behind NumPy's dispatch protocols.

An elementwise op whose NumPy function is a ufunc is in `UFUNCS` by itself; everything else is
listed here. Functions that are not listed raise by name, when they are called.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import NotDifferentiableError
from autodiff.frontends.surface import (
    assembly,
    calculus,
    indexing,
    nan_reductions,
    ordering,
    polynomials,
    products,
    quantiles,
    reductions,
    shapes,
    statistics,
)
from autodiff.frontends.surface.common import as_dtype, lift, unsupported
from autodiff.frontends.surface.refused import REFUSED
from autodiff.ops import OPS, special
from autodiff.ops import arithmetic as ar
from autodiff.ops import transcendental as tr
from autodiff.ops.families import Elementwise, logical_and, logical_not, select

UFUNCS: dict[Any, Callable[..., Any]] = {
    op.numpy: op for op in OPS.values() if isinstance(op, Elementwise) and isinstance(op.numpy, np.ufunc)
}


def _on_bools(name: str, op: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy spells logic on boolean arrays with the bitwise operators."""

    def bitwise(*args: Any) -> Any:
        if any(lift(a).aval.dtype != np.bool_ for a in args):
            raise NotDifferentiableError(f"{name} of integers is not supported", "it is for boolean arrays here")
        return op(*args)

    return bitwise


UFUNCS.update(
    {
        np.matmul: products.matmul,
        np.bitwise_and: _on_bools("bitwise_and", logical_and),
        np.bitwise_or: _on_bools("bitwise_or", ar.logical_or),
        np.bitwise_xor: _on_bools("bitwise_xor", ar.logical_xor),
        np.invert: _on_bools("invert", logical_not),
        np.conjugate: lift,
        np.heaviside: lambda x, h: _heaviside(lift(x), h),
        np.float_power: lambda x, y: tr.power(as_dtype(lift(x), np.float64), y),
        np.deg2rad: lambda x: x * (np.pi / 180.0),
        np.radians: lambda x: x * (np.pi / 180.0),
        np.rad2deg: lambda x: x * (180.0 / np.pi),
        np.degrees: lambda x: x * (180.0 / np.pi),
        np.logaddexp2: lambda x, y: tr.logaddexp(x * np.log(2.0), y * np.log(2.0)) / np.log(2.0),
    }
)

# SciPy's ufuncs, by name: scipy.special is not imported for the sake of a table.
SCIPY: dict[str, Callable[..., Any]] = {
    "expit": tr.sigmoid,
    "cbrt": tr.cbrt,
    "exp2": tr.exp2,
    "expm1": tr.expm1,
    "log1p": tr.log1p,
    **special.SCIPY_NAMES,
}

FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: reductions.sum,
    np.prod: reductions.prod,
    np.max: reductions.max,
    np.amax: reductions.max,
    np.min: reductions.min,
    np.amin: reductions.min,
    np.any: reductions.any,
    np.all: reductions.all,
    np.mean: reductions.mean,
    np.average: reductions.average,
    np.var: reductions.var,
    np.std: reductions.std,
    np.ptp: reductions.ptp,
    np.count_nonzero: reductions.count_nonzero,
    np.argmax: reductions.argmax,
    np.argmin: reductions.argmin,
    np.cumsum: reductions.cumsum,
    np.cumprod: reductions.cumprod,
    np.linalg.norm: reductions.norm,
    np.reshape: shapes.reshape,
    np.ravel: shapes.ravel,
    np.transpose: shapes.transpose,
    np.swapaxes: shapes.swapaxes,
    np.moveaxis: shapes.moveaxis,
    np.expand_dims: shapes.expand_dims,
    np.squeeze: shapes.squeeze,
    np.broadcast_to: shapes.broadcast_to,
    np.broadcast_arrays: shapes.broadcast_arrays,
    np.atleast_1d: shapes.atleast_1d,
    np.atleast_2d: shapes.atleast_2d,
    np.concatenate: shapes.concatenate,
    np.stack: shapes.stack,
    np.vstack: shapes.vstack,
    np.hstack: shapes.hstack,
    np.column_stack: shapes.column_stack,
    np.split: shapes.split,
    np.flip: shapes.flip,
    np.flipud: shapes.flipud,
    np.fliplr: shapes.fliplr,
    np.roll: shapes.roll,
    np.tile: shapes.tile,
    np.repeat: shapes.repeat,
    np.pad: shapes.pad,
    np.triu: shapes.triu,
    np.tril: shapes.tril,
    np.diagonal: shapes.diagonal,
    np.diag: shapes.diag,
    np.trace: shapes.trace,
    np.zeros_like: shapes.zeros_like,
    np.ones_like: shapes.ones_like,
    np.full_like: shapes.full_like,
    np.take: indexing.take,
    np.take_along_axis: indexing.take_along_axis,
    np.dot: products.dot,
    np.vdot: products.vdot,
    np.inner: products.inner,
    np.outer: products.outer,
    np.kron: products.kron,
    np.tensordot: products.tensordot,
    np.einsum: products.einsum,
    np.cross: statistics.cross,
    np.cov: statistics.cov,
    np.corrcoef: statistics.corrcoef,
    np.bincount: statistics.bincount,
    np.sort: ordering.sort,
    np.argsort: ordering.argsort,
    np.partition: ordering.partition,
    np.argpartition: ordering.argpartition,
    np.searchsorted: ordering.searchsorted,
    np.median: quantiles.median,
    np.nanmedian: quantiles.nanmedian,
    np.quantile: quantiles.quantile,
    np.percentile: quantiles.percentile,
    np.nansum: nan_reductions.nansum,
    np.nanprod: nan_reductions.nanprod,
    np.nancumsum: nan_reductions.nancumsum,
    np.nancumprod: nan_reductions.nancumprod,
    np.nanmean: nan_reductions.nanmean,
    np.nanvar: nan_reductions.nanvar,
    np.nanstd: nan_reductions.nanstd,
    np.nanmax: nan_reductions.nanmax,
    np.nanmin: nan_reductions.nanmin,
    np.nanargmax: nan_reductions.nanargmax,
    np.nanargmin: nan_reductions.nanargmin,
    np.gradient: calculus.gradient,
    np.trapezoid: calculus.trapezoid,
    np.ediff1d: calculus.ediff1d,
    np.interp: calculus.interp,
    np.polyval: polynomials.polyval,
    np.vander: polynomials.vander,
    np.convolve: polynomials.convolve,
    np.correlate: polynomials.correlate,
    np.append: assembly.append,
    np.insert: assembly.insert,
    np.delete: assembly.delete,
    np.block: assembly.block,
    np.rot90: assembly.rot90,
    np.meshgrid: assembly.meshgrid,
    np.select: assembly.select_first,
    np.choose: assembly.choose,
}


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None or y is None:
        raise NotDifferentiableError(
            "np.where(condition) with one argument gives a result whose shape depends on values",
            "give all three arguments: np.where(condition, x, y)",
        )
    return select(as_dtype(lift(condition), np.bool_), x, y)


def clip(a: Any, a_min: Any = None, a_max: Any = None, out: Any = None, *, min: Any = None, max: Any = None) -> Any:
    unsupported("clip", out=(out, None))
    low, high = a_min if a_min is not None else min, a_max if a_max is not None else max
    if low is None:
        return lift(a) if high is None else ar.minimum(a, high)
    return ar.maximum(a, low) if high is None else ar.clip(a, low, high)


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    x = lift(a)
    for _ in range(n):
        moved = shapes.moveaxis(x, axis, 0)
        x = shapes.moveaxis(moved[1:] - moved[:-1], 0, axis)
    return x


def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    x = lift(x)
    info = np.finfo(x.aval.dtype)
    x = select(ar.isnan(x), nan, x)
    x = select(x == np.inf, float(info.max) if posinf is None else posinf, x)
    return select(x == -np.inf, float(info.min) if neginf is None else neginf, x)


def round_(a: Any, decimals: int = 0, out: Any = None) -> Any:
    unsupported("round", out=(out, None))
    return ar.rint(lift(a) * 10.0**decimals) / 10.0**decimals if decimals else ar.rint(a)


def isclose(a: Any, b: Any, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False) -> Any:
    unsupported("isclose", equal_nan=(equal_nan, False))
    x, y = lift(a), lift(b)
    return (abs(x - y) <= atol + rtol * abs(y)) & ar.isfinite(y) | (x == y)


FUNCTIONS.update(
    {
        np.where: where,
        np.clip: clip,
        np.diff: diff,
        np.nan_to_num: nan_to_num,
        np.isclose: isclose,
        np.allclose: lambda a, b, **kw: reductions.all(isclose(a, b, **kw)),
        np.copy: lambda a, order="K", subok=False: ar.identity(a),
        np.real: lift,
        np.round: round_,
        np.around: round_,
        np.fix: ar.trunc,
        np.sinc: lambda x: _sinc(lift(x)),
        np.shape: lambda a: lift(a).aval.shape,
        np.ndim: lambda a: lift(a).aval.ndim,
        np.size: lambda a, axis=None: lift(a).aval.size if axis is None else lift(a).aval.shape[axis],
        np.result_type: lambda *args: np.result_type(*(a.dtype if hasattr(a, "aval") else a for a in args)),
    }
)


def _heaviside(x: Any, at_zero: Any) -> Any:
    step = select(x == 0.0, at_zero, select(x > 0.0, 1.0, 0.0))
    return ar.tie(select(ar.isnan(x), x, step), x)


def _sinc(x: Any) -> Any:
    zero = x == 0.0
    angle = np.pi * select(zero, 1.0, x)
    return select(zero, 1.0 - (np.pi * x) ** 2 / 6.0, tr.sin(angle) / angle)


REDUCED = {np.add: reductions.sum, np.multiply: reductions.prod, np.maximum: reductions.max, np.minimum: reductions.min}
ACCUMULATED = {np.add: reductions.cumsum, np.multiply: reductions.cumprod}


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer `__array_ufunc__`."""
    if method == "__call__" and not kwargs and ufunc in UFUNCS:
        return UFUNCS[ufunc](*inputs)
    if method == "reduce" and ufunc in REDUCED:
        kwargs.setdefault("axis", 0)
        kwargs = {k: v for k, v in kwargs.items() if v is not None or k == "axis"}
        return REDUCED[ufunc](*inputs, **kwargs)
    if method == "accumulate" and ufunc in ACCUMULATED:
        kwargs.setdefault("axis", 0)
        return ACCUMULATED[ufunc](*inputs, **kwargs)
    if method == "outer" and ufunc in UFUNCS:
        x, y = map(lift, inputs)
        return UFUNCS[ufunc](shapes.reshape(x, x.aval.shape + (1,) * y.aval.ndim), y)
    function = UFUNCS.get(ufunc) or SCIPY.get(ufunc.__name__)
    if method != "__call__" or function is None:
        raise missing(f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}"))
    dtype = kwargs.pop("dtype", None)
    unsupported(f"np.{ufunc.__name__}", **{k: (v, None) for k, v in kwargs.items() if k != "casting"})
    return function(*(inputs if dtype is None else [as_dtype(lift(x), dtype) for x in inputs]))


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer `__array_function__`."""
    ours = FUNCTIONS.get(function) or REFUSED.get(function)
    if ours is None:
        raise missing(f"{function.__module__}.{function.__name__}".replace("numpy", "np"))
    return ours(*args, **kwargs)


def missing(name: str) -> NotDifferentiableError:
    """The error for a function autodiff has no rule for, with the nearest one it has."""
    known = [f"np.{f.__name__}" for f in (*UFUNCS, *FUNCTIONS)]
    near = difflib.get_close_matches(name, known, 1, cutoff=0.85)
    hint = f"the nearest that has one is {near[0]}" if near else "write it with functions that have one"
    return NotDifferentiableError(f"{name} has no rule in autodiff", f"{hint}, or compute it before, on plain arrays")
