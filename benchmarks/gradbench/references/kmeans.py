"""kmeans: the step that Newton's method takes is from the mean of a centroid's own points to the centroid."""

import math
from itertools import product

import numpy as np

VALUE, DERIVATIVES = "cost", ("dir",)
# centroids, points, coordinates
SIZES = tuple(sorted(product((10, 100, 1000), (1000, 10_000), (8, 16)), key=math.prod))
DEFAULT = ((10, 1000, 8), (100, 1000, 16), (100, 10_000, 16))
TINY = ((3, 20, 2),)


def make(size, random):
    k, n, d = size
    points = random.uniform(size=(n, d))
    return {"points": points.tolist(), "centroids": points[-k:].tolist()}


def expected(function, given):
    points, centroids = np.array(given["points"]), np.array(given["centroids"])
    squared = np.array([((points - centroid) ** 2).sum(axis=1) for centroid in centroids])
    if function == "cost":
        return float(squared.min(axis=0).sum())
    nearest = squared.argmin(axis=0)
    return [(centroid - points[nearest == j].mean(axis=0)).tolist() for j, centroid in enumerate(centroids)]
