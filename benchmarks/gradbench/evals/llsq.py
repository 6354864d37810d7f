"""llsq: the error of a polynomial that should follow the sign function at equally spaced points, and its gradient."""

import numpy as np

import autodiff as ad
from benchmarks.gradbench.function import Function, Input


def squared_error(x, i):
    """`x` are the coefficients of the polynomial, by Horner; `i` counts the points: 0.0, 1.0, ..., n - 1."""
    t = -1.0 + 2.0 * i / (len(i) - 1)
    y = np.zeros_like(t)
    for coefficient in x[::-1]:
        y = y * t + coefficient
    return 0.5 * np.sum((np.sign(t) - y) ** 2)


def prepare(given: Input) -> tuple[np.ndarray, np.ndarray]:
    return np.array(given["x"], float), np.arange(float(given["n"]))


FUNCTIONS = {"primal": Function(ad.jit(squared_error), prepare), "gradient": Function(ad.grad(squared_error), prepare)}
