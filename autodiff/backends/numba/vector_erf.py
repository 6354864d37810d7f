"""Formulas for erf and erfc. See `vector_math` for the guide.

Near 0 erf x = x + x P(x**2); elsewhere erf a = 1 - erfc a, and erfc a = e**(-a**2) t Q(u) with t = 1 / (a + 5/2), u
linear in t: the factor e**(a**2) erfc(a) / t is smooth on all of [1/2, 28] (as in W. J. Cody 1969, with one interval in
place of two).

The coefficients are near-minimax interpolants from mpmath.chebyfit: P of erf(x) / x - 1 in x**2 on [0, 1],
12 terms, error 7.4e-18; Q of e**(a**2) erfc(a) / t in u on [-1.0006, 1.0001], 22 terms, error 7.5e-18.
For erf the tail is subtracted from 1: a shorter Q, on a in [1, 6] only, with 15 terms and an error of 2.4e-16 of at
most 0.16, is enough, and so is the plain square.
"""

from __future__ import annotations

from .vector_exp import PowerOfTwo, clamp_exponent, exp, expm1_reduced, reduce
from .vector_value import Value, even_odd, horner, in_double, rounded, select, two_product, two_sum

ERF = (
    -7.795898827002142e-10, 1.3720064546777686e-08, -1.6208483801871705e-07, 1.6447424703317362e-06,
    -1.492473690741966e-05, 0.00012055294904839707, -0.0008548325975389692, 0.0052239776071164225,
    -0.02686617064323777, 0.11283791670945006, -0.37612638903183543, 0.12837916709551256,
)  # fmt: skip
ERFC = (
    -4.877681305087809e-11, -1.0354592180722249e-11, 6.03754556275841e-10, -3.8985625174961813e-10,
    -4.164813488243439e-09, 7.786431874311583e-09, 2.0336501040765123e-08, -8.441364791947839e-08,
    -6.257709074268336e-08, 7.625509711300527e-07, -8.955289074112122e-08, -6.9294167307016165e-06,
    3.188966885032377e-06, 7.191448352497146e-05, -5.725430617174512e-06, -0.0008868497106592439,
    -0.0014129639213259356, 0.009992707323749688, 0.0682936173471102, 0.23234079051447268,
    0.5495079288772753, 0.9891728034248647,
)  # fmt: skip
ERF_TAIL = (
    -1.1198447901295618e-11, -7.408605803268352e-11, 5.295525445205351e-10, 1.5151347765116974e-09,
    -1.8986181090255682e-08, -2.7611138556642712e-08, 6.779457677926761e-07, 1.1242315922611009e-06,
    -2.636425432931361e-05, -0.00011308222142187977, 0.0008727889449422132, 0.01277316344298295,
    0.08089883112107982, 0.34130966583731054, 1.0608257561353167,
)  # fmt: skip
TAIL_SCALE, TAIL_SHIFT = 11.9, 2.4  # t * TAIL_SCALE - TAIL_SHIFT maps a in [1, 6] to [-1, 1]
# u = t * U_SCALE - U_SHIFT maps a in [1/2, 28] to [-1.0005, 1]; both constants are exact.
U_SCALE, U_SHIFT = 6.65625, 1.21875


def erf_centre(x: Value) -> Value:
    """erf(x) for |x| <= 1."""
    return x + x * even_odd(rounded(x * x), ERF)


def erfc_tail(a: Value) -> Value:
    """erfc(a) for a >= 1/2; the square of a is a pair, since its rounding error would be magnified by a**2."""
    a = a.clamp(0.5, 28.0)
    square, square_low = two_product(a, a)
    rounded, r = reduce(clamp_exponent(-square))
    d, d_low = two_sum(a, a.constant(2.5))
    t = 1.0 / d
    t_error = (-t).fma(d, 1.0) - t * d_low  # relative; t Q(u) magnifies it by 1 to 2.5, nearly linear in u
    u = t * U_SCALE - U_SHIFT
    factor = t * horner(u, ERFC)
    relative = expm1_reduced(r - square_low) + t_error * (1.75 + 0.75 * u)
    return PowerOfTwo.from_magic(rounded).times(factor + factor * relative)


def erf_tail(x: Value) -> Value:
    """erf(|x|) for |x| >= 1. e**(-x * x) is written as the derivative of erf has it: computed once for both."""
    e = exp(rounded((-x) * x))
    t = 1.0 / (abs(x) + 2.5)
    return 1.0 - e * (t * even_odd(rounded(t * TAIL_SCALE - TAIL_SHIFT), ERF_TAIL))


@in_double
def erf(x: Value) -> Value:
    a = abs(x)
    return select(a < 1.0, erf_centre(x), erf_tail(x).copysign(x))


@in_double
def erfc(x: Value) -> Value:
    tail = erfc_tail(abs(x))
    return select(abs(x) < 0.5, 1.0 - erf_centre(x), select(x > 0.0, tail, 2.0 - tail))
