"""Shortest paths between all pairs of points; the gradient counts how often an edge is used."""

import numpy as np

TEST, BENCH = 10, 100
DIFFERENTIATED = ("path",)
WRITTEN = ("path",)
ANALYTIC = False


def initialize(n, rng):
    return (rng.uniform(1.0, 10.0, size=(n, n)),)


def kernel(path):
    for k in range(path.shape[0]):
        path[:] = np.minimum(path[:], np.add.outer(path[:, k], path[k, :]))
