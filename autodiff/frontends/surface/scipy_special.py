"""SciPy's special functions that are made of others: distribution functions, several results, sums of exponentials.

`UFUNCS` answers for SciPy's ufuncs by name. The rest are Python functions of SciPy, which
dispatch nothing; `autodiff.scipy.special` offers these in their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.frontends.surface import reductions
from autodiff.frontends.surface.common import as_float, keep, lift, some_axes
from autodiff.ops import arithmetic as ar
from autodiff.ops import special_bessel, special_gamma, special_incomplete, special_integrals
from autodiff.ops import transcendental as tr
from autodiff.ops.families import equal, mul, select
from autodiff.ops.special_gamma import binom, gamma, gammaln, poch
from autodiff.ops.special_incomplete import betainc, betaincc, gammainc, gammaincc

# ---- ufuncs: distribution functions (SciPy's definitions) ---------------------------------------


def _fdtr(dfn: Any, dfd: Any, x: Any) -> Any:
    dfn, dfd, x = lift(dfn), lift(dfd), lift(x)
    return betainc(0.5 * dfn, 0.5 * dfd, dfn * x / (dfd + dfn * x))


def _fdtrc(dfn: Any, dfd: Any, x: Any) -> Any:
    dfn, dfd, x = lift(dfn), lift(dfd), lift(x)
    return betainc(0.5 * dfd, 0.5 * dfn, dfd / (dfd + dfn * x))


def _fdtri(dfn: Any, dfd: Any, p: Any) -> Any:
    dfn, dfd = lift(dfn), lift(dfd)
    # From the end where the quotient does not cancel.
    y = special_incomplete.betainccinv(0.5 * dfd, 0.5 * dfn, p)
    return dfd * (1.0 - y) / (dfn * y)


def _scaled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Of the gamma distribution with rate a and shape b; with halves, of chi squared."""
    return lambda a, b, x: function(b, mul(a, x))


