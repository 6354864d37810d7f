"""Symmetric rank-2k update of the lower triangle: C = alpha (A B^T + B A^T) + beta C."""

TEST, BENCH = 10, 70
DIFFERENTIATED = ("alpha", "beta", "C", "A", "B")
WRITTEN = ("C",)
ANALYTIC = True


def initialize(n, rng):
    return 1.5, 1.2, rng.normal(size=(n, n)), rng.normal(size=(n, n - 1)), rng.normal(size=(n, n - 1))


def kernel(alpha, beta, C, A, B):
    for i in range(A.shape[0]):
        C[i, : i + 1] *= beta
        for k in range(A.shape[1]):
            C[i, : i + 1] += A[: i + 1, k] * alpha * B[i, k] + B[: i + 1, k] * alpha * A[i, k]
