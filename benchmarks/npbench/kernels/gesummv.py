"""y = alpha A x + beta B x."""

TEST, BENCH = 6, 600
DIFFERENTIATED = ("alpha", "beta", "A", "B", "x")
WRITTEN = ()
ANALYTIC = True


def initialize(n, rng):
    return 1.5, 1.2, rng.normal(size=(n, n)), rng.normal(size=(n, n)), rng.normal(size=n)


def kernel(alpha, beta, A, B, x):
    return alpha * A @ x + beta * B @ x
