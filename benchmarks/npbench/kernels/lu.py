"""Factors L and U without pivoting, in the place of the matrix."""

import numpy as np

TEST, BENCH = 10, 80
DIFFERENTIATED = ("A",)
WRITTEN = ("A",)
ANALYTIC = True


def initialize(n, rng):
    return (rng.normal(size=(n, n)) / n + 2.0 * np.eye(n),)


def kernel(A):
    for i in range(A.shape[0]):
        for j in range(i):
            A[i, j] -= A[i, :j] @ A[:j, j]
            A[i, j] /= A[j, j]
        for j in range(i, A.shape[0]):
            A[i, j] -= A[i, :i] @ A[:i, j]
