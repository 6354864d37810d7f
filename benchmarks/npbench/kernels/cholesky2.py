"""Cholesky's factor by LAPACK; what lies above the diagonal stays as it was.

LAPACK reads the lower triangle as that of a symmetric matrix, and so does its derivative: a direction is symmetric.
"""

import numpy as np

TEST, BENCH = 5, 200
DIFFERENTIATED = ("A",)
WRITTEN = ("A",)
ANALYTIC = False
SYMMETRIC = ("A",)


def initialize(n, rng):
    B = rng.normal(size=(n, n))
    return (B @ B.T / n + 2.0 * np.eye(n),)


def kernel(A):
    A[:] = np.linalg.cholesky(A) + np.triu(A, k=1)
