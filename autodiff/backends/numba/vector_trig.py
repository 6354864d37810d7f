"""Formulas for sin, cos, tan and their inverses. See `vector_math` for the guide.

The coefficients are near-minimax interpolants in z = t**2, computed by mpmath.chebyfit(f, interval, n):

* SIN: (sin t - t) / t**3 and COS: (cos t - 1 + z / 2) / z**2 on |t| <= pi / 4, errors 2e-17 and 1.3e-18;
* ASIN: (asin t - t) / t**3 on z <= 1/4, error 2.4e-16, times z;
* ATAN: (atan t - t) / t**3 on |t| <= tan(pi / 8), error 3.2e-17.
"""

from __future__ import annotations

import math

from .vector_exp import keep_tiny
from .vector_rare import where_rare
from .vector_value import DOUBLE, Bits, Value, horner, in_double, ordered_two_sum, select, two_sum

SIN = (
    1.591810123027412e-10, -2.5051131455427946e-08, 2.755731610068303e-06, -0.0001984126983675497,
    0.008333333333330946, -0.16666666666666666,
)  # fmt: skip
COS = (
    -1.1382614868556325e-11, 2.0876146024689747e-09, -2.7557317270560326e-07, 2.4801587298763433e-05,
    -0.0013888888888887395, 0.041666666666666664,
)  # fmt: skip
ASIN = (
    0.028187667142318098, -0.010773195325585556, 0.01604912458494932, 0.0077986264075622334,
    0.011876344296279416, 0.013929545950485803, 0.01735526856395352, 0.022372047201808885,
    0.030381947379559158, 0.04464285710323956, 0.07500000000020869, 0.1666666666666665,
)  # fmt: skip
ATAN = (
    -0.019175404711104935, 0.03923044778479309, -0.050854078345894844, 0.05858140904866328,
    -0.06664510525508936, 0.07692183125376892, -0.0909090457530649, 0.11111111015187018,
    -0.14285714284665682, 0.19999999999995516, -0.3333333333333333,
)  # fmt: skip

# pi / 2 in three parts of 33 bits and a rest: k times each of the three is exact for |k| < 2**20 (Cody & Waite).
HALF_PI_PARTS = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32)
REDUCTION_LIMIT = 2.0**20
HALF_PI_LOW = 6.123233995736766e-17  # pi / 2 minus its nearest float64
TAN_PI_8 = math.sqrt(2.0) - 1.0


def reduce_quadrant(x: Value) -> tuple[Bits, Value, Value]:
    """The quadrant k and x - k pi / 2 as a sum of two numbers, for |x| <= REDUCTION_LIMIT."""
    rounded = x * (2.0 / math.pi) + DOUBLE.magic
    k = rounded - DOUBLE.magic
    first, second, third, rest = HALF_PI_PARTS
    a = x - k * first
    total, error = two_sum(a, -(k * second))  # all products are exact, this is the first sum that is not
    low = (error - k * third) - k * rest
    r = total + low
    return rounded.as_bits(), r, (total - r) + low


def sin_kernel(r: Value, low: Value) -> Value:
    """sin(r + low) for |r| <= pi / 4."""
    z = r * r
    return r + (r * z * horner(z, SIN) + low)


def cos_kernel(r: Value, low: Value) -> Value:
    """cos(r + low): 1 - z / 2 loses bits when it is rounded, which are added back (fdlibm)."""
    z = r * r
    half = 0.5 * z
    w = 1.0 - half
    return w + (((1.0 - w) - half) + (z * z * horner(z, COS) - r * low))


def negate_if(condition_bit: Bits, x: Value) -> Value:
    """-x where bit 1 of the integer is set."""
    return (x.as_bits() ^ ((condition_bit & 2) << 62)).as_float()


def sin_of(quadrant: Bits, r: Value, low: Value) -> Value:
    even = (quadrant & 1).is_zero()
    return negate_if(quadrant, select(even, sin_kernel(r, low), cos_kernel(r, low)))


def far(x: Value) -> Bits:
    """Where `reduce_quadrant` does not reach; false for nan, which it passes on."""
    return abs(x) > REDUCTION_LIMIT


