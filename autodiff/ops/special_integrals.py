"""Exponential, sine and Fresnel integrals (DLMF 6, 7), dilogarithm, elliptic integrals (19),
hypergeometric functions (13, 15, 16) and Lambert's W (4.13).

Derivatives in the parameters of hypergeometric functions, the modulus of incomplete elliptic integrals and the order
of `expn` are refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from autodiff.ops.families import select
from autodiff.ops.special_family import found, polynomial, special
from autodiff.ops.special_lambert import lambertw_lower, lambertw_upper
from autodiff.ops.transcendental import POSITIVE, cos, cosh, exp, log, sin, sinh, sqrt

PARAMETERS = ((0.4, 2.5),)
INSIDE = ((-0.9, 0.9),)

# ---- exponential, sine and Fresnel integrals ---------------------------------------------------


def _expn_slope(y: Any, n: Any, x: Any) -> Any:
    """-E_{n-1}(x), DLMF 8.19.13; SciPy has no E_{-1}(x) = exp(-x) (1 + x) / x**2."""
    first = n < 1.0
    return -select(first, exp(-x) * (1.0 + x) / (x * x), expn(select(first, 0.0, n - 1.0), x))


def over_argument(function: Callable[..., Any], x: Any, signs: float) -> Any:
    """sin(x) / x (signs -1) or sinh(x) / x (signs 1); by its series near 0, for the derivatives' sake."""
    near = abs(x) < 1.0
    small = select(near, x, 0.0)
    series = polynomial(small * small, [signs**k / math.factorial(2 * k + 1) for k in range(12)])
    far = select(near, 1.0, x)
    return select(near, series, function(far) / far)


def _spence_slope(y: Any, x: Any) -> Any:
    """log(x) / (1 - x), DLMF 25.12.2; by its series near 1."""
    near = abs(x - 1.0) < 0.2
    series = polynomial(select(near, x - 1.0, 0.0), [-((-1.0) ** k) / (k + 1.0) for k in range(28)])
    far = select(near, 2.0, x)
    return select(near, series, log(far) / (1.0 - far))


def _part(name: str, place: int) -> Callable[..., Any]:
    return lambda x: found(name)(x)[place]


expi = special("expi", (lambda y, x: exp(x) / x,), domain=POSITIVE)
exp1 = special("exp1", (lambda y, x: -exp(-x) / x,), domain=POSITIVE)
expn = special("expn", (None, _expn_slope), domain=((2.0, 2.0), (0.2, 3.0)), refused=(0,))
spence = special("spence", (_spence_slope,), domain=POSITIVE)
sine_integral = special("sine_integral", (lambda y, x: over_argument(sin, x, -1.0),), formula=_part("sici", 0))
cosine_integral = special("cosine_integral", (lambda y, x: cos(x) / x,), domain=POSITIVE, formula=_part("sici", 1))
sinh_integral = special("sinh_integral", (lambda y, x: over_argument(sinh, x, 1.0),), formula=_part("shichi", 0))
cosh_integral = special("cosh_integral", (lambda y, x: cosh(x) / x,), domain=POSITIVE, formula=_part("shichi", 1))
fresnel_sine = special("fresnel_sine", (lambda y, x: sin(0.5 * math.pi * x * x),), formula=_part("fresnel", 0))
fresnel_cosine = special("fresnel_cosine", (lambda y, x: cos(0.5 * math.pi * x * x),), formula=_part("fresnel", 1))

# ---- elliptic integrals ------------------------------------------------------------------------

# K = pi/2 sum c_k m**k (DLMF 19.5.1), E = pi/2 sum c_k / (1 - 2k) m**k (19.5.2).
_SERIES = [(math.comb(2 * k, k) / 4.0**k) ** 2 for k in range(24)]
_FIRST = [0.5 * math.pi * k * c for k, c in enumerate(_SERIES)][1:]
_SECOND = [0.5 * math.pi * k * c / (1.0 - 2.0 * k) for k, c in enumerate(_SERIES)][1:]


