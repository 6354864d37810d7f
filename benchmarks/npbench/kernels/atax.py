"""A^T A x."""

TEST, BENCH = 5, 700
DIFFERENTIATED = ("A", "x")
WRITTEN = ()
ANALYTIC = True


def initialize(n, rng):
    return rng.normal(size=(n, n + 2)), rng.normal(size=n + 2)


def kernel(A, x):
    return (A @ x) @ A
