"""`scipy.linalg` on recorded arrays: systems, decompositions, functions and equations of matrices.

Signatures are SciPy's. Arguments that only say how SciPy computes (`overwrite_a`, `check_finite`, `lapack_driver`)
are taken and have no effect. All functions take stacks: axes in front of the last two are a batch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, LinearAlgebraError
from autodiff.frontends.surface import linalg, norms, padding, products, shapes
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.indexing import getitem
from autodiff.frontends.surface.linalg import as_matrices, as_squares, same_stacks
from autodiff.ops import decompositions, linear_solve, matrix_functions
from autodiff.ops import lu as lu_ops
from autodiff.ops.contraction import swap
from autodiff.ops.families import conjugate
from autodiff.ops.matrices import adjoint, identity, matrix_types, product
from autodiff.ops.op import promoted

# ---- functions of a matrix: see `ops.matrix_functions` for their derivatives ---------------------


def expm(A: Any) -> Any:
    """The matrix exponential.

    Parameters
    ----------
    A : (..., n, n)

    Raises
    ------
    LinearAlgebraError
        When the last two axes are not equal.

    Examples
    --------
    >>> import autodiff as ad
    >>> from autodiff.scipy.linalg import expm
    >>> float(ad.grad(lambda t: expm(t * [[0.0, 1.0], [0.0, 0.0]])[0, 1])(3.0))
    1.0
    """
    return matrix_functions.expm(A)


def logm(A: Any) -> Any:
    """The principal matrix logarithm; its result must be real (no eigenvalue on the negative axis)."""
    return matrix_functions.logm(A)


def sqrtm(A: Any) -> Any:
    """The principal square root; its result must be real (no negative eigenvalue)."""
    return matrix_functions.sqrtm(A)


def sinm(A: Any) -> Any:
    """The matrix sine."""
    return matrix_functions.sinm(A)


def cosm(A: Any) -> Any:
    """The matrix cosine."""
    return matrix_functions.cosm(A)


def tanm(A: Any) -> Any:
    """The matrix tangent."""
    return matrix_functions.tanm(A)


def sinhm(A: Any) -> Any:
    """The hyperbolic matrix sine."""
    return matrix_functions.sinhm(A)


def coshm(A: Any) -> Any:
    """The hyperbolic matrix cosine."""
    return matrix_functions.coshm(A)


def tanhm(A: Any) -> Any:
    """The hyperbolic matrix tangent."""
    return matrix_functions.tanhm(A)


def expm_frechet(A: Any, E: Any, method: Any = None, compute_expm: bool = True, check_finite: bool = True) -> Any:
    """(expm(A), L(A, E)), or L alone: the derivative of expm at A in the direction E."""
    a, e = same_stacks("expm_frechet", A, E)
    value, derivative = matrix_functions.corner(matrix_functions.expm, a, e)
    return (value, derivative) if compute_expm else derivative


# ---- systems -------------------------------------------------------------------------------------


def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True, **how: Any) -> Any:
    """The inverse."""
    return linalg.inv(a)


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The determinant; its gradient, the cofactors, is exact at singular matrices too."""
    return linalg.det(a)


def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True) -> Any:
    """Norms of vectors and matrices, as `numpy.linalg.norm`."""
    return norms.norm(a, ord, axis, keepdims)


def pinv(a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False, check_finite: bool = True) -> Any:
    """The pseudo-inverse; singular values below `rtol` times the largest are 0 (default: max(m, n) * eps)."""
    if atol is not None or return_rank:
        raise ArgumentError("pinv: atol and return_rank are not supported under differentiation", "give rtol")
    return linalg.pinv(a, rtol=rtol)


def lstsq(
    a: Any, b: Any, cond: Any = None, overwrite_a: bool = False, overwrite_b: bool = False, check_finite: bool = True,
    lapack_driver: Any = None,
) -> Any:  # fmt: skip
    """(x, residues, rank, singular values) of the least-squares problem, as `numpy.linalg.lstsq`."""
    x, residues, rank, s = linalg.lstsq(a, b, -1 if cond is None else cond)
    return x, residues[0] if lift(b).aval.ndim == 1 and residues.shape == (1,) else residues, rank, s


def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: Any = None, transposed: bool = False,
) -> Any:  # fmt: skip
    """a @ x = b. With `assume_a` 'sym', 'her' or 'pos' one triangle of `a` is read."""
    x = as_squares("solve", a)
    if assume_a in ("sym", "symmetric", "her", "hermitian", "pos", "positive definite"):
        x = mirrored(x, lower)
    elif assume_a in ("upper triangular", "lower triangular"):
        return solve_triangular(x, b, trans=int(transposed), lower=assume_a == "lower triangular")
    elif assume_a not in (None, "gen", "general", "diagonal", "tridiagonal", "banded"):
        raise ArgumentError(f"solve: assume_a={assume_a!r}", "'gen', 'sym', 'her', 'pos' or a triangle")
    return linalg.solve(swap(x) if transposed else x, b)


