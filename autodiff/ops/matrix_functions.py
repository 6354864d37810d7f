"""Functions of matrices (exp, log, sqrt, sin, ...) and the Sylvester equation.

A function f of a block triangular matrix has the derivative of f in its corner (Mathias 1996, "A chain rule for
matrix functions and applications"; Higham 2008, "Functions of Matrices", theorem 3.6):

    f([[A, E],    [[f(A), L(A, E)],
       [0, A]]) =  [0,    f(A)   ]].

So the derivative of every function here is the function itself at twice the size, which is differentiated in the
same way. Repeated eigenvalues and matrices that are not diagonalisable are no exception. The adjoint of L(A, .) is
L(A', .), for functions that are real on real matrices.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import LinearAlgebraError
from autodiff.ir.aval import ArrayAval
from autodiff.ops.arithmetic import sub
from autodiff.ops.batching import leading
from autodiff.ops.families import neg, zeros_like
from autodiff.ops.matrices import (
    adjoint,
    check_square,
    check_stacks,
    definite,
    general,
    guarded,
    matrix_types,
    one_by_one,
    plus,
    product,
    regular,
    restacked,
    same_square,
    square_axes,
)
from autodiff.ops.movement import concatenate, slice_axis
from autodiff.ops.op import OPS, Active, BadExample, Call, Example

_NOT_SQUARE = (
    BadExample(((2, 3),), {}, LinearAlgebraError, ("(2, 3)",)),
    BadExample(((3,),), {}, LinearAlgebraError, ("(3,)",)),
)


def _linalg(name: str) -> Callable[..., Any]:
    """`scipy.linalg.<name>`, imported when it is first called: that takes a while."""

    def function(*args: Any) -> Any:
        return getattr(importlib.import_module("scipy.linalg"), name)(*args)

    return function


def _real(name: str, found: Any, dtype: np.dtype) -> Any:
    """A result of a function of a real matrix, which must be real up to rounding."""
    if np.iscomplexobj(found) and dtype.kind != "c":
        size = np.max(np.abs(found), initial=0.0)
        if np.max(np.abs(found.imag), initial=0.0) > 1e3 * np.finfo(dtype).eps * size:
            raise LinearAlgebraError(
                f"{name}: the result is complex: the matrix of shape {found.shape} has an eigenvalue that is negative",
                "give a matrix whose real eigenvalues are positive",
            )
        found = found.real
    return found


def _each(name: str) -> Callable[..., Any]:
    """SciPy's function of each matrix of a stack."""
    function = _linalg(name)

    def of_each(a: Any) -> Any:
        if not a.size:
            return np.zeros_like(a)
        with np.errstate(all="ignore"):
            found = one_by_one(lambda x: _real(name, function(x), a.dtype), a)
        return restacked(found, a.shape[:-2], a.shape[-2:], a.dtype)

    return guarded(name, of_each)


# ---- the derivative by blocks ------------------------------------------------------------------


def corner(function: Callable[..., Any], a: Any, e: Any) -> tuple[Any, Any]:
    """(f(A), L(A, E)): the value and the derivative in the direction E, from one evaluation."""
    last, n = a.aval.ndim - 1, a.aval.shape[-1]
    top = concatenate(a, e, axis=last)
    bottom = concatenate(zeros_like(a.aval), a, axis=last)
    whole = function(concatenate(top, bottom, axis=last - 1))
    first = slice_axis(whole, last - 1, 0, n)
    return slice_axis(first, last, 0, n), slice_axis(first, last, n, 2 * n)


def _by_blocks(name: str, *examples: np.ndarray) -> Call:
    def derivative(a: Any, e: Any) -> Any:
        return corner(OPS[name], a, e)[1]

    return Call(
        name,
        _each(name),
        same_square(name),
        rule=lambda ct, y, operands, active: [derivative(adjoint(operands[0]), ct)],
        tangent=lambda tangents, y, operands: derivative(operands[0], tangents[0]),
        types=matrix_types,
        axes=square_axes,
        batching=leading,
        takes_complex=True,
        examples=tuple(map(Example, zip(examples))),
        errors=_NOT_SQUARE,
    )


# Matrices of norm about 1; one that is not diagonalisable.
_JORDAN = np.array([[0.5, 1.0], [0.0, 0.5]])
_COMPLEX = np.array([[0.5 + 0.3j, 0.2], [-0.1j, 1.0 - 0.2j]])
_SOME = (general(3, 3), general(1, 1), general(2, 2, 2), _JORDAN, 0.2 * general(12, 12), np.zeros((0, 0)), _COMPLEX)
# Eigenvalues with positive real parts.
_POSITIVE = (regular(3, 3), regular(1, 1), regular(2, 2, 2), _JORDAN, definite(12, 12), np.zeros((0, 0)), _COMPLEX)

