"""kmeans: the cost of a clustering, and the Newton step to better centroids.

A centroid's derivatives depend on no other centroid, and its coordinates not on each other: the Hessian is diagonal,
and its product with all ones is the diagonal.
"""

import numpy as np

import autodiff as ad
from benchmarks.gradbench.function import Function, Input


def cost(centroids, points):
    """The squares of the distances, multiplied out: most of the work is one matrix product."""
    squared = np.sum(centroids**2, axis=1) - 2.0 * points @ centroids.T
    return np.sum(np.min(squared, axis=1)) + np.sum(points**2)


@ad.jit
def direction(centroids, points):
    gradient, diagonal = ad.jvp(lambda c: ad.grad(cost)(c, points), (centroids,), (np.ones(centroids.shape),))
    return gradient / diagonal


def prepare(given: Input) -> tuple[np.ndarray, np.ndarray]:
    return np.array(given["centroids"], float), np.array(given["points"], float)


FUNCTIONS = {"cost": Function(ad.jit(cost), prepare), "dir": Function(direction, prepare)}