def mirrored(a: Any, lower: bool) -> Any:
    """The symmetric matrix that one triangle stands for."""
    part = shapes.tril if lower else shapes.triu
    rest = shapes.tril(a, -1) if lower else shapes.triu(a, 1)
    return part(a) + adjoint(rest)


def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """Solve a @ x = b, reading one triangle of `a`, whose gradient is 0 in the other.

    Parameters
    ----------
    a : (..., n, n)
    b : (n,) or (..., n, k)
    trans : 0 or 'N' for a, 1 or 'T' (2 or 'C') for its (conjugate) transpose
    lower : whether the lower triangle is read
    unit_diagonal : whether the diagonal is taken to be 1, and not read

    Raises
    ------
    LinearAlgebraError
        When a diagonal entry is 0.
    """
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ArgumentError(f"solve_triangular: trans={trans!r}", "0, 1, 2, 'N', 'T' or 'C'")
    x, y = lift(a), lift(b)
    columns = shapes.reshape(y, (y.aval.shape[0], 1)) if y.aval.ndim == 1 else y
    x, columns = same_stacks("solve_triangular", x, columns)
    if trans in (2, "C"):
        x = swap(adjoint(x))
    found = linear_solve.triangular_solve(
        x, columns, is_lower=bool(lower), transposed=trans not in (0, "N"), unit=bool(unit_diagonal)
    )
    return getitem(found, (..., 0)) if y.aval.ndim == 1 else found


def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The Cholesky factor, upper by default; the gradient is symmetric."""
    return linalg.cholesky(a, upper=not lower)


def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, bool]:
    """(factor, lower) for `cho_solve`. The other triangle is 0 (in SciPy it is arbitrary)."""
    return cholesky(a, lower), bool(lower)


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """Solve A @ x = b, given the Cholesky factor of A."""
    c, lower = c_and_lower
    first = solve_triangular(c, b, trans="N" if lower else "C", lower=lower)
    return solve_triangular(c, first, trans="C" if lower else "N", lower=lower)


# ---- decompositions ------------------------------------------------------------------------------


def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, Any]:
    """(lu, piv): both triangles in one array, and the rows that were exchanged."""
    packed, pivots = lu_ops.lu(a)
    return packed, pivots


def lu(a: Any, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True, **how: Any) -> Any:
    """(p, l, u) with a = p @ l @ u; (p @ l, u) with `permute_l`. The permutation is a constant."""
    if how.get("p_indices"):
        raise ArgumentError("lu: p_indices is not supported under differentiation", "use the matrix p")
    x = as_matrices("lu", a)
    m, n = x.aval.shape[-2:]
    packed, pivots = lu_ops.lu(x)
    k = min(m, n)
    below = getitem(lu_ops.unit_lower(packed), (..., slice(0, k)))
    above = getitem(shapes.triu(packed), (..., slice(0, k), slice(None)))
    order = swap(lu_ops.exchanged(pivots, m, x.aval.dtype))
    return (product(order, below), above) if permute_l else (order, below, above)


def lu_solve(
    lu_and_piv: tuple[Any, Any], b: Any, trans: int = 0, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """Solve A @ x = b (trans=1: A.T @ x = b), given `lu_factor(A)`."""
    packed, pivots = (lift(x) for x in lu_and_piv)
    order = lu_ops.exchanged(pivots, packed.aval.shape[-2], packed.aval.dtype)
    if not trans:
        first = solve_triangular(packed, products.matmul(order, b), lower=True, unit_diagonal=True)
        return solve_triangular(packed, first)
    first = solve_triangular(packed, b, trans=trans)
    return products.matmul(swap(order), solve_triangular(packed, first, trans=trans, lower=True, unit_diagonal=True))


def qr(
    a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full", pivoting: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """(q, r). With more rows than columns only mode='economic' has a derivative in q."""
    if pivoting or mode not in ("full", "r", "economic"):
        raise ArgumentError(f"qr: mode={mode!r}, pivoting={pivoting} is not supported under differentiation")
    q, r = decompositions.qr(a, complete=mode != "economic")
    return (r,) if mode == "r" else (q, r)


def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False, check_finite: bool = True,
    lapack_driver: str = "gesdd",
) -> Any:  # fmt: skip
    """(U, s, Vh), or s alone. Derivatives of U and Vh of a matrix that is not square need full_matrices=False."""
    found = linalg.svd(a, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The singular values, in descending order."""
    return linalg.svdvals(a)


