"""Special functions: error functions, gamma, beta and zeta, Bessel, entropies, the normal distribution.

SciPy's names, SciPy's values. Formulas: NIST Digital Library of Mathematical Functions (DLMF)
and Abramowitz & Stegun (A&S), by number beside each. Every family is closed under
differentiation, so derivatives of any order are exact: `digamma` differentiates to `zeta`,
Bessel functions to their neighbours in order, which stays right at 0 where I1(x)/x does not.

Derivatives with respect to a shape parameter that have no closed form (`a` of `gammainc`, `a`
and `b` of `betainc`, the order of a Bessel function, `s` of `zeta`) are `refused`: asking for
one raises `NotDifferentiableError`, a constant there is welcome.

At kinks: `xlogy(x, y)` has derivative log(y) in x, also at x = 0, and derivative 0 where both
are 0; `entr` has derivative inf at 0, as its value bends down there; `i0e` has derivative 0 at 0.

SciPy is slow to import (0.7 s) and most programs do without it: `scipy_function` is the one
place that imports it, when a function is first evaluated. Kernels call the same C code (see
`backends/numba/special_functions.py`), apart from `zeta`, which SciPy does not offer to them.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.ops.arithmetic import sign
from autodiff.ops.families import Elementwise, equal, logical_and, select
from autodiff.ops.promotion import Kinds
from autodiff.ops.transcendental import POSITIVE, UNIT, exp, log, log1p, sigmoid

ROOT_PI = math.sqrt(math.pi)
ROOT_TWO = math.sqrt(2.0)
ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
UNIT_INTERVAL = ((0.05, 1.0),)
F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def scipy_function(name: str) -> Callable[..., Any]:
    """`scipy.special.<name>`, imported when it is first called."""

    def function(*args: Any) -> Any:
        return _found(name)(*args)

    function.__name__ = function.__qualname__ = name
    return function


@lru_cache(maxsize=128)
def _found(name: str) -> Callable[..., Any]:
    return getattr(importlib.import_module("scipy.special"), name)  # type: ignore[no-any-return]


@lru_cache(maxsize=4096)
def special_types(kinds: Kinds) -> tuple[tuple[np.dtype, ...], np.dtype]:
    """float32 beside nothing but Python numbers stays float32; everything else is float64."""
    strong = {k for k in kinds if not isinstance(k, type)}
    dtype = F32 if strong == {F32} else F64
    return tuple(dtype for _ in kinds), dtype


def _special(
    name: str,
    partials: tuple[Callable[..., Any] | None, ...],
    domain: tuple[tuple[float, float], ...] = (),
    *,
    scalar: str = "",
    refused: tuple[int, ...] = (),
    scipy_name: str = "",
) -> Elementwise:
    """An op that SciPy evaluates, and whose kernel calls a function of the same name."""
    arguments = ", ".join(f"{{{k}}}" for k in range(len(partials)))
    return Elementwise(
        name,
        scipy_function(scipy_name or name),
        scalar or f"{name}({arguments})",
        partials,
        domain=domain,
        types=special_types,
        refused=refused,
    )


# ---- error functions (DLMF 7) and the normal distribution ------------------------------------


def _erfcx_slope(y: Any, x: Any) -> Any:
    """2 x erfcx(x) - 2 / sqrt(pi) (A&S 7.1.19), which cancels for large x: there by its expansion.

    From 30 on six terms of DLMF 7.12.1, differentiated, are exact to rounding.
    """
    large = x > 30.0
    far = 1.0 / select(large, x, 30.0)
    z = far * far
    terms = 1.0 - z * (1.5 - z * (3.75 - z * (13.125 - z * (59.0625 - z * 324.84375))))
    return select(large, -z * terms / ROOT_PI, 2.0 * select(large, 0.0, x) * y - 2.0 / ROOT_PI)


def _log_ndtr_slope(y: Any, x: Any) -> Any:
    """phi(x) / Phi(x). In the lower tail both vanish, and their quotient is 1 / erfcx (DLMF 7.2.3)."""
    lower = x < 0.0
    tail = math.sqrt(2.0 / math.pi) / erfcx(select(lower, x, 0.0) * (-1.0 / ROOT_TWO))
    return select(lower, tail, exp(-0.5 * x * x - math.log(ROOT_TWO_PI) - y))


erf = _special("erf", (lambda y, x: (2.0 / ROOT_PI) * exp(-x * x),))  # DLMF 7.10.1
erfc = _special("erfc", (lambda y, x: (-2.0 / ROOT_PI) * exp(-x * x),))
erfcx = _special("erfcx", (_erfcx_slope,), domain=((-1.0, 3.0),))
erfinv = _special("erfinv", (lambda y, x: (0.5 * ROOT_PI) * exp(y * y),), domain=UNIT)
erfcinv = _special("erfcinv", (lambda y, x: (-0.5 * ROOT_PI) * exp(y * y),), domain=((0.1, 1.9),))
ndtr = _special("ndtr", (lambda y, x: (1.0 / ROOT_TWO_PI) * exp(-0.5 * x * x),))
log_ndtr = _special("log_ndtr", (_log_ndtr_slope,))
ndtri = _special("ndtri", (lambda y, x: ROOT_TWO_PI * exp(0.5 * y * y),), domain=UNIT_INTERVAL)

# ---- gamma, beta, zeta (DLMF 5, 8, 25) -------------------------------------------------------


def _gamma_density(a: Any, x: Any) -> Any:
    """x**(a-1) exp(-x) / Gamma(a), DLMF 8.8.13. The logarithm rounds: relative error about a * 1e-16."""
    return exp(xlogy(a - 1.0, x) - x - gammaln(a))


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """x**(a-1) (1-x)**(b-1) / B(a, b), DLMF 8.17.1."""
    return exp(xlogy(a - 1.0, x) + xlog1py(b - 1.0, -x) - betaln(a, b))


gammaln = _special("gammaln", (lambda y, x: digamma(x),), domain=POSITIVE)  # DLMF 5.2.2
gamma = _special("gamma", (lambda y, x: y * digamma(x),), domain=POSITIVE)
digamma = _special("digamma", (lambda y, x: zeta(2.0, x),), domain=POSITIVE)  # DLMF 25.11.12
zeta = _special(  # the Hurwitz zeta function; DLMF 25.11.17
    "zeta", (None, lambda y, s, x: -s * zeta(s + 1.0, x)), domain=((1.5, 4.0), (0.2, 3.0)), refused=(0,)
)
betaln = _special(  # DLMF 5.12.1
    "betaln",
    (lambda z, a, b: digamma(a) - digamma(a + b), lambda z, a, b: digamma(b) - digamma(a + b)),
    domain=POSITIVE,
)
beta = _special(
    "beta",
    (lambda z, a, b: z * (digamma(a) - digamma(a + b)), lambda z, a, b: z * (digamma(b) - digamma(a + b))),
    domain=POSITIVE,
)
gammainc = _special("gammainc", (None, lambda p, a, x: _gamma_density(a, x)), domain=POSITIVE, refused=(0,))
gammaincc = _special("gammaincc", (None, lambda q, a, x: -_gamma_density(a, x)), domain=POSITIVE, refused=(0,))
betainc = _special(
    "betainc",
    (None, None, lambda p, a, b, x: _beta_density(a, b, x)),
    domain=(*POSITIVE, *POSITIVE, (0.05, 1.0)),
    refused=(0, 1),
)


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of digamma: (-1)**(n+1) n! zeta(n+1, x), DLMF 25.11.12; n is a plain integer."""
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 0:
        raise ArgumentError(f"polygamma: the order must be a plain integer >= 0, got {n!r}", "polygamma(1, x)")
    if n == 0:
        return digamma(x)
    factor = float(math.factorial(int(n)))
    return (factor if n % 2 else -factor) * zeta(n + 1.0, x)


