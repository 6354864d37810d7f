"""ode: a linear chain of differential equations to t = 2 by the classical Runge-Kutta method.

y_0' = x_0 and y_i' = x_i y_{i-1}, from 0. The gradient is that of the last y.
"""

import numpy as np

import autodiff as ad
from benchmarks.gradbench.function import Function, Input


def slope(x, y):
    return np.concatenate([x[:1], x[1:] * y[:-1]])


@ad.checkpoint
def step(x, y, h):
    """One step of size `h`. Its stages are computed again for the gradient: they would take four times the memory."""
    k1 = slope(x, y)
    k2 = slope(x, y + 0.5 * h * k1)
    k3 = slope(x, y + 0.5 * h * k2)
    k4 = slope(x, y + h * k3)
    return y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)


def solution(x, steps):
    y = np.zeros_like(x)
    for _ in range(steps):
        y = step(x, y, 2.0 / steps)
    return y


def last(x, steps):
    return solution(x, steps)[-1]


def prepare(given: Input) -> tuple[np.ndarray, int]:
    return np.array(given["x"], float), int(given["s"])


FUNCTIONS = {"primal": Function(ad.jit(solution), prepare), "gradient": Function(ad.grad(last), prepare)}