def eigh(
    a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False, overwrite_a: bool = False,
    overwrite_b: bool = False, type: int = 1, check_finite: bool = True, subset_by_index: Any = None,
    subset_by_value: Any = None, driver: Any = None,
) -> Any:  # fmt: skip
    """(w, v) of a symmetric matrix, or of a v = w b v. Signs of the vectors are those of `numpy.linalg.eigh`."""
    if subset_by_index is not None or subset_by_value is not None or type != 1:
        raise ArgumentError("eigh: subsets, and types other than 1, are not supported", "slice the results")
    triangle = "L" if lower else "U"
    if b is None:
        w, v = linalg.eigh(a, triangle)
        return w if eigvals_only else (w, v)
    # With b = l l', inv(l) a inv(l)' has the same eigenvalues, and its vectors are l' v.
    x, y = same_stacks("eigh", a, b)
    factor = decompositions.cholesky(y if lower else swap(y))
    half = solve_triangular(factor, mirrored(x, lower), lower=True)
    w, turned = linalg.eigh(solve_triangular(factor, swap(half), lower=True))
    return w if eigvals_only else (w, solve_triangular(factor, turned, trans=1, lower=True))


def eigvalsh(a: Any, b: Any = None, *, lower: bool = True, **how: Any) -> Any:
    """The eigenvalues alone, in ascending order."""
    return eigh(a, b, lower=lower, eigvals_only=True, **how)


def eig(
    a: Any, b: Any = None, left: bool = False, right: bool = True, overwrite_a: bool = False,
    overwrite_b: bool = False, check_finite: bool = True, homogeneous_eigvals: bool = False,
) -> Any:  # fmt: skip
    """(w, v), or w alone where not `right`, of a v = w v, or of a v = w b v with a regular `b`; always complex.

    Parameters
    ----------
    a, b : (..., n, n)

    Raises
    ------
    ArgumentError
        For left eigenvectors (they are the rows of inv(v)) and homogeneous eigenvalues.

    Examples
    --------
    >>> import numpy as np
    >>> import autodiff as ad
    >>> from autodiff.scipy.linalg import eig
    >>> def growth(a):
    ...     return np.max(eig(a)[0].real)
    >>> print(ad.grad(growth)(np.array([[2.0, 0.0], [0.0, 1.0]])))
    [[1. 0.]
     [0. 0.]]
    """
    if left or homogeneous_eigvals:
        raise ArgumentError(
            "eig: left eigenvectors and homogeneous eigenvalues are not supported under differentiation",
            "the rows of np.linalg.inv(v) are left eigenvectors",
        )
    x = as_squares("eig", a)
    if b is not None:
        x, y = same_stacks("eig", x, b)
        x = linear_solve.solve(y, x)
    w, v = linalg.eig(x)
    return (w, v) if right else w


def eigvals(
    a: Any, b: Any = None, overwrite_a: bool = False, check_finite: bool = True, homogeneous_eigvals: bool = False
) -> Any:
    """The eigenvalues of general matrices, always complex; see `eig`."""
    return eig(a, b, right=False, homogeneous_eigvals=homogeneous_eigvals)


def polar(a: Any, side: str = "right") -> tuple[Any, Any]:
    """(u, p) with a = u @ p (side='right') or p @ u; u has orthonormal columns (rows), p is symmetric."""
    if side not in ("right", "left"):
        raise ArgumentError(f"polar: side={side!r}", "'right' or 'left'")
    w, _, vh = decompositions.svd(a, full_matrices=False)
    u = product(w, vh)
    # p is u' a, rather than vh' s vh: exact where singular values are equal, too.
    half = product(adjoint(u), lift(a)) if side == "right" else product(lift(a), adjoint(u))
    return u, (half + adjoint(half)) * 0.5


# ---- equations -----------------------------------------------------------------------------------


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """The solution of a @ x + x @ b = q."""
    return matrix_functions.solve_sylvester(a, b, q)


def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """The solution of a @ x + x @ a.conj().T = q."""
    x = as_squares("solve_continuous_lyapunov", a)
    return matrix_functions.solve_sylvester(x, adjoint(x), q)


solve_lyapunov = solve_continuous_lyapunov


