"""`scipy.linalg` on recorded arrays: matrices of few diagonals, matrices made of vectors, and functions of factors.

Banded systems are solved in their bands; the rest is made of dense matrices, and as fast as those.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, LinearAlgebraError
from autodiff.frontends.surface import fourier, linalg, padding, products, reductions, shapes
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.indexing import getitem
from autodiff.frontends.surface.linalg import as_squares
from autodiff.frontends.surface.scipy_linalg import mirrored, toeplitz
from autodiff.ops import banded, decompositions, matrix_functions
from autodiff.ops.arithmetic import absolute, maximum, minimum
from autodiff.ops.complex_numbers import is_complex, real_part
from autodiff.ops.families import select
from autodiff.ops.matrices import adjoint, matrix_types, product
from autodiff.ops.op import promoted
from autodiff.ops.transcendental import arccos, arcsin

# ---- bands -------------------------------------------------------------------------------------


def _solved(name: str, ab: Any, b: Any, lower: int, upper: int) -> Any:
    """The solution for bands, of columns or of one vector."""
    bands, y = promoted(matrix_types, [lift(ab), lift(b)])
    if bands.aval.ndim != 2 or y.aval.ndim not in (1, 2):
        raise LinearAlgebraError(f"{name}: shapes {bands.aval.shape} and {y.aval.shape}: bands, and 1 or 2 axes of b")
    columns = shapes.reshape(y, (y.aval.shape[0], 1)) if y.aval.ndim == 1 else y
    return shapes.reshape(banded.banded_solve(bands, columns, lower=lower, upper=upper), y.aval.shape)


def solve_banded(
    l_and_u: Any, ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """Solve a @ x = b for a matrix of few diagonals, stored as rows of `ab`.

    Parameters
    ----------
    l_and_u : two ints, the numbers of diagonals below and above the main one
    ab : (l + u + 1, n), entry i, j of the matrix in row u + i - j, column j
    b : (n,) or (n, k)

    Raises
    ------
    LinearAlgebraError
        When shapes do not fit, or the matrix is singular.

    Examples
    --------
    >>> import numpy as np
    >>> import autodiff as ad
    >>> from autodiff.scipy.linalg import solve_banded
    >>> ab = np.array([[0.0, 1.0], [2.0, 2.0], [1.0, 0.0]])
    >>> slope = ad.grad(lambda b: solve_banded((1, 1), ab, b)[0])(np.array([1.0, 0.0]))
    >>> print(slope.round(6))
    [ 0.666667 -0.333333]
    """
    below, above = map(operator.index, l_and_u)
    return _solved("solve_banded", ab, b, below, above)


def _both_triangles(ab: Any, lower: bool) -> Any:
    """The bands of the Hermitian matrix of which `ab` has one triangle; its diagonal is real."""
    x, k = lift(ab), lift(ab).aval.shape[-2] - 1
    other = banded.adjoint_bands(x, 0 if lower else k)
    above, below = (other, x) if lower else (x, other)
    diagonal = real_part(getitem(x, slice(0, 1) if lower else slice(k, None)))
    return shapes.concatenate([getitem(above, slice(0, k)), diagonal, getitem(below, slice(1, None))], 0)


def solveh_banded(
    ab: Any, b: Any, overwrite_ab: bool = False, overwrite_b: bool = False, lower: bool = False,
    check_finite: bool = True,
) -> Any:  # fmt: skip
    """Solve a @ x = b for a Hermitian matrix, one triangle of its diagonals given; not checked to be definite."""
    k = lift(ab).aval.shape[0] - 1
    return _solved("solveh_banded", _both_triangles(ab, lower), b, k, k)


def _dense(ab: Any, lower: int, upper: int) -> Any:
    """The matrix with these bands."""
    x = lift(ab)
    n = x.aval.shape[-1]
    row, column = np.arange(n)[:, None], np.arange(n)
    stored = upper + row - column
    inside = (stored >= 0) & (stored <= lower + upper)
    return select(lift(inside), getitem(x, (np.clip(stored, 0, lower + upper), column + 0 * row)), 0.0)


def _bands(a: Any, lower: int, upper: int) -> Any:
    """The bands of a matrix, 0 in the corners."""
    n = a.aval.shape[-1]
    row = np.arange(n) - upper + np.arange(lower + upper + 1)[:, None]
    entries = getitem(a, (np.clip(row, 0, n - 1), np.arange(n) + 0 * row))
    return select(lift((row >= 0) & (row < n)), entries, 0.0)


def cholesky_banded(ab: Any, overwrite_ab: bool = False, lower: bool = False, check_finite: bool = True) -> Any:
    """The bands of the Cholesky factor, by way of the dense matrix."""
    k = lift(ab).aval.shape[0] - 1
    factor = linalg.cholesky(_dense(_both_triangles(ab, lower), k, k), upper=not lower)
    return _bands(factor, k if lower else 0, 0 if lower else k)


def cho_solve_banded(
    cb_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """Solve A @ x = b, given `(cholesky_banded(A), lower)`."""
    cb, lower = cb_and_lower
    k = lift(cb).aval.shape[0] - 1
    factor = cb if lower else banded.adjoint_bands(lift(cb), k)
    first = _solved("cho_solve_banded", factor, b, k, 0)
    return _solved("cho_solve_banded", banded.adjoint_bands(lift(factor), 0), first, 0, k)


def _all_of_them(name: str, select: Any) -> None:
    if select not in ("a", "all", 0):
        raise ArgumentError(f"{name}: select={select!r} is not supported under differentiation", "slice the results")


def eigh_tridiagonal(d: Any, e: Any, eigvals_only: bool = False, select: Any = "a", **how: Any) -> Any:
    """(w, v), or w alone, of the symmetric matrix of diagonal `d` and neighbours `e`, by way of the dense matrix."""
    _all_of_them("eigh_tridiagonal", select)
    w, v = linalg.eigh(shapes.diag(lift(d)) + shapes.diag(lift(e), -1) + shapes.diag(lift(e), 1))
    return w if eigvals_only else (w, v)


def eigvalsh_tridiagonal(d: Any, e: Any, select: Any = "a", **how: Any) -> Any:
    """The eigenvalues alone; see `eigh_tridiagonal`."""
    return eigh_tridiagonal(d, e, eigvals_only=True, select=select)


def eig_banded(a_band: Any, lower: bool = False, eigvals_only: bool = False, select: Any = "a", **how: Any) -> Any:
    """(w, v), or w alone, of a Hermitian matrix, one triangle of its diagonals given; by way of the dense matrix."""
    _all_of_them("eig_banded", select)
    k = lift(a_band).aval.shape[0] - 1
    w, v = linalg.eigh(_dense(_both_triangles(a_band, lower), k, k))
    return w if eigvals_only else (w, v)


def eigvals_banded(a_band: Any, lower: bool = False, select: Any = "a", **how: Any) -> Any:
    """The eigenvalues alone; see `eig_banded`."""
    return eig_banded(a_band, lower, eigvals_only=True, select=select)


# ---- matrices made of vectors --------------------------------------------------------------------


def _toeplitz_of(c_or_cr: Any) -> Any:
    return toeplitz(*c_or_cr) if isinstance(c_or_cr, tuple) else toeplitz(c_or_cr)


def solve_toeplitz(c_or_cr: Any, b: Any, check_finite: bool = True) -> Any:
    """Solve T @ x = b for a Toeplitz matrix, given its first column, or (first column, first row)."""
    return linalg.solve(_toeplitz_of(c_or_cr), b)


def matmul_toeplitz(c_or_cr: Any, x: Any, check_finite: bool = False, workers: Any = None) -> Any:
    """T @ x for a Toeplitz matrix, given its first column, or (first column, first row)."""
    return products.matmul(_toeplitz_of(c_or_cr), x)


def solve_circulant(
    c: Any, b: Any, singular: str = "raise", tol: Any = None, caxis: int = -1, baxis: int = 0, outaxis: int = 0
) -> Any:
    """Solve C @ x = b for a circulant matrix, given its first column, by Fourier transforms.

    A singular matrix gives infinities or nan: `singular` and `tol` have no effect.
    """
    first, y = lift(c), lift(b)
    if first.aval.ndim != 1 or baxis or outaxis or caxis not in (-1, 0):
        raise ArgumentError(
            f"solve_circulant: c of shape {first.aval.shape}, baxis={baxis}, outaxis={outaxis}",
            "one vector c, and the default axes",
        )
    factors = shapes.reshape(fourier.fft(first), (first.aval.shape[0],) + (1,) * (y.aval.ndim - 1))
    x = fourier.ifft(fourier.fft(y, axis=0) / factors, axis=0)
    return x if is_complex(first) or is_complex(y) else real_part(x)


def _vector(name: str, a: Any, least: int) -> Any:
    x = lift(a)
    if x.aval.ndim != 1 or x.aval.shape[0] < least:
        raise LinearAlgebraError(f"{name}: a vector of {least} entries or more, not an array of shape {x.aval.shape}")
    return x


def _below(first: Any, rest: Any) -> Any:
    """A matrix of one row, and further rows below it."""
    return shapes.concatenate([shapes.reshape(first, (1, first.aval.shape[0])), rest], 0)


def companion(a: Any) -> Any:
    """The matrix whose eigenvalues are the roots of the polynomial of coefficients `a`, the highest first."""
    x = _vector("companion", a, 2)
    n = x.aval.shape[0] - 1
    return _below(-getitem(x, slice(1, None)) / getitem(x, 0), lift(np.eye(n - 1, n)))


def leslie(f: Any, s: Any) -> Any:
    """First row `f`, and `s` below the diagonal."""
    first, below = _vector("leslie", f, 2), _vector("leslie", s, 1)
    if below.aval.shape[0] != first.aval.shape[0] - 1:
        raise LinearAlgebraError(f"leslie: {first.aval.shape[0]} rates f, and {below.aval.shape[0]} in s: one fewer")
    return _below(first, padding.pad(shapes.diag(below), ((0, 0), (0, 1))))


def convolution_matrix(a: Any, n: int, mode: str = "full") -> Any:
    """The matrix C for which C @ v is np.convolve(a, v, mode), v of n entries."""
    x, n = _vector("convolution_matrix", a, 1), operator.index(n)
    if mode not in ("full", "same", "valid") or n < 1:
        raise ArgumentError(f"convolution_matrix: n={n}, mode={mode!r}", "'full', 'same' or 'valid', and n > 0")
    m = x.aval.shape[0]
    whole = toeplitz(padding.pad(x, (0, n - 1)), padding.pad(getitem(x, slice(0, 1)), (0, n - 1)))
    cut = {"full": 0, "same": min(m, n) - 1, "valid": 2 * (min(m, n) - 1)}[mode]
    return getitem(whole, slice(cut // 2, m + n - 1 - (cut - cut // 2)))


def fiedler(a: Any) -> Any:
    """The matrix of abs(a_i - a_j)."""
    x = _vector("fiedler", a, 1)
    return absolute(shapes.reshape(x, (x.aval.shape[0], 1)) - x)


def diagsvd(s: Any, M: int, N: int) -> Any:
    """The M by N matrix of singular values `s`."""
    x = _vector("diagsvd", s, 1)
    k = x.aval.shape[0]
    if k != min(M, N):
        raise LinearAlgebraError(f"diagsvd: {k} singular values of a matrix of shape {(M, N)}")
    return padding.pad(shapes.diag(x), ((0, M - k), (0, N - k)))


def khatri_rao(a: Any, b: Any) -> Any:
    """The Kronecker products of the columns, side by side."""
    x, y = lift(a), lift(b)
    if x.aval.ndim != 2 or y.aval.ndim != 2 or x.aval.shape[1] != y.aval.shape[1]:
        raise LinearAlgebraError(f"khatri_rao: shapes {x.aval.shape} and {y.aval.shape}: as many columns each")
    (m, k), n = x.aval.shape, y.aval.shape[0]
    return shapes.reshape(shapes.reshape(x, (m, 1, k)) * shapes.reshape(y, (1, n, k)), (m * n, k))


# ---- functions of factors ------------------------------------------------------------------------


def fractional_matrix_power(A: Any, t: Any) -> Any:
    """A to a real power: repeated products for an integer, exp(t log(A)) for any other (see `logm`)."""
    if isinstance(t, int | np.integer):
        return linalg.matrix_power(A, t)
    return matrix_functions.expm(matrix_functions.logm(as_squares("fractional_matrix_power", A)) * t)


def signm(A: Any, disp: Any = None) -> Any:
    """The matrix sign A inv(sqrtm(A @ A)); no eigenvalue may be on the imaginary axis (Higham 2008, chapter 5)."""
    x = as_squares("signm", A)
    return product(x, linalg.inv(matrix_functions.sqrtm(product(x, x))))


def pinvh(
    a: Any, atol: Any = None, rtol: Any = None, lower: bool = True, return_rank: bool = False, check_finite: bool = True
) -> Any:
    """The pseudo-inverse of the Hermitian matrix of which one triangle is read."""
    if atol is not None or return_rank:
        raise ArgumentError("pinvh: atol and return_rank are not supported under differentiation", "give rtol")
    return linalg.pinv(mirrored(as_squares("pinvh", a), lower), rtol=rtol)


def orthogonal_procrustes(A: Any, B: Any, check_finite: bool = True) -> tuple[Any, Any]:
    """(R, scale): the unitary R for which A @ R is nearest to B, and the sum of singular values."""
    x, y = promoted(matrix_types, [lift(A), lift(B)])
    if x.aval.ndim != 2 or x.aval.shape != y.aval.shape:
        raise LinearAlgebraError(f"orthogonal_procrustes: shapes {x.aval.shape} and {y.aval.shape}: two equal matrices")
    u, s, vh = decompositions.svd(product(adjoint(x), y), full_matrices=False)
    return product(u, vh), reductions.sum(s)


def subspace_angles(A: Any, B: Any) -> Any:
    """The angles between the spaces of the columns, the largest first (Knyazev and Argentati 2002).

    Both matrices must have full column rank (SciPy drops columns that depend on others). An angle of 0 or pi / 2 is
    a corner: the derivative there is one-sided.
    """
    x, y = promoted(matrix_types, [lift(A), lift(B)])
    if x.aval.ndim != 2 or y.aval.ndim != 2 or x.aval.shape[0] != y.aval.shape[0]:
        raise LinearAlgebraError(f"subspace_angles: shapes {x.aval.shape} and {y.aval.shape}: as many rows each")
    p, q = (decompositions.qr(m, complete=False)[0] for m in (x, y))
    if p.aval.shape[1] < q.aval.shape[1]:
        p, q = q, p
    common = product(adjoint(p), q)
    cosines = shapes.flip(linalg.svdvals(common))
    sines = linalg.svdvals(q - product(p, common))
    small = cosines * cosines >= 0.5
    return select(small, arcsin(minimum(sines, 1.0)), arccos(maximum(minimum(cosines, 1.0), -1.0)))


FUNCTIONS = {
    "cho_solve_banded": cho_solve_banded,
    "cholesky_banded": cholesky_banded,
    "companion": companion,
    "convolution_matrix": convolution_matrix,
    "diagsvd": diagsvd,
    "eig_banded": eig_banded,
    "eigh_tridiagonal": eigh_tridiagonal,
    "eigvals_banded": eigvals_banded,
    "eigvalsh_tridiagonal": eigvalsh_tridiagonal,
    "fiedler": fiedler,
    "fractional_matrix_power": fractional_matrix_power,
    "khatri_rao": khatri_rao,
    "leslie": leslie,
    "matmul_toeplitz": matmul_toeplitz,
    "orthogonal_procrustes": orthogonal_procrustes,
    "pinvh": pinvh,
    "signm": signm,
    "solve_banded": solve_banded,
    "solve_circulant": solve_circulant,
    "solve_toeplitz": solve_toeplitz,
    "solveh_banded": solveh_banded,
    "subspace_angles": subspace_angles,
}
