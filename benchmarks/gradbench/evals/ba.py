"""ba: bundle adjustment, the error of every observation of a point by a camera, and its sparse Jacobian.

An observation's two residuals depend on its own camera (11 numbers), point (3) and weight (1). So the Jacobian is
dense blocks of 2 x 15, one per observation, and one more number for the weight's own residual.
"""

from typing import Any

import numpy as np

import autodiff as ad
from benchmarks.gradbench.function import Function, Input

CAMERA, POINT, BLOCK = 11, 3, 15
SHOWN = 30  # of each array of the sparse matrix, the first so many and the last are transmitted


def dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def cross(a, b):
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def rotate(x, r):
    """`x` turned about the vector `r` by its length (Rodrigues); about none, to first order."""
    squared = dot(r, r)
    angle = np.sqrt(squared)
    axis = [component / angle for component in r]
    cos, sin, along = np.cos(angle), np.sin(angle), dot(axis, x) * (1.0 - np.cos(angle))
    turned = [p * cos + q * sin + n * along for p, q, n in zip(x, cross(axis, x), axis, strict=True)]
    nearly = [p + q for p, q in zip(x, cross(r, x), strict=True)]
    return [np.where(squared > 0.0, far, near) for far, near in zip(turned, nearly, strict=True)]


def reprojection(numbers, feature):
    """The residuals in both directions; each of the 15 numbers is an array with an element for each observation."""
    r, centre, (f, u0, v0, k1, k2) = numbers[:3], numbers[3:6], numbers[6:CAMERA]
    point, weight = numbers[CAMERA:-1], numbers[-1]
    x, y, z = rotate([p - c for p, c in zip(point, centre, strict=True)], r)
    u, v = x / z, y / z
    squared = u * u + v * v
    scale = (1.0 + k1 * squared + k2 * squared * squared) * f
    return weight * (u * scale + u0 - feature[0]), weight * (v * scale + v0 - feature[1])


def blocks(numbers, feature):
    """The derivatives of both residuals. An observation's depend on its own numbers, so one sum serves all of them."""

    def total(numbers, direction):
        return np.sum(reprojection(numbers, feature)[direction])

    return [ad.grad(lambda n, row=row: total(n, row))(numbers) for row in (0, 1)]


def weight_error(weight):
    return 1.0 - weight**2


residuals, derivatives, weight_errors = ad.jit(reprojection), ad.jit(blocks), ad.jit(weight_error)
weight_slopes = ad.grad(lambda weight: np.sum(weight_error(weight)))


def pairs(cameras, points, weights):
    """Which camera and which point each observation is of."""
    observation = np.arange(len(weights))
    return observation % len(cameras), observation % len(points)


def observed(cameras, points, weights, camera, point):
    """The 15 numbers."""
    return [*cameras[camera].T, *points[point].T, weights]


def objective(cameras, points, weights, features):
    numbers = observed(cameras, points, weights, *pairs(cameras, points, weights))
    return residuals(numbers, list(features.T)), weight_errors(weights)


def jacobian(cameras, points, weights, features):
    """The pointers, columns and values of the matrix, in compressed rows."""
    camera, point = pairs(cameras, points, weights)
    found = derivatives(observed(cameras, points, weights, camera, point), list(features.T))
    count, before_points, before_weights = len(weights), cameras.size, cameras.size + points.size
    values = np.empty((count, 2, BLOCK))
    for direction in (0, 1):
        np.stack(found[direction], axis=1, out=values[:, direction])
    columns = np.empty((count, 2, BLOCK), int)
    columns[:, :, :CAMERA] = (CAMERA * camera[:, None] + np.arange(CAMERA))[:, None]
    columns[:, :, CAMERA:-1] = (before_points + POINT * point[:, None] + np.arange(POINT))[:, None]
    columns[:, :, -1] = before_weights + np.arange(count)[:, None]
    rows = np.concatenate([np.arange(0, 2 * BLOCK * count, BLOCK), 2 * BLOCK * count + np.arange(count + 1)])
    return (
        rows,
        np.concatenate([columns.ravel(), before_weights + np.arange(count)]),
        np.concatenate([values.ravel(), weight_slopes(weights)]),
    )


def prepare(given: Input) -> tuple[np.ndarray, ...]:
    """Every camera, point and observation is the same: so the eval has it, to keep its input short."""
    n, m, p = given["n"], given["m"], given["p"]
    one = [np.array(given[name], float) for name in ("cam", "x", "w", "feat")]
    return tuple(np.repeat(array[None], count, axis=0) for array, count in zip(one, (n, m, p, p), strict=True))


def finish_objective(result: tuple[Any, np.ndarray]) -> dict[str, Any]:
    errors, weights = result
    return {
        "reproj_error": {"elements": [direction[0].item() for direction in errors], "repeated": len(weights)},
        "w_err": {"element": weights[0].item(), "repeated": len(weights)},
    }


def finish_jacobian(result: tuple[np.ndarray, ...]) -> dict[str, Any]:
    return {
        name: [*array[:SHOWN].tolist(), array[-1].item()]
        for name, array in zip(("rows", "cols", "vals"), result, strict=True)
    }


FUNCTIONS = {
    "objective": Function(objective, prepare, finish_objective),
    "jacobian": Function(jacobian, prepare, finish_jacobian),
}
