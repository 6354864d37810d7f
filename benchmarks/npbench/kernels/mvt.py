"""A matrix and its transpose times vectors, added to vectors."""

TEST, BENCH = 6, 700
DIFFERENTIATED = ("x1", "x2", "y_1", "y_2", "A")
WRITTEN = ("x1", "x2")
ANALYTIC = True


def initialize(n, rng):
    return *(rng.normal(size=n) for _ in range(4)), rng.normal(size=(n, n))


def kernel(x1, x2, y_1, y_2, A):
    x1 += A @ y_1
    x2 += y_2 @ A