# ---- logarithms beside zeros: entropies -------------------------------------------------------


def _both_zero(x: Any, y: Any) -> Any:
    return logical_and(equal(x, 0.0), equal(y, 0.0))


def _ratio(x: Any, y: Any) -> Any:
    """x / y, and 0 where x is 0."""
    zero = equal(x, 0.0)
    return select(zero, 0.0, x / select(zero, 1.0, y))


def _log_ratio(x: Any, y: Any) -> Any:
    both = _both_zero(x, y)
    return select(both, 0.0, log(select(both, 1.0, x)) - log(select(both, 1.0, y)))


def _xlogy_factor(x: Any, y: Any) -> Any:
    both = _both_zero(x, y)
    return select(both, 0.0, log(select(both, 1.0, y)))


def _xlog1py_factor(x: Any, y: Any) -> Any:
    both = _both_zero(x, y + 1.0)
    return select(both, 0.0, log1p(select(both, 0.0, y)))


# `y == y`: 0 * log(nan) is nan, in SciPy too.
xlogy = _special(
    "xlogy",
    (lambda z, x, y: _xlogy_factor(x, y), lambda z, x, y: _ratio(x, y)),
    domain=((-2.0, 2.0), (0.2, 3.0)),
    scalar="({zero} if ({0} == {zero}) & ({1} == {1}) else {0} * log({1}))",
)
xlog1py = _special(
    "xlog1py",
    (lambda z, x, y: _xlog1py_factor(x, y), lambda z, x, y: _ratio(x, y + 1.0)),
    domain=((-2.0, 2.0), (-0.7, 3.0)),
    scalar="({zero} if ({0} == {zero}) & ({1} == {1}) else {0} * log1p({1}))",
)
entr = _special("entr", (lambda y, x: -log(x) - 1.0,), domain=POSITIVE)
rel_entr = _special(
    "rel_entr", (lambda z, x, y: _log_ratio(x, y) + 1.0, lambda z, x, y: -_ratio(x, y)), domain=POSITIVE
)
kl_div = _special("kl_div", (lambda z, x, y: _log_ratio(x, y), lambda z, x, y: 1.0 - _ratio(x, y)), domain=POSITIVE)
logit = _special("logit", (lambda y, x: 1.0 / (x * (1.0 - x)),), domain=UNIT_INTERVAL)
log_expit = _special("log_expit", (lambda y, x: sigmoid(-x),), scalar="(-softplus(-{0}))")

