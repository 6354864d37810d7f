"""Eigenvalues and eigenvectors of general matrices: eig.

With A V = V W and P = inv(V) dA V (Giles 2008, "An extended collection of matrix derivative results", section 2.2):
dW is the diagonal of P, and dV = V X where X_ij = P_ij / (w_j - w_i), up to a factor for each column. The factors
are those of LAPACK, whose columns have length 1 and a largest entry that is real (Boeddeker et al. 2017, "On the
computation of complex-valued gradients", take the length only). So the derivative is that of the very numbers
`numpy.linalg.eig` gives; it jumps where another entry becomes the largest.

Two equal eigenvalues are as in `eigh` (`ops.decompositions`): 0 in place of 1 / (w_j - w_i), right for every function
of the eigenvalues and of the projector on their whole space. Where a matrix with equal eigenvalues cannot be
diagonalised, V is singular and the eigenvalues have no derivative: solving with V fails, or gives huge numbers.
The results are complex, whatever the values: NumPy gives real arrays when all eigenvalues happen to be real, which
depends on numbers that a recorded program does not have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import LinearAlgebraError
from autodiff.ir.aval import ArrayAval
from autodiff.ops.arithmetic import absolute, sub
from autodiff.ops.batching import leading
from autodiff.ops.complex_numbers import combine, imag, is_complex, real, real_part, squared_magnitude
from autodiff.ops.families import broadcast_to, cast, conjugate, equal, mul, neg, reduce_sum, select, zeros_like
from autodiff.ops.linear_solve import solve
from autodiff.ops.matrices import (
    adjoint,
    as_column,
    as_row,
    check_square,
    counted,
    diagonal,
    embedded,
    general,
    guarded,
    matrix_types,
    plus,
    product,
    regular,
    resting_at_identity,
)
from autodiff.ops.op import Active, BadExample, Call, Example
from autodiff.ops.reduction import argmax, reduce_max


def complex_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of the eigenvalues of a matrix."""
    return dtype if dtype.kind == "c" else np.dtype(f"c{2 * dtype.itemsize}")


def _eig_shape(a: ArrayAval) -> tuple[ArrayAval, ArrayAval]:
    check_square("eig", a)
    dtype = complex_dtype(a.dtype)
    return ArrayAval(a.shape[:-1], dtype), ArrayAval(a.shape, dtype)


def _eig_numpy(a: Any) -> tuple[Any, Any]:
    dtype = complex_dtype(a.dtype)
    if not a.size:
        return np.zeros(a.shape[:-1], dtype), np.zeros(a.shape, dtype)
    w, v = np.linalg.eig(a)
    return w.astype(dtype), v.astype(dtype)


# ---- what both modes need --------------------------------------------------------------------


def _inverse_gaps(w: Any) -> Any:
    """1 / (w_j - w_i) at entry i, j; 0 where the two are equal to rounding."""
    n = w.aval.shape[-1]
    shape = (*w.aval.shape, n)
    gap = sub(broadcast_to(as_row(w), shape), broadcast_to(as_column(w), shape))
    largest = reduce_max(_sizes(w), axes=(w.aval.ndim - 1,))
    nothing = _sizes(gap) <= as_column(as_column(largest * (n * float(np.finfo(w.aval.dtype).eps))))
    return select(nothing, 0.0, 1.0 / select(nothing, 1.0, gap))


def _sizes(z: Any) -> Any:
    """Sizes of complex numbers, right within a factor of 2: enough to compare with rounding."""
    return absolute(real(z)) + absolute(imag(z))


def _anchors(v: Any) -> Any:
    """i / conj(v_m) at the largest entry m of each column, which stays real: Re sum(conj(anchors) * dv) = 0."""
    n, axis = v.aval.shape[-1], v.aval.ndim - 2
    places = broadcast_to(as_row(argmax(squared_magnitude(v), axis=axis)), v.aval.shape)
    largest = equal(places, as_column(counted(n) - 1.0))
    inverse = 1.0 / conjugate(select(largest, v, 1.0))
    part = select(largest, inverse, 0.0)
    return combine(neg(imag(part)), real(part))


def _column_sums(x: Any) -> Any:
    """One number for each column, as a row."""
    return as_row(reduce_sum(x, axes=(x.aval.ndim - 2,)))


# ---- derivatives -----------------------------------------------------------------------------


def _eig_rule(cts: Any, ys: Any, operands: Sequence[Any], active: Active) -> list[Any]:
    (ct_w, ct_v), (w, v), (a,) = cts, ys, operands
    if not v.aval.size:
        return [None]
    inner = None if ct_w is None else embedded(ct_w)
    if ct_v is not None:
        along = _column_sums(mul(conjugate(v), ct_v))
        free = sub(ct_v, mul(real(along), v) + mul(imag(along), _anchors(v)))
        inner = plus(inner, mul(conjugate(_inverse_gaps(w)), product(adjoint(v), free)))
    ct_a = solve(adjoint(v), product(inner, adjoint(v)))
    return [ct_a if is_complex(a) else real_part(ct_a)]


def _eig_tangent(tangents: Sequence[Any], ys: Any, operands: Sequence[Any]) -> tuple[Any, Any]:
    w, v = ys
    if not v.aval.size:
        return zeros_like(w.aval), zeros_like(v.aval)
    inner = solve(v, product(cast(tangents[0], dtype=v.aval.dtype), v))
    turned = product(v, mul(_inverse_gaps(w), inner))
    longer = _column_sums(real(mul(conjugate(v), turned)))
    phase = _column_sums(real(mul(conjugate(_anchors(v)), turned)))
    return diagonal(inner), sub(turned, mul(v, combine(longer, phase)))


_PAIR = np.array([[0.5, 1.0, 0.2], [-1.5, 0.3, 0.0], [0.4, -0.2, 2.0]])  # one real eigenvalue and two complex ones

eig = Call(
    "eig",
    guarded("eig", _eig_numpy),
    _eig_shape,
    rule=_eig_rule,
    tangent=_eig_tangent,
    types=matrix_types,
    batching=leading,
    rest=resting_at_identity,
    takes_complex=True,
    examples=tuple(
        map(
            Example,
            zip(
                (
                    _PAIR,
                    regular(1, 1),
                    np.stack([_PAIR[:2, :2], regular(2, 2)]),
                    general(12, 12) + np.diag(np.arange(12.0)),
                    np.zeros((0, 0)),
                    np.zeros((0, 2, 2)),
                    regular(3, 3) + 1j * general(3, 3),
                )
            ),
        )
    ),
    errors=(
        BadExample(((2, 3),), {}, LinearAlgebraError, ("(2, 3)",)),
        BadExample(((3,),), {}, LinearAlgebraError, ("(3,)",)),
    ),
)
