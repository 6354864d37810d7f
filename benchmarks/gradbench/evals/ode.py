"""ode: a linear chain of differential equations to t = 2 by the classical Runge-Kutta method.

y_0' = x_0 and y_i' = x_i y_{i-1}, from 0. The gradient is that of the last y.
"""

import numpy as np

import autodiff as ad
from benchmarks.gradbench.function import Function, Input


def slope(x, y):
    return np.concatenate([x[:1], x[1:] * y[:-1]])


def solution(x, steps):
    h = 2.0 / steps
    y = np.zeros_like(x)
    for _ in range(steps):
        k1 = slope(x, y)
        k2 = slope(x, y + 0.5 * h * k1)
        k3 = slope(x, y + 0.5 * h * k2)
        k4 = slope(x, y + h * k3)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return y


def last(x, steps):
    return solution(x, steps)[-1]


def prepare(given: Input) -> tuple[np.ndarray, int]:
    return np.array(given["x"], float), int(given["s"])


FUNCTIONS = {"primal": Function(ad.jit(solution), prepare), "gradient": Function(ad.grad(last), prepare)}
