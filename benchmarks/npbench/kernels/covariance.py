"""Covariances of the columns of a table."""

import numpy as np

TEST, BENCH = 10, 80
DIFFERENTIATED = ("float_n", "data")
WRITTEN = ("data",)
ANALYTIC = True


def initialize(n, rng):
    rows = n + 5
    return n, float(rows), rng.normal(size=(rows, n))


def kernel(M, float_n, data):
    mean = np.mean(data, axis=0)
    data -= mean
    cov = np.zeros((M, M), dtype=data.dtype)
    for i in range(M):
        cov[i:M, i] = cov[i, i:M] = data[:, i] @ data[:, i:M] / (float_n - 1.0)
    return cov
