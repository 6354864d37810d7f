"""D = alpha A B C + beta D."""

from itertools import pairwise

TEST, BENCH = 4, 180
DIFFERENTIATED = ("alpha", "beta", "A", "B", "C", "D")
WRITTEN = ("D",)
ANALYTIC = True


def initialize(n, rng):
    sizes = (n, n + 1, n + 2, n + 3)
    matrices = [rng.normal(size=shape) / n for shape in pairwise(sizes)]
    return 1.5, 1.2, *matrices, rng.normal(size=(n, n + 3))


def kernel(alpha, beta, A, B, C, D):
    D[:] = alpha * A @ B @ C + beta * D