def _first_slope(y: Any, m: Any, complement: Any) -> Any:
    """(E - (1-m) K) / (2 m (1-m)), DLMF 19.4.1; by its series near 0."""
    near = abs(m) < 0.15
    far = select(near, 0.5, m)
    rest = select(near, 0.5, complement)
    direct = (ellipe(far) - rest * select(near, 1.0, y)) / (2.0 * far * rest)
    return select(near, polynomial(select(near, m, 0.0), _FIRST), direct)


def _second_slope(y: Any, m: Any) -> Any:
    """(E - K) / (2 m), DLMF 19.4.2; by its series near 0."""
    near = abs(m) < 0.15
    far = select(near, 0.5, m)
    return select(near, polynomial(select(near, m, 0.0), _SECOND), (y - ellipk(far)) / (2.0 * far))


def _root(phi: Any, m: Any) -> Any:
    s = sin(phi)
    return sqrt(1.0 - m * s * s)


ellipk = special("ellipk", (lambda y, m: _first_slope(y, m, 1.0 - m),), domain=INSIDE)
ellipkm1 = special("ellipkm1", (lambda y, p: -_first_slope(y, 1.0 - p, p),), domain=((0.1, 1.9),))
ellipe = special("ellipe", (_second_slope,), domain=INSIDE)
ellipkinc = special("ellipkinc", (lambda y, phi, m: 1.0 / _root(phi, m), None), domain=INSIDE, refused=(1,))
ellipeinc = special("ellipeinc", (lambda y, phi, m: _root(phi, m), None), domain=INSIDE, refused=(1,))

# ---- hypergeometric functions -------------------------------------------------------------------

hyp0f1 = special(  # DLMF 16.3.1
    "hyp0f1", (None, lambda y, b, z: hyp0f1(b + 1.0, z) / b), domain=(*PARAMETERS, *INSIDE), refused=(0,)
)
hyp1f1 = special(  # DLMF 13.3.15
    "hyp1f1",
    (None, None, lambda y, a, b, z: a / b * hyp1f1(a + 1.0, b + 1.0, z)),
    domain=(*PARAMETERS, *PARAMETERS, *INSIDE),
    refused=(0, 1),
)
hyp2f1 = special(  # DLMF 15.5.1
    "hyp2f1",
    (None, None, None, lambda y, a, b, c, z: a * b / c * hyp2f1(a + 1.0, b + 1.0, c + 1.0, z)),
    domain=(*PARAMETERS, *PARAMETERS, *PARAMETERS, *INSIDE),
    refused=(0, 1, 2),
)
hyperu = special(  # DLMF 13.3.22
    "hyperu",
    (None, None, lambda y, a, b, x: -a * hyperu(a + 1.0, b + 1.0, x)),
    domain=(*PARAMETERS, *PARAMETERS, *POSITIVE),
    refused=(0, 1),
)

# ---- Lambert's W ---------------------------------------------------------------------------------


def _lambert_slope(w: Any, x: Any) -> Any:
    """exp(-w) / (1 + w), DLMF 4.13.4."""
    return exp(-w) / (1.0 + w)


lambertw_principal = special("lambertw_principal", (_lambert_slope,), domain=((-0.2, 3.0),), formula=lambertw_upper)
lambertw_minus = special("lambertw_minus", (_lambert_slope,), domain=((-0.3, 0.0),), formula=lambertw_lower)

OPS_HERE = (
    *(expi, exp1, expn, spence, sine_integral, cosine_integral, sinh_integral, cosh_integral),
    *(fresnel_sine, fresnel_cosine, ellipk, ellipkm1, ellipe, ellipkinc, ellipeinc),
    *(hyp0f1, hyp1f1, hyp2f1, hyperu, lambertw_principal, lambertw_minus),
)
SEVERAL = {
    "sine_integral": ("sici", 0),
    "cosine_integral": ("sici", 1),
    "sinh_integral": ("shichi", 0),
    "cosh_integral": ("shichi", 1),
    "fresnel_sine": ("fresnel", 0),
    "fresnel_cosine": ("fresnel", 1),
}
WRITTEN: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "lambertw_principal": (lambertw_upper, ()),
    "lambertw_minus": (lambertw_lower, ()),
}
