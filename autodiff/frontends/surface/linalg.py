"""`numpy.linalg`, with NumPy's signatures and the types of its results.

Vectors and stacks are brought to the ops' form here: matrices in the last two axes, equal axes in front.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, LinearAlgebraError, ShapeError
from autodiff.frontends.surface import products, reductions, shapes
from autodiff.frontends.surface.common import lift, one_axis, unsupported
from autodiff.frontends.surface.norms import matrix_norm, norm, vector_norm
from autodiff.frontends.surface.statistics import cross as cross_op
from autodiff.ops import decompositions, determinant, eigenvalues, least_squares, linear_solve
from autodiff.ops.complex_numbers import squared_magnitude
from autodiff.ops.families import broadcast_shapes, broadcast_to, cast
from autodiff.ops.matrices import adjoint, check_matrices, check_square, matrix_types
from autodiff.ops.op import promoted as promoted_op

# The types of NumPy's results, which it gives no public name.
_ONE = np.eye(1)
EigResult, EighResult, QRResult, SVDResult, SlogdetResult = (
    type(f(_ONE)) for f in (np.linalg.eig, np.linalg.eigh, np.linalg.qr, np.linalg.svd, np.linalg.slogdet)
)


def as_matrices(name: str, a: Any) -> Any:
    """A matrix or a stack of them as an operand of a dtype that LAPACK has."""
    (x,) = promoted_op(matrix_types, [lift(a)])
    check_matrices(name, x.aval)
    return x


def as_squares(name: str, a: Any) -> Any:
    """Square matrices."""
    x = as_matrices(name, a)
    check_square(name, x.aval)
    return x


def same_stacks(name: str, a: Any, b: Any) -> tuple[Any, Any]:
    """Two operands of one dtype, their leading axes broadcast."""
    a, b = promoted_op(matrix_types, [lift(a), lift(b)])
    check_matrices(name, a.aval)
    check_matrices(name, b.aval)
    lead = broadcast_shapes(name, [a.aval.shape[:-2], b.aval.shape[:-2]])
    return broadcast_to(a, (*lead, *a.aval.shape[-2:])), broadcast_to(b, (*lead, *b.aval.shape[-2:]))


def identity_matrix(n: int, dtype: np.dtype) -> Any:
    """The unit matrix, a constant."""
    return lift(np.eye(n, dtype=dtype))


# ---- systems ---------------------------------------------------------------------------------


def solve(a: Any, b: Any) -> Any:
    """a @ x = b. Only a 1-D `b` is a vector, as in NumPy 2."""
    x, y = lift(a), lift(b)
    if y.aval.ndim == 1:
        return shapes.reshape(_solve_vectors(x, y), (*x.aval.shape[:-2], y.aval.shape[0]))
    return _solve_columns(x, y)


def _solve_vectors(a: Any, b: Any) -> Any:
    return _solve_columns(a, shapes.reshape(b, (*b.aval.shape, 1)))


def _solve_columns(a: Any, b: Any) -> Any:
    if a.aval.ndim == 2 and b.aval.ndim > 2:
        # One matrix, factorised once: all right-hand sides are its columns.
        columns = shapes.moveaxis(b, -2, 0)
        flat = shapes.reshape(columns, (columns.aval.shape[0], math.prod(columns.aval.shape[1:])))
        x = shapes.reshape(linear_solve.solve(a, flat), columns.aval.shape)
        return shapes.moveaxis(x, 0, -2)
    return linear_solve.solve(*same_stacks("solve", a, b))


def inv(a: Any) -> Any:
    return linear_solve.inv(a)


def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Any:  # type: ignore[attr-defined]
    """The pseudo-inverse. `hermitian` is a matter of speed in NumPy, and makes no difference here."""
    x = as_matrices("pinv", a)
    given = rtol if rcond is None and rtol is not np._NoValue else rcond  # type: ignore[attr-defined]
    return least_squares.pinv(x, rcond=_tolerance("pinv", given, x))


def _tolerance(name: str, given: Any, x: Any) -> float:
    """A relative tolerance for singular values; NumPy's when there is none."""
    if given is None:
        return max(x.aval.shape[-2:]) * float(np.finfo(x.aval.dtype).eps)
    if np.ndim(given):
        raise ArgumentError(f"{name}: one tolerance for all matrices, not an array of shape {np.shape(given)}")
    return float(given)


def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """(x, residuals, rank, singular values). The residuals are empty unless there are more rows than columns.

    NumPy leaves them empty for matrices that are not of full rank too, which no shape can tell.
    """
    x, y = lift(a), lift(b)
    vector = y.aval.ndim == 1
    if x.aval.ndim != 2 or y.aval.ndim not in (1, 2):
        raise LinearAlgebraError(f"lstsq: shapes {x.aval.shape} and {y.aval.shape}: one matrix, and 1 or 2 axes")
    values = shapes.reshape(y, (y.aval.size, 1)) if vector else y
    m, n = x.aval.shape
    matrix, values = promoted_op(matrix_types, [x, values])
    rcond = float(np.finfo(matrix.aval.dtype).eps) if rcond == -1 else _tolerance("lstsq", rcond, matrix)
    found, rank, s = least_squares.lstsq(matrix, values, rcond=rcond)
    misfit = values - products.matmul(matrix, found)
    residuals = reductions.sum(squared_magnitude(misfit), axis=0)
    if m <= n:
        residuals = residuals[:0]
    return (shapes.reshape(found, (n,)) if vector else found), residuals, rank, s


