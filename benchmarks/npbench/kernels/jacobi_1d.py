"""Jacobi's iteration on a line: each point becomes the mean of three."""

TEST, BENCH = 9, 2000
DIFFERENTIATED = ("A", "B")
WRITTEN = ("A", "B")
ANALYTIC = True


def initialize(n, rng):
    return 11 if n < 100 else 200, rng.normal(size=n), rng.normal(size=n)


def kernel(TSTEPS, A, B):
    for t in range(1, TSTEPS):
        B[1:-1] = 0.33333 * (A[:-2] + A[1:-1] + A[2:])
        A[1:-1] = 0.33333 * (B[:-2] + B[1:-1] + B[2:])
