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


def rotate(x, r):
    """`x` turned about the vector `r` by its length (Rodrigues); about none, to first order."""
    squared = r @ r
    angle = np.sqrt(squared)
    axis = r / angle
    turned = x * np.cos(angle) + np.cross(axis, x) * np.sin(angle) + axis * (axis @ x) * (1.0 - np.cos(angle))
    return np.where(squared > 0.0, turned, x + np.cross(r, x))


def reprojection(camera, point, weight, feature):
    """The residuals of one observation."""
    seen = rotate(point - camera[3:6], camera[0:3])
    at = seen[:2] / seen[2]
    squared = at @ at
    distortion = 1.0 + camera[9] * squared + camera[10] * squared**2
    return weight * (at * distortion * camera[6] + camera[7:9] - feature)


def weight_error(weight):
    return 1.0 - weight**2


def pairs(cameras, points, weights):
    """Which camera and which point each observation is of."""
    observation = np.arange(len(weights))
    return observation % len(cameras), observation % len(points)


reprojections, weight_errors = ad.vmap(reprojection), ad.vmap(weight_error)
blocks, weight_slopes = ad.vmap(ad.jacrev(reprojection, argnums=(0, 1, 2))), ad.vmap(ad.grad(weight_error))


def objective(cameras, points, weights, features):
    camera, point = pairs(cameras, points, weights)
    return reprojections(cameras[camera], points[point], weights, features), weight_errors(weights)


def jacobian(cameras, points, weights, features):
    """The pointers, columns and values of the matrix, in compressed rows."""
    camera, point = pairs(cameras, points, weights)
    by_camera, by_point, by_weight = blocks(cameras[camera], points[point], weights, features)
    count, before_points, before_weights = len(weights), cameras.size, cameras.size + points.size
    values = np.concatenate([by_camera, by_point, by_weight[:, :, None]], axis=2)
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


def finish_objective(result: tuple[np.ndarray, np.ndarray]) -> dict[str, Any]:
    errors, weights = result
    return {
        "reproj_error": {"elements": errors[0].tolist(), "repeated": len(errors)},
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
