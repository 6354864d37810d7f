"""ba: one observation's 2 x 15 block by complex steps, for all are alike; and the places it stands in."""

import numpy as np

from benchmarks.gradbench.references.complex_step import derivative

VALUE, DERIVATIVES = "objective", ("jacobian",)
# cameras, points, observations
SIZES = (
    (49, 7776, 31_843),
    (73, 11_032, 46_122),
    (93, 61_203, 287_451),
    (253, 163_691, 899_155),
    (245, 198_739, 1_091_386),
    (356, 226_730, 1_255_268),
)
DEFAULT = ((10, 200, 500), SIZES[0])
TINY = ((3, 5, 12), (2, 3, 40))

CAM = (
    *(-0.758453, -1.109613, -0.845551),
    *(34.556073, 39.676747, 53.881673),
    *(419.194514, 5.864426, -8.518870, 0.087812, 0.002739),
)
X = (7.203245, 0.001144, 3.023326)
W = 0.417022
FEAT = (271.760969, 834.209256)


def make(size, random):
    n, m, p = size
    return {"n": n, "m": m, "p": p, "cam": list(CAM), "x": list(X), "w": W, "feat": list(FEAT)}


def cross(a, b):
    return np.array([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def residual(numbers, feature):
    """Of camera, point and weight in one vector of 15."""
    r, centre, (f, u0, v0, k1, k2) = numbers[:3], numbers[3:6], numbers[6:11]
    shifted, weight = numbers[11:14] - centre, numbers[14]
    angle = np.sqrt((r * r).sum())
    axis = r / angle if angle != 0.0 else r
    along = axis * (axis * shifted).sum()
    turned = along + np.cos(angle) * (shifted - along) + np.sin(angle) * cross(axis, shifted)
    if angle == 0.0:
        turned = shifted + cross(r, shifted)
    x, y = turned[0] / turned[2], turned[1] / turned[2]
    scale = f * (1.0 + k1 * (x * x + y * y) + k2 * (x * x + y * y) ** 2)
    return weight * np.array([x * scale + u0 - feature[0], y * scale + v0 - feature[1]])


def expected(function, given):
    n, m, p = given["n"], given["m"], given["p"]
    numbers = np.array([*given["cam"], *given["x"], given["w"]])
    if function == "objective":
        elements = residual(numbers, given["feat"]).tolist()
        weight = {"element": 1.0 - given["w"] ** 2, "repeated": p}
        return {"reproj_error": {"elements": elements, "repeated": p}, "w_err": weight}
    block = derivative(lambda v: residual(v, given["feat"]), numbers).T
    rows, columns, values = [0], [], []
    for o in range(p):
        camera, point, weight = 11 * (o % n), 11 * n + 3 * (o % m), 11 * n + 3 * m + o
        for residual_row in block:
            columns += [*range(camera, camera + 11), *range(point, point + 3), weight]
            values += residual_row.tolist()
            rows.append(len(columns))
    for o in range(p):
        columns.append(11 * n + 3 * m + o)
        values.append(-2.0 * given["w"])
        rows.append(len(columns))
    return {name: [*array[:30], array[-1]] for name, array in (("rows", rows), ("cols", columns), ("vals", values))}
