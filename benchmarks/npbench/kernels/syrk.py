"""Symmetric rank-k update of the lower triangle: C = alpha A A^T + beta C."""

TEST, BENCH = 10, 80
DIFFERENTIATED = ("alpha", "beta", "C", "A")
WRITTEN = ("C",)
ANALYTIC = True


def initialize(n, rng):
    return 1.5, 1.2, rng.normal(size=(n, n)), rng.normal(size=(n, n - 1))


def kernel(alpha, beta, C, A):
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += alpha * A[i, k] * A[: i + 1, k]
