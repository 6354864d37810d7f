"""Error functions (DLMF 7), the normal distribution, Dawson's integral, Owen's T."""

from __future__ import annotations

import math
from typing import Any

from autodiff.ops.families import select
from autodiff.ops.special_family import special
from autodiff.ops.transcendental import UNIT, exp

ROOT_PI = math.sqrt(math.pi)
ROOT_TWO = math.sqrt(2.0)
ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
UNIT_INTERVAL = ((0.05, 1.0),)


def _erfcx_slope(y: Any, x: Any) -> Any:
    """2 x erfcx(x) - 2 / sqrt(pi) (A&S 7.1.19), which cancels for large x: there by its expansion.

    From 30 on six terms of DLMF 7.12.1, differentiated, are exact to rounding.
    """
    large = x > 30.0
    far = 1.0 / select(large, x, 30.0)
    z = far * far
    terms = 1.0 - z * (1.5 - z * (3.75 - z * (13.125 - z * (59.0625 - z * 324.84375))))
    return select(large, -z * terms / ROOT_PI, 2.0 * select(large, 0.0, x) * y - 2.0 / ROOT_PI)


def _dawsn_slope(y: Any, x: Any) -> Any:
    """1 - 2 x y (DLMF 7.10.2), which cancels for large x: from 20 on by the expansion of y, (2k-1)!! / (2 x**2)**k."""
    large = abs(x) > 20.0
    far = 1.0 / select(large, x, 20.0)
    z = 0.5 * far * far
    terms: Any = 15.0
    for k in (13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        terms = k * (1.0 + z * terms)
    return select(large, -z * (1.0 + z * terms), 1.0 - 2.0 * select(large, 0.0, x) * y)


def _log_ndtr_slope(y: Any, x: Any) -> Any:
    """phi(x) / Phi(x). In the lower tail both vanish, and their quotient is 1 / erfcx (DLMF 7.2.3)."""
    lower = x < 0.0
    tail = math.sqrt(2.0 / math.pi) / erfcx(select(lower, x, 0.0) * (-1.0 / ROOT_TWO))
    return select(lower, tail, exp(-0.5 * x * x - math.log(ROOT_TWO_PI) - y))


def _owens_h(y: Any, h: Any, a: Any) -> Any:
    return (-0.5 / ROOT_TWO_PI) * erf(a * h * (1.0 / ROOT_TWO)) * exp(-0.5 * h * h)


def _owens_a(y: Any, h: Any, a: Any) -> Any:
    return exp(-0.5 * h * h * (1.0 + a * a)) / (2.0 * math.pi * (1.0 + a * a))


erf = special("erf", (lambda y, x: (2.0 / ROOT_PI) * exp(-x * x),))  # DLMF 7.10.1
erfc = special("erfc", (lambda y, x: (-2.0 / ROOT_PI) * exp(-x * x),))
erfi = special("erfi", (lambda y, x: (2.0 / ROOT_PI) * exp(x * x),))
erfcx = special("erfcx", (_erfcx_slope,), domain=((-1.0, 3.0),))
erfinv = special("erfinv", (lambda y, x: (0.5 * ROOT_PI) * exp(y * y),), domain=UNIT)
erfcinv = special("erfcinv", (lambda y, x: (-0.5 * ROOT_PI) * exp(y * y),), domain=((0.1, 1.9),))
dawsn = special("dawsn", (_dawsn_slope,))
ndtr = special("ndtr", (lambda y, x: (1.0 / ROOT_TWO_PI) * exp(-0.5 * x * x),))
log_ndtr = special("log_ndtr", (_log_ndtr_slope,))
ndtri = special("ndtri", (lambda y, x: ROOT_TWO_PI * exp(0.5 * y * y),), domain=UNIT_INTERVAL)
ndtri_exp = special("ndtri_exp", (lambda y, x: ROOT_TWO_PI * exp(x + 0.5 * y * y),), domain=((-3.0, -0.1),))
owens_t = special("owens_t", (_owens_h, _owens_a))

OPS_HERE = (erf, erfc, erfi, erfcx, erfinv, erfcinv, dawsn, ndtr, log_ndtr, ndtri, ndtri_exp, owens_t)
