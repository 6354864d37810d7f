"""Powers and logarithms that are careful near 0; Box-Cox transforms; Huber's losses; angles in degrees."""

from __future__ import annotations

import math
from typing import Any

from autodiff.ops.arithmetic import clip, maximum
from autodiff.ops.families import equal, select
from autodiff.ops.special_family import polynomial, special
from autodiff.ops.transcendental import POSITIVE, exp, hypot, log, log1p, power, sin

DEGREE = math.pi / 180.0
SHAPE = ((-1.5, 1.5),)


def exprel_slope(x: Any) -> Any:
    """The derivative of (exp(x) - 1) / x; by its series near 0, where the difference cancels."""
    near = abs(x) < 1.0
    series = polynomial(select(near, x, 0.0), [1.0 / (math.factorial(k) * (k + 2.0)) for k in range(22)])
    far = select(near, 1.0, x)
    return select(near, series, (exp(far) - exprel(far)) / far)


def log1prel_slope(x: Any) -> Any:
    """The derivative of log(1 + x) / x; by its series near 0, where the difference cancels."""
    near = abs(x) < 0.2
    series = polynomial(select(near, x, 0.0), [(-1.0) ** (k + 1) * (k + 1.0) / (k + 2.0) for k in range(28)])
    far = select(near, 1.0, x)
    return select(near, series, (far / (1.0 + far) - log1p(far)) / (far * far))


def _boxcox_shape(log_x: Any, shape: Any) -> Any:
    """y = log(x) exprel(shape log(x)), differentiated in the shape."""
    return log_x * log_x * exprel_slope(shape * log_x)


def _inverse_slope(x: Any, y: Any, shape: Any) -> Any:
    """x / (1 + shape y), where x**shape is 1 + shape y."""
    return x / (1.0 + shape * y)


def _pseudo_huber_r(z: Any, delta: Any, r: Any) -> Any:
    length = hypot(delta, r)
    zero = equal(length, 0.0)
    return select(zero, 0.0, delta * r / select(zero, 1.0, length))


def _pseudo_huber_delta(z: Any, delta: Any, r: Any) -> Any:
    """(length - delta)**2 / length, written so that it does not cancel for small r."""
    length = hypot(delta, r)
    zero = equal(length, 0.0)
    safe = select(zero, 1.0, length)
    excess = r * r / (safe + select(zero, 1.0, delta))
    return select(zero, 0.0, excess * excess / safe)


exp10 = special("exp10", (lambda y, x: math.log(10.0) * y,))
exprel = special("exprel", (lambda y, x: exprel_slope(x),))
cosm1 = special("cosm1", (lambda y, x: -sin(x),))
powm1 = special(
    "powm1",
    (lambda z, x, y: y * power(x, y - 1.0), lambda z, x, y: (z + 1.0) * log(x)),
    domain=((0.2, 3.0), (-2.0, 3.0)),
)
boxcox = special(
    "boxcox",
    (lambda y, x, s: power(x, s - 1.0), lambda y, x, s: _boxcox_shape(log(x), s)),
    domain=(*POSITIVE, *SHAPE),
)
boxcox1p = special(
    "boxcox1p",
    (lambda y, x, s: power(1.0 + x, s - 1.0), lambda y, x, s: _boxcox_shape(log1p(x), s)),
    domain=((-0.7, 3.0), *SHAPE),
)
inv_boxcox = special(
    "inv_boxcox",
    (lambda x, y, s: _inverse_slope(x, y, s), lambda x, y, s: x * y * y * log1prel_slope(s * y)),
    domain=((-0.4, 0.6), *SHAPE),
)
inv_boxcox1p = special(
    "inv_boxcox1p",
    (lambda x, y, s: _inverse_slope(x + 1.0, y, s), lambda x, y, s: (x + 1.0) * y * y * log1prel_slope(s * y)),
    domain=((-0.4, 0.6), *SHAPE),
)
huber = special(
    "huber",
    (lambda z, d, r: maximum(abs(r) - d, 0.0), lambda z, d, r: clip(r, -d, d)),
    domain=((0.4, 1.0), (-2.0, 2.0)),
)
pseudo_huber = special("pseudo_huber", (_pseudo_huber_delta, _pseudo_huber_r), domain=((0.4, 1.0), (-2.0, 2.0)))
sindg = special("sindg", (lambda y, x: DEGREE * cosdg(x),))
cosdg = special("cosdg", (lambda y, x: -DEGREE * sindg(x),))
tandg = special("tandg", (lambda y, x: DEGREE * (1.0 + y * y),))
cotdg = special("cotdg", (lambda y, x: -DEGREE * (1.0 + y * y),), domain=POSITIVE)

OPS_HERE = (
    *(exp10, exprel, cosm1, powm1, boxcox, boxcox1p, inv_boxcox, inv_boxcox1p),
    *(huber, pseudo_huber, sindg, cosdg, tandg, cotdg),
)
