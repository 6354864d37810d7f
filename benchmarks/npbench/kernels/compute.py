"""Clip one array, combine it with another."""

import numpy as np

TEST, BENCH = 5, 400
DIFFERENTIATED = ("array_1", "array_2", "a", "b", "c")
WRITTEN = ()
ANALYTIC = False


def initialize(n, rng):
    return rng.uniform(0.0, 14.0, size=(n, n)), rng.uniform(0.0, 14.0, size=(n, n)), 4.0, 3.0, 9.0


def kernel(array_1, array_2, a, b, c):
    return np.clip(array_1, 2, 10) * a + array_2 * b + c
