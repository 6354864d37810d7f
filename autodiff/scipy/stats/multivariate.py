"""Multivariate distributions: the log densities of `scipy.stats`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.surface import reductions, shapes
from autodiff.frontends.surface.common import as_float, lift
from autodiff.ops import arithmetic as ar
from autodiff.ops import transcendental as tr
from autodiff.ops.families import equal, mul, select
from autodiff.ops.special_entropy import xlogy
from autodiff.ops.special_gamma import gammaln
from autodiff.scipy.stats.distribution import Distribution


@dataclass(frozen=True, eq=False, repr=False)
class Joint(Distribution):
    """A distribution of vectors: its log density, a function with SciPy's signature."""

    name: str
    log_density: Callable[..., Any]
    kind: str = "pdf"

    @property
    def methods(self) -> tuple[str, ...]:
        return (self.kind, f"log{self.kind}")

    def evaluate(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        value = self.log_density(*args, **kwargs)
        return value if method.startswith("log") else tr.exp(value)


def _multinomial(x: Any, n: Any, p: Any) -> Any:
    """x: shape (..., k) of counts; n: their sum; p: shape (..., k). The last of p is 1 minus the rest, as in SciPy."""
    x, n, p = as_float(lift(x)), as_float(lift(n)), as_float(lift(p))
    rest = 1.0 - reductions.sum(p[..., :-1], axis=-1, keepdims=True)
    p = shapes.concatenate([p[..., :-1], rest], axis=-1)
    terms = reductions.sum(xlogy(x, p) - gammaln(x + 1.0), axis=-1)
    counts = reductions.all((x >= 0.0) & equal(ar.floor(x), x), axis=-1) & equal(reductions.sum(x, axis=-1), n)
    exists = reductions.all((p >= 0.0) & (p <= 1.0), axis=-1) & (n >= 0.0)
    value = select(counts, gammaln(n + 1.0) + terms, -np.inf)
    return mul(value, select(exists, 1.0, np.nan))


def _dirichlet(x: Any, alpha: Any) -> Any:
    """x: shape (k,) or (k, ...) on the simplex, or (k - 1, ...) without its last entry; alpha: shape (k,)."""
    x, alpha = as_float(lift(x)), as_float(lift(alpha))
    if alpha.aval.ndim != 1:
        raise ShapeError(f"dirichlet: alpha must have one axis, got shape {alpha.aval.shape}")
    k = alpha.aval.shape[0]
    if not x.aval.ndim or x.aval.shape[0] not in (k, k - 1):
        raise ShapeError(f"dirichlet: {k} parameters take x of {k} or {k - 1} rows, got shape {x.aval.shape}")
    if x.aval.shape[0] == k - 1:
        x = shapes.concatenate([x, 1.0 - reductions.sum(x, axis=0, keepdims=True)], axis=0)
    weights = shapes.reshape(alpha - 1.0, (k,) + (1,) * (x.aval.ndim - 1))
    norm = gammaln(reductions.sum(alpha)) - reductions.sum(gammaln(alpha))
    inside = reductions.all((x >= 0.0) & (x <= 1.0), axis=0)
    inside = inside & (abs(reductions.sum(x, axis=0) - 1.0) <= 1e-9)
    value = reductions.sum(xlogy(weights, select(inside, x, 0.5)), axis=0) + norm
    exists = reductions.all(alpha > 0.0)
    # SciPy raises where this gives nan: values are not known while a function is traced.
    return mul(value, select(inside & exists, 1.0, np.nan))


def _multivariate_normal(x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
    """x: shape (..., k) (shape (n,) for k = 1); mean: shape (k,) or None for zeros; cov: (k, k), (k,) or a number."""
    if allow_singular:
        raise ArgumentError("multivariate_normal: allow_singular=True is not supported under differentiation")
    x, cov = as_float(lift(x)), as_float(lift(cov))
    mean = None if mean is None else as_float(lift(mean))
    k = _dimension(mean, cov)
    if k == 1 and (not x.aval.ndim or x.aval.shape[-1] != 1):
        x = shapes.reshape(x, (*x.aval.shape, 1))
    if cov.aval.ndim < 2:
        cov = mul(np.eye(k), cov if cov.aval.ndim == 0 else shapes.reshape(cov, (1, k)))
    offset = x if mean is None else x - mean
    columns = shapes.swapaxes(shapes.reshape(offset, (-1, k)), 0, 1)
    factor = np.linalg.cholesky(lift(cov))
    whitened = np.linalg.solve(factor, columns)
    squares = reductions.sum(whitened * whitened, axis=0)
    logdet = 2.0 * reductions.sum(tr.log(shapes.diagonal(factor)))
    value = -0.5 * (squares + logdet + k * math.log(2.0 * math.pi))
    return shapes.reshape(value, offset.aval.shape[:-1])


def _dimension(mean: Any, cov: Any) -> int:
    if mean is not None and mean.aval.ndim:
        return int(mean.aval.shape[0])
    if cov.aval.ndim:
        return int(cov.aval.shape[0])
    return 1


DISTRIBUTIONS = (
    Joint("multinomial", _multinomial, "pmf"),
    Joint("dirichlet", _dirichlet),
    Joint("multivariate_normal", _multivariate_normal),
)
