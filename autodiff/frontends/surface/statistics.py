"""Covariance, correlation, weighted counts, cross product."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, DTypeError, ShapeError
from autodiff.frontends.surface.common import as_dtype, as_float, lift, one_axis
from autodiff.frontends.surface.indexing import getitem
from autodiff.frontends.surface.products import matmul
from autodiff.frontends.surface.reductions import mean
from autodiff.frontends.surface.reductions import sum as sum_
from autodiff.frontends.surface.shapes import (
    atleast_2d,
    concatenate,
    diagonal,
    moveaxis,
    reshape,
    squeeze,
    stack,
    transpose,
)
from autodiff.frontends.surface.static import static_array
from autodiff.ops.arithmetic import clip
from autodiff.ops.families import conjugate, promoted
from autodiff.ops.indexing import scatter_add
from autodiff.ops.promotion import common_types
from autodiff.ops.transcendental import sqrt


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    rows = _variables(m, rowvar, dtype)
    if y is not None:
        rows = concatenate([rows, _variables(y, rowvar, dtype)], 0)
    ddof = ddof if ddof is not None else int(not bias)
    n = rows.aval.shape[1]
    if fweights is None and aweights is None:
        deviation = rows - mean(rows, axis=1, keepdims=True)
        return squeeze(matmul(deviation, transpose(conjugate(deviation))) / float(max(n - ddof, 0)))
    counts, weights = (_weights(w, n, name) for w, name in ((fweights, "fweights"), (aweights, "aweights")))
    w = counts if weights is None else weights if counts is None else counts * weights
    total = sum_(w)
    # Frequencies are repetitions; other weights make the sample smaller (NumPy's reference of `cov`).
    free = total - ddof * (sum_(w * weights) / total if weights is not None else 1.0) if ddof else total
    deviation = rows - reshape(sum_(rows * w, axis=1) / total, (rows.aval.shape[0], 1))
    return squeeze(matmul(deviation * w, transpose(deviation)) / free)


def _weights(given: Any, n: int, name: str) -> Any:
    if given is None:
        return None
    w = as_float(lift(given))
    if w.aval.shape != (n,):
        raise ShapeError(f"cov: {name} of shape {w.aval.shape} do not fit {n} observations")
    return w


def _variables(m: Any, rowvar: bool, dtype: Any) -> Any:
    """One variable in each row."""
    x = as_dtype(as_float(lift(m)), dtype)
    if x.aval.ndim > 2:
        raise ShapeError(f"cov: an array of shape {x.aval.shape} has more than two axes")
    return transpose(x) if x.aval.ndim == 2 and not rowvar else atleast_2d(x)


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = cov(x, y, rowvar, dtype=dtype)
    if not c.aval.ndim:
        return c / c
    scale = sqrt(diagonal(c))
    return clip(c / getitem(scale, (slice(None), None)) / getitem(scale, (None, slice(None))), -1.0, 1.0)


def bincount(x: Any, weights: Any = None, minlength: int = 0) -> Any:
    """Sums of the weights that share a number; linear in the weights."""
    places = static_array(x, "bincount: x")
    if places.ndim != 1 or (places.size and (places.dtype.kind not in "iu" or places.min() < 0)):
        raise ArgumentError(f"bincount: x must be a row of integers >= 0, got {places.dtype} of shape {places.shape}")
    w = lift(np.ones(places.shape, np.intp)) if weights is None else as_dtype(lift(weights), np.float64)
    if w.aval.shape != places.shape:
        raise ShapeError(f"bincount: weights of shape {w.aval.shape} do not fit x of shape {places.shape}")
    size = max(int(places.max(initial=-1)) + 1, minlength)
    return scatter_add(w, lift(places.astype(np.intp)), shape=(size,), axis=0)


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    """Cross product of vectors of length 3 (NumPy gave up on those of length 2)."""
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = promoted(common_types, [a, b])
    if x.aval.dtype == np.bool_:
        raise DTypeError("cross: bool arrays have no difference", "convert to a float dtype")
    x = moveaxis(x, one_axis(axisa, x.aval.ndim, "cross"), -1)
    y = moveaxis(y, one_axis(axisb, y.aval.ndim, "cross"), -1)
    if x.aval.shape[-1] != 3 or y.aval.shape[-1] != 3:
        raise ShapeError(f"cross: vectors of length 3 are needed, got {x.aval.shape[-1]} and {y.aval.shape[-1]}")
    (x0, x1, x2), (y0, y1, y2) = ([getitem(v, (..., k)) for k in range(3)] for v in (x, y))
    return moveaxis(stack([x1 * y2 - x2 * y1, x2 * y0 - x0 * y2, x0 * y1 - x1 * y0], -1), -1, axisc)
