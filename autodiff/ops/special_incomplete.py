"""Incomplete gamma and beta functions (DLMF 8), differentiable in every argument; their inverses; Student's t.

The derivatives in the shape parameters are functions of their own (`special_shape.py`): exact up
to third order for gamma, second order for beta, and refused beyond. `gammainc_aa` is the second
derivative of `gammainc` in a, `betainc_ab` that of `betainc` in a and b; and so on.

At x = 0 and x = 1 the derivatives in the shape parameters are 0, as all mass lies on one side.
"""

from __future__ import annotations

from typing import Any

from autodiff.ir.build import literal
from autodiff.ops.arithmetic import sign
from autodiff.ops.families import equal, logical_and, select
from autodiff.ops.special_entropy import xlog1py, xlogy
from autodiff.ops.special_family import special
from autodiff.ops.special_gamma import betaln, digamma, gammaln, zeta
from autodiff.ops.special_shape import betainc_shape, gammainc_shape
from autodiff.ops.transcendental import POSITIVE, exp, log, log1p

BETA = (*POSITIVE, *POSITIVE, (0.05, 1.0))
INVERSE = (*POSITIVE, (0.05, 1.0))

# ---- gamma -----------------------------------------------------------------------------------


def gamma_density(a: Any, x: Any) -> Any:
    """x**(a-1) exp(-x) / Gamma(a), DLMF 8.8.13. The logarithm rounds: relative error about a * 1e-16."""
    return exp(xlogy(a - 1.0, x) - x - gammaln(a))


def _scored(a: Any, x: Any, factor: Any) -> Any:
    """`gamma_density` times a polynomial in log(x); 0 at 0 where the density is."""
    empty = logical_and(equal(x, 0.0), a > 1.0)
    inside = select(empty, 1.0, x)
    return select(empty, 0.0, gamma_density(a, inside) * factor(log(inside) - digamma(a)))


def _order_two(a: Any) -> Any:
    return lambda score: score * score - zeta(2.0, a)


def _order_three(a: Any) -> Any:
    return lambda score: score * (score * score - 3.0 * zeta(2.0, a)) + 2.0 * zeta(3.0, a)


gammainc = special("gammainc", (lambda p, a, x: gammainc_a(a, x), lambda p, a, x: gamma_density(a, x)), domain=POSITIVE)
gammaincc = special(
    "gammaincc", (lambda q, a, x: -gammainc_a(a, x), lambda q, a, x: -gamma_density(a, x)), domain=POSITIVE
)
gammainc_a = special(
    "gammainc_a",
    (lambda y, a, x: gammainc_aa(a, x), lambda y, a, x: _scored(a, x, lambda score: score)),
    domain=POSITIVE,
    formula=lambda a, x: gammainc_shape(a, x, 1),
)
gammainc_aa = special(
    "gammainc_aa",
    (lambda y, a, x: gammainc_aaa(a, x), lambda y, a, x: _scored(a, x, _order_two(a))),
    domain=POSITIVE,
    formula=lambda a, x: gammainc_shape(a, x, 2),
)
gammainc_aaa = special(
    "gammainc_aaa",
    (None, lambda y, a, x: _scored(a, x, _order_three(a))),
    domain=POSITIVE,
    refused=(0,),
    formula=lambda a, x: gammainc_shape(a, x, 3),
)
gammaincinv = special(
    "gammaincinv",
    (lambda x, a, p: -gammainc_a(a, x) / gamma_density(a, x), lambda x, a, p: 1.0 / gamma_density(a, x)),
    domain=INVERSE,
)
gammainccinv = special(
    "gammainccinv",
    (lambda x, a, q: -gammainc_a(a, x) / gamma_density(a, x), lambda x, a, q: -1.0 / gamma_density(a, x)),
    domain=INVERSE,
)

# ---- beta ------------------------------------------------------------------------------------


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """x**(a-1) (1-x)**(b-1) / B(a, b), DLMF 8.17.1."""
    return exp(xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - betaln(a, b))


def _beta_scored(a: Any, b: Any, x: Any, factor: Any) -> Any:
    """`beta_density` times a polynomial in the two scores; 0 at an end where the density is."""
    empty = (equal(x, 0.0) & (a > 1.0)) | (equal(x, 1.0) & (b > 1.0))
    inside = select(empty, 0.5, x)
    total = digamma(a + b)
    first, second = log(inside) - digamma(a) + total, log1p(-inside) - digamma(b) + total
    return select(empty, 0.0, beta_density(a, b, inside) * factor(first, second))


def _curve(a: Any, b: Any) -> Any:
    return zeta(2.0, a + b)


