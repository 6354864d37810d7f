"""Formulas built on the logarithm: log, log1p, log2, log10, softplus, the inverse hyperbolic functions, power.

All start from x = 2**k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)) and, as in fdlibm, s = f / (2 + f),
log(1 + f) = 2 atanh(s) = 2s + s z P(z) with z = s**2. See `vector_math` for the guide.

The coefficients of P are mpmath.chebyfit((2 atanh(s) / s - 2) / z, [0, b], n), b just above the largest z,
0.0294: 7 terms leave an error of 3.1e-16 and 3 terms 1.9e-7, times z / 2.
"""

from __future__ import annotations

import math

from .vector_exp import PowerOfTwo, clamp_exponent, exp, expm1_reduced, keep_tiny, reduce
from .vector_value import DOUBLE, Value, horner, in_double, ordered_two_sum, select, two_product

LOG_DOUBLE = (
    0.14616585424888623, 0.15331710618210773, 0.18182889455674947, 0.22222211130259878,
    0.2857142862600327, 0.39999999999899444, 0.666666666666667,
)  # fmt: skip
LOG_SINGLE = (0.2958005304318844, 0.39988778282162807, 0.6666668504515603)
# (P(z) - 2/3) / z for `power`, error 1.9e-18: the constant term must be 2/3 to more than float64.
LOG_PAIR = (
    0.11723178623876518, 0.11706236339491206, 0.1333480469384731, 0.1538459496251843,
    0.18181818335392802, 0.22222222221655885, 0.28571428571429364, 0.4,
)  # fmt: skip

SQRT_HALF_DOUBLE, SQRT_HALF_SINGLE = 0x3FE6A09E667F3BCD, 0x3F3504F3
TWO_THIRDS_LOW = 3.700743415417188e-17  # 2/3 minus its nearest float64
# log10(2) in two parts; k times the first is exact (fdlibm).
LOG10_2_DOUBLE = (3.01029995663611771306e-01, 3.69423907715893078616e-13)
LOG10_2_SINGLE = (3.0102920532e-01, 7.9034151668e-07)


def decompose(x: Value) -> tuple[Value, Value]:
    """k as a float, and f. x must be positive and finite; it may be subnormal."""
    fmt = x.format
    sqrt_half = SQRT_HALF_DOUBLE if fmt is DOUBLE else SQRT_HALF_SINGLE
    subnormal = x < fmt.smallest_normal
    lift = fmt.mantissa + 2
    bits = select(subnormal, x * 2.0**lift, x).as_bits()
    shifted = bits + ((fmt.bias << fmt.mantissa) - sqrt_half)  # never negative: a logical shift serves
    k = ((shifted >> fmt.mantissa) + (fmt.magic_bits - fmt.bias)).as_float() - fmt.magic
    significand = ((shifted & ((1 << fmt.mantissa) - 1)) + sqrt_half).as_float()
    return k - select(subnormal, x.constant(lift), 0.0), significand - 1.0


def log_tail(f: Value, low: Value | float) -> Value:
    """f - log(1 + f) - low: the small terms are summed before the large one is touched (fdlibm)."""
    s = f / (2.0 + f)
    half_square = 0.5 * f * f
    z = s * s
    series = z * horner(z, LOG_DOUBLE if f.format is DOUBLE else LOG_SINGLE)
    return half_square - (s * (half_square + series) + low)


def guard(x: Value, y: Value, pole: float) -> Value:
    """The logarithm y at its edges: -inf at the pole, nan below it, inf and nan as they come."""
    y = select(x.equals(pole), -math.inf, y)
    y = select(x < pole, math.nan, y)
    return select(x < math.inf, y, x)


def log_sum(x: Value, correction: Value | float = 0.0) -> Value:
    """log(x) + correction, for a small correction."""
    k, f = decompose(x)
    return k * x.format.ln2_high - (log_tail(f, k * x.format.ln2_low + correction) - f)


def log(x: Value) -> Value:
    return guard(x, log_sum(x), 0.0)


def log2(x: Value) -> Value:
    """k + log(1 + f) / ln 2: exact at powers of two."""
    k, f = decompose(x)
    return guard(x, k + (f - log_tail(f, 0.0)) * math.log2(math.e), 0.0)


def log10(x: Value) -> Value:
    k, f = decompose(x)
    high, low = LOG10_2_DOUBLE if x.format is DOUBLE else LOG10_2_SINGLE
    y = k * high + (k * low + (f - log_tail(f, 0.0)) * math.log10(math.e))
    return guard(x, y, 0.0)


