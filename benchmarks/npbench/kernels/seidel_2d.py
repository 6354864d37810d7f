"""Gauss-Seidel's iteration on a plane: each point becomes the mean of nine, four of them already new."""

TEST, BENCH = 12, 60
DIFFERENTIATED = ("A",)
WRITTEN = ("A",)
ANALYTIC = True


def initialize(n, rng):
    return 11 if n < 20 else 20, n, rng.normal(size=(n, n))


def kernel(TSTEPS, N, A):
    for t in range(TSTEPS - 1):
        for i in range(1, N - 1):
            A[i, 1:-1] += (
                A[i - 1, :-2] + A[i - 1, 1:-1] + A[i - 1, 2:] + A[i, 2:] + A[i + 1, :-2] + A[i + 1, 1:-1] + A[i + 1, 2:]
            )
            for j in range(1, N - 1):
                A[i, j] += A[i, j - 1]
                A[i, j] /= 9.0
