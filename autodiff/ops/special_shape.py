"""Derivatives of the incomplete gamma and beta functions with respect to their shape parameters.

P(a, x) is the mass of a probability density f below x, so the derivative of log f in a, the
*score*, gives the derivatives of P:

    dP/da = integral of f * L           L = log t - digamma(a)                       (gamma)
                                        L = log t - digamma(a) + digamma(a + b)      (beta)
    d2P/da2 = integral of f * (L**2 + L')

over [0, x]; over [x, end], negated, it is the same number, because f has mass 1 for every a.
The score has one sign change. Below it the integral runs over [0, x], above it over [x, end]:
there L has one sign, so nothing cancels, and the first derivative keeps its relative accuracy
where it is tiny. Divided by the mass on the same side, which SciPy knows to rounding, it is a
mean, and the constant of f drops out.

The mean is taken in w = log t - log x (gamma), or in the difference of logits (beta), by
Gauss-Legendre quadrature over the range where f is above exp(-45) of its value at x: there -log f
is convex and analytic, whatever a and x. Near 0 (a < 1) f falls off slowly; one step of the recurrences
P(a, x) = P(a + 1, x) + D(a, x), DLMF 8.8.5 and 8.17.20, differentiated, leads away from there.
The older algorithms (Moore, "AS 187: Derivatives of the incomplete gamma integral", 1982; Boik and
Robison-Cox, "Derivatives of the incomplete beta function", 1998) sum series whose terms change sign.

Measured against mpmath, relative: first derivatives below 1e-13 (gamma, a from 1e-3 to 1e4) and below 1e-12 (beta,
a and b from 1e-2 to 3e3); second derivatives below 1e-11, but near their zeros, where the error is
that of the terms that cancel. Larger parameters lose digits as their logarithms round.

Every function here is one formula without branches on values, in the names `exp`, `log`, ...,
`pick` only: on arrays these are NumPy's and SciPy's, and kernels bind them to scalar functions.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.ops.legendre import NODES, WEIGHTS

DEPTH = 45.0  # exp(-45) is 3e-20
exp, expm1, log, log1p, sqrt, minimum = np.exp, np.expm1, np.log, np.log1p, np.sqrt, np.minimum


def pick(condition: Any, x: Any, y: Any) -> Any:
    """x where the condition holds, else y."""
    return np.where(condition, x, y)


def _scipy(name: str) -> Callable[..., Any]:
    def function(*args: Any) -> Any:
        return _found(name)(*args)

    return function


@lru_cache(maxsize=32)
def _found(name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module("scipy.special"), name)  # type: ignore[no-any-return]


digamma, zeta = _scipy("digamma"), _scipy("zeta")
gammainc, gammaincc = _scipy("gammainc"), _scipy("gammaincc")
betainc, betaincc = _scipy("betainc"), _scipy("betaincc")


# ---- gamma -----------------------------------------------------------------------------------


def above_parabola(w: Any) -> Any:
    """exp(w) - 1 - w, by its series near 0, where the difference cancels."""
    near = abs(w) < 0.35
    z = pick(near, w, 0.0)
    series = 1.0
    for k in range(14, 2, -1):
        series = 1.0 + series * z / k
    return pick(near, 0.5 * z * z * series, expm1(w) - w)


def log_less_digamma(a: Any) -> Any:
    """log(a) - digamma(a); by DLMF 5.11.2 for large a, where the difference cancels."""
    large = a > 25.0
    z = 1.0 / pick(large, a, 25.0)
    q = z * z
    tail = 1.0 / 12.0 - q * (1.0 / 120.0 - q * (1.0 / 252.0 - q * (1.0 / 240.0 - q / 132.0)))
    return pick(large, 0.5 * z + q * tail, log(a) - digamma(a))


def gamma_score(a: Any, x: Any) -> Any:
    """log(x) - digamma(a), to full relative accuracy for x near a."""
    near = abs(x - a) < 0.5 * a
    return pick(near, log1p(pick(near, x - a, 0.0) / a), log(x / a)) + log_less_digamma(a)


def gamma_fall(a: Any, x: Any, w: Any) -> Any:
    """-log of (t**a exp(-t)) at t = x exp(w), relative to t = x."""
    return (x - a) * w + x * above_parabola(w)


def gamma_range(a: Any, x: Any, side: Any) -> Any:
    """The distance w at which `gamma_fall` reaches `DEPTH`, by Newton's method from beyond."""
    below = DEPTH / a + 1.0
    above = log1p((DEPTH + 10.0 * a) / x)
    s = minimum(pick(side < 0.0, below, above), sqrt(3.0 * DEPTH / x) + 1.0 / (1.0 + x))
    for _ in range(8):
        w = side * s
        slope = side * ((x - a) + x * expm1(w))
        s = s - pick(slope > 0.0, (gamma_fall(a, x, w) - DEPTH) / pick(slope > 0.0, slope, 1.0), 0.0)
    return s