def _halved(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda v, x: function(mul(0.5, v), mul(0.5, x))


def _counted(function: Callable[..., Any]) -> Callable[..., Any]:
    """Of numbers of events: k counts in whole steps."""
    return lambda k, *args: function(ar.floor(lift(k)), *args)


UFUNCS: dict[str, Callable[..., Any]] = {
    "expit": tr.sigmoid,
    "cbrt": tr.cbrt,
    "exp2": tr.exp2,
    "expm1": tr.expm1,
    "log1p": tr.log1p,
    "round": ar.rint,
    "yn": special_bessel.yv,
    "jve": special_bessel.jv,  # the same on the real line
    "yve": special_bessel.yv,
    "sici": lambda x: (special_integrals.sine_integral(x), special_integrals.cosine_integral(x)),
    "shichi": lambda x: (special_integrals.sinh_integral(x), special_integrals.cosh_integral(x)),
    "fresnel": lambda x: (special_integrals.fresnel_sine(x), special_integrals.fresnel_cosine(x)),
    "chdtr": _halved(gammainc),
    "chdtrc": _halved(gammaincc),
    "chdtri": lambda v, p: 2.0 * special_incomplete.gammainccinv(mul(0.5, v), p),
    "gdtr": _scaled(gammainc),
    "gdtrc": _scaled(gammaincc),
    "pdtr": _counted(lambda k, m: gammaincc(k + 1.0, m)),
    "pdtrc": _counted(lambda k, m: gammainc(k + 1.0, m)),
    "bdtr": _counted(lambda k, n, p: betaincc(k + 1.0, n - k, p)),
    "bdtrc": _counted(lambda k, n, p: betainc(k + 1.0, n - k, p)),
    "nbdtr": _counted(lambda k, n, p: betainc(n, k + 1.0, p)),
    "nbdtrc": _counted(lambda k, n, p: betaincc(n, k + 1.0, p)),
    "btdtr": betainc,
    "btdtri": special_incomplete.betaincinv,
    "fdtr": _fdtr,
    "fdtrc": _fdtrc,
    "fdtri": _fdtri,
    "_lambertw": lambda z, k=0, tol=1e-8: lambertw(z, k, tol),
}


# ---- functions that SciPy writes in Python ------------------------------------------------------


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    """log(sum(b * exp(a))) without overflow; terms of weight 0 add nothing, all -inf gives -inf with derivative 0."""
    if b is None:
        value = reductions.logsumexp(a, axis=axis, keepdims=keepdims)
        return (value, select(equal(value, -np.inf), 0.0, 1.0)) if return_sign else value
    a, b = as_float(lift(a)), as_float(lift(b))
    absent = equal(b, 0.0)
    axes = some_axes(axis, a.aval.ndim, "logsumexp")
    top = reductions.max(select(absent, -np.inf, a), axis=axes, keepdims=True)
    top = ar.stop_gradient(select(ar.isfinite(top), top, 0.0))
    # A term of weight 0 has a derivative in its weight; its size must not make 0 * inf of the term.
    height = select(absent, ar.minimum(a - top, 700.0), a - top)
    total = reductions.sum(mul(b, tr.exp(height)), axis=axes)
    flat = reductions.sum(top, axis=axes)
    empty = equal(total, 0.0)
    size = select(empty, 1.0, abs(total) if return_sign else total)
    value = select(empty, -np.inf, tr.log(size) + flat)
    value = keep(value, a.aval.shape, axes, keepdims)
    return (value, keep(ar.sign(total), a.aval.shape, axes, keepdims)) if return_sign else value


def comb(N: Any, k: Any, *, exact: bool = False, repetition: bool = False) -> Any:
    """N choose k, for real arguments by the gamma function; 0 outside 0 <= k <= N."""
    _inexact("comb", exact)
    n, k = as_float(lift(N)), as_float(lift(k))
    if repetition:
        return comb(n + k - 1.0, k)
    inside = (k <= n) & (n >= 0.0) & (k >= 0.0)
    return select(inside, binom(select(inside, n, 1.0), select(inside, k, 0.5)), 0.0)


def perm(N: Any, k: Any, exact: bool = False) -> Any:
    """N! / (N - k)!, for real arguments by the gamma function; 0 outside 0 <= k <= N."""
    _inexact("perm", exact)
    n, k = as_float(lift(N)), as_float(lift(k))
    inside = (k <= n) & (n >= 0.0) & (k >= 0.0)
    n, k = select(inside, n, 1.0), select(inside, k, 0.5)
    return select(inside, poch(n - k + 1.0, k), 0.0)


def factorial(n: Any, exact: bool = False, extend: str = "zero") -> Any:
    """gamma(n + 1), and 0 for n < 0."""
    _inexact("factorial", exact)
    if extend != "zero":
        raise ArgumentError(f"factorial: extend={extend!r} is not supported under differentiation", "use gamma(n + 1)")
    n = as_float(lift(n))
    inside = n >= 0.0
    return select(inside, gamma(select(inside, n, 0.0) + 1.0), 0.0)


def multigammaln(a: Any, d: int) -> Any:
    """The logarithm of the multivariate gamma function (DLMF 35.3.4) of dimension d."""
    a = as_float(lift(a))
    terms = [gammaln(a - 0.5 * j) for j in range(int(d))]
    return sum(terms[1:], terms[0]) + 0.25 * d * (d - 1) * math.log(math.pi)


def lambertw(z: Any, k: Any = 0, tol: float = 1e-8) -> Any:
    """Lambert's W on the real line: branch 0 or -1, as real numbers; nan where it is not real. SciPy's is complex."""
    branch = int(np.asarray(k)) if np.ndim(k) == 0 and not hasattr(k, "aval") else None
    if branch not in (0, -1):
        raise ArgumentError(f"lambertw: only the branches 0 and -1 are real, got k={k!r}", "give k=0 or k=-1")
    return special_integrals.lambertw_principal(z) if branch == 0 else special_integrals.lambertw_minus(z)


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of digamma; n is a plain integer."""
    return special_gamma.polygamma(n, x)


def _inexact(name: str, exact: Any) -> None:
    if exact:
        raise ArgumentError(f"{name}: exact={exact!r} asks for Python integers", "leave it out under differentiation")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "logsumexp": logsumexp,
    "softmax": reductions.softmax,
    "log_softmax": reductions.log_softmax,
    "comb": comb,
    "perm": perm,
    "factorial": factorial,
    "multigammaln": multigammaln,
    "lambertw": lambertw,
    "polygamma": polygamma,
}