expm = _by_blocks("expm", *_SOME)
logm = _by_blocks("logm", *_POSITIVE)
sinm = _by_blocks("sinm", *_SOME)
cosm = _by_blocks("cosm", *_SOME)
tanm = _by_blocks("tanm", *_SOME)
sinhm = _by_blocks("sinhm", *_SOME)
coshm = _by_blocks("coshm", *_SOME)
tanhm = _by_blocks("tanhm", *_SOME)

# ---- the Sylvester equation A X + X B = Q ------------------------------------------------------------


def _sylvester_shape(a: ArrayAval, b: ArrayAval, q: ArrayAval) -> ArrayAval:
    check_square("solve_sylvester", a)
    check_square("solve_sylvester", b)
    check_stacks("solve_sylvester", a, b, q)
    if q.shape[-2:] != (a.shape[-1], b.shape[-1]):
        raise LinearAlgebraError(
            f"solve_sylvester: shapes {a.shape}, {b.shape} and {q.shape} do not fit",
            "for a of size m and b of size n, q is m by n",
        )
    return q


def _one_sylvester(a: Any, b: Any, q: Any) -> Any:
    if not q.size:
        return np.zeros_like(q)
    linalg = importlib.import_module("scipy.linalg")
    kind = "complex" if a.dtype.kind == "c" else "real"
    r, u = linalg.schur(a, output=kind)
    s, v = linalg.schur(b.conj().T, output=kind)
    (trsyl,) = linalg.get_lapack_funcs(("trsyl",), (r, s, q))
    y, scale, info = trsyl(r, s, u.conj().T @ q @ v, tranb="C")
    if info != 0:
        raise LinearAlgebraError(
            "solve_sylvester: an eigenvalue of a is the negative of an eigenvalue of b: the solution is not unique"
        )
    return u @ (y / scale) @ v.conj().T


def _sylvester_numpy(a: Any, b: Any, q: Any) -> Any:
    return restacked(one_by_one(_one_sylvester, a, b, q), q.shape[:-2], q.shape[-2:], q.dtype)


def _sylvester_rule(ct: Any, x: Any, operands: Sequence[Any], active: Active) -> list[Any]:
    a, b, _ = operands
    ct_q = solve_sylvester(adjoint(a), adjoint(b), ct)
    return [
        neg(product(ct_q, adjoint(x))) if active[0] else None,
        neg(product(adjoint(x), ct_q)) if active[1] else None,
        ct_q,
    ]


def _sylvester_tangent(tangents: Sequence[Any], x: Any, operands: Sequence[Any]) -> Any:
    (a, b, _), (t_a, t_b, t_q) = operands, tangents
    moved = plus(None if t_a is None else product(t_a, x), None if t_b is None else product(x, t_b))
    return solve_sylvester(a, b, t_q if moved is None else neg(moved) if t_q is None else sub(t_q, moved))


solve_sylvester = Call(
    "solve_sylvester",
    guarded("solve_sylvester", _sylvester_numpy),
    _sylvester_shape,
    rule=_sylvester_rule,
    tangent=_sylvester_tangent,
    types=matrix_types,
    batching=leading,
    takes_complex=True,
    examples=tuple(
        map(
            Example,
            (
                (regular(3, 3), regular(2, 2), general(3, 2)),
                (regular(1, 1), regular(1, 1), general(1, 1)),
                (regular(2, 2, 2), regular(2, 2, 2, seed=5), general(2, 2, 2)),
                (definite(12, 12), definite(10, 10), general(12, 10)),
                (np.zeros((0, 0)), regular(2, 2), np.zeros((0, 2))),
                (regular(2, 2) + 0.5j, regular(2, 2) - 0.3j, general(2, 2) + 1j),
            ),
        )
    ),
    errors=(
        BadExample(((2, 3), (2, 2), (2, 2)), {}, LinearAlgebraError, ("(2, 3)",)),
        BadExample(((2, 2), (3, 3), (2, 2)), {}, LinearAlgebraError, ("(2, 2)", "(3, 3)")),
    ),
)

# With Y = sqrtm(A): dA = dY Y + Y dY.
sqrtm = Call(
    "sqrtm",
    _each("sqrtm"),
    same_square("sqrtm"),
    rule=lambda ct, y, operands, active: [solve_sylvester(adjoint(y), adjoint(y), ct)],
    tangent=lambda tangents, y, operands: solve_sylvester(y, y, tangents[0]),
    types=matrix_types,
    axes=square_axes,
    batching=leading,
    takes_complex=True,
    examples=tuple(map(Example, zip(_POSITIVE))),
    errors=_NOT_SQUARE,
)
