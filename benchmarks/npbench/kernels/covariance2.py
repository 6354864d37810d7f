"""Covariances of the columns of a table, by NumPy's own function."""

import numpy as np

TEST, BENCH = 4, 200
DIFFERENTIATED = ("data",)
WRITTEN = ()
ANALYTIC = False  # it conjugates


def initialize(n, rng):
    return n, float(n + 5), rng.normal(size=(n + 5, n))


def kernel(M, float_n, data):
    return np.cov(np.transpose(data))