def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    x, y = lift(a), lift(b)
    if axes is not None:
        order = [k for k in range(x.aval.ndim) if k not in axes]
        x = shapes.transpose(x, (*order, *axes))
    rest = x.aval.shape[y.aval.ndim :]
    size = math.prod(rest)
    if size * size != x.aval.size or size != y.aval.size:
        raise LinearAlgebraError(f"tensorsolve: shapes {x.aval.shape} and {y.aval.shape} are no square system")
    found = solve(shapes.reshape(x, (size, size)), shapes.reshape(y, (size,)))
    return shapes.reshape(found, rest)


def tensorinv(a: Any, ind: int = 2) -> Any:
    x, ind = lift(a), operator.index(ind)
    if ind <= 0:
        raise ArgumentError(f"tensorinv: ind={ind}", "ind is the number of first axes, 1 or more")
    first, last = x.aval.shape[:ind], x.aval.shape[ind:]
    if math.prod(first) != math.prod(last):
        raise LinearAlgebraError(f"tensorinv: the axes {first} and {last} of shape {x.aval.shape} are no square matrix")
    inverse = inv(shapes.reshape(x, (math.prod(first), math.prod(last))))
    return shapes.reshape(inverse, (*last, *first))


# ---- determinants, powers ----------------------------------------------------------------------


def det(a: Any) -> Any:
    return determinant.det(a)


def slogdet(a: Any) -> Any:
    return SlogdetResult(*determinant.slogdet(a))


def matrix_power(a: Any, n: Any) -> Any:
    """Repeated squaring; n is a plain integer."""
    x, n = lift(a), operator.index(n)
    check_square("matrix_power", x.aval)
    if n < 0:
        x, n = inv(x), -n
    if n == 0:
        eye = np.broadcast_to(np.eye(x.aval.shape[-1], dtype=x.aval.dtype), x.aval.shape)
        return lift(np.array(eye))
    power, result = x, None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = power if result is None else products.matmul(result, power)
        if not n:
            return result
        power = products.matmul(power, power)


def multi_dot(arrays: Sequence[Any], *, out: Any = None) -> Any:
    """The product of several matrices in the cheapest order; the first and the last may be vectors."""
    unsupported("multi_dot", out=(out, None))
    xs = [lift(a) for a in arrays]
    if len(xs) < 2:
        raise ArgumentError(f"multi_dot: {len(xs)} arrays", "give two or more")
    for k, x in enumerate(xs):
        if x.aval.ndim != 2 and not (x.aval.ndim == 1 and k in (0, len(xs) - 1)):
            raise LinearAlgebraError(f"multi_dot: array {k} has shape {x.aval.shape}", "matrices, vectors at the ends")
    rows = [1 if x.aval.ndim == 1 and k == 0 else x.aval.shape[0] for k, x in enumerate(xs)]
    last = xs[-1].aval
    return _in_order(xs, _best_splits([*rows, last.shape[1] if last.ndim == 2 else 1]), 0, len(xs) - 1)


def _best_splits(sizes: Sequence[int]) -> dict[tuple[int, int], int]:
    """Where to split each run of matrices (Cormen et al., "Introduction to Algorithms", matrix-chain order)."""
    n = len(sizes) - 1
    cost = {(i, i): 0 for i in range(n)}
    split = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    return split


def _in_order(xs: Sequence[Any], split: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return xs[i]
    k = split[i, j]
    return products.dot(_in_order(xs, split, i, k), _in_order(xs, split, k + 1, j))


# ---- decompositions ------------------------------------------------------------------------------


def cholesky(a: Any, *, upper: bool = False) -> Any:
    """The factor of one triangle; the gradient is symmetric (see `ops.decompositions`)."""
    x = as_squares("cholesky", a)
    if not upper:
        return decompositions.cholesky(x)
    return adjoint(decompositions.cholesky(adjoint(x)))


def _triangle(UPLO: str) -> str:
    if UPLO.upper() not in ("L", "U"):
        raise ArgumentError(f"eigh: UPLO={UPLO!r}", "'L' or 'U'")
    return UPLO.upper()


def eigh(a: Any, UPLO: str = "L") -> Any:
    return EighResult(*decompositions.eigh(a, triangle=_triangle(UPLO)))


def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return decompositions.eigh(a, triangle=_triangle(UPLO))[0]


def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """NumPy's. `hermitian` is a matter of speed there, and makes no difference here."""
    if not compute_uv:
        return decompositions.svd(a, full_matrices=False)[1]
    return SVDResult(*decompositions.svd(a, full_matrices=bool(full_matrices)))


def svdvals(x: Any, /) -> Any:
    return decompositions.svd(x, full_matrices=False)[1]


def qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"qr: mode={mode!r} is not supported under differentiation", "'reduced', 'complete' or 'r'")
    q, r = decompositions.qr(a, complete=mode == "complete")
    return r if mode == "r" else QRResult(q, r)


def eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors of general matrices, always complex (NumPy's are real where all eigenvalues are).

    Whether they are depends on numbers, and a recorded program must hold for others too. Vectors have length 1 and
    a largest entry that is real, as LAPACK's; their derivatives keep that (see `ops.eigenvalues`).
    """
    return EigResult(*eigenvalues.eig(a))


def eigvals(a: Any) -> Any:
    """The eigenvalues of general matrices, always complex; see `eig`."""
    return eigenvalues.eig(a)[0]


# ---- numbers of a matrix ---------------------------------------------------------------------------


def cond(x: Any, p: Any = None) -> Any:
    """The condition number; for p other than None, 2 and -2 a singular matrix is an error."""
    a = as_matrices("cond", x)
    if 0 in a.aval.shape:
        raise LinearAlgebraError(f"cond: an empty matrix, of shape {a.aval.shape}, has no condition number")
    if p in (None, 2, -2):
        s = svdvals(a)
        largest, smallest = s[..., 0], s[..., -1]
        return smallest / largest if p == -2 else largest / smallest
    check_square("cond", a.aval)
    return norm(a, p, axis=(-2, -1)) * norm(inv(a), p, axis=(-2, -1))


def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """The number of singular values that are not 0: an integer, which has no derivative."""
    x = lift(A)
    if x.aval.ndim < 2:
        return cast(reductions.any(x != 0), dtype=np.dtype(np.intp))
    s = svdvals(x)
    if tol is None:
        relative = max(x.aval.shape[-2:]) * float(np.finfo(s.aval.dtype).eps) if rtol is None else rtol
        tol = reductions.max(s, axis=-1, keepdims=True) * relative if s.aval.shape[-1] else 0.0
    elif np.ndim(tol):
        tol = lift(tol)[..., None]
    return reductions.count_nonzero(s > tol, axis=-1)


# ---- names of the array API ------------------------------------------------------------------------


def diagonal(x: Any, /, *, offset: int = 0) -> Any:
    return shapes.diagonal(x, offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return reductions.sum(shapes.diagonal(x, offset, -2, -1), axis=-1, dtype=dtype)


def matrix_transpose(x: Any, /) -> Any:
    a = lift(x)
    if a.aval.ndim < 2:
        raise ShapeError(f"matrix_transpose: shape {a.aval.shape} has no two axes")
    return shapes.swapaxes(a, -1, -2)


def outer(x1: Any, x2: Any, /) -> Any:
    a, b = lift(x1), lift(x2)
    if a.aval.ndim != 1 or b.aval.ndim != 1:
        raise ShapeError(f"linalg.outer: two vectors, not shapes {a.aval.shape} and {b.aval.shape}", "np.outer")
    return products.outer(a, b)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    a, b = lift(x1), lift(x2)
    sizes = a.aval.shape[one_axis(axis, a.aval.ndim, "cross")], b.aval.shape[one_axis(axis, b.aval.ndim, "cross")]
    if sizes != (3, 3):
        raise ShapeError(f"linalg.cross: vectors of 3 entries along axis {axis}, not of {sizes[0]} and {sizes[1]}")
    return cross_op(a, b, axis=axis)


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    a, b = lift(x1), lift(x2)
    a, b = shapes.moveaxis(a, axis, -1), shapes.moveaxis(b, axis, -1)
    if a.aval.shape[-1] != b.aval.shape[-1]:
        raise ShapeError(f"vecdot: shapes {a.aval.shape} and {b.aval.shape} differ in their last axes")
    return reductions.sum(a * b, axis=-1)


FUNCTIONS = {
    np.linalg.norm: norm,
    np.linalg.matrix_norm: matrix_norm,
    np.linalg.vector_norm: vector_norm,
    np.linalg.solve: solve,
    np.linalg.inv: inv,
    np.linalg.pinv: pinv,
    np.linalg.lstsq: lstsq,
    np.linalg.tensorsolve: tensorsolve,
    np.linalg.tensorinv: tensorinv,
    np.linalg.det: det,
    np.linalg.slogdet: slogdet,
    np.linalg.matrix_power: matrix_power,
    np.linalg.multi_dot: multi_dot,
    np.linalg.cholesky: cholesky,
    np.linalg.eigh: eigh,
    np.linalg.eigvalsh: eigvalsh,
    np.linalg.eig: eig,
    np.linalg.eigvals: eigvals,
    np.linalg.svd: svd,
    np.linalg.svdvals: svdvals,
    np.linalg.qr: qr,
    np.linalg.cond: cond,
    np.linalg.matrix_rank: matrix_rank,
    np.linalg.diagonal: diagonal,
    np.linalg.trace: trace,
    np.linalg.matrix_transpose: matrix_transpose,
    np.linalg.outer: outer,
    np.linalg.cross: cross,
    np.linalg.vecdot: vecdot,
    np.linalg.matmul: products.matmul,
    np.linalg.tensordot: products.tensordot,
}
