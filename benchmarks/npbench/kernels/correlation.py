"""Correlations of the columns of a table."""

import numpy as np

TEST, BENCH = 10, 80
DIFFERENTIATED = ("float_n", "data")
WRITTEN = ("data",)
ANALYTIC = False  # a standard deviation takes moduli


def initialize(n, rng):
    rows = n + 5
    return n, float(rows), rng.normal(size=(rows, n))


def kernel(M, float_n, data):
    mean = np.mean(data, axis=0)
    stddev = np.std(data, axis=0)
    stddev[stddev <= 0.1] = 1.0
    data -= mean
    data /= np.sqrt(float_n) * stddev
    corr = np.eye(M, dtype=data.dtype)
    for i in range(M - 1):
        corr[i + 1 : M, i] = corr[i, i + 1 : M] = data[:, i] @ data[:, i + 1 : M]
    return corr