def log1p(x: Value) -> Value:
    """log(y) + c / y, where y = 1 + x was rounded by c."""
    y = 1.0 + x
    c = select(x < 1.0, x - (y - 1.0), 1.0 - (y - x))
    return keep_tiny(x, guard(x, log_sum(y, c / y), -1.0))


def softplus(x: Value) -> Value:
    """log(1 + e**x) = max(x, 0) + log1p(e**-|x|)."""
    return select(x > 0.0, x, 0.0) + log1p(exp(-abs(x)))


def arcsinh(x: Value) -> Value:
    """log1p(a + a**2 / (1 + sqrt(1 + a**2))), a = |x|; log(2a) where 1 no longer matters and a**2 would overflow."""
    a = abs(x)
    large = a > 4.0 / x.format.epsilon
    square = a * a
    argument = select(large, a, a + square / (1.0 + (1.0 + square).sqrt()))
    return (log1p(argument) + select(large, x.constant(math.log(2.0)), 0.0)).copysign(x)


def arccosh(x: Value) -> Value:
    """log1p(t + sqrt(2t + t**2)), t = x - 1; log(2x) for large x."""
    large = x > 4.0 / x.format.epsilon
    t = x - 1.0
    argument = select(large, x, t + (2.0 * t + t * t).sqrt())
    y = log1p(argument) + select(large, x.constant(math.log(2.0)), 0.0)
    return select(x < 1.0, math.nan, y)


def arctanh(x: Value) -> Value:
    """log1p(2a / (1 - a)) / 2, a = |x|."""
    a = abs(x)
    y = 0.5 * log1p(2.0 * a / (1.0 - a))
    return keep_tiny(x, select(a > 1.0, math.nan, y).copysign(x))


def log_pair(x: Value) -> tuple[Value, Value]:
    """log(x) as a sum of two float64, relative error below 2**-65: s and the first terms of the series are pairs.

    The division s = f / d and its remainder, and the products, use exact errors by `fma`.
    """
    k, f = decompose(x)
    d, d_low = ordered_two_sum(f.constant(2.0), f)
    s = f / d
    s_low = ((-s).fma(d, f) - s * d_low) / d
    z, z_low = two_product(s, s)
    z_low = z_low + 2.0 * s * s_low
    third, third_low = ordered_two_sum(z.constant(2.0 / 3.0), z * horner(z, LOG_PAIR))
    third_low = third_low + TWO_THIRDS_LOW
    w, w_low = two_product(z, third)
    w_low = w_low + (z * third_low + z_low * third)
    factor, factor_low = ordered_two_sum(w.constant(2.0), w)
    high, low = two_product(s, factor)
    low = low + (s * (factor_low + w_low) + s_low * factor)
    total, rest = ordered_two_sum(k * DOUBLE.ln2_high, high)
    return ordered_two_sum(total, rest + (low + k * DOUBLE.ln2_low))


@in_double
def power(x: Value, y: Value) -> Value:
    """sign * exp(y log|x|), the logarithm and the product as pairs; then the special cases of C99 F.9.4.4."""
    a = abs(x)
    high, low = log_pair(a)
    product, product_low = two_product(y, high)
    product_low = product_low + y * low
    rounded, r = reduce(clamp_exponent(product))
    r = r + select(abs(product) < 1000.0, product_low, 0.0)
    y_value = PowerOfTwo.from_magic(rounded).times(1.0 + expm1_reduced(r))
    return power_edges(x, y, a, y_value)


def power_edges(x: Value, y: Value, a: Value, magnitude: Value) -> Value:
    """The sign and the exceptional values of x**y, given |x|**y for ordinary operands."""
    grows = ((a > 1.0) ^ (y > 0.0)) ^ 1
    extreme = a.equals(0.0) | a.equals(math.inf) | abs(y).equals(math.inf)
    magnitude = select(extreme, select(grows, x.constant(math.inf), 0.0), magnitude)
    integer = y.floor().equals(y)
    half = 0.5 * y
    odd = integer & (half.floor().equals(half) ^ 1)
    result = select(odd, magnitude.copysign(x), magnitude)
    result = select((x < 0.0) & (a < math.inf) & (integer ^ 1), math.nan, result)
    ordered = x.equals(x) & y.equals(y)
    result = select(ordered, result, x + y)
    one = x.equals(1.0) | y.equals(0.0) | (a.equals(1.0) & abs(y).equals(math.inf))
    return select(one, 1.0, result)
