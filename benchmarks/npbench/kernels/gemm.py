"""C = alpha A B + beta C."""

TEST, BENCH = 5, 220
DIFFERENTIATED = ("alpha", "beta", "C", "A", "B")
WRITTEN = ("C",)
ANALYTIC = True


def initialize(n, rng):
    return 1.5, 1.2, rng.normal(size=(n, n + 1)), rng.normal(size=(n, n + 2)), rng.normal(size=(n + 2, n + 1))


def kernel(alpha, beta, C, A, B):
    C[:] = alpha * A @ B + beta * C