betainc = special(
    "betainc",
    (
        lambda p, a, b, x: betainc_a(a, b, x),
        lambda p, a, b, x: betainc_b(a, b, x),
        lambda p, a, b, x: beta_density(a, b, x),
    ),
    domain=BETA,
)
betaincc = special(
    "betaincc",
    (
        lambda p, a, b, x: -betainc_a(a, b, x),
        lambda p, a, b, x: -betainc_b(a, b, x),
        lambda p, a, b, x: -beta_density(a, b, x),
    ),
    domain=BETA,
)
betainc_a = special(
    "betainc_a",
    (
        lambda y, a, b, x: betainc_aa(a, b, x),
        lambda y, a, b, x: betainc_ab(a, b, x),
        lambda y, a, b, x: _beta_scored(a, b, x, lambda first, second: first),
    ),
    domain=BETA,
    formula=lambda a, b, x: betainc_shape(a, b, x, 1, False, False),
)
betainc_b = special(
    "betainc_b",
    (
        lambda y, a, b, x: betainc_ab(a, b, x),
        lambda y, a, b, x: betainc_bb(a, b, x),
        lambda y, a, b, x: _beta_scored(a, b, x, lambda first, second: second),
    ),
    domain=BETA,
    formula=lambda a, b, x: betainc_shape(a, b, x, 1, False, True),
)
betainc_aa = special(
    "betainc_aa",
    (
        None,
        None,
        lambda y, a, b, x: _beta_scored(a, b, x, lambda first, second: first * first + (_curve(a, b) - zeta(2.0, a))),
    ),
    domain=BETA,
    refused=(0, 1),
    formula=lambda a, b, x: betainc_shape(a, b, x, 2, False, False),
)
betainc_ab = special(
    "betainc_ab",
    (None, None, lambda y, a, b, x: _beta_scored(a, b, x, lambda first, second: first * second + _curve(a, b))),
    domain=BETA,
    refused=(0, 1),
    formula=lambda a, b, x: betainc_shape(a, b, x, 2, True, False),
)
betainc_bb = special(
    "betainc_bb",
    (
        None,
        None,
        lambda y, a, b, x: _beta_scored(a, b, x, lambda first, second: second * second + (_curve(a, b) - zeta(2.0, b))),
    ),
    domain=BETA,
    refused=(0, 1),
    formula=lambda a, b, x: betainc_shape(a, b, x, 2, False, True),
)
betaincinv = special(
    "betaincinv",
    (
        lambda x, a, b, p: -betainc_a(a, b, x) / beta_density(a, b, x),
        lambda x, a, b, p: -betainc_b(a, b, x) / beta_density(a, b, x),
        lambda x, a, b, p: 1.0 / beta_density(a, b, x),
    ),
    domain=BETA,
)
betainccinv = special(
    "betainccinv",
    (
        lambda x, a, b, q: -betainc_a(a, b, x) / beta_density(a, b, x),
        lambda x, a, b, q: -betainc_b(a, b, x) / beta_density(a, b, x),
        lambda x, a, b, q: -1.0 / beta_density(a, b, x),
    ),
    domain=BETA,
)

# ---- Student's t -----------------------------------------------------------------------------


def student_density(v: Any, t: Any) -> Any:
    """The density of Student's distribution with v degrees of freedom."""
    return exp(-0.5 * (v + 1.0) * log1p(t * t / v) - 0.5 * log(v) - betaln(0.5 * v, 0.5))


def _student_shape(v: Any, t: Any) -> Any:
    """The derivative of the mass below t in v: with z = t**2 / (v + t**2) it is 1/2 + sign(t) I_z(1/2, v/2) / 2.

    The two terms cancel for large v: the relative error is about v * 1e-15.
    """
    # At 0 itself the factors of the derivative in t are inf and 0. (Two numbers have no dtype: one takes that of t.)
    t = t + select(equal(t, 0.0), literal(1e-15, t.aval.dtype), 0.0)
    square = t * t
    inner = betainc_b(0.5, 0.5 * v, square / (v + square))
    return 0.25 * sign(t) * inner - 0.5 * t / v * student_density(v, t)


stdtr = special(
    "stdtr",
    (lambda y, v, t: _student_shape(v, t), lambda y, v, t: student_density(v, t)),
    domain=((0.5, 6.0), (-2.0, 2.0)),
)
stdtrit = special(
    "stdtrit",
    (
        lambda t, v, p: -_student_shape(v, t) / student_density(v, t),
        lambda t, v, p: 1.0 / student_density(v, t),
    ),
    domain=((1.5, 6.0), (0.05, 1.0)),
)

OPS_HERE = (
    *(gammainc, gammaincc, gammainc_a, gammainc_aa, gammainc_aaa, gammaincinv, gammainccinv),
    *(betainc, betaincc, betainc_a, betainc_b, betainc_aa, betainc_ab, betainc_bb, betaincinv, betainccinv),
    *(stdtr, stdtrit),
)
# What kernels compute by these formulas: the name, the formula and its constant arguments.
WRITTEN = {
    "gammainc_a": (gammainc_shape, (1,)),
    "gammainc_aa": (gammainc_shape, (2,)),
    "gammainc_aaa": (gammainc_shape, (3,)),
    "betainc_a": (betainc_shape, (1, False, False)),
    "betainc_b": (betainc_shape, (1, False, True)),
    "betainc_aa": (betainc_shape, (2, False, False)),
    "betainc_ab": (betainc_shape, (2, True, False)),
    "betainc_bb": (betainc_shape, (2, False, True)),
}
