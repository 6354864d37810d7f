"""Gamma, beta and zeta functions (DLMF 5, 25): complete ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.ops.families import select
from autodiff.ops.special_family import special
from autodiff.ops.transcendental import POSITIVE, cos


def _rgamma_slope(y: Any, x: Any) -> Any:
    """-digamma(x) / Gamma(x); reflected (DLMF 5.5.3) to the left of 1/2, where it stays finite at the poles."""
    left = x < 0.5
    mirror = 1.0 - select(left, x, 0.0)
    reflected = gamma(mirror) * cos(math.pi * select(left, x, 0.0)) - digamma(mirror) * y
    return select(left, reflected, -digamma(select(left, 1.0, x)) * y)


gammaln = special("gammaln", (lambda y, x: digamma(x),), domain=POSITIVE)  # DLMF 5.2.2
loggamma = special("loggamma", (lambda y, x: digamma(x),), domain=POSITIVE)
gamma = special("gamma", (lambda y, x: y * digamma(x),), domain=POSITIVE)
rgamma = special("rgamma", (_rgamma_slope,), domain=((-1.7, 3.0),))
digamma = special("digamma", (lambda y, x: zeta(2.0, x),), domain=POSITIVE)  # DLMF 25.11.12
zeta = special(  # the Hurwitz zeta function; DLMF 25.11.17
    "zeta", (None, lambda y, s, x: -s * zeta(s + 1.0, x)), domain=((1.5, 4.0), (0.2, 3.0)), refused=(0,)
)
betaln = special(  # DLMF 5.12.1
    "betaln",
    (lambda z, a, b: digamma(a) - digamma(a + b), lambda z, a, b: digamma(b) - digamma(a + b)),
    domain=POSITIVE,
)
beta = special(
    "beta",
    (lambda z, a, b: z * (digamma(a) - digamma(a + b)), lambda z, a, b: z * (digamma(b) - digamma(a + b))),
    domain=POSITIVE,
)
poch = special(  # Gamma(a + m) / Gamma(a)
    "poch",
    (lambda z, a, m: z * (digamma(a + m) - digamma(a)), lambda z, a, m: z * digamma(a + m)),
    domain=POSITIVE,
)
binom = special(  # 1 / ((n + 1) B(n - k + 1, k + 1))
    "binom",
    (
        lambda z, n, k: z * (digamma(n + 1.0) - digamma(n - k + 1.0)),
        lambda z, n, k: z * (digamma(n - k + 1.0) - digamma(k + 1.0)),
    ),
    domain=((3.1, 6.0), (0.2, 3.0)),
)

OPS_HERE = (gammaln, loggamma, gamma, rgamma, digamma, zeta, betaln, beta, poch, binom)


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of digamma: (-1)**(n+1) n! zeta(n+1, x), DLMF 25.11.12; n is a plain integer."""
    if not isinstance(n, int | np.integer) or isinstance(n, bool) or n < 0:
        raise ArgumentError(f"polygamma: the order must be a plain integer >= 0, got {n!r}", "polygamma(1, x)")
    if n == 0:
        return digamma(x)
    factor = float(math.factorial(int(n)))
    return (factor if n % 2 else -factor) * zeta(n + 1.0, x)
