"""The tape world's names for linear algebra, with TensorFlow's argument names and orders of results.

All functions take stacks of matrices: axes in front of the last two are a batch. Where NumPy has the
function too, `numpy.linalg` on tensors is the same code.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.surface import linalg, norms, padding, products, reductions, scipy_linalg, shapes, statistics
from autodiff.frontends.surface.common import as_float, lift
from autodiff.ops import lu as lu_ops
from autodiff.ops import matrices
from autodiff.ops.families import select
from autodiff.ops.transcendental import log, root

__all__ = [
    "adjoint",
    "band_part",
    "cholesky",
    "cholesky_solve",
    "cross",
    "det",
    "diag",
    "diag_part",
    "eigh",
    "eigvalsh",
    "einsum",
    "expm",
    "eye",
    "global_norm",
    "inv",
    "logdet",
    "logm",
    "lstsq",
    "lu",
    "matmul",
    "matrix_rank",
    "matrix_transpose",
    "matvec",
    "norm",
    "normalize",
    "pinv",
    "qr",
    "set_diag",
    "slogdet",
    "solve",
    "sqrtm",
    "svd",
    "tensordot",
    "trace",
    "triangular_solve",
]

einsum, tensordot = products.einsum, products.tensordot
expm, sqrtm, logm = scipy_linalg.expm, scipy_linalg.sqrtm, scipy_linalg.logm
cholesky, matrix_rank, slogdet = linalg.cholesky, linalg.matrix_rank, linalg.slogdet


# ---- products and parts -----------------------------------------------------------------------


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


def matvec(a: Any, b: Any, transpose_a: bool = False) -> Any:
    """Matrices (..., m, k) times vectors (..., k)."""
    x, y = lift(a), lift(b)
    columns = shapes.reshape(y, (*y.aval.shape, 1))
    found = matmul(x, columns, transpose_a)
    return shapes.reshape(found, found.aval.shape[:-1])


def matrix_transpose(a: Any) -> Any:
    """The last two axes exchanged."""
    return shapes.swapaxes(a, -1, -2)


def adjoint(matrix: Any) -> Any:
    """The conjugate transpose of the last two axes."""
    return matrices.adjoint(lift(matrix))


def trace(x: Any) -> Any:
    """Sum of the diagonal of the last two axes."""
    return shapes.trace(x, 0, -2, -1)


def diag(diagonal: Any, k: int = 0) -> Any:
    """Matrices with these diagonals: (..., n) -> (..., n + |k|, n + |k|)."""
    x = lift(diagonal)
    if k == 0:
        return matrices.embedded(x)
    inner, none = matrices.embedded(x), [(0, 0)] * (x.aval.ndim - 1)
    return padding.pad(inner, (*none, (max(-k, 0), max(k, 0)), (max(k, 0), max(-k, 0))))


def diag_part(input: Any, k: int = 0) -> Any:
    """The diagonal of the last two axes."""
    return shapes.diagonal(input, k, -2, -1)


def set_diag(input: Any, diagonal: Any) -> Any:
    """The matrices with another main diagonal; nothing reaches the old one."""
    x, d = lift(input), lift(diagonal)
    m, n = x.aval.shape[-2:]
    if d.aval.shape != (*x.aval.shape[:-2], min(m, n)):
        raise ShapeError(f"set_diag: a diagonal of shape {d.aval.shape} for matrices of shape {x.aval.shape}")
    rows = [(0, 0)] * x.aval.ndim
    rows[-2], rows[-1] = (0, m - min(m, n)), (0, n - min(m, n))
    return select(matrices.on_diagonal(x), padding.pad(matrices.embedded(d), rows), x)


def band_part(input: Any, num_lower: int, num_upper: int) -> Any:
    """The entries at most `num_lower` below and `num_upper` above the diagonal; -1 keeps all of a side."""
    x = lift(input)
    x = x if num_upper < 0 else shapes.tril(x, num_upper)
    return x if num_lower < 0 else shapes.triu(x, -num_lower)


def eye(num_rows: int, num_columns: int | None = None, batch_shape: Sequence[int] = (), dtype: Any = np.float64) -> Any:
    """Unit matrices, constant."""
    one = np.eye(num_rows, num_columns, dtype=dtype)
    return lift(np.broadcast_to(one, (*batch_shape, *one.shape)).copy())


def cross(a: Any, b: Any) -> Any:
    """Cross products of vectors of three along the last axis."""
    return statistics.cross(a, b)


# ---- norms ------------------------------------------------------------------------------------


def norm(tensor: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """The norm of all entries, of vectors along an axis, or of matrices in two; derivative 0 at 0.

    Without an axis the tensor counts as one vector, whatever its shape ('euclidean' is the default).
    """
    x = lift(tensor)
    if ord in (None, "euclidean"):
        return norms.norm(x, None, axis, keepdims)
    if axis is None and not isinstance(ord, str):
        return norms.vector_norm(x, ord=ord, keepdims=keepdims)
    return norms.norm(x, ord, axis, keepdims)


def normalize(tensor: Any, ord: Any = "euclidean", axis: Any = None) -> tuple[Any, Any]:
    """(tensor / norm, norm), the norm with its axes kept."""
    size = norm(tensor, ord, axis, keepdims=True)
    return lift(tensor) / size, size


def global_norm(t_list: Sequence[Any]) -> Any:
    """The Euclidean norm of all entries of all tensors; None counts for nothing."""
    squares = [
        norms.euclidean(x, tuple(range(x.aval.ndim))) ** 2 for x in (as_float(lift(t)) for t in t_list if t is not None)
    ]
    if not squares:
        raise ArgumentError("global_norm: no tensors", "give at least one that is not None")
    return root(functools.reduce(lambda x, y: x + y, squares))


# ---- systems and determinants --------------------------------------------------------------------


def solve(matrix: Any, rhs: Any, adjoint: bool = False) -> Any:
    """The solution of matrix @ x = rhs; of the adjoint system with `adjoint`.

    Raises
    ------
    LinearAlgebraError
        When a matrix is singular or not square, or the shapes do not fit.

    Examples
    --------
    >>> import autodiff as ad
    >>> ad.linalg.solve([[2.0, 0.0], [0.0, 4.0]], [[1.0], [1.0]]).numpy()
    array([[0.5 ],
           [0.25]])
    """
    x = lift(matrix)
    return linalg.solve(matrices.adjoint(x) if adjoint else x, rhs)


def inv(input: Any, adjoint: bool = False) -> Any:
    """The inverse; of the adjoint with `adjoint`."""
    x = lift(input)
    return linalg.inv(matrices.adjoint(x) if adjoint else x)


def triangular_solve(matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False) -> Any:
    """The solution of a triangular system; the other triangle is not read, and its gradient is 0."""
    return scipy_linalg.solve_triangular(matrix, rhs, trans="C" if adjoint else "N", lower=lower)


def cholesky_solve(chol: Any, rhs: Any) -> Any:
    """The solution of A @ x = rhs, given the lower factor of A."""
    return scipy_linalg.cho_solve((chol, True), rhs)


def det(input: Any) -> Any:
    """The determinant; its gradient, the cofactors, is exact at singular matrices too."""
    return linalg.det(input)


def logdet(matrix: Any) -> Any:
    """The logarithm of the determinant of symmetric positive definite matrices."""
    return 2.0 * reductions.sum(log(diag_part(linalg.cholesky(matrix))), axis=-1)


def pinv(a: Any, rcond: Any = None) -> Any:
    """The pseudo-inverse; singular values below `rcond` times the largest count as 0."""
    return linalg.pinv(a, rcond)


def lstsq(matrix: Any, rhs: Any, l2_regularizer: Any = 0.0, fast: bool = True) -> Any:  # noqa: ARG001 - the signature is TensorFlow's
    """The least-squares solution of matrix @ x = rhs, of least norm where there are many.

    With `l2_regularizer` the minimum of |matrix @ x - rhs|**2 + l2_regularizer |x|**2. `fast` has no effect: the
    solution is by singular values.
    """
    a, b = linalg.same_stacks("lstsq", matrix, rhs)
    if isinstance(l2_regularizer, int | float) and l2_regularizer == 0:
        return products.matmul(linalg.pinv(a), b)
    n = a.aval.shape[-1]
    square = products.matmul(matrices.adjoint(a), a)
    return linalg.solve(
        square + np.eye(n, dtype=a.aval.dtype) * l2_regularizer, products.matmul(matrices.adjoint(a), b)
    )


# ---- decompositions ------------------------------------------------------------------------------


def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True) -> Any:
    """(s, u, v) with tensor = u @ diag(s) @ v.T; s alone without `compute_uv`. The order is TensorFlow's."""
    if not compute_uv:
        return linalg.svdvals(tensor)
    u, s, vh = linalg.svd(tensor, full_matrices)
    return s, u, matrices.adjoint(vh)


def eigh(tensor: Any) -> tuple[Any, Any]:
    """(e, v): eigenvalues in ascending order, and eigenvectors in the columns of v."""
    e, v = linalg.eigh(tensor)
    return e, v


def eigvalsh(tensor: Any) -> Any:
    """The eigenvalues of symmetric matrices, in ascending order."""
    return linalg.eigvalsh(tensor)


def qr(input: Any, full_matrices: bool = False) -> tuple[Any, Any]:
    """(q, r); with `full_matrices` q is square."""
    q, r = linalg.qr(input, "complete" if full_matrices else "reduced")
    return q, r


def lu(input: Any) -> tuple[Any, Any]:
    """(lu, p): both triangles in one matrix, and the row of the input that each row comes from."""
    x = linalg.as_matrices("lu", input)
    packed, pivots = lu_ops.lu(x)
    return packed, lu_ops.row_order(pivots, rows=x.aval.shape[-2])
