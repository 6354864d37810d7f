"""Linear algebra on matrices of mpmath's numbers: what the references of `numpy.linalg`'s ops are.

Every function takes and gives plain two-dimensional arrays; `stacked` applies one to stacks of them.
Where a decomposition leaves a choice of signs, they are those of NumPy's at the same point.
"""

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg
from mpmath import mp, mpf


def stacked(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` on the last two axes of each operand, for each place of the axes in front."""

    def on_stacks(*operands: Any, **params: Any) -> Any:
        lead = np.broadcast_shapes(*(a.shape[:-2] for a in operands))
        operands = tuple(np.broadcast_to(a, (*lead, *a.shape[-2:])) for a in operands)
        found = [function(*(a[place] for a in operands), **params) for place in np.ndindex(lead)]
        if not isinstance(found[0], tuple):
            return _together(found, lead)
        return tuple(_together(column, lead) for column in zip(*found, strict=True))

    return on_stacks


def _together(parts: Any, lead: tuple[int, ...]) -> Any:
    shape = np.shape(parts[0])
    out = np.empty((len(parts), *shape), object)
    for k, part in enumerate(parts):
        out[k] = part
    return out.reshape((*lead, *shape)) if lead or shape else out.reshape(())


def _is_complex(a: Any) -> bool:
    return any(isinstance(x, mp.mpc) for x in a.flat)


def _floats(a: Any) -> Any:
    return np.array(a, complex if _is_complex(a) else float)


def adjoint(a: Any) -> Any:
    return np.frompyfunc(mp.conj, 1, 1)(a.T)


def identity(n: int) -> Any:
    return np.frompyfunc(mpf, 1, 1)(np.eye(n))


def eliminated(a: Any, b: Any) -> tuple[Any, Any]:
    """(the solution x of a x = b, det a), by Gauss-Jordan elimination."""
    a, b, n, determinant = a.copy(), b.copy(), len(a), mpf(1)
    for k in range(n):
        pivot = k + max(range(n - k), key=lambda j: abs(a[k + j, k]))
        if pivot != k:
            a[[k, pivot]], b[[k, pivot]], determinant = a[[pivot, k]], b[[pivot, k]], -determinant
        determinant *= a[k, k]
        b[k], a[k] = b[k] / a[k, k], a[k] / a[k, k]
        for j in range(n):
            if j != k:
                b[j], a[j] = b[j] - a[j, k] * b[k], a[j] - a[j, k] * a[k]
    return b, determinant


def solve(a: Any, b: Any) -> Any:
    return eliminated(a, b)[0]


def inv(a: Any) -> Any:
    return solve(a, identity(len(a)))


def det(a: Any) -> Any:
    """By its definition, which holds for singular matrices too."""
    total = mpf(0)
    for order in itertools.permutations(range(len(a))):
        sign = (-1) ** sum(order[i] > order[j] for i, j in itertools.combinations(range(len(a)), 2))
        total += sign * math.prod((a[i, j] for i, j in enumerate(order)), start=mpf(1))
    return total


def slogdet(a: Any) -> tuple[Any, Any]:
    found = det(a)
    return found / abs(found), mp.log(abs(found))


def cofactor(a: Any) -> Any:
    """The determinants of what is left without a row and a column, with alternating signs."""
    out = np.empty(a.shape, object)
    for i, j in np.ndindex(a.shape):
        out[i, j] = (-1) ** (i + j) * det(np.delete(np.delete(a, i, 0), j, 1))
    return out


def cofactor_change(a: Any, e: Any) -> Any:
    """The derivative of the cofactors in the direction e; a step of 1e-50 leaves an error of 1e-100."""
    with mp.workdps(160):
        step = mpf(10) ** -50
        return (cofactor(a + step * e) - cofactor(a - step * e)) / (2 * step)


def filled(data: Any, pattern: Any, transposed: bool) -> Any:
    """A sparse matrix, all of it."""
    out = np.full(pattern.shape, mpf(0), object)
    np.add.at(out, (pattern.rows, pattern.indices), data)
    return out.T if transposed else out


def on_sparse(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of a sparse matrix and columns; both may come in stacks."""

    def apply(data: Any, x: Any, *, pattern: Any, transposed: bool) -> Any:
        return stacked(lambda d, y: function(filled(d[0], pattern, transposed), y))(data[..., None, :], x)

    return apply


def triangular_solve(a: Any, b: Any, *, is_lower: bool, transposed: bool, unit: bool) -> Any:
    one = identity(len(a))
    read = np.where(np.tri(len(a)).astype(bool) if is_lower else np.tri(len(a)).T.astype(bool), a, 0 * one)
    read = np.where(np.eye(len(a), dtype=bool), one, read) if unit else read
    return solve(read.T if transposed else read, b)


def banded_solve(ab: Any, b: Any, *, lower: int, upper: int) -> Any:
    a = 0 * identity(len(b))
    for i, j in np.ndindex(a.shape):
        if -upper <= i - j <= lower:
            a[i, j] = ab[upper + i - j, j]
    return solve(a, b)


def hermitian(a: Any) -> Any:
    return (a + adjoint(a)) / 2


def cholesky(a: Any) -> Any:
    a, n = hermitian(a), len(a)
    low = 0 * identity(n)
    for j in range(n):
        for i in range(j, n):
            rest = a[i, j] - sum((low[i, k] * mp.conj(low[j, k]) for k in range(j)), mpf(0))
            low[i, j] = mp.sqrt(mp.re(rest)) if i == j else rest / low[j, j]
    return low


def eigh(a: Any, *, triangle: str) -> tuple[Any, Any]:
    a = hermitian(a)
    values, vectors = (mp.eighe if _is_complex(a) else mp.eigsy)(mp.matrix(a.tolist()))
    order = sorted(range(len(a)), key=lambda k: values[k])
    v = np.array(vectors.tolist(), object).reshape(a.shape)[:, order]
    like = np.linalg.eigh(_floats(a), triangle)[1]
    return np.array([values[k] for k in order], object), _signed(v, like)


def _signed(columns: Any, like: Any) -> Any:
    signs = np.where(np.sum(_floats(columns) * like, axis=0) < 0, -1, 1)
    return columns * signs


def eig(a: Any) -> tuple[Any, Any]:
    """In the order of NumPy's eigenvalues; columns of length 1, the entry that NumPy makes real real, of its sign."""
    values, vectors = mp.eig(mp.matrix(a.tolist()))
    columns = np.array(vectors.tolist(), object).reshape(a.shape).T
    w, v = np.linalg.eig(_floats(a))
    order = [int(np.argmin(np.abs(np.array(values, complex) - x))) for x in w]
    found = np.empty_like(columns)
    for k, j in enumerate(order):
        m = int(np.argmax(np.abs(v[:, k])))
        phase = columns[j][m] / abs(columns[j][m]) * float(np.sign(v[m, k].real))
        found[:, k] = columns[j] / (phase * mp.sqrt(sum((abs(x) ** 2 for x in columns[j]), mpf(0))))
    return np.array([values[j] for j in order], object) + mp.mpc(0), found


def svd(a: Any, *, full_matrices: bool) -> tuple[Any, Any, Any]:
    """Of a matrix with singular values that differ, thin or square; of a complex one the values alone are defined."""
    if a.shape[0] < a.shape[1]:
        u, s, vh = svd(adjoint(a), full_matrices=full_matrices)
        u0 = np.linalg.svd(_floats(a), full_matrices=False)[0]
        signs = np.where(np.sum(_floats(vh.T) * u0, axis=0) < 0, -1, 1)
        return vh.T * signs, s, (u * signs).T
    squares, v = eigh(adjoint(a) @ a, triangle="L")
    s, v = np.frompyfunc(mp.sqrt, 1, 1)(squares[::-1]), v[:, ::-1]
    v = _signed(v, np.linalg.svd(_floats(a), full_matrices=False)[2].T)
    return a @ v / s, s, v.T


def qr(a: Any, *, complete: bool) -> tuple[Any, Any]:
    """Of the reduced kind, by Gram-Schmidt; the diagonal of R has the signs that LAPACK gives it."""
    assert not complete or a.shape[0] <= a.shape[1]
    signs = np.sign(np.diag(np.linalg.qr(_floats(a))[1]).real)
    q = a[:, : min(a.shape)].copy()
    for k in range(q.shape[1]):
        for j in range(k):
            q[:, k] = q[:, k] - q[:, j] * sum(np.frompyfunc(mp.conj, 1, 1)(q[:, j]) * a[:, k], mpf(0))
        q[:, k] = signs[k] * q[:, k] / mp.sqrt(sum((abs(x) ** 2 for x in q[:, k]), mpf(0)))
    return q, adjoint(q) @ a


def lu(a: Any) -> tuple[Any, Any]:
    """Both triangles in one array, the rows exchanged as LAPACK does at this point."""
    pivots = scipy.linalg.lu_factor(_floats(a))[1]
    a = a.copy()
    for k, pivot in enumerate(pivots):
        a[[k, pivot]] = a[[pivot, k]]
        for i in range(k + 1, len(a)):
            a[i, k] = a[i, k] / a[k, k]
            a[i, k + 1 :] = a[i, k + 1 :] - a[i, k] * a[k, k + 1 :]
    return a, pivots


def lstsq(a: Any, b: Any, *, rcond: float) -> tuple[Any, Any, Any]:
    """Of a matrix of full rank: the solution, the rank, the singular values."""
    return pinv(a, rcond=rcond) @ b, np.array(min(a.shape)), svd(a, full_matrices=False)[1]


def pinv(a: Any, *, rcond: float) -> Any:
    """Of a matrix of full rank."""
    h = adjoint(a)
    return solve(h @ a, h) if a.shape[0] >= a.shape[1] else adjoint(solve(a @ h, a))


def function(name: str) -> Callable[[Any], Any]:
    """A function of a matrix, as mpmath has it."""

    def apply(a: Any) -> Any:
        return np.array(getattr(mp, name)(mp.matrix(a.tolist())).tolist(), object).reshape(a.shape)

    return apply


expm, sinm, cosm = function("expm"), function("sinm"), function("cosm")


def logm(a: Any) -> Any:
    """Of a matrix without eigenvalues on the negative axis."""
    found = function("logm")(a)
    return found if _is_complex(a) else np.frompyfunc(mp.re, 1, 1)(found)


def sinhm(a: Any) -> Any:
    return (expm(a) - expm(-a)) / 2


def coshm(a: Any) -> Any:
    return (expm(a) + expm(-a)) / 2


def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    """x of a x + x b = q: a linear system in the entries of x."""
    whole = np.kron(a, identity(len(b))) + np.kron(identity(len(a)), b.T)
    return solve(whole, q.reshape(-1, 1)).reshape(q.shape)


MATRICES: dict[str, Callable[..., Any]] = {
    "solve": stacked(solve),
    "inv": stacked(inv),
    "det": stacked(det),
    "slogdet": stacked(slogdet),
    "cofactor": stacked(cofactor),
    "cofactor_change": stacked(cofactor_change),
    "triangular_solve": stacked(triangular_solve),
    "banded_solve": stacked(banded_solve),
    "cholesky": stacked(cholesky),
    "eigh": stacked(eigh),
    "eig": stacked(eig),
    "phase_checked": lambda m, squares: m,
    "svd": stacked(svd),
    "qr": stacked(qr),
    "pinv": stacked(pinv),
    "expm": stacked(expm),
    "sinm": stacked(sinm),
    "cosm": stacked(cosm),
    "tanm": stacked(lambda a: solve(cosm(a), sinm(a))),
    "sinhm": stacked(sinhm),
    "coshm": stacked(coshm),
    "tanhm": stacked(lambda a: solve(coshm(a), sinhm(a))),
    "logm": stacked(logm),
    "lu": stacked(lu),
    "lstsq": stacked(lstsq),
    "sqrtm": stacked(function("sqrtm")),
    "solve_sylvester": stacked(solve_sylvester),
    "csr_matmul": on_sparse(np.matmul),
    "csr_solve": on_sparse(solve),
}
