"""Two rank-one updates of a matrix, then two products with it: BLAS 2 in a row."""

import numpy as np

TEST, BENCH = 6, 600
DIFFERENTIATED = ("alpha", "beta", "A", "u1", "v1", "u2", "v2", "w", "x", "y", "z")
WRITTEN = ("A", "w", "x")
ANALYTIC = True


def initialize(n, rng):
    return (1.5, 1.2, rng.normal(size=(n, n)) / n, *(rng.normal(size=n) / n for _ in range(8)))


def kernel(alpha, beta, A, u1, v1, u2, v2, w, x, y, z):
    A += np.multiply.outer(u1, v1) + np.multiply.outer(u2, v2)
    x += beta * y @ A + z
    w += alpha * A @ x