def solve_discrete_lyapunov(a: Any, q: Any, method: Any = None) -> Any:
    """The solution of a @ x @ a.conj().T - x + q = 0.

    Small ones (fewer than 10 rows, or method='direct') as one linear system of n**2 unknowns; the others through
    the bilinear transformation to a continuous equation, as in SciPy.
    """
    if method not in (None, "direct", "bilinear"):
        raise ArgumentError(f"solve_discrete_lyapunov: method={method!r}", "'direct' or 'bilinear'")
    x, y = promoted(matrix_types, [lift(a), lift(q)])
    n = as_squares("solve_discrete_lyapunov", x).aval.shape[-1]
    if x.aval.ndim != 2 or y.aval.shape != (n, n):
        raise LinearAlgebraError(f"solve_discrete_lyapunov: shapes {x.aval.shape} and {y.aval.shape}: two of size n")
    if method == "direct" or (method is None and n < 10):
        squared = products.kron(x, conjugate(x))
        system = identity(squared.aval) - squared
        return shapes.reshape(linear_solve.solve(system, shapes.reshape(y, (n * n, 1))), (n, n))
    eye, flipped = identity(x.aval), adjoint(x)
    b = linalg.solve(flipped + eye, flipped - eye)  # inv(a' + 1) and a' - 1 commute
    inverse = linalg.inv(flipped + eye)
    c = 2.0 * product(linalg.inv(x + eye), y, inverse)
    return matrix_functions.solve_sylvester(adjoint(b), b, -c)


# ---- matrices of a kind ----------------------------------------------------------------------------


def block_diag(*arrs: Any) -> Any:
    """A matrix of blocks along its diagonal; a vector is a row, a number a 1 by 1 block."""
    blocks = [shapes.atleast_2d(a) for a in arrs] or [lift(np.zeros((1, 0)))]
    for b in blocks:
        if b.aval.ndim != 2:
            raise LinearAlgebraError(f"block_diag: a block of shape {b.aval.shape}", "blocks have two axes")
    columns, before, rows = sum(b.aval.shape[1] for b in blocks), 0, []
    for b in blocks:
        after = columns - before - b.aval.shape[1]
        rows.append(padding.pad(b, ((0, 0), (before, after))))
        before += b.aval.shape[1]
    return shapes.concatenate(rows, 0)


def toeplitz(c: Any, r: Any = None) -> Any:
    """First column `c`, first row `r` (default: conj(c)); constant along diagonals."""
    first, row = _vectors("toeplitz", c, conjugate(lift(c)) if r is None else r)
    values = shapes.concatenate([getitem(first, slice(None, None, -1)), getitem(row, slice(1, None))], 0)
    m, n = first.aval.shape[0], row.aval.shape[0]
    return getitem(values, np.arange(m)[::-1, None] + np.arange(n))


def circulant(c: Any) -> Any:
    """First column `c`, each further column the one before moved down by one place."""
    (first,) = _vectors("circulant", c)
    n = first.aval.shape[0]
    return getitem(first, (np.arange(n)[:, None] - np.arange(n)) % max(n, 1))


def hankel(c: Any, r: Any = None) -> Any:
    """First column `c`, last row `r` (default: zeros); constant along the other diagonals."""
    first, row = _vectors("hankel", c, np.zeros(lift(c).aval.shape) if r is None else r)
    values = shapes.concatenate([first, getitem(row, slice(1, None))], 0)
    m, n = first.aval.shape[0], row.aval.shape[0]
    return getitem(values, np.arange(m)[:, None] + np.arange(n))


def _vectors(name: str, *arrays: Any) -> list[Any]:
    xs = [lift(a) for a in arrays]
    for x in xs:
        if x.aval.ndim > 1:
            raise ArgumentError(f"{name}: a vector, not an array of shape {x.aval.shape}", "one row at a time")
    return [shapes.reshape(x, (math.prod(x.aval.shape),)) for x in xs]


FUNCTIONS = {
    "block_diag": block_diag,
    "cho_factor": cho_factor,
    "cho_solve": cho_solve,
    "cholesky": cholesky,
    "circulant": circulant,
    "coshm": coshm,
    "cosm": cosm,
    "det": det,
    "eig": eig,
    "eigh": eigh,
    "eigvals": eigvals,
    "eigvalsh": eigvalsh,
    "expm": expm,
    "expm_frechet": expm_frechet,
    "hankel": hankel,
    "inv": inv,
    "logm": logm,
    "lstsq": lstsq,
    "lu": lu,
    "lu_factor": lu_factor,
    "lu_solve": lu_solve,
    "norm": norm,
    "pinv": pinv,
    "polar": polar,
    "qr": qr,
    "sinhm": sinhm,
    "sinm": sinm,
    "solve": solve,
    "solve_continuous_lyapunov": solve_continuous_lyapunov,
    "solve_discrete_lyapunov": solve_discrete_lyapunov,
    "solve_lyapunov": solve_lyapunov,
    "solve_sylvester": solve_sylvester,
    "solve_triangular": solve_triangular,
    "sqrtm": sqrtm,
    "svd": svd,
    "svdvals": svdvals,
    "tanhm": tanhm,
    "tanm": tanm,
    "toeplitz": toeplitz,
}
