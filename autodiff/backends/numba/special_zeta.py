"""The Hurwitz zeta function for kernels: SciPy offers it to Python only."""

from __future__ import annotations

import numpy as np

# B(2k) / (2k)!, k = 1, ..., 9: the coefficients of Euler's and Maclaurin's formula.
BERNOULLI = (
    *(1.0 / 12.0, -1.0 / 720.0, 1.0 / 30240.0, -1.0 / 1209600.0, 1.0 / 47900160.0, -691.0 / 1307674368000.0),
    *(1.0 / 74724249600.0, -3617.0 / 10670622842880000.0, 43867.0 / 5109094217170944000.0),
)


def hurwitz_zeta(s: float, x: float) -> float:
    """sum (x + k)**-s for s > 1, by Euler and Maclaurin (DLMF 25.11.28); x < 0 for integer s only, as in SciPy.

    Relative error below 1e-14. The terms of the formula fall off once x is beyond 12 and s.
    """
    if not s >= 1.0 or s == np.inf or x != x:
        return np.nan
    if s == 1.0 or (x <= 0.0 and x == np.floor(x)):
        return np.inf
    if x <= 0.0 and s != np.floor(s):
        return np.nan
    total = 0.0
    while x < 12.0 + s:
        term = x**-s
        total += term
        if abs(total) == np.inf:
            return total
        x += 1.0
        if x > 1.0 and abs(term) * x < 1e-17 * abs(total):
            return total
    factor = s * x**-s / x
    total += x ** (1.0 - s) * (1.0 / (s - 1.0) + 0.5 / x)
    for k in range(len(BERNOULLI)):
        total += BERNOULLI[k] * factor
        factor *= (s + 2.0 * k + 1.0) * (s + 2.0 * k + 2.0) / (x * x)
    return total
