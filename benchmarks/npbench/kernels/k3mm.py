"""A B C D."""

from itertools import pairwise

TEST, BENCH = 4, 180
DIFFERENTIATED = ("A", "B", "C", "D")
WRITTEN = ()
ANALYTIC = True


def initialize(n, rng):
    sizes = (n, n + 1, n + 2, n + 3, n + 4)
    return tuple(rng.normal(size=shape) / n for shape in pairwise(sizes))


def kernel(A, B, C, D):
    return A @ B @ C @ D