def gamma_mean(a: Any, x: Any, side: Any, order: int) -> Any:
    """The mean of the factor of the derivative, over t < x for side -1, t > x for side 1."""
    reach = 0.5 * gamma_range(a, x, side)
    score, curve = gamma_score(a, x), zeta(2.0, a)
    third = zeta(3.0, a)
    total, mass = 0.0 * x, 0.0 * x
    for k in range(len(NODES)):
        w = side * reach * (1.0 + NODES[k])
        weight = WEIGHTS[k] * exp(-gamma_fall(a, x, w))
        total = total + weight * gamma_factor(score + w, curve, third, order)
        mass = mass + weight
    return total / mass


def gamma_factor(score: Any, curve: Any, third: Any, order: int) -> Any:
    """What multiplies f in its derivative of this order: Bell polynomials of the derivatives of log f."""
    if order == 1:
        return score
    if order == 2:
        return score * score - curve
    return score * (score * score - 3.0 * curve) + 2.0 * third


def gammainc_shape(a: Any, x: Any, order: int) -> Any:
    """The derivative of this order (1, 2 or 3) of P(a, x) in a, for a > 0 and x >= 0."""
    inside = (a > 0.0) & (x > 0.0) & (a < np.inf) & (x < np.inf)
    a0, x0 = pick(inside, a, 1.0), pick(inside, x, 1.0)
    next_score = gamma_score(a0 + 1.0, x0)
    step = (a0 < 1.0) & (next_score < 0.0)
    a1 = pick(step, a0 + 1.0, a0)
    side = pick(gamma_score(a1, x0) < 0.0, -1.0, 1.0)
    mass = pick(side < 0.0, gammainc(a1, x0), -gammaincc(a1, x0))
    # A mass that underflows is 0, and so is what is multiplied with it.
    value = mass * gamma_mean(a1, x0, side, order)
    jump = gammainc(a0, x0) - gammainc(a0 + 1.0, x0)
    b = a0 + 1.0
    value = value + pick(step, jump * gamma_factor(next_score, zeta(2.0, b), zeta(3.0, b), order), 0.0)
    known = (a > 0.0) & (x >= 0.0) & (a < np.inf)
    return pick(inside, value, pick(known, 0.0, np.nan))


# ---- beta ------------------------------------------------------------------------------------


def beta_slide(x: Any, y: Any, w: Any) -> Any:
    """-log((1 - t) / (1 - x)) where the logits of t and x differ by w; y is 1 - x."""
    down = w < -0.7
    return pick(down, log(y + x * exp(pick(down, w, 0.0))), log1p(x * expm1(pick(down, 0.0, w))))


def beta_fall(a: Any, b: Any, x: Any, y: Any, w: Any) -> Any:
    """-log of (t**a (1-t)**b), relative to t = x."""
    return (a + b) * beta_slide(x, y, w) - a * w


def beta_range(a: Any, b: Any, x: Any, y: Any, side: Any) -> Any:
    """The distance w at which `beta_fall` reaches `DEPTH`, by Newton's method from beyond."""
    below = DEPTH / a - (a + b) / a * log_pair(y, x)
    above = DEPTH / b - (a + b) / b * log_pair(x, y)
    s = minimum(pick(side < 0.0, below, above), 700.0)
    for _ in range(16):
        t = x * exp(side * s) / (y + x * exp(side * s))
        slope = side * ((a + b) * t - a)
        step = (beta_fall(a, b, x, y, side * s) - DEPTH) / pick(slope > 0.0, slope, 1.0)
        s = s - pick(slope > 0.0, step, 0.0)
    return s


def log_pair(x: Any, y: Any) -> Any:
    """log(x), where y = 1 - x: by log1p near 1."""
    return pick(x < 0.5, log(pick(x < 0.5, x, 0.5)), log1p(-pick(x < 0.5, 0.5, y)))


