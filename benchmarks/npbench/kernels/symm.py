"""C = alpha A B + beta C with A symmetric, of which the lower triangle is read."""

import numpy as np

TEST, BENCH = 10, 70
DIFFERENTIATED = ("alpha", "beta", "C", "A", "B")
WRITTEN = ("C",)
ANALYTIC = True


def initialize(n, rng):
    return 1.5, 1.2, rng.normal(size=(n, n + 2)), rng.normal(size=(n, n)), rng.normal(size=(n, n + 2))


def kernel(alpha, beta, C, A, B):
    temp2 = np.empty((C.shape[1],), dtype=C.dtype)
    C *= beta
    for i in range(C.shape[0]):
        for j in range(C.shape[1]):
            C[:i, j] += alpha * B[i, j] * A[i, :i]
            temp2[j] = B[:i, j] @ A[i, :i]
        C[i, :] += alpha * B[i, :] * A[i, i] + alpha * temp2
