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


def inverse_distance(dx, dy):
    return 1.0 / np.sqrt(dx * dx + dy * dy)


def potential(x, y, w):
    return inverse_distance(x - 10.0, y - (10.0 - w)) + inverse_distance(x - 10.0, y)


def landing(w, slope):
    """The square of where the particle comes down; `slope` is the gradient of the potential."""
    x, y, along, up = 0.0, 8.0, 0.75, 0.0
    while True:
        slope_x, slope_y = slope(x, y, w)
        x, y = x + TIME_STEP * along, y + TIME_STEP * up
        if y <= 0.0:
            break
        along, up = along - TIME_STEP * slope_x, up - TIME_STEP * slope_y
    after = -y / up
    return (x + after * along) ** 2


def best_control(outer, inner):
    """The function that an eval asks for by the modes of its two derivatives: the whole descent, as one program."""
    slope = MODES[inner](potential, argnums=(0, 1))

    def squared(w):
        return landing(w, slope)

    derivative = MODES[outer](squared)
    return ad.jit(lambda w: argmin(squared, derivative, w))


def prepare(given: Input) -> tuple[float]:
    return (float(given["w"]),)


FUNCTIONS = {outer + inner: Function(best_control(outer, inner), prepare) for outer in MODES for inner in MODES}
