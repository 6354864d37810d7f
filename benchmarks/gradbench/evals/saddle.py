"""saddle: a saddle point, by minimising over p1 the maximum over p2; a derivative through a descent."""

import numpy as np

import autodiff as ad
from benchmarks.gradbench.function import Function, Input
from benchmarks.gradbench.modes import MODES
from benchmarks.gradbench.solver import argmax, argmin


def f(p1, p2):
    return np.sum(p1 * p1) - np.sum(p2 * p2)


def saddle_point(outer, inner):
    """The function that an eval asks for by the modes of its two derivatives: all descents, as one program."""

    def best_answer(p1, start):
        def value(p2):
            return f(p1, p2)

        return argmax(value, MODES[inner](value), start)

    def largest(p1, start):
        return f(p1, best_answer(p1, start))

    slope = MODES[outer](largest)

    def solve(start):
        p1 = argmin(lambda p: largest(p, start), lambda p: slope(p, start), start)
        return np.concatenate([p1, best_answer(p1, start)])

    return ad.jit(solve)


def prepare(given: Input) -> tuple[np.ndarray]:
    return (np.array(given["start"], float),)


FUNCTIONS = {outer + inner: Function(saddle_point(outer, inner), prepare) for outer in MODES for inner in MODES}
