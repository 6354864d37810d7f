"""A three-dimensional array times a matrix along its last axis, as in multiresolution analysis."""

import numpy as np

TEST, BENCH = 4, 50
DIFFERENTIATED = ("A", "C4")
WRITTEN = ("A",)
ANALYTIC = True


def initialize(n, rng):
    return n, n + 1, n + 2, rng.normal(size=(n, n + 1, n + 2)), rng.normal(size=(n + 2, n + 2))


def kernel(NR, NQ, NP, A, C4):
    A[:] = np.reshape(np.reshape(A, (NR, NQ, 1, NP)) @ C4, (NR, NQ, NP))
