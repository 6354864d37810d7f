"""Polynomials, highest power first, and products of sequences: polyval, polymul, vander, convolve, correlate."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, NotDifferentiableError, ShapeError
from autodiff.frontends.surface.common import as_float, lift, unsupported
from autodiff.frontends.surface.creation import ones_like, zeros_like
from autodiff.frontends.surface.indexing import getitem
from autodiff.frontends.surface.linalg import lstsq
from autodiff.frontends.surface.products import outer
from autodiff.frontends.surface.shapes import concatenate, ravel, stack
from autodiff.ops.arithmetic import sub
from autodiff.ops.families import add, conjugate, promoted, reduce_sum, reshape
from autodiff.ops.movement import flip, pad, slice_axis
from autodiff.ops.promotion import common_types
from autodiff.ops.transcendental import sqrt


def polyval(p: Any, x: Any) -> Any:
    """p[0] * x**(n-1) + ... + p[n-1], by Horner's scheme."""
    coefficients, at = promoted(common_types, [p, x])
    if coefficients.aval.ndim != 1:
        raise ShapeError(f"polyval: coefficients must have one axis, their shape is {coefficients.aval.shape}")
    y = zeros_like(at)
    for k in range(coefficients.aval.size):
        y = y * at + getitem(coefficients, k)
    return y


def _coefficients(name: str, *polynomials: Any) -> list[Any]:
    found = [reshape(p, shape=(1,)) if not p.aval.ndim else p for p in map(lift, polynomials)]
    for p in found:
        if p.aval.ndim != 1:
            raise ShapeError(f"{name}: coefficients must have one axis, their shape is {p.aval.shape}")
    return found


def polyadd(a1: Any, a2: Any) -> Any:
    return add(*_aligned("polyadd", a1, a2))


def polysub(a1: Any, a2: Any) -> Any:
    return sub(*_aligned("polysub", a1, a2))


def _aligned(name: str, a1: Any, a2: Any) -> list[Any]:
    """Both with as many coefficients, zeros in front of the shorter one."""
    p = _coefficients(name, a1, a2)
    n = max(x.aval.size for x in p)
    return [pad(x, low=(n - x.aval.size,), high=(0,), interior=(0,)) for x in p]


def polymul(a1: Any, a2: Any) -> Any:
    return convolve(*_coefficients("polymul", a1, a2))


def polyder(p: Any, m: int = 1) -> Any:
    (c,) = _coefficients("polyder", p)
    if m < 0:
        raise ArgumentError(f"polyder: the order, {m}, must not be negative", "use polyint")
    for _ in range(m):
        n = c.aval.size
        c = slice_axis(c, 0, 0, max(n - 1, 0)) * lift(np.arange(n - 1, 0, -1)) if n > 1 else zeros_like(c)
    return c


def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    (c,) = _coefficients("polyint", p)
    if m < 0:
        raise ArgumentError(f"polyint: the order, {m}, must not be negative", "use polyder")
    constants = zeros_like(lift(np.zeros(m))) if k is None else ravel(lift(k))
    if constants.aval.size not in (1, m):
        raise ArgumentError(f"polyint: {constants.aval.size} constants for {m} integrations", "give one for each")
    for j in range(m):
        last = getitem(constants, slice(j, j + 1) if constants.aval.size > 1 else slice(0, 1))
        c = concatenate([c / lift(np.arange(c.aval.size, 0, -1)), last])
    return c


def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with these zeros."""
    zeros = lift(seq_of_zeros)
    if zeros.aval.ndim != 1:
        raise NotDifferentiableError(
            f"np.poly of an array of shape {zeros.aval.shape} has no rule in autodiff",
            "of a matrix: np.poly(np.linalg.eigvals(a)); of zeros: a row of them",
        )
    zeros = as_float(zeros)
    c = lift(np.ones(1, zeros.aval.dtype))
    for k in range(zeros.aval.size):
        c = convolve(c, concatenate([lift(np.ones(1, zeros.aval.dtype)), -getitem(zeros, slice(k, k + 1))]))
    return c


def polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None, cov: Any = False) -> Any:
    """Least squares with scaled powers, as NumPy solves them; the derivative is that of `lstsq`."""
    unsupported("polyfit", full=(full, False), cov=(cov, False))
    places, values = as_float(lift(x)), as_float(lift(y))
    if places.aval.ndim != 1 or not places.aval.size or values.aval.shape[:1] != places.aval.shape:
        raise ShapeError(f"polyfit: x of shape {places.aval.shape} and y of shape {values.aval.shape} do not fit")
    if operator.index(deg) < 0:
        raise ArgumentError(f"polyfit: the degree, {deg}, must not be negative")
    powers = vander(places, deg + 1)
    if w is not None:
        weights = as_float(lift(w))
        powers = powers * getitem(weights, (slice(None), None))
        values = values * getitem(weights, (slice(None), *(None,) * (values.aval.ndim - 1)))
    scale = sqrt(reduce_sum(powers * powers, axes=(0,)))
    cut = places.aval.size * float(np.finfo(places.aval.dtype).eps) if rcond is None else rcond
    c = lstsq(powers / scale, values, cut)[0]
    return c / (scale if values.aval.ndim == 1 else getitem(scale, (slice(None), None)))


def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:
    base = lift(x)
    if base.aval.ndim != 1:
        raise ShapeError(f"vander: x must have one axis, its shape is {base.aval.shape}")
    count = base.aval.size if N is None else int(N)
    if count < 1:
        raise ArgumentError(f"vander: {count} columns leave nothing to differentiate", "ask for one column or more")
    columns = [ones_like(base)]
    while len(columns) < count:
        columns.append(columns[-1] * base)
    return stack(columns if increasing else columns[::-1], axis=1)


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    x, y = _rows("convolve", a, v)
    if x.aval.size < y.aval.size:
        x, y = y, x
    return _part(_full(x, y), x.aval.size, y.aval.size, mode, "convolve")


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    x, y = _rows("correlate", a, v)
    if x.aval.size < y.aval.size:
        return conjugate(flip(correlate(y, x, mode), axes=(0,)))
    return _part(_full(x, flip(conjugate(y), axes=(0,))), x.aval.size, y.aval.size, mode, "correlate")


def _rows(name: str, a: Any, v: Any) -> list[Any]:
    rows = promoted(common_types, [a, v])
    rows = [x if x.aval.ndim else reshape(x, shape=(1,)) for x in rows]
    for x in rows:
        if x.aval.ndim != 1 or not x.aval.size:
            raise ShapeError(f"{name}: both arrays need one axis and an element, got shape {x.aval.shape}")
    return rows


def _full(x: Any, y: Any) -> Any:
    """All products, each row of the table shifted by one against the row above it, added up.

    Padding a row by m and cutting the table into rows that are one shorter does the shifting.
    """
    n, m = x.aval.size, y.aval.size
    table = pad(outer(y, x), low=(0, 0), high=(0, m), interior=(0, 0))
    flat = slice_axis(reshape(table, shape=(m * (n + m),)), 0, 0, m * (n + m - 1))
    return reduce_sum(reshape(flat, shape=(m, n + m - 1)), axes=(0,))


def _part(full: Any, n: int, m: int, mode: str, name: str) -> Any:
    """The part of a full convolution that a mode asks for; n >= m."""
    if mode == "full":
        return full
    if mode == "same":
        return slice_axis(full, 0, (m - 1) // 2, (m - 1) // 2 + n)
    if mode == "valid":
        return slice_axis(full, 0, m - 1, n)
    raise ArgumentError(f"{name}: mode must be 'full', 'same' or 'valid', got {mode!r}")
