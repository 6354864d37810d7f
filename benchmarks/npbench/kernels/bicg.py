"""The two products of a step of BiCG: r A and A p."""

TEST, BENCH = 5, 700
DIFFERENTIATED = ("A", "p", "r")
WRITTEN = ()
ANALYTIC = True


def initialize(n, rng):
    return rng.normal(size=(n + 2, n)), rng.normal(size=n), rng.normal(size=n + 2)


def kernel(A, p, r):
    return r @ A, A @ p
