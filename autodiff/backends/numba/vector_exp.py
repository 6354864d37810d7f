"""Formulas built on the exponential: exp, exp2, expm1, sinh, cosh, tanh, sigmoid. See `vector_math` for the guide.

All start from x = k ln 2 + r with |r| <= ln 2 / 2 (Cody & Waite 1980): e**x = 2**k (1 + q), q = e**r - 1 =
r + r**2 P(r). The scaling by 2**k is done in two exact steps and one rounding, so that results reach into the
subnormal numbers and to the last finite one.

The coefficients of P are the near-minimax interpolant mpmath.chebyfit((e**r - 1 - r) / r**2, [-h, h], n) with
h = 1.0001 ln 2 / 2: 10 terms leave an error of 1e-16, times r**2 < 0.12; 5 terms 6.5e-8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .vector_value import DOUBLE, Bits, Value, horner, select

EXP_DOUBLE = (
    2.510038549551032e-08, 2.7620088445409746e-07, 2.7557268459997064e-06, 2.4801521295954376e-05,
    0.00019841269863053618, 0.0013888888917213717, 0.008333333333330062, 0.04166666666662413,
    0.16666666666666669, 0.5,
)  # fmt: skip
EXP_SINGLE = (0.0013926183587713494, 0.008363179052722578, 0.041666554617204574, 0.16666576989698775, 0.5)


@dataclass(slots=True)
class PowerOfTwo:
    """2**k as a product of two numbers, neither of which overflows or is subnormal while |k| < 2 * bias."""

    first: Value
    second: Value
    reciprocal_of_second: Value

    @classmethod
    def from_magic(cls, rounded: Value, shift: int = 0) -> PowerOfTwo:
        """2**(k + shift) for rounded = magic + k. Logical shifts only: AVX2 lacks the arithmetic one for 64 bits."""
        f = rounded.format
        doubled_bias = rounded.as_bits() - (f.magic_bits - 2 * f.bias - shift)
        first = doubled_bias >> 1
        second = doubled_bias - first
        inverse: Bits = (second ^ -1) + (2 * f.bias + 1)
        return cls(*((e << f.mantissa).as_float() for e in (first, second, inverse)))

    def times(self, x: Value) -> Value:
        return x * self.first * self.second


def reduce(x: Value) -> tuple[Value, Value]:
    """magic + k and r, with x = k ln 2 + r. x must be clamped to the exponents of its width."""
    f = x.format
    rounded = x * math.log2(math.e) + f.magic
    k = rounded - f.magic
    return rounded, (x - k * f.ln2_high) - k * f.ln2_low


def expm1_reduced(r: Value) -> Value:
    """e**r - 1 for |r| <= ln 2 / 2."""
    return r + r * r * horner(r, EXP_DOUBLE if r.format is DOUBLE else EXP_SINGLE)


def clamp_exponent(x: Value) -> Value:
    """Beyond these bounds e**x and e**x / 2 have overflowed to inf or rounded to 0; nan passes."""
    return x.clamp(-746.0, 711.0) if x.format is DOUBLE else x.clamp(-104.5, 90.0)


def exp(x: Value, shift: int = 0) -> Value:
    """e**x * 2**shift."""
    rounded, r = reduce(clamp_exponent(x))
    return PowerOfTwo.from_magic(rounded, shift).times(1.0 + expm1_reduced(r))


def exp2(x: Value) -> Value:
    """Here the reduction is exact: r = (x - k) ln 2."""
    f = x.format
    x = x.clamp(1.0 - f.bias - f.mantissa - 3, f.bias + 1.0)
    rounded = x + f.magic
    q = expm1_reduced((x - (rounded - f.magic)) * math.log(2.0))
    return PowerOfTwo.from_magic(rounded).times(1.0 + q)


def scaled_expm1(x: Value, shift: int = 0) -> Value:
    """(e**x - 1) * 2**shift as 2**k q + (2**k - 1): nothing cancels, for |2**k q| stays below |2**k - 1| or k is 0."""
    low, high = (-60.0, 711.0) if x.format is DOUBLE else (-60.0, 90.0)
    rounded, r = reduce(x.clamp(low, high))
    scale = PowerOfTwo.from_magic(rounded, shift)
    offset = scale.first - 2.0**shift * scale.reciprocal_of_second
    return (scale.first * expm1_reduced(r) + offset) * scale.second


def keep_tiny(x: Value, y: Value) -> Value:
    """y, but x itself where |x| < eps / 2: for functions x + O(x**2), keeps the sign of 0 and subnormal numbers."""
    return select(abs(x) < x.format.epsilon / 2, x, y)


def expm1(x: Value) -> Value:
    return keep_tiny(x, scaled_expm1(x))


def tanh(x: Value) -> Value:
    """-e / (e + 2) with e = expm1(-2|x|), after fdlibm."""
    e = expm1(-2.0 * abs(x))
    return (-e / (e + 2.0)).copysign(x)


def sinh(x: Value) -> Value:
    """h + h / (2h + 1) with h = expm1(|x|) / 2, after fdlibm; the half is in the exponent, so h overflows in time."""
    h = scaled_expm1(abs(x), shift=-1)
    second = select(h < 2.0**60, h / (2.0 * h + 1.0), 0.5)  # the quotient would be inf / inf in the end
    return keep_tiny(x, (h + second).copysign(x))


def cosh(x: Value) -> Value:
    """h + 1 / (4h) with h = e**|x| / 2."""
    h = exp(abs(x), shift=-1)
    return h + 0.25 / h


def sigmoid(x: Value) -> Value:
    """1 / (1 + e**-x) from e = e**-|x|, which never overflows: 1 / (1 + e) or e / (1 + e)."""
    e = exp(-abs(x))
    return select(x >= 0.0, 1.0, e) / (1.0 + e)
