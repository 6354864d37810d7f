"""particle: the charge of a controller such that a particle lands where it should; a derivative within a derivative.

A particle moves in the field of two charges, one of which the control `w` shifts, until it falls below y = 0. Its
acceleration is the gradient of a potential. The square of where it lands is minimised over `w`, with a derivative that
passes through the whole loop, and so through that gradient.
"""

import numpy as np

import autodiff as ad
from benchmarks.gradbench.function import Function, Input
from benchmarks.gradbench.modes import MODES
from benchmarks.gradbench.solver import argmin

TIME_STEP = 0.1


def potential(x, w):
    return 1.0 / np.hypot(x[0] - 10.0, x[1] - (10.0 - w)) + 1.0 / np.hypot(x[0] - 10.0, x[1])


def landing(w, slope):
    """The square of where the particle comes down; `slope` is the gradient of the potential."""
    x, v = np.array([0.0, 8.0]), np.array([0.75, 0.0])
    while True:
        a = -slope(x, w)
        x = x + TIME_STEP * v
        if x[1] <= 0.0:
            break
        v = v + TIME_STEP * a
    after = -x[1] / v[1]
    return (x[0] + after * v[0]) ** 2


def best_control(outer, inner):
    """The function that an eval asks for by the modes of its two derivatives."""
    slope = MODES[inner](potential)
    squared, derivative = ad.jit(lambda w: landing(w[0], slope)), MODES[outer](lambda w: landing(w[0], slope))
    return lambda w: argmin(squared, derivative, w)[0]


def prepare(given: Input) -> tuple[np.ndarray]:
    return (np.array([given["w"]], float),)


FUNCTIONS = {outer + inner: Function(best_control(outer, inner), prepare) for outer in MODES for inner in MODES}
