"""det: LAPACK's determinant; the gradient is the determinant times the inverse, transposed (Jacobi)."""

import numpy as np

VALUE, DERIVATIVES = "primal", ("gradient",)
SIZES = tuple((l,) for l in range(5, 12))
DEFAULT = ((5,), (7,), (9,))
TINY = ((4,), (1,), (2,))


def make(size, random):
    (l,) = size
    return {"A": random.uniform(size=l * l).tolist(), "ell": l}


def expected(function, given):
    a = np.array(given["A"]).reshape(given["ell"], given["ell"])
    determinant = np.linalg.det(a)
    return float(determinant) if function == "primal" else (determinant * np.linalg.inv(a).T).ravel().tolist()
