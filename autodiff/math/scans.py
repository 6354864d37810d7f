"""Running sums, products and sums of exponentials along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.frontends.surface import reductions, shapes
from autodiff.frontends.surface.common import as_float, lift, one_axis
from autodiff.ops.families import equal, logical_and, select
from autodiff.ops.movement import flip, slice_axis
from autodiff.ops.transcendental import logaddexp


def cumsum(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """Running sum along `axis`: of what is before each element (`exclusive`), from the end (`reverse`)."""
    return _directed(lambda y, k: reductions.cumsum(y, axis=k), 0, x, axis, exclusive, reverse)


def cumprod(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """Running product along `axis`, as in `cumsum`; its gradient is exact with zeros among the factors."""
    return _directed(lambda y, k: reductions.cumprod(y, axis=k), 1, x, axis, exclusive, reverse)


def cumulative_logsumexp(x: Any, axis: int = 0, exclusive: bool = False, reverse: bool = False) -> Any:
    """log of the running sum of exp(x), without overflow or underflow; -inf where nothing has been added yet."""
    return _directed(_logsumexp_scan, -np.inf, as_float(lift(x)), axis, exclusive, reverse)


def _directed(scan: Callable[..., Any], empty: float, x: Any, axis: int, exclusive: bool, reverse: bool) -> Any:
    x = lift(x)
    k = one_axis(axis, x.aval.ndim, "cumulative")
    x = flip(x, axes=(k,)) if reverse else x
    y = _later(scan(x, k), k, 1, empty) if exclusive else scan(x, k)
    return flip(y, axes=(k,)) if reverse else y


def _later(x: Any, axis: int, steps: int, empty: float) -> Any:
    """x moved on by some places, `empty` in front."""
    n = x.aval.shape[axis]
    if n == 0:
        return x
    shape = tuple(steps if k == axis else m for k, m in enumerate(x.aval.shape))
    front = np.full(shape, empty, x.aval.dtype)
    return shapes.concatenate([front, slice_axis(x, axis, 0, n - steps)], axis=axis)


def _logsumexp_scan(x: Any, axis: int) -> Any:
    """Sums over windows of 1, 2, 4, ... elements (Hillis and Steele, "Data parallel algorithms", 1986)."""
    n, width = x.aval.shape[axis], 1
    while width < n:
        before = _later(x, axis, width, -np.inf)
        nothing = logical_and(equal(x, -np.inf), equal(before, -np.inf))
        x = select(nothing, -np.inf, logaddexp(select(nothing, 0.0, x), select(nothing, 0.0, before)))
        width *= 2
    return x
