"""Continuous distributions: the formulas of `scipy.stats`, for loc 0 and scale 1.

Densities at an end of the support where they are finite have the one-sided derivative of the
density, not that of exp(logpdf), whose logarithm is singular there (`_ended`). Where that is
infinite (gamma at 0 with 1 < a < 2), the derivative in `scale` is 0 * inf, which is nan.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.frontends.surface.scipy_special import UFUNCS
from autodiff.ops import transcendental as tr
from autodiff.ops.families import equal, logical_or, select
from autodiff.ops.special_entropy import log_expit, logit, xlog1py, xlogy
from autodiff.ops.special_error import erf, erfc, erfinv, log_ndtr, ndtr, ndtri
from autodiff.ops.special_gamma import betaln, gammaln
from autodiff.ops.special_incomplete import (
    betainc,
    betaincc,
    betainccinv,
    betaincinv,
    gammainc,
    gammaincc,
    gammainccinv,
    gammaincinv,
    stdtr,
    stdtrit,
)
from autodiff.scipy.stats.distribution import Standard

LOG_TWO = math.log(2.0)
LOG_PI = math.log(math.pi)
LOG_ROOT_TWO_PI = 0.5 * math.log(2.0 * math.pi)
ROOT_HALF = math.sqrt(0.5)


def _positive(*_: Any) -> tuple[float, float]:
    return 0.0, np.inf


def _unit(*_: Any) -> tuple[float, float]:
    return 0.0, 1.0


def _ended(logpdf: Callable[..., Any], product: Callable[..., Any], *ends: float) -> Callable[..., Any]:
    """A density: exp(logpdf), and on the ends of the support the same as a product of powers."""

    def pdf(y: Any, *shapes: Any) -> Any:
        at_end: Any = equal(y, ends[0])
        for end in ends[1:]:
            at_end = logical_or(at_end, equal(y, end))
        middle = 0.5 if len(ends) == 2 else 1.0
        inside = tr.exp(logpdf(select(at_end, middle, y), *shapes))
        return select(at_end, product(select(at_end, y, ends[0]), *shapes), inside)

    return pdf


# ---- on the whole line -------------------------------------------------------------------------

norm = Standard(
    "norm",
    (),
    {
        "logpdf": lambda y: -0.5 * y * y - LOG_ROOT_TWO_PI,
        "cdf": ndtr,
        "sf": lambda y: ndtr(-y),
        "logcdf": log_ndtr,
        "logsf": lambda y: log_ndtr(-y),
        "ppf": ndtri,
        "isf": lambda q: -ndtri(q),
    },
)
t = Standard(
    "t",
    ("df",),
    {
        "logpdf": lambda y, v: -0.5 * (v + 1.0) * tr.log1p(y * y / v) - 0.5 * tr.log(v) - betaln(0.5 * v, 0.5),
        "cdf": lambda y, v: stdtr(v, y),
        "sf": lambda y, v: stdtr(v, -y),
        "ppf": lambda q, v: stdtrit(v, q),
        "isf": lambda q, v: -stdtrit(v, q),
    },
)
cauchy = Standard(
    "cauchy",
    (),
    {
        "logpdf": lambda y: -LOG_PI - tr.log1p(y * y),
        "cdf": lambda y: tr.arctan2(1.0, -y) / math.pi,
        "sf": lambda y: tr.arctan2(1.0, y) / math.pi,
        "ppf": lambda q: -1.0 / tr.tan(math.pi * q),
        "isf": lambda q: 1.0 / tr.tan(math.pi * q),
    },
)


def _laplace_cdf(y: Any) -> Any:
    tail = 0.5 * tr.exp(-abs(y))
    return select(y > 0.0, 1.0 - tail, tail)


def _laplace_ppf(q: Any) -> Any:
    upper = q > 0.5
    return select(upper, -tr.log(2.0 * (1.0 - q)), tr.log(2.0 * q))


laplace = Standard(
    "laplace",
    (),
    {
        "logpdf": lambda y: -abs(y) - LOG_TWO,
        "cdf": _laplace_cdf,
        "sf": lambda y: _laplace_cdf(-y),
        "ppf": _laplace_ppf,
        "isf": lambda q: -_laplace_ppf(q),
    },
)
logistic = Standard(
    "logistic",
    (),
    {
        "logpdf": lambda y: -y - 2.0 * tr.softplus(-y),
        "cdf": tr.sigmoid,
        "sf": lambda y: tr.sigmoid(-y),
        "logcdf": log_expit,
        "logsf": lambda y: log_expit(-y),
        "ppf": logit,
        "isf": lambda q: -logit(q),
    },
)
gumbel_r = Standard(
    "gumbel_r",
    (),
    {
        "logpdf": lambda y: -y - tr.exp(-y),
        "cdf": lambda y: tr.exp(-tr.exp(-y)),
        "sf": lambda y: -tr.expm1(-tr.exp(-y)),
        "logcdf": lambda y: -tr.exp(-y),
        "ppf": lambda q: -tr.log(-tr.log(q)),
        "isf": lambda q: -tr.log(-tr.log1p(-q)),
    },
)
gumbel_l = Standard(
    "gumbel_l",
    (),
    {
        "logpdf": lambda y: y - tr.exp(y),
        "cdf": lambda y: -tr.expm1(-tr.exp(y)),
        "sf": lambda y: tr.exp(-tr.exp(y)),
        "logsf": lambda y: -tr.exp(y),
        "ppf": lambda q: tr.log(-tr.log1p(-q)),
        "isf": lambda q: tr.log(-tr.log(q)),
    },
)

# ---- on the half line --------------------------------------------------------------------------


def _gamma_logpdf(y: Any, a: Any) -> Any:
    return xlogy(a - 1.0, y) - y - gammaln(a)


def _chi2_logpdf(y: Any, v: Any) -> Any:
    return xlogy(0.5 * v - 1.0, y) - 0.5 * y - gammaln(0.5 * v) - (0.5 * LOG_TWO) * v


def _weibull_logpdf(y: Any, c: Any) -> Any:
    return tr.log(c) + xlogy(c - 1.0, y) - tr.power(y, c)


def _f_logpdf(y: Any, n: Any, m: Any) -> Any:
    ratio = n / m
    scaled = xlogy(0.5 * n - 1.0, y) - 0.5 * (n + m) * tr.log1p(ratio * y)
    return scaled + 0.5 * n * tr.log(ratio) - betaln(0.5 * n, 0.5 * m)


def _f_product(y: Any, n: Any, m: Any) -> Any:
    powers = tr.power(y, 0.5 * n - 1.0) * tr.power(1.0 + n / m * y, -0.5 * (n + m))
    return powers * tr.exp(0.5 * n * tr.log(n / m) - betaln(0.5 * n, 0.5 * m))


expon = Standard(
    "expon",
    (),
    {
        "logpdf": lambda y: -y,
        "cdf": lambda y: -tr.expm1(-y),
        "sf": lambda y: tr.exp(-y),
        "logsf": lambda y: -y,
        "ppf": lambda q: -tr.log1p(-q),
        "isf": lambda q: -tr.log(q),
    },
    _positive,
)
gamma = Standard(
    "gamma",
    ("a",),
    {
        "logpdf": _gamma_logpdf,
        "pdf": _ended(_gamma_logpdf, lambda y, a: tr.power(y, a - 1.0) * tr.exp(-y - gammaln(a)), 0.0),
        "cdf": lambda y, a: gammainc(a, y),
        "sf": lambda y, a: gammaincc(a, y),
        "ppf": lambda q, a: gammaincinv(a, q),
        "isf": lambda q, a: gammainccinv(a, q),
    },
    _positive,
)
chi2 = Standard(
    "chi2",
    ("df",),
    {
        "logpdf": _chi2_logpdf,
        "pdf": _ended(
            _chi2_logpdf,
            lambda y, v: tr.power(y, 0.5 * v - 1.0) * tr.exp(-0.5 * y - gammaln(0.5 * v) - 0.5 * LOG_TWO * v),
            0.0,
        ),
        "cdf": lambda y, v: gammainc(0.5 * v, 0.5 * y),
        "sf": lambda y, v: gammaincc(0.5 * v, 0.5 * y),
        "ppf": lambda q, v: 2.0 * gammaincinv(0.5 * v, q),
        "isf": lambda q, v: 2.0 * gammainccinv(0.5 * v, q),
    },
    _positive,
)
f = Standard(
    "f",
    ("dfn", "dfd"),
    {
        "logpdf": _f_logpdf,
        "pdf": _ended(_f_logpdf, _f_product, 0.0),
        "cdf": lambda y, n, m: UFUNCS["fdtr"](n, m, y),
        "sf": lambda y, n, m: UFUNCS["fdtrc"](n, m, y),
        "ppf": lambda q, n, m: UFUNCS["fdtri"](n, m, q),
    },
    _positive,
)
halfnorm = Standard(
    "halfnorm",
    (),
    {
        "logpdf": lambda y: 0.5 * math.log(2.0 / math.pi) - 0.5 * y * y,
        "cdf": lambda y: erf(y * ROOT_HALF),
        "sf": lambda y: erfc(y * ROOT_HALF),
        "logsf": lambda y: LOG_TWO + log_ndtr(-y),
        "ppf": lambda q: erfinv(q) / ROOT_HALF,
        "isf": lambda q: -ndtri(0.5 * q),
    },
    _positive,
)
rayleigh = Standard(
    "rayleigh",
    (),
    {
        "logpdf": lambda y: tr.log(y) - 0.5 * y * y,
        "pdf": lambda y: y * tr.exp(-0.5 * y * y),
        "cdf": lambda y: -tr.expm1(-0.5 * y * y),
        "sf": lambda y: tr.exp(-0.5 * y * y),
        "logsf": lambda y: -0.5 * y * y,
        "ppf": lambda q: tr.sqrt(-2.0 * tr.log1p(-q)),
        "isf": lambda q: tr.sqrt(-2.0 * tr.log(q)),
    },
    _positive,
)
weibull_min = Standard(
    "weibull_min",
    ("c",),
    {
        "logpdf": _weibull_logpdf,
        "pdf": _ended(_weibull_logpdf, lambda y, c: c * tr.power(y, c - 1.0) * tr.exp(-tr.power(y, c)), 0.0),
        "cdf": lambda y, c: -tr.expm1(-tr.power(y, c)),
        "sf": lambda y, c: tr.exp(-tr.power(y, c)),
        "logsf": lambda y, c: -tr.power(y, c),
        "ppf": lambda q, c: tr.power(-tr.log1p(-q), 1.0 / c),
        "isf": lambda q, c: tr.power(-tr.log(q), 1.0 / c),
    },
    _positive,
)
# Those of the logarithm or the reciprocal: nothing to find at 0.
lognorm = Standard(
    "lognorm",
    ("s",),
    {
        "logpdf": lambda y, s: -0.5 * (tr.log(y) / s) ** 2 - tr.log(s * y) - LOG_ROOT_TWO_PI,
        "cdf": lambda y, s: ndtr(tr.log(y) / s),
        "sf": lambda y, s: ndtr(-tr.log(y) / s),
        "logcdf": lambda y, s: log_ndtr(tr.log(y) / s),
        "logsf": lambda y, s: log_ndtr(-tr.log(y) / s),
        "ppf": lambda q, s: tr.exp(s * ndtri(q)),
        "isf": lambda q, s: tr.exp(-s * ndtri(q)),
    },
    _positive,
    closed=False,
)
invgamma = Standard(
    "invgamma",
    ("a",),
    {
        "logpdf": lambda y, a: -(a + 1.0) * tr.log(y) - gammaln(a) - 1.0 / y,
        "cdf": lambda y, a: gammaincc(a, 1.0 / y),
        "sf": lambda y, a: gammainc(a, 1.0 / y),
        "ppf": lambda q, a: 1.0 / gammainccinv(a, q),
        "isf": lambda q, a: 1.0 / gammaincinv(a, q),
    },
    _positive,
    closed=False,
)
pareto = Standard(
    "pareto",
    ("b",),
    {
        "logpdf": lambda y, b: tr.log(b) - (b + 1.0) * tr.log(y),
        "cdf": lambda y, b: -tr.expm1(-b * tr.log(y)),
        "sf": lambda y, b: tr.power(y, -b),
        "logsf": lambda y, b: -b * tr.log(y),
        "ppf": lambda q, b: tr.power(1.0 - q, -1.0 / b),
        "isf": lambda q, b: tr.power(q, -1.0 / b),
    },
    lambda _: (1.0, np.inf),
    inner=2.0,
)

# ---- on an interval ----------------------------------------------------------------------------


def _beta_logpdf(y: Any, a: Any, b: Any) -> Any:
    return xlog1py(b - 1.0, -y) + xlogy(a - 1.0, y) - betaln(a, b)


def _beta_product(y: Any, a: Any, b: Any) -> Any:
    return tr.power(y, a - 1.0) * tr.power(1.0 - y, b - 1.0) * tr.exp(-betaln(a, b))


uniform = Standard(
    "uniform",
    (),
    {
        "logpdf": lambda y: 0.0 * y,
        "cdf": lambda y: y,
        "sf": lambda y: 1.0 - y,
        "ppf": lambda q: q,
        "isf": lambda q: 1.0 - q,
    },
    _unit,
)
beta = Standard(
    "beta",
    ("a", "b"),
    {
        "logpdf": _beta_logpdf,
        "pdf": _ended(_beta_logpdf, _beta_product, 0.0, 1.0),
        "cdf": lambda y, a, b: betainc(a, b, y),
        "sf": lambda y, a, b: betaincc(a, b, y),
        "ppf": lambda q, a, b: betaincinv(a, b, q),
        "isf": lambda q, a, b: betainccinv(a, b, q),
    },
    _unit,
)

DISTRIBUTIONS = (
    *(norm, t, cauchy, laplace, logistic, gumbel_r, gumbel_l, expon, gamma, chi2, f, halfnorm, rayleigh),
    *(weibull_min, lognorm, invgamma, pareto, uniform, beta),
)
