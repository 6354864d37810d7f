"""B = alpha A^T B with A unit lower triangular."""

import numpy as np

TEST, BENCH = 10, 80
DIFFERENTIATED = ("alpha", "A", "B")
WRITTEN = ("B",)
ANALYTIC = True


def initialize(n, rng):
    return 1.5, rng.normal(size=(n, n)), rng.normal(size=(n, n + 2))


def kernel(alpha, A, B):
    for i in range(B.shape[0]):
        for j in range(B.shape[1]):
            B[i, j] += np.dot(A[i + 1 :, i], B[i + 1 :, j])
    B *= alpha
