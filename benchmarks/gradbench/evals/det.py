"""det: a determinant by expansion along the first row, recursively, and its gradient.

The work is meant to be l factorial. Matrices of one size are expanded together, as a batch; where that would take too
much memory, one after the other, each of them computed once more for its gradient instead of being remembered.
"""

import numpy as np

import autodiff as ad
from benchmarks.gradbench.function import Function, Input

TOGETHER = 9  # up to this size: a batch of 9!/2 matrices of 2 x 2 is 6 MB


def minor(a, j):
    """Without the first row and column j."""
    rest = np.arange(a.shape[-1] - 1)
    return a[1:, rest + (rest >= j)]


def minors(a):
    """Without the first row and, one after the other, each column: (..., m, m) -> (..., m, m - 1, m - 1)."""
    m = a.shape[-1]
    columns = np.array([[column for column in range(m) if column != left_out] for left_out in range(m)])
    return np.moveaxis(a[..., 1:, :][..., columns], -2, -3)


def determinant(a):
    m = a.shape[-1]
    if m == 1:
        return a[..., 0, 0]
    if m <= TOGETHER:
        signs = (-1.0) ** np.arange(m)
        return np.sum(signs * a[..., 0, :] * determinant(minors(a)), axis=-1)
    total, sign = 0.0, 1.0
    for j in range(m):
        total += sign * a[0, j] * ad.checkpoint(determinant)(minor(a, j))
        sign = -sign
    return total


def prepare(given: Input) -> tuple[np.ndarray]:
    return (np.array(given["A"], float).reshape(given["ell"], given["ell"]),)


def flat(gradient: np.ndarray) -> list[float]:
    return gradient.ravel().tolist()


FUNCTIONS = {
    "primal": Function(ad.jit(determinant), prepare),
    "gradient": Function(ad.grad(determinant), prepare, flat),
}
