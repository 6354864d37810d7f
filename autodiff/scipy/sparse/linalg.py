"""`scipy.sparse.linalg` under differentiation: the direct solver."""

from __future__ import annotations

from typing import Any

from autodiff.errors import DTypeError, ShapeError
from autodiff.frontends.surface import sparse
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.shapes import reshape
from autodiff.ops.sparse import csr_solve
from autodiff.scipy.sparse.matrix import csr_array

__all__ = ["spsolve"]


def spsolve(A: Any, b: Any, permc_spec: Any = None, use_umfpack: bool = True) -> Any:  # noqa: ARG001 - SciPy's signature
    """Solve A @ x = b for a sparse A.

    Parameters
    ----------
    A : csr or csc matrix of SciPy (a constant), or `autodiff.scipy.sparse.csr_array`
    b : (n,) or (n, k), dense
    permc_spec, use_umfpack : taken for the sake of the signature; SuperLU solves

    Returns
    -------
    x : of the shape of b, differentiable in b and in the numbers of A

    Raises
    ------
    LinearAlgebraError
        When A is singular, or not square.

    Examples
    --------
    >>> import numpy as np, scipy.sparse
    >>> import autodiff as ad
    >>> from autodiff.scipy.sparse.linalg import spsolve
    >>> A = scipy.sparse.csr_array(np.array([[2.0, 0.0], [1.0, 4.0]]))
    >>> ad.grad(lambda b: spsolve(A, b)[1])(np.ones(2))
    array([-0.125,  0.25 ])
    """
    if isinstance(A, csr_array):
        data, pattern, transposed = A.data, A.pattern, A.transposed
    elif sparse.is_sparse(A):
        data, pattern, transposed = sparse.parts(A)
    else:
        raise DTypeError(f"spsolve: a sparse matrix, not {type(A).__name__}", "np.linalg.solve for a dense one")
    y = lift(b)
    if y.aval.ndim not in (1, 2) or y.aval.shape[0] != pattern.shape[0]:
        raise ShapeError(f"spsolve: a matrix of shape {pattern.shape}, and b of shape {y.aval.shape}")
    columns = reshape(y, (y.aval.shape[0], 1)) if y.aval.ndim == 1 else y
    found = csr_solve(lift(data), columns, pattern=pattern, transposed=transposed)
    return reshape(found, y.aval.shape)
