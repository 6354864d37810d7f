"""Sparse matrices under differentiation.

A matrix of `scipy.sparse` (csr or csc) is a constant: `A @ x`, `A.dot(x)` and `x @ A` work as they are. Where the
numbers of the matrix vary, `csr_matrix((data, indices, indptr), shape)` of this module takes recorded `data`; where
they stand is fixed, and the arrays that say so must not change.
"""

from autodiff.scipy.sparse import linalg
from autodiff.scipy.sparse.matrix import csr_array, csr_matrix

__all__ = ["csr_array", "csr_matrix", "linalg"]
