"""The tape world's names for products and norms."""

from __future__ import annotations

from typing import Any

from autodiff.frontends.surface import products, reductions, shapes
from autodiff.frontends.surface.common import lift

__all__ = ["diag", "diag_part", "einsum", "matmul", "matrix_transpose", "matvec", "norm", "tensordot", "trace"]

einsum, tensordot = products.einsum, products.tensordot


def matmul(a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False) -> Any:
    """Matrix product of the last two axes, batched over the rest.

    Parameters
    ----------
    a, b : shapes (..., m, k) and (..., k, n); lists and arrays are welcome
    transpose_a, transpose_b : use the operand with its last two axes exchanged

    Raises
    ------
    ShapeError
        When the inner sizes differ.

    Examples
    --------
    >>> import autodiff as ad
    >>> ad.linalg.matmul([[1.0, 2.0]], [[0.25], [0.15]]).numpy()
    array([[0.55]])
    """
    left, right = lift(a), lift(b)
    left = matrix_transpose(left) if transpose_a else left
    right = matrix_transpose(right) if transpose_b else right
    return products.matmul(left, right)


def matvec(a: Any, b: Any) -> Any:
    """Matrix (m, k) times vector (k,)."""
    return products.matmul(a, b)


def matrix_transpose(a: Any) -> Any:
    """The last two axes exchanged."""
    return shapes.swapaxes(a, -1, -2)


def norm(tensor: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Vector norm (Frobenius for a matrix); derivative 0 at 0, no overflow in between."""
    return reductions.norm(tensor, ord if ord != "euclidean" else None, axis, keepdims)


def trace(x: Any) -> Any:
    """Sum of the diagonal of the last two axes."""
    return shapes.trace(x, 0, -2, -1)


def diag(diagonal: Any, k: int = 0) -> Any:
    """A matrix with this diagonal."""
    return shapes.diag(diagonal, k)


def diag_part(input: Any) -> Any:
    """The diagonal of the last two axes."""
    return shapes.diagonal(input, 0, -2, -1)
