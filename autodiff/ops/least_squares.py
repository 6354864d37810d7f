"""Pseudo-inverse and least squares.

The differential of the pseudo-inverse P of A at constant rank is (Golub and Pereyra 1973, "The differentiation
of pseudo-inverses and nonlinear least squares problems whose variables separate", equation 4.12)

    dP = -P dA P + P P' dA' (1 - A P) + (1 - P A) dA' P' P.

Where the rank changes, the pseudo-inverse is not continuous; the formula then is the derivative along matrices
of the same rank. Singular values below `rcond` times the largest count as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import LinearAlgebraError
from autodiff.ir.aval import ArrayAval
from autodiff.ops.arithmetic import sub
from autodiff.ops.batching import leading
from autodiff.ops.complex_numbers import real_part
from autodiff.ops.decompositions import svd
from autodiff.ops.families import add, mul
from autodiff.ops.matrices import (
    adjoint,
    as_row,
    check_matrices,
    check_stacks,
    diagonal,
    general,
    guarded,
    matrix_types,
    one_by_one,
    plus,
    product,
    real_dtype,
    restacked,
)
from autodiff.ops.op import Active, BadExample, Call, Example

_RANK_ONE = np.array([[1.0, 2.0], [2.0, 4.0], [-1.0, -2.0]])
_TALL, _WIDE, _SQUARE = general(3, 2), general(2, 3), general(3, 3)
_SLANTED = _TALL + 1j * _SQUARE[:, :2]


def _transposed(a: ArrayAval, *, rcond: float) -> ArrayAval:
    check_matrices("pinv", a)
    return ArrayAval((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)


def _pinv_rule(ct: Any, p: Any, operands: Sequence[Any], active: Active, *, rcond: float) -> list[Any]:
    a, q, ct_t = operands[0], adjoint(p), adjoint(ct)
    inside = product(q, ct, q)
    left = product(ct_t, p, q)
    right = product(q, p, ct_t)
    return [
        add(sub(left, product(a, p, left)), sub(sub(right, product(right, p, a)), inside)),
    ]


def _pinv_tangent(tangents: Sequence[Any], p: Any, operands: Sequence[Any], *, rcond: float) -> Any:
    a, q, t = operands[0], adjoint(p), tangents[0]
    left = product(p, q, adjoint(t))
    right = product(adjoint(t), q, p)
    return add(sub(left, product(left, a, p)), sub(sub(right, product(p, a, right)), product(p, t, p)))


pinv = Call(
    "pinv",
    guarded("pinv", lambda a, *, rcond: np.linalg.pinv(a, rcond)),
    _transposed,
    rule=_pinv_rule,
    tangent=_pinv_tangent,
    types=matrix_types,
    batching=leading,
    takes_complex=True,
    examples=tuple(
        Example((a,), {"rcond": 1e-15})
        for a in (_TALL, _WIDE, _SQUARE, general(2, 3, 2), general(12, 10), np.zeros((0, 2)), _SLANTED)
    ),
    errors=(BadExample(((3,),), {"rcond": 1e-15}, LinearAlgebraError, ("(3,)",)),),
)

# ---- lstsq -----------------------------------------------------------------------------------------


def _lstsq_shape(a: ArrayAval, b: ArrayAval, *, rcond: float) -> tuple[ArrayAval, ArrayAval, ArrayAval]:
    check_matrices("lstsq", a)
    check_matrices("lstsq", b)
    check_stacks("lstsq", a, b)
    *lead, m, n = a.shape
    if b.shape[-2] != m:
        raise LinearAlgebraError(f"lstsq: {m} equations (shape {a.shape}) and {b.shape[-2]} values (shape {b.shape})")
    return (
        ArrayAval((*lead, n, b.shape[-1]), a.dtype),
        ArrayAval(tuple(lead), np.dtype(np.int64)),
        ArrayAval((*lead, min(m, n)), real_dtype(a.dtype)),
    )


def _lstsq_numpy(a: Any, b: Any, *, rcond: float) -> tuple[Any, Any, Any]:
    *lead, m, n = a.shape
    found = one_by_one(lambda x, y: np.linalg.lstsq(x, y, rcond), a, b)
    stack = tuple(lead)
    ranks = restacked([f[2] for f in found], stack, (), np.dtype(np.int64))
    return (
        restacked([f[0] for f in found], stack, (n, b.shape[-1]), a.dtype),
        ranks[()],
        restacked([f[3] for f in found], stack, (min(m, n),), real_dtype(a.dtype)),
    )


def _lstsq_rule(cts: Any, ys: Any, operands: Sequence[Any], active: Active, *, rcond: float) -> list[Any]:
    (ct_x, _, ct_s), (a, b) = cts, operands
    ct_a, ct_b = None, None
    if ct_x is not None:
        p = pinv(a, rcond=rcond)
        ct_b = product(adjoint(p), ct_x)
        if active[0]:
            (ct_a,) = _pinv_rule(product(ct_x, adjoint(b)), p, (a,), (True,), rcond=rcond)
    if ct_s is not None and active[0]:
        u, _, vh = svd(a, full_matrices=False)
        ct_a = plus(ct_a, product(mul(u, as_row(ct_s)), vh))
    return [ct_a, ct_b]


def _lstsq_tangent(tangents: Sequence[Any], ys: Any, operands: Sequence[Any], *, rcond: float) -> tuple[Any, Any, Any]:
    (t_a, t_b), (a, b) = tangents, operands
    p = pinv(a, rcond=rcond)
    t_x = None if t_b is None else product(p, t_b)
    if t_a is None:
        return t_x, None, None
    t_x = plus(t_x, product(_pinv_tangent((t_a,), p, (a,), rcond=rcond), b))
    u, _, vh = svd(a, full_matrices=False)
    return t_x, None, real_part(diagonal(product(adjoint(u), t_a, adjoint(vh))))


# Results: the solution of least norm, the rank, the singular values.
lstsq = Call(
    "lstsq",
    guarded("lstsq", _lstsq_numpy),
    _lstsq_shape,
    rule=_lstsq_rule,
    tangent=_lstsq_tangent,
    types=matrix_types,
    batching=leading,
    takes_complex=True,
    examples=tuple(
        Example(arrays, {"rcond": 1e-15})
        for arrays in (
            (_TALL, general(3, 1)),
            (_WIDE, general(2, 2)),
            (_SQUARE, general(3, 2)),
            (general(2, 3, 2), general(2, 3, 2) + 1.0),
            (general(12, 10), general(12, 2)),
            (_SLANTED, general(3, 1) + 1j * _TALL[:, 1:]),
        )
    ),
    errors=(
        BadExample(((3,), (3, 1)), {"rcond": 1e-15}, LinearAlgebraError, ("(3,)",)),
        BadExample(((3, 2), (2, 1)), {"rcond": 1e-15}, LinearAlgebraError, ("(3, 2)", "(2, 1)")),
    ),
)
