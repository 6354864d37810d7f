"""ht: hand tracking, the distances of measured points from the surface of a hand model, and their tall Jacobian.

A vertex of the model follows several bones at once, with fixed weights. Twenty of the 26 parameters bend the fingers,
the others move the hand as a whole. In the complicated variant each measured point also has its own two coordinates
within a triangle of the surface.
"""

from typing import Any

import numpy as np

import autodiff as ad
import autodiff.numpy as anp
from benchmarks.gradbench.function import Function, Input

# What a hand is made of, by GradBench's names: the bone that each bone hangs on (-1: none), matrices (bones, 4, 4),
# homogeneous rest positions (vertices, 4) and weights (vertices, bones).
HAND = {
    "parents": int,
    "base_relatives": float,
    "inverse_base_absolutes": float,
    "base_positions": float,
    "weights": float,
}


def rotations(x, y, z):
    """About x, then y, then z; one matrix for each element of the angles, (..., 4, 4)."""
    (cx, cy, cz), (sx, sy, sz) = (np.cos(x), np.cos(y), np.cos(z)), (np.sin(x), np.sin(y), np.sin(z))
    turned = anp.zeros((*x.shape, 4, 4))
    turned[..., 0, 0] = cy * cz
    turned[..., 0, 1] = sx * sy * cz - cx * sz
    turned[..., 0, 2] = cx * sy * cz + sx * sz
    turned[..., 1, 0] = cy * sz
    turned[..., 1, 1] = sx * sy * sz + cx * cz
    turned[..., 1, 2] = cx * sy * sz - sx * cz
    turned[..., 2, 0] = -sy
    turned[..., 2, 1] = sx * cy
    turned[..., 2, 2] = cx * cy
    turned[..., 3, 3] = 1.0
    return turned


def bends(theta, bones):
    """The rotation of every bone in its joint; a finger has four bones, of which the last does not bend."""
    x, y, z = anp.zeros((3, bones))
    x[2::4], z[2::4], x[3::4], x[4::4] = theta[6::4], theta[7::4], theta[8::4], theta[9::4]
    return rotations(x, y, z)


def bone_transforms(theta, hand):
    """From the rest position to the bent one, (bones, 4, 4)."""
    relatives = hand["base_relatives"] @ bends(theta, len(hand["parents"]))
    absolutes = anp.zeros_like(relatives)
    for bone, parent in enumerate(hand["parents"]):
        absolutes[bone] = relatives[bone] if parent == -1 else absolutes[parent] @ relatives[bone]
    return absolutes @ hand["inverse_base_absolutes"]


def global_rotation(r):
    """About the vector `r` by its length; none below a length of 1e-4."""
    squared = r @ r
    angle = np.sqrt(squared)
    x, y, z = r / angle
    c, s = np.cos(angle), np.sin(angle)
    turned = anp.array(
        [
            [x * x + (1.0 - x * x) * c, x * y * (1.0 - c) - z * s, x * z * (1.0 - c) + y * s],
            [x * y * (1.0 - c) + z * s, y * y + (1.0 - y * y) * c, y * z * (1.0 - c) - x * s],
            [x * z * (1.0 - c) - y * s, y * z * (1.0 - c) + x * s, z * z + (1.0 - z * z) * c],
        ]
    )
    return np.where(squared < 1e-8, np.eye(3), turned)


def surface(theta, hand, mirrored):
    """The position of every vertex, (vertices, 3): that of its rest position after each bone's move, by weight."""
    moves = bone_transforms(theta, hand)[:, :3]
    parts = hand["base_positions"][:, :, None] * hand["weights"][:, None, :]  # (vertices, 4, bones)
    positions = parts.reshape(len(parts), -1) @ moves.transpose(2, 0, 1).reshape(-1, 3)
    if mirrored:
        positions = positions * np.array([-1.0, 1.0, 1.0])
    return positions @ global_rotation(theta[:3]).T + theta[3:6]


def distances(vertices, us, points, corners):
    """`corners` are the vertex of each point, or the three of its triangle; `us` is (points, 2), or (0, 2)."""
    if corners.ndim == 1:
        return points - vertices[corners]
    first, second, third = vertices[corners[:, 0]], vertices[corners[:, 1]], vertices[corners[:, 2]]
    a, b = us[:, :1], us[:, 1:]
    return points - (a * first + b * second + (1.0 - a - b) * third)


def objective(theta, us, points, corners, *model):
    return distances(surface(theta, *model), us, points, corners)


def jacobian(theta, us, points, corners, *model):
    """Of all distances, one row each: by the point's own `us`, then by theta."""

    def both(theta):
        vertices = surface(theta, *model)
        return distances(vertices, us, points, corners), vertices

    by_theta, vertices = ad.jacfwd(both, has_aux=True)(theta)
    if not len(us):
        return by_theta.reshape(-1, len(theta))
    # A point's `us` change no other point's distance, so one tangent serves all of them at once.
    by_us = [
        ad.jvp(lambda u: distances(vertices, u, points, corners), (us,), (np.broadcast_to(unit, us.shape),))[1]
        for unit in np.eye(2)
    ]
    return np.concatenate([*(column[:, :, None] for column in by_us), by_theta], axis=2).reshape(-1, 2 + len(theta))


def prepare(given: Input) -> tuple[Any, ...]:
    data, model = given["data"], given["data"]["model"]
    corners = np.array(data["correspondences"], int)
    us = np.array(given["us"], float).reshape(-1, 2)
    if len(us):
        corners = np.array(model["triangles"], int)[corners]
    theta, points = np.array(given["theta"], float), np.array(data["points"], float)
    hand = {name: np.array(model[name], kind) for name, kind in HAND.items()}
    return theta, us, points, corners, hand, bool(model["is_mirrored"])


def flat(result: np.ndarray) -> list[float]:
    return result.ravel().tolist()


FUNCTIONS = {
    "objective": Function(ad.jit(objective, static_argnums=5), prepare, flat),
    "jacobian": Function(ad.jit(jacobian, static_argnums=5), prepare),
}