# ---- Bessel functions (DLMF 10) ----------------------------------------------------------------


def _j_slope(y: Any, v: Any, x: Any) -> Any:
    """DLMF 10.6.1."""
    return 0.5 * (jv(v - 1.0, x) - jv(v + 1.0, x))


def _i_slope(y: Any, v: Any, x: Any) -> Any:
    """DLMF 10.29.1."""
    return 0.5 * (iv(v - 1.0, x) + iv(v + 1.0, x))


def _ie_slope(y: Any, v: Any, x: Any) -> Any:
    """That of exp(-|x|) I_v(x)."""
    return 0.5 * (ive(v - 1.0, x) + ive(v + 1.0, x)) - sign(x) * y


ORDERS = ((0.0, 3.0), (0.3, 3.0))

jv = _special("jv", (None, _j_slope), domain=ORDERS, refused=(0,))
iv = _special("iv", (None, _i_slope), domain=ORDERS, refused=(0,))
ive = _special("ive", (None, _ie_slope), domain=ORDERS, refused=(0,))
j0 = _special("j0", (lambda y, x: -j1(x),))
j1 = _special("j1", (lambda y, x: 0.5 * (j0(x) - jv(2.0, x)),))
i0 = _special("i0", (lambda y, x: i1(x),))
i1 = _special("i1", (lambda y, x: 0.5 * (i0(x) + iv(2.0, x)),))
i0e = _special("i0e", (lambda y, x: i1e(x) - sign(x) * y,))
i1e = _special("i1e", (lambda y, x: 0.5 * (i0e(x) + ive(2.0, x)) - sign(x) * y,))

OPS_HERE = (
    *(erf, erfc, erfcx, erfinv, erfcinv, ndtr, log_ndtr, ndtri),
    *(gammaln, gamma, digamma, zeta, beta, betaln, gammainc, gammaincc, betainc),
    *(xlogy, xlog1py, entr, rel_entr, kl_div, logit, log_expit),
    *(jv, iv, ive, j0, j1, i0, i1, i0e, i1e),
)
# Those whose kernels call a function: the rest are expressions of other functions.
CALLED = {op.name: op.numpy for op in OPS_HERE if op.scalar.startswith(f"{op.name}(")}
# What SciPy's ufuncs call themselves, where that is not the op's name.
SCIPY_NAMES = {"psi": digamma, "_zeta": zeta, **{op.name: op for op in OPS_HERE}}
