"""Functions of `scipy.linalg` that have no derivative here, and what to call in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from autodiff.errors import NotDifferentiableError


def _refuse(names: str, reason: str, remedy: str) -> dict[str, Callable[..., NoReturn]]:
    return {name: _refusal(name, reason, remedy) for name in names.split()}


def _refusal(name: str, reason: str, remedy: str) -> Callable[..., NoReturn]:
    def refused(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotDifferentiableError(f"scipy.linalg.{name} {reason}", remedy)

    return refused


REFUSED: dict[str, Callable[..., NoReturn]] = {
    **_refuse(
        "null_space orth",
        "gives as many columns as the rank, which depends on values, and vectors that nothing determines",
        "projectors are smooth: with P = np.linalg.pinv(A), A @ P on the range and np.eye(n) - P @ A on the null space",
    ),
    **_refuse(
        "schur rsf2csf hessenberg qz ordqz cdf2rdf",
        "gives a triangular form of which only the eigenvalues are determined",
        "np.linalg.eigvals for the eigenvalues, solve_sylvester, expm, sqrtm for what is computed from such a form",
    ),
    **_refuse(
        "ldl",
        "exchanges rows and makes blocks according to values",
        "np.linalg.cholesky of a definite matrix; np.linalg.solve and slogdet of any",
    ),
    **_refuse(
        "funm",
        "applies any Python function to eigenvalues, whose derivative is unknown",
        "expm, logm, sqrtm, sinm, cosm, ...; for a symmetric matrix: v * f(w) @ v.T with w, v = np.linalg.eigh(a)",
    ),
    **_refuse(
        "rq",
        "has no rule here",
        "np.linalg.qr of the rows in reverse order, a[::-1].T: the same factors up to signs",
    ),
    **_refuse(
        "qr_multiply qr_update qr_insert qr_delete",
        "changes the factors that LAPACK holds",
        "np.linalg.qr of the changed matrix",
    ),
    **_refuse(
        "cossin",
        "has no rule here",
        "np.linalg.svd(block, full_matrices=False) of the blocks of the matrix",
    ),
    **_refuse(
        "solve_continuous_are solve_discrete_are",
        "has no rule here",
        "iterate: Newton's method with solve_sylvester (Kleinman), or solve_discrete_lyapunov, from a plain solution",
    ),
    **_refuse(
        "matrix_balance expm_cond",
        "depends on powers of two and estimates, which are not differentiable",
        "call it before, on plain arrays",
    ),
    **_refuse(
        "bandwidth issymmetric ishermitian",
        "answers a question about values that a recorded program does not have",
        "call it before, on plain arrays",
    ),
    **_refuse(
        "clarkson_woodruff_transform",
        "multiplies by a random matrix",
        "draw the matrix before, on plain arrays, and multiply with @",
    ),
    **_refuse(
        "fiedler_companion",
        "has no rule here",
        "companion: a matrix with the same eigenvalues",
    ),
}
