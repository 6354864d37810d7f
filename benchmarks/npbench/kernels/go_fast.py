"""The sum of tanh over the diagonal, added to the matrix."""

import numpy as np

TEST, BENCH = 12, 500
DIFFERENTIATED = ("a",)
WRITTEN = ()
ANALYTIC = True


def initialize(n, rng):
    return (rng.normal(size=(n, n)),)


def kernel(a):
    trace = 0.0
    for i in range(a.shape[0]):
        trace += np.tanh(a[i, i])
    return a + trace
