"""ode: the same method in plain NumPy, and its derivative by complex steps.

GradBench compares with the exact solution, which the method has for at most 4 equations. For long chains both are
zero in 64 bits: a step of the method carries news 4 equations further, and no more.
"""

import math
from itertools import product

import numpy as np

from benchmarks.gradbench.references.complex_step import derivative

VALUE, DERIVATIVES = "primal", ("gradient",)
# equations, steps
SIZES = tuple(sorted(product((1000, 10_000, 100_000), (1, 10, 100)), key=math.prod))
DEFAULT = ((4, 10), (1000, 10), (10_000, 100))
TINY = ((4, 10), (1, 1), (7, 3))


def make(size, random):
    n, s = size
    return {"x": random.uniform(size=n).tolist(), "s": s}


def expected(function, given):
    x, steps = np.array(given["x"]), given["s"]
    if function == "primal":
        return solution(x, steps).tolist()
    if len(x) > 4 * steps:
        return [0.0] * len(x)
    return derivative(lambda moved: solution(moved, steps)[-1], x).tolist()


def solution(x, steps):
    y, h = np.zeros(len(x), x.dtype), 2.0 / steps

    def slope(y):
        return x * np.append(1.0, y[:-1])

    for _ in range(steps):
        first = slope(y)
        second = slope(y + h * first / 2.0)
        third = slope(y + h * second / 2.0)
        y = y + h * (first + 2.0 * second + 2.0 * third + slope(y + h * third)) / 6.0
    return y
