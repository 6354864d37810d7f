"""Discrete distributions: the formulas of `scipy.stats`, for loc 0. Derivatives are those in the parameters.

A probability at a point that is no integer is 0. Distribution functions are steps in k: their derivative there is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops import transcendental as tr
from autodiff.ops.special_entropy import xlog1py, xlogy
from autodiff.ops.special_gamma import betaln, gammaln
from autodiff.ops.special_incomplete import betainc, betaincc, gammainc, gammaincc
from autodiff.scipy.stats.distribution import Standard


def _counts(*_: Any) -> tuple[float, float]:
    return 0.0, np.inf


def _probability(p: Any) -> Any:
    return (p >= 0.0) & (p <= 1.0)


def _binom_logpmf(k: Any, n: Any, p: Any) -> Any:
    return xlogy(k, p) + xlog1py(n - k, -p) - tr.log(n + 1.0) - betaln(n - k + 1.0, k + 1.0)


def _nbinom_logpmf(k: Any, n: Any, p: Any) -> Any:
    return gammaln(n + k) - gammaln(k + 1.0) - gammaln(n) + n * tr.log(p) + xlog1py(k, -p)


bernoulli = Standard(
    "bernoulli",
    ("p",),
    {"logpmf": lambda k, p: xlogy(k, p) + xlog1py(1.0 - k, -p), "cdf": lambda _, p: 1.0 - p, "sf": lambda _, p: p},
    lambda _: (0.0, 1.0),
    _probability,
    inner=0.0,
    whole=True,
)
binom = Standard(
    "binom",
    ("n", "p"),
    {
        "logpmf": _binom_logpmf,
        "cdf": lambda k, n, p: betaincc(k + 1.0, n - k, p),
        "sf": lambda k, n, p: betainc(k + 1.0, n - k, p),
    },
    lambda n, _: (0.0, n),
    lambda n, p: (n >= 0.0) & _probability(p),
    inner=0.0,
    whole=True,
)
geom = Standard(
    "geom",
    ("p",),
    {
        "logpmf": lambda k, p: xlog1py(k - 1.0, -p) + tr.log(p),
        "cdf": lambda k, p: -tr.expm1(xlog1py(k, -p)),
        "sf": lambda k, p: tr.exp(xlog1py(k, -p)),
        "logsf": lambda k, p: xlog1py(k, -p),
    },
    lambda _: (1.0, np.inf),
    lambda p: (p > 0.0) & (p <= 1.0),
    inner=1.0,
    whole=True,
)
nbinom = Standard(
    "nbinom",
    ("n", "p"),
    {
        "logpmf": _nbinom_logpmf,
        "cdf": lambda k, n, p: betainc(n, k + 1.0, p),
        "sf": lambda k, n, p: betaincc(n, k + 1.0, p),
    },
    _counts,
    lambda n, p: (n > 0.0) & (p > 0.0) & (p <= 1.0),
    inner=0.0,
    whole=True,
)
poisson = Standard(
    "poisson",
    ("mu",),
    {
        "logpmf": lambda k, m: xlogy(k, m) - gammaln(k + 1.0) - m,
        "cdf": lambda k, m: gammaincc(k + 1.0, m),
        "sf": lambda k, m: gammainc(k + 1.0, m),
    },
    _counts,
    lambda m: m >= 0.0,
    inner=0.0,
    whole=True,
)

DISTRIBUTIONS = (bernoulli, binom, geom, nbinom, poisson)
