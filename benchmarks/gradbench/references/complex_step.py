"""Derivatives of functions that also take complex numbers: the imaginary part after a tiny imaginary step.

No difference is taken, so nothing cancels: the result is exact to rounding (Squire and Trapp, SIAM Review 40, 1998).
"""

import numpy as np

STEP = 1e-30


def derivative(f, x):
    """All partial derivatives of `f`, at the array `x`; those in the first direction come first."""
    columns = []
    for position in np.ndindex(x.shape):
        moved = x.astype(complex)
        moved[position] += 1j * STEP
        columns.append(np.imag(f(moved)) / STEP)
    return np.array(columns)
