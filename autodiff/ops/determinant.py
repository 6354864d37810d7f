"""Determinants: det, slogdet, and the cofactors, which are the derivative of det.

The gradient of det is the matrix of cofactors, det(A) inv(A).T where A is regular. It is defined
for every matrix, and so is computed here from singular values without dividing by any: with
A = U S V', cof(A) = det(U) det(V') conj(U cof(S) V'), and the cofactors of a diagonal matrix are products
of all but one of its entries. The derivative of the cofactors is done in the same way, with
products of all but two (their limits are exact: entry i, k of d cof(S) is -P_ki times the product of
the others, where P = U' dA V). Third and higher derivatives go through `inv` and need a regular matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import LinearAlgebraError
from autodiff.ir.aval import ArrayAval
from autodiff.ops.arithmetic import sub
from autodiff.ops.batching import leading
from autodiff.ops.complex_numbers import combine, imag, is_complex, real
from autodiff.ops.contraction import swap
from autodiff.ops.families import add, conjugate, mul, neg, reduce_sum, zeros_like
from autodiff.ops.linear_solve import inv
from autodiff.ops.matrices import (
    adjoint,
    as_column,
    check_square,
    check_stacks,
    general,
    guarded,
    matrix_types,
    plus,
    product,
    real_dtype,
    regular,
    same_square,
    square_axes,
    trace,
)
from autodiff.ops.movement import concatenate, slice_axis
from autodiff.ops.op import Active, BadExample, Call, Example

SAFE = 1e3  # condition numbers up to which cofactors are taken from the inverse, ten times faster


# ---- cofactors -----------------------------------------------------------------------------------


def _all_but_one(s: Any) -> Any:
    """Products of all entries but one, along the last axis."""
    ones = np.ones((*s.shape[:-1], 1), s.dtype)
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], -1), -1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], -1), -1)[..., ::-1]
    return before * after


def _all_but_two(s: Any) -> Any:
    """Entry i, k: the product of all entries but s_i and s_k; 0 on the diagonal."""
    eye = np.eye(s.shape[-1], dtype=bool)
    return np.where(eye, 0, _all_but_one(np.where(eye, 1, s[..., None, :]))).astype(s.dtype)


def _rotations(a: Any) -> tuple[Any, Any, Any, Any]:
    """The singular value decomposition, and det(U) det(V'), which is 1 or -1 for real matrices."""
    u, s, vh = np.linalg.svd(a)
    turn = np.linalg.det(u) * np.linalg.det(vh)
    return u, s, vh, (turn if a.dtype.kind == "c" else np.rint(turn)).astype(a.dtype)[..., None, None]


def _cofactor_numpy(a: Any) -> Any:
    if not a.size:
        return np.zeros(a.shape, a.dtype)
    found = _by_inverse(a)
    if found is not None:
        return found
    u, s, vh, turn = _rotations(a)
    return turn * np.conj((u * _all_but_one(s)[..., None, :]) @ vh)


def _by_inverse(a: Any) -> Any:
    """det(a) inv(a).T, None where that loses accuracy."""
    try:
        inverse = np.linalg.inv(a)
    except np.linalg.LinAlgError:
        return None
    condition = np.max(np.abs(a).sum(-1), -1) * np.max(np.abs(inverse).sum(-1), -1)
    if not np.all(condition < SAFE):
        return None
    return np.linalg.det(a)[..., None, None] * np.swapaxes(inverse, -1, -2)


def _cofactor_change_numpy(a: Any, e: Any) -> Any:
    if not a.size:
        return np.zeros(a.shape, a.dtype)
    u, s, vh, turn = _rotations(a)
    p = np.conj(np.swapaxes(u, -1, -2)) @ e @ np.conj(np.swapaxes(vh, -1, -2))
    others = _all_but_two(s)
    change = -others * np.swapaxes(p, -1, -2)
    diagonal = (others @ np.diagonal(p, 0, -2, -1)[..., None])[..., 0]
    change[..., *np.diag_indices(s.shape[-1])] = diagonal
    return turn * (np.conj(u) @ change @ np.conj(vh))


def _third(a: Any, e: Any, ct: Any) -> Any:
    """The cotangent of `a` in cofactor_change(a, e): the third derivative of det, for regular matrices.

    With X = inv(a): <ct, change> = det (tr(X e) tr(X c) - tr(X e X c)), c = ct.
    """
    if a.aval.shape[-1] <= 2:
        return zeros_like(a.aval)  # a determinant of size n is a polynomial of degree n
    x, d = inv(a), _det_factor(a)
    xe, xc = product(x, e), product(x, ct)
    te, tc = trace(xe), trace(xc)
    mixed = product(xe, xc)
    level = sub(mul(te, tc), trace(mixed))
    moved = add(mul(tc, product(xe, x)), mul(te, product(xc, x)))
    both = add(product(mixed, x), product(xc, xe, x))
    return mul(d, swap(add(sub(mul(level, x), moved), both)))


def _det_factor(a: Any) -> Any:
    """det(a), with two axes of length 1 in place of the matrix."""
    return as_column(as_column(det(a)))


def _pair(a: ArrayAval, e: ArrayAval) -> ArrayAval:
    check_square("cofactor_change", a)
    check_stacks("cofactor_change", a, e)
    if a.shape != e.shape:
        raise LinearAlgebraError(f"cofactor_change: shapes {a.shape} and {e.shape} differ")
    return a


def _change_rule(ct: Any, y: Any, operands: Sequence[Any], active: Active) -> list[Any]:
    a, e = (conjugate(x) for x in operands)
    return [_third(a, e, ct) if active[0] else None, cofactor_change(a, ct) if active[1] else None]


def _change_tangent(tangents: Sequence[Any], y: Any, operands: Sequence[Any]) -> Any:
    (a, e), (t_a, t_e) = operands, tangents
    return plus(
        None if t_e is None else cofactor_change(a, t_e),
        None if t_a is None else _third(a, e, t_a),
    )


_SQUARE = (regular(3, 3), regular(1, 1), regular(2, 2, 2), regular(12, 12) / 6, np.zeros((0, 0)), np.zeros((0, 2, 2)))
_COMPLEX = regular(3, 3) + 0.5j * general(3, 3)
_SINGULAR = (np.array([[1.0, 2.0], [2.0, 4.0]]), np.diag([1.0, 0.0, 0.0]) + 0.0, np.zeros((2, 2)))

# d cof(a) in the direction e; symmetric as a bilinear form: <f, change(a, e)> = <e, change(a, f)>.
cofactor_change = Call(
    "cofactor_change",
    guarded("cofactor_change", _cofactor_change_numpy),
    _pair,
    rule=_change_rule,
    tangent=_change_tangent,
    types=matrix_types,
    axes=square_axes,
    batching=leading,
    takes_complex=True,
    examples=tuple(Example((a, regular(*a.shape, seed=3).astype(a.dtype))) for a in (*_SQUARE, _COMPLEX)),
    errors=(
        BadExample(((2, 3), (2, 3)), {}, LinearAlgebraError, ("(2, 3)",)),
        BadExample(((2, 2), (3, 3)), {}, LinearAlgebraError, ("(2, 2)", "(3, 3)")),
    ),
)
cofactor = Call(
    "cofactor",
    guarded("cofactor", _cofactor_numpy),
    same_square("cofactor"),
    rule=lambda ct, y, operands, active: [cofactor_change(conjugate(operands[0]), ct)],
    tangent=lambda tangents, y, operands: cofactor_change(operands[0], tangents[0]),
    types=matrix_types,
    axes=square_axes,
    batching=leading,
    takes_complex=True,
    examples=tuple(Example((a,)) for a in (*_SQUARE, _COMPLEX)),
    errors=(BadExample(((2, 3),), {}, LinearAlgebraError, ("(2, 3)",)),),
)

# ---- small matrices ------------------------------------------------------------------------------


def _entry(a: Any, i: int, j: int) -> Any:
    """One entry of each matrix, with two axes of length 1."""
    rows = a.aval.ndim - 2
    return slice_axis(slice_axis(a, rows, i, i + 1), rows + 1, j, j + 1)


def _minor(a: Any, i: int, j: int) -> Any:
    """A cofactor of matrices of size 2 or 3; rows and columns in cyclic order need no signs."""
    n = a.aval.shape[-1]
    rows, columns = [(i + k) % n for k in range(1, n)], [(j + k) % n for k in range(1, n)]
    if n == 2:
        entry = _entry(a, rows[0], columns[0])
        return entry if i == j else neg(entry)
    straight = mul(_entry(a, rows[0], columns[0]), _entry(a, rows[1], columns[1]))
    return sub(straight, mul(_entry(a, rows[0], columns[1]), _entry(a, rows[1], columns[0])))


def cofactors(a: Any) -> Any:
    """The cofactors; written out for sizes 2 and 3, where they fuse and are ten times faster than a call."""
    n, last = a.aval.shape[-1], a.aval.ndim - 1
    if n not in (2, 3):
        return cofactor(a)
    rows = [concatenate(*(_minor(a, i, j) for j in range(n)), axis=last) for i in range(n)]
    return concatenate(*rows, axis=last - 1)


# ---- det and slogdet -------------------------------------------------------------------------------


def _number(a: ArrayAval) -> ArrayAval:
    check_square("det", a)
    return ArrayAval(a.shape[:-2], a.dtype)


def _entry_sum(x: Any) -> Any:
    return reduce_sum(x, axes=(x.aval.ndim - 2, x.aval.ndim - 1))


det = Call(
    "det",
    guarded("det", np.linalg.det),
    _number,
    rule=lambda ct, y, operands, active: [mul(as_column(as_column(ct)), conjugate(cofactors(operands[0])))],
    tangent=lambda tangents, y, operands: _entry_sum(mul(cofactors(operands[0]), tangents[0])),
    types=matrix_types,
    batching=leading,
    takes_complex=True,
    examples=tuple(Example((a,)) for a in (*_SQUARE, *_SINGULAR, _COMPLEX, regular(4, 4) / 2)),
    errors=(BadExample(((2, 3),), {}, LinearAlgebraError, ("(2, 3)",)),),
)


def _sign_and_log(a: ArrayAval) -> tuple[ArrayAval, ArrayAval]:
    check_square("slogdet", a)
    return ArrayAval(a.shape[:-2], a.dtype), ArrayAval(a.shape[:-2], real_dtype(a.dtype))


def _slogdet_rule(cts: Any, ys: Any, operands: Sequence[Any], active: Active) -> list[Any]:
    # A real sign is flat; at a singular matrix the logarithm is -inf, and `inv` says that there is no slope.
    ct = _log_cotangent(cts[0], cts[1], ys[0]) if is_complex(operands[0]) else cts[1]
    return [None if ct is None else mul(as_column(as_column(ct)), adjoint(inv(operands[0])))]


def _log_cotangent(ct_sign: Any, ct_log: Any, sign: Any) -> Any:
    """The cotangent of the complex logarithm: log(abs(det)) is its real part, and the sign exp of its imaginary one."""
    turned = None if ct_sign is None else neg(imag(mul(conjugate(ct_sign), sign)))
    if turned is None:
        return None if ct_log is None else combine(ct_log, zeros_like(ct_log.aval))
    return combine(zeros_like(turned.aval) if ct_log is None else ct_log, turned)


def _slogdet_tangent(tangents: Sequence[Any], ys: Any, operands: Sequence[Any]) -> tuple[Any, Any]:
    t = _entry_sum(mul(swap(inv(operands[0])), tangents[0]))
    if not is_complex(t):
        return None, t
    angle = imag(t)
    return mul(ys[0], combine(zeros_like(angle.aval), angle)), real(t)


slogdet = Call(
    "slogdet",
    guarded("slogdet", lambda a: tuple(np.linalg.slogdet(a))),
    _sign_and_log,
    rule=_slogdet_rule,
    tangent=_slogdet_tangent,
    types=matrix_types,
    batching=leading,
    takes_complex=True,
    examples=tuple(Example((a,)) for a in (*_SQUARE, _COMPLEX)),
    errors=(BadExample(((2, 3),), {}, LinearAlgebraError, ("(2, 3)",)),),
)