@in_double
def sin(x: Value) -> Value:
    y = keep_tiny(x, sin_of(*reduce_quadrant(x)))
    return where_rare(far(x), "sin", x, y)


@in_double
def cos(x: Value) -> Value:
    quadrant, r, low = reduce_quadrant(x)
    return where_rare(far(x), "cos", x, sin_of(quadrant + 1, r, low))


@in_double
def tan(x: Value) -> Value:
    """sin / cos, or -cos / sin in the odd quadrants."""
    quadrant, r, low = reduce_quadrant(x)
    sine, cosine = sin_kernel(r, low), cos_kernel(r, low)
    even = (quadrant & 1).is_zero()
    y = keep_tiny(x, select(even, sine, -cosine) / select(even, cosine, sine))
    return where_rare(far(x), "tan", x, y)


def asin_series(z: Value) -> Value:
    """(asin(t) - t) / t for z = t**2 <= 1/4."""
    return z * horner(z, ASIN)


@in_double
def arcsin(x: Value) -> Value:
    """x + x R(x**2), or pi / 2 - 2 asin(sqrt((1 - |x|) / 2)) beyond 1/2 (fdlibm)."""
    a = abs(x)
    inner = a < 0.5
    w = 0.5 * (1.0 - a)
    z = select(inner, x * x, w)
    t = select(inner, a, w.sqrt())
    asin_t, low = ordered_two_sum(t, t * asin_series(z))
    outer = (math.pi / 2 - 2.0 * asin_t) + (HALF_PI_LOW - 2.0 * low)
    return keep_tiny(x, select(inner, asin_t + low, outer).copysign(x))


@in_double
def arccos(x: Value) -> Value:
    """pi / 2 - asin(x), or 2 asin(sqrt((1 - |x|) / 2)) and its supplement beyond 1/2 (fdlibm)."""
    a = abs(x)
    inner = a < 0.5
    w = 0.5 * (1.0 - a)
    t = select(inner, x, w.sqrt())
    series = t * asin_series(select(inner, x * x, w))
    middle = math.pi / 2 - (t - (HALF_PI_LOW - series))
    twice = 2.0 * (t + series)
    outer = select(x > 0.0, twice, math.pi - (2.0 * t - 2.0 * (HALF_PI_LOW - series)))
    return select(inner, middle, outer)


def arctan_quotient(a: Value, b: Value) -> Value:
    """atan(a / b) for a, b >= 0 with one division: the quotient is turned by 0, pi / 4 or pi / 2 (Cephes)."""
    low, high = a <= TAN_PI_8 * b, TAN_PI_8 * a > b
    numerator = select(low, a, select(high, -b, a - b))
    denominator = select(low, b, select(high, a, a + b))
    t = numerator / denominator
    t = select(denominator.equals(0.0), 0.0, t)
    z = t * t
    series = t * z * horner(z, ATAN)
    turn = select(low, a.constant(0.0), select(high, a.constant(1.0), 0.5))
    return turn * (math.pi / 2) + (t + (series + turn * HALF_PI_LOW))


@in_double
def arctan(x: Value) -> Value:
    return keep_tiny(x, arctan_quotient(abs(x), x.constant(1.0)).copysign(x))


@in_double
def arctan2(y: Value, x: Value) -> Value:
    """The angle of |y / x|, mirrored to the half plane of x; special cases of C99 F.9.1.4."""
    a, b = abs(y), abs(x)
    both_infinite = a.equals(math.inf) & b.equals(math.inf)
    huge, tiny = (a > 2.0**1000) | (b > 2.0**1000), (a < 2.0**-900) & (b < 2.0**-900)
    scale = select(huge, a.constant(2.0**-100), select(tiny, a.constant(2.0**100), 1.0))
    angle = arctan_quotient(select(both_infinite, 1.0, a * scale), select(both_infinite, 1.0, b * scale))
    left = x.constant(1.0).copysign(x) < 0.0
    angle = select(a.equals(0.0) & b.equals(0.0), 0.0, angle)
    angle = select(left, math.pi - (angle - 2.0 * HALF_PI_LOW), angle)
    return select(x.equals(x) & y.equals(y), angle.copysign(y), x + y)
