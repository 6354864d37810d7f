"""L x = b by forward substitution."""

import numpy as np

TEST, BENCH = 12, 400
DIFFERENTIATED = ("L", "x", "b")
WRITTEN = ("x",)
ANALYTIC = True


def initialize(n, rng):
    L = np.tril(rng.normal(size=(n, n))) / n + 2.0 * np.eye(n)
    return L, rng.normal(size=n), rng.normal(size=n)


def kernel(L, x, b):
    for i in range(x.shape[0]):
        x[i] = (b[i] - L[i, :i] @ x[:i]) / L[i, i]