def beta_score(a: Any, b: Any, x: Any, y: Any) -> Any:
    """log(x) - digamma(a) + digamma(a + b), to full relative accuracy for x near a / (a + b)."""
    off = (x * b - y * a) / a  # x (a + b) / a - 1
    near = abs(off) < 0.5
    ratio = pick(near, log1p(pick(near, off, 0.0)), log_pair(x, y) + log1p(b / a))
    return ratio + log_less_digamma(a) - log_less_digamma(a + b)


def beta_factor(first: Any, second: Any, curve: Any, order: int) -> Any:
    """What multiplies f: the score (order 1), or the product of two scores and `curve`, their derivative."""
    return first if order == 1 else first * second + curve


def beta_mean(a: Any, b: Any, x: Any, y: Any, side: Any, order: int, other: bool) -> Any:
    """The mean of the factor over t < x for side -1, t > x for side 1; `other`: the derivative in a and b."""
    reach = 0.5 * beta_range(a, b, x, y, side)
    score, second = beta_score(a, b, x, y), beta_score(b, a, y, x)
    curve = zeta(2.0, a + b) - (0.0 if other else zeta(2.0, a))
    total, mass = 0.0 * x, 0.0 * x
    for k in range(len(NODES)):
        w = side * reach * (1.0 + NODES[k])
        slide = beta_slide(x, y, w)
        weight = WEIGHTS[k] * exp(a * w - (a + b) * slide)
        first = score + w - slide
        total = total + weight * beta_factor(first, second - slide if other else first, curve, order)
        mass = mass + weight
    return total / mass


def beta_mass(a: Any, b: Any, x: Any, y: Any, low: Any, mirrored: bool) -> Any:
    """The mass below x, or minus that above it."""
    below, above = (betaincc(b, a, y), betainc(b, a, y)) if mirrored else (betainc(a, b, x), betaincc(a, b, x))
    return pick(low, below, -above)


def beta_shape(a: Any, b: Any, x: Any, y: Any, order: int, other: bool, mirrored: bool) -> Any:
    """The derivative in a (order 1), twice in a (order 2), or in a and b (order 2, `other`) of I_x(a, b), y = 1 - x.

    `mirrored`: x is 1 - x of what the user gave, and y exact: masses are asked for with y.
    """
    step = (a < 1.0) & (beta_score(a + 1.0, b, x, y) < 0.0)
    a1 = pick(step, a + 1.0, a)
    score = beta_score(a1, b, x, y)
    low, back = score < 0.0, (b < 1.0) & (score >= 0.0)
    b1 = pick(back, b + 1.0, b)
    mass = beta_mass(a1, b1, x, y, low, mirrored)
    value = mass * beta_mean(a1, b1, x, y, pick(low, -1.0, 1.0), order, other)
    # I(a, b) = I(a+1, b) + D / a = I(a, b+1) - D / b, with D = x**a y**b / B(a, b).
    jump = beta_mass(a, b, x, y, low, mirrored) - mass
    first = beta_score(a, b, x, y) - pick(step, 1.0 / a, 0.0)
    second = beta_score(b, a, y, x) - pick(back, 1.0 / b, 0.0)
    if other:
        return value + pick(jump == 0.0, 0.0, jump * beta_factor(first, second, zeta(2.0, a + b), order))
    curve = zeta(2.0, a + b) - zeta(2.0, a1)
    return value + pick(jump == 0.0, 0.0, jump * beta_factor(first, first, curve, order))


def betainc_shape(a: Any, b: Any, x: Any, order: int, other: bool, mirrored: bool) -> Any:
    """A derivative of I_x(a, b) for a, b > 0 and 0 <= x <= 1; `mirrored`: with the roles of a and b exchanged."""
    inside = (a > 0.0) & (b > 0.0) & (x > 0.0) & (x < 1.0) & (a < np.inf) & (b < np.inf)
    a0, b0, x0 = pick(inside, a, 1.0), pick(inside, b, 1.0), pick(inside, x, 0.5)
    if mirrored:
        value = -beta_shape(b0, a0, 1.0 - x0, x0, order, other, True)
    else:
        value = beta_shape(a0, b0, x0, 1.0 - x0, order, other, False)
    known = (a > 0.0) & (b > 0.0) & (x >= 0.0) & (x <= 1.0) & (a < np.inf) & (b < np.inf)
    return pick(inside, value, pick(known, 0.0, np.nan))
