"""Polynomials, and their products: polyval, vander, convolve, correlate."""

from __future__ import annotations

from typing import Any

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.indexing import getitem
from autodiff.frontends.surface.products import outer
from autodiff.frontends.surface.shapes import ones_like, stack, zeros_like
from autodiff.ops.families import promoted, reduce_sum, reshape
from autodiff.ops.movement import flip, pad, slice_axis
from autodiff.ops.promotion import common_types


def polyval(p: Any, x: Any) -> Any:
    """p[0] * x**(n-1) + ... + p[n-1], by Horner's scheme."""
    coefficients, at = promoted(common_types, [p, x])
    if coefficients.aval.ndim != 1:
        raise ShapeError(f"polyval: coefficients must have one axis, their shape is {coefficients.aval.shape}")
    y = zeros_like(at)
    for k in range(coefficients.aval.size):
        y = y * at + getitem(coefficients, k)
    return y


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
        return flip(correlate(y, x, mode), axes=(0,))
    return _part(_full(x, flip(y, axes=(0,))), x.aval.size, y.aval.size, mode, "correlate")


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
