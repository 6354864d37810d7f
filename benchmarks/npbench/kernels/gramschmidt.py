"""Factors Q and R by the modified method of Gram and Schmidt."""

import numpy as np

TEST, BENCH = 10, 60
DIFFERENTIATED = ("A",)
WRITTEN = ("A",)
ANALYTIC = True


def initialize(n, rng):
    return (rng.normal(size=(n + 3, n)),)


def kernel(A):
    Q = np.zeros_like(A)
    R = np.zeros((A.shape[1], A.shape[1]), dtype=A.dtype)
    for k in range(A.shape[1]):
        nrm = np.dot(A[:, k], A[:, k])
        R[k, k] = np.sqrt(nrm)
        Q[:, k] = A[:, k] / R[k, k]
        for j in range(k + 1, A.shape[1]):
            R[k, j] = np.dot(Q[:, k], A[:, j])
            A[:, j] -= Q[:, k] * R[k, j]
    return Q, R
