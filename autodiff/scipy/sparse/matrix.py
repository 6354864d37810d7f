"""A sparse matrix whose numbers may be recorded values."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, DTypeError, ShapeError
from autodiff.frontends.surface import sparse
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.linalg import identity_matrix
from autodiff.frontends.surface.shapes import swapaxes
from autodiff.frontends.surface.static import static_array


class csr_array:
    """A matrix in compressed rows: row k has `data[p]` in column `indices[p]` for indptr[k] <= p < indptr[k + 1].

    Parameters
    ----------
    arg1 : (data, indices, indptr), or a csr or csc matrix of SciPy
        `data` of shape (nnz,) may be a recorded value, `indices` and `indptr` are plain arrays.
    shape : (m, n), optional
        By default as many rows as `indptr` has, and columns up to the largest index.

    Raises
    ------
    ArgumentError, ShapeError, ConcretizationError
        For arrays that are no matrix; for traced `indices`.

    Examples
    --------
    >>> import numpy as np
    >>> import autodiff as ad
    >>> from autodiff.scipy.sparse import csr_array
    >>> x = np.array([1.0, 10.0])
    >>> ad.grad(lambda data: np.sum(csr_array((data, [0, 1, 1], [0, 1, 3])) @ x))(np.ones(3))
    array([ 1., 10., 10.])
    """

    __array_ufunc__ = None  # NumPy's arrays leave `x @ self` to __rmatmul__

    def __init__(self, arg1: Any, shape: Any = None) -> None:
        if sparse.is_sparse(arg1):
            self.data, self.pattern, self.transposed = sparse.parts(arg1)
            return
        if not isinstance(arg1, tuple) or len(arg1) != 3:
            raise ArgumentError(
                "csr_array: give (data, indices, indptr)", "of a dense matrix: scipy.sparse.csr_array(x)"
            )
        data, indices, indptr = arg1
        indices, indptr = static_array(indices, "indices"), static_array(indptr, "indptr")
        self.pattern = sparse.pattern_of(*_checked(indices, indptr, shape))
        self.data, self.transposed = lift(data), False
        if self.data.aval.shape != indices.shape:
            raise ShapeError(f"csr_array: {len(indices)} indices, and data of shape {self.data.aval.shape}")

    @classmethod
    def _of(cls, data: Any, pattern: Any, transposed: bool) -> csr_array:
        made = cls.__new__(cls)
        made.data, made.pattern, made.transposed = data, pattern, transposed
        return made

    @property
    def shape(self) -> tuple[int, int]:
        m, n = self.pattern.shape
        return (n, m) if self.transposed else (m, n)

    @property
    def nnz(self) -> int:
        return int(self.pattern.entries)

    @property
    def T(self) -> csr_array:
        return self._of(self.data, self.pattern, not self.transposed)

    def __matmul__(self, x: Any) -> Any:
        return sparse.product(self.data, self.pattern, self.transposed, x)

    dot = __matmul__

    def __rmatmul__(self, x: Any) -> Any:
        y = lift(x)
        found = self.T @ (swapaxes(y, 0, 1) if y.aval.ndim == 2 else y)
        return swapaxes(found, 0, 1) if y.aval.ndim == 2 else found

    def __mul__(self, factor: Any) -> csr_array:
        """Every number times one factor."""
        scaled = lift(self.data) * factor
        if scaled.shape != lift(self.data).shape:
            raise DTypeError(
                f"a sparse matrix times an array of shape {np.shape(factor)}", "multiply by one number, or use @"
            )
        return self._of(scaled, self.pattern, self.transposed)

    __rmul__ = __mul__

    def __neg__(self) -> csr_array:
        return self * -1.0

    def toarray(self) -> Any:
        """The dense matrix."""
        dtype = lift(self.data).aval.dtype
        return self @ identity_matrix(self.shape[1], dtype)

    def __repr__(self) -> str:
        return f"<sparse {self.shape[0]} by {self.shape[1]}, {self.nnz} entries>"


csr_matrix = csr_array


def _checked(indices: np.ndarray, indptr: np.ndarray, shape: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """The structure of a matrix, if it is one."""
    if indices.ndim != 1 or indptr.ndim != 1 or not len(indptr):
        raise ShapeError(f"csr_array: indices and indptr are vectors, not of shapes {indices.shape} and {indptr.shape}")
    largest = int(indices.max(initial=-1))
    rows, columns = (len(indptr) - 1, largest + 1) if shape is None else map(int, shape)
    ends = indptr[0] == 0 and indptr[-1] == len(indices) and np.all(np.diff(indptr) >= 0)
    if not ends or len(indptr) != rows + 1:
        raise ArgumentError(
            f"csr_array: indptr of {len(indptr)} entries for {rows} rows and {len(indices)} indices",
            "indptr has one entry more than rows, starts at 0, never falls, and ends at the number of indices",
        )
    if largest >= columns or indices.min(initial=0) < 0:
        raise ArgumentError(
            f"csr_array: column {largest} of {columns}", "indices are from 0 to the number of columns - 1"
        )
    return indices, indptr, (rows, columns)
