"""Formulas for cbrt and hypot. See `vector_math` for the guide."""

from __future__ import annotations

import math

from .vector_exp import exp
from .vector_log import log_sum
from .vector_value import DOUBLE, Value, in_double, select, two_product


@in_double
def cbrt(x: Value) -> Value:
    """exp(log(a) / 3), a = |x|, and one step of Newton's method with the residual of the cube as a pair."""
    a = abs(x)
    # The residual of a subnormal number would be rounded to nothing: 2**54 and its cube root are exact.
    subnormal = a < DOUBLE.smallest_normal
    ordinary = (a > 0.0) & (a < math.inf)
    scaled = select(ordinary, select(subnormal, a * 2.0**54, a), 1.0)
    y = exp(log_sum(scaled) * (1.0 / 3.0))
    square, low = two_product(y, y)
    y = y - (square.fma(y, -scaled) + low * y) / (3.0 * square)
    y = select(subnormal, y * 2.0**-18, y)
    return select(ordinary, y.copysign(x), x)


@in_double
def hypot(x: Value, y: Value) -> Value:
    """sqrt(x**2 + y**2), scaled by a power of two where the squares would leave the range; inf beats nan (C99)."""
    a, b = abs(x), abs(y)
    first = a > b
    a, b = select(first, a, b), select(first, b, a)  # so that the order of operands does not matter
    huge, small = a > 2.0**510, a < 2.0**-450
    scale = select(huge, a.constant(2.0**-600), select(small, a.constant(2.0**600), 1.0))
    back = select(huge, a.constant(2.0**600), select(small, a.constant(2.0**-600), 1.0))
    u, v = a * scale, b * scale
    root = (u * u + v * v).sqrt() * back
    return select(a.equals(math.inf) | b.equals(math.inf), math.inf, root)
