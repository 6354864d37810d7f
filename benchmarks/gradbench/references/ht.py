"""ht: bones and vertices one by one, derivatives by complex steps; the model is drawn at random.

Its sizes are those of the eval's two models: 22 bones, 544 or 10,000 vertices, 1084 triangles.
"""

import numpy as np

from benchmarks.gradbench.references.complex_step import derivative

VALUE, DERIVATIVES = "objective", ("jacobian",)
BONES, TRIANGLES = 22, 1084
# A root, a bone for the palm, and five chains of four.
PARENTS = (-1, 0, *(parent for finger in range(5) for parent in (1, *range(2 + 4 * finger, 5 + 4 * finger))))
SMALL, BIG = 544, 10_000
# points, vertices, whether they have coordinates of their own
SIZES = tuple((c, BIG, 1) for c in (100, 192, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 100_000))
DEFAULT = ((100, SMALL, 1), (100, BIG, 0), (192, BIG, 1), (1600, BIG, 1))
TINY = ((5, 30, 0), (5, 30, 1))


def make(size, random):
    count, vertices, complicated = size
    relatives, absolutes = np.zeros((2, BONES, 4, 4))
    for bone, parent in enumerate(PARENTS):
        relatives[bone, :3, :3], relatives[bone, 3, 3] = np.linalg.qr(random.normal(size=(3, 3)))[0], 1.0
        relatives[bone, :3, 3] = random.uniform(size=3)
        absolutes[bone] = relatives[bone] if parent == -1 else absolutes[parent] @ relatives[bone]
    weights = random.uniform(size=(vertices, BONES)) ** 8  # a few bones dominate
    model = {
        "bone_count": BONES,
        "bone_names": [f"bone{bone}" for bone in range(BONES)],
        "parents": list(PARENTS),
        "base_relatives": relatives.tolist(),
        "inverse_base_absolutes": np.linalg.inv(absolutes).tolist(),
        "base_positions": np.append(random.normal(size=(vertices, 3)), np.ones((vertices, 1)), axis=1).tolist(),
        "weights": (weights / weights.sum(axis=1, keepdims=True)).tolist(),
        "triangles": random.randint(vertices, size=(TRIANGLES, 3)).tolist(),
        "is_mirrored": False,
    }
    corners = TRIANGLES if complicated else vertices
    data = {
        "correspondences": random.randint(corners, size=count).tolist(),
        "points": random.normal(size=(count, 3)).tolist(),
        "model": model,
    }
    us = random.uniform(size=(count, 2)).tolist() if complicated else []
    return {"theta": random.uniform(size=26).tolist(), "us": us, "data": data}


def expected(function, given):
    theta, us = np.array(given["theta"]), np.array(given["us"]).reshape(-1, 2)
    if function == "objective":
        return distances(theta, us, given["data"]).ravel().tolist()
    by_theta = derivative(lambda t: distances(t, us, given["data"]).ravel(), theta)
    if not len(us):
        return by_theta.T.tolist()
    # A common step for all points: each one's distance depends on its own coordinates only.
    both = derivative(lambda step: distances(theta, us + step, given["data"]).ravel(), np.zeros(2))
    return np.concatenate([both, by_theta]).T.tolist()


def distances(theta, us, data):
    model, surface = data["model"], {}
    transforms = bone_transforms(theta, model)
    turn = axis_rotation(theta[:3])

    def position(vertex):
        if vertex not in surface:
            rest, weights = np.array(model["base_positions"][vertex]), model["weights"][vertex]
            moved = sum(weight * (transform @ rest)[:3] for weight, transform in zip(weights, transforms, strict=True))
            moved = moved * ([-1.0, 1.0, 1.0] if model["is_mirrored"] else 1.0)
            surface[vertex] = turn @ moved + theta[3:6]
        return surface[vertex]

    found = []
    for i, (corner, point) in enumerate(zip(data["correspondences"], data["points"], strict=True)):
        if len(us):
            (a, b), (v0, v1, v2) = us[i], model["triangles"][corner]
            found.append(point - (a * position(v0) + b * position(v1) + (1.0 - a - b) * position(v2)))
        else:
            found.append(point - position(corner))
    return np.array(found)


def bone_transforms(theta, model):
    angles = np.zeros((BONES, 3), theta.dtype)
    k, bone = 6, 2
    for _ in range(5):
        for joint in (2, 3, 4):
            angles[bone, 0] = theta[k]
            k += 1
            if joint == 2:
                angles[bone, 1] = theta[k]
                k += 1
            bone += 1
        bone += 1
    absolutes = []
    for bone, parent in enumerate(model["parents"]):
        x, z, y = angles[bone]
        bend = np.eye(4, dtype=theta.dtype)
        bend[:3, :3] = turn_about(2, z) @ turn_about(1, y) @ turn_about(0, x)
        relative = np.array(model["base_relatives"][bone]) @ bend
        absolutes.append(relative if parent == -1 else absolutes[parent] @ relative)
    return [a @ np.array(inverse) for a, inverse in zip(absolutes, model["inverse_base_absolutes"], strict=True)]


def turn_about(axis, angle):
    """A rotation about one of the coordinate axes."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3, dtype=np.result_type(angle))
    matrix[i, i] = matrix[j, j] = np.cos(angle)
    matrix[i, j], matrix[j, i] = -np.sin(angle), np.sin(angle)
    return matrix


def axis_rotation(r):
    """Rodrigues' formula with the matrix of the cross product."""
    angle = np.sqrt((r * r).sum())
    if abs(angle) < 1e-4:
        return np.eye(3)
    x, y, z = r / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + np.sin(angle) * cross + (1.0 - np.cos(angle)) * cross @ cross
