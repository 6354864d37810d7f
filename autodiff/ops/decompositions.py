"""Decompositions: cholesky, eigh, svd, qr. (`ops.lu` has the other one.)

*Symmetric matrices.* `cholesky` and `eigh` read one triangle, as NumPy does, and are differentiated
as functions of a symmetric matrix: the gradient is symmetric, a tangent counts by its symmetric part.
(TensorFlow and JAX do the same for `cholesky`; for `eigh` TensorFlow gives the gradient of the triangle
that is read. On symmetric directions all of these agree.)

*Equal eigenvalues.* The derivative of an eigenvector divides by differences of eigenvalues. Where two are
equal (to rounding), the vectors are not determined and have no derivative; 0 is put in place of the
quotient. This is right for every function of the eigenvalues and of the projector on the whole subspace,
not for a function that weighs the vectors of one subspace differently, such as v @ diag(f(w)) @ v.T:
take `expm`, `sqrtm`, `pinv` and their kind for those. Singular vectors are the same, with the
sums of singular values too: where both are zero.

A loss of the eigenvalues or singular values alone never divides.

References: Giles 2008, "An extended collection of matrix derivative results"; Murray 2016,
"Differentiation of the Cholesky decomposition"; Townsend 2016, "Differentiating the singular value
decomposition"; Walter and Lehmann 2012, "Algorithmic differentiation of linear algebra functions";
Roberts and Roberts 2020, "QR and LQ decomposition matrix backpropagation algorithms".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import LinearAlgebraError, NotDifferentiableError
from autodiff.ir.aval import ArrayAval
from autodiff.ops.arithmetic import absolute, sub
from autodiff.ops.batching import leading
from autodiff.ops.contraction import swap
from autodiff.ops.families import add, broadcast_to, equal, logical_or, mul, neg, select
from autodiff.ops.linear_solve import triangular_solve
from autodiff.ops.matrices import (
    as_column,
    as_row,
    check_matrices,
    check_square,
    definite,
    diagonal,
    embedded,
    general,
    guarded,
    hermitian,
    lower,
    matrix_types,
    on_diagonal,
    plus,
    product,
    reciprocal_unless,
    same_square,
    square_axes,
)
from autodiff.ops.movement import concatenate, pad, slice_axis
from autodiff.ops.op import Active, BadExample, Call, Example
from autodiff.ops.reduction import reduce_max

_NOT_SQUARE = BadExample(((2, 3),), {}, LinearAlgebraError, ("(2, 3)",))
_NO_MATRIX = BadExample(((3,),), {}, LinearAlgebraError, ("(3,)",))

# ---- cholesky ------------------------------------------------------------------------------------


def _solve_lower(a: Any, b: Any, transposed: bool = False) -> Any:
    return triangular_solve(a, b, is_lower=True, transposed=transposed, unit=False)


def _half_lower(x: Any) -> Any:
    """The lower triangle, the diagonal halved."""
    return lower(x, strict=True) + select(on_diagonal(x), mul(x, 0.5), 0.0)


def _cholesky_rule(ct: Any, y: Any, operands: Sequence[Any], active: Active) -> list[Any]:
    inner = _half_lower(product(swap(y), ct))
    half = _solve_lower(y, inner, transposed=True)
    return [hermitian(swap(_solve_lower(y, swap(half), transposed=True)))]


def _cholesky_tangent(tangents: Sequence[Any], y: Any, operands: Sequence[Any]) -> Any:
    half = _solve_lower(y, hermitian(tangents[0]))
    return product(y, _half_lower(_solve_lower(y, swap(half))))


_DEFINITE = (definite(3, 3), definite(1, 1), definite(2, 3, 3), definite(12, 12), np.zeros((0, 0)), np.zeros((0, 2, 2)))

cholesky = Call(
    "cholesky",
    guarded("cholesky", np.linalg.cholesky),
    same_square("cholesky"),
    rule=_cholesky_rule,
    tangent=_cholesky_tangent,
    types=matrix_types,
    axes=square_axes,
    batching=leading,
    examples=tuple(Example((a,)) for a in _DEFINITE),
    errors=(_NOT_SQUARE, _NO_MATRIX),
)

# ---- eigh ------------------------------------------------------------------------------------------


def _differences(w: Any) -> tuple[Any, Any]:
    """w_j - w_i at entry i, j; and where it is 0, to rounding."""
    n = w.aval.shape[-1]
    shape = (*w.aval.shape, n)
    rows, columns = broadcast_to(as_column(w), shape), broadcast_to(as_row(w), shape)
    size = reduce_max(absolute(w), axes=(w.aval.ndim - 1,)) * (n * float(np.finfo(w.aval.dtype).eps))
    gap = sub(columns, rows)
    return gap, absolute(gap) <= as_column(as_column(size))


def _inverse_differences(w: Any) -> Any:
    gap, nothing = _differences(w)
    return reciprocal_unless(nothing, gap)


def _eigh_shape(a: ArrayAval, *, triangle: str) -> tuple[ArrayAval, ArrayAval]:
    check_square("eigh", a)
    return ArrayAval(a.shape[:-1], a.dtype), a


def _eigh_rule(cts: Any, ys: Any, operands: Sequence[Any], active: Active, *, triangle: str) -> list[Any]:
    (ct_w, ct_v), (w, v) = cts, ys
    if not v.aval.size:
        return [None]
    inner = None if ct_w is None else embedded(ct_w)
    if ct_v is not None:
        inner = plus(inner, mul(_inverse_differences(w), product(swap(v), ct_v)))
    return [hermitian(product(v, inner, swap(v)))]


def _eigh_tangent(tangents: Sequence[Any], ys: Any, operands: Sequence[Any], *, triangle: str) -> tuple[Any, Any]:
    w, v = ys
    if not v.aval.size:
        return None, None
    inner = product(swap(v), hermitian(tangents[0]), v)
    return diagonal(inner), product(v, mul(_inverse_differences(w), inner))


eigh = Call(
    "eigh",
    guarded("eigh", lambda a, *, triangle: tuple(np.linalg.eigh(a, triangle))),
    _eigh_shape,
    rule=_eigh_rule,
    tangent=_eigh_tangent,
    types=matrix_types,
    batching=leading,
    examples=(*(Example((a,), {"triangle": "L"}) for a in _DEFINITE), Example((_DEFINITE[0],), {"triangle": "U"})),
    errors=(_NOT_SQUARE._replace(params={"triangle": "L"}), _NO_MATRIX._replace(params={"triangle": "L"})),
)

# ---- svd ---------------------------------------------------------------------------------------------


def _svd_shape(a: ArrayAval, *, full_matrices: bool) -> tuple[ArrayAval, ArrayAval, ArrayAval]:
    check_matrices("svd", a)
    *lead, m, n = a.shape
    k = min(m, n)
    left, right = (m, n) if full_matrices else (k, k)
    shapes = ((*lead, m, left), (*lead, k), (*lead, right, n))
    return tuple(ArrayAval(s, a.dtype) for s in shapes)  # type: ignore[return-value]


def _svd_factors(ys: Any, vectors: bool, full_matrices: bool) -> tuple[Any, Any, Any]:
    """u, s, v of the reduced decomposition; derivatives of further vectors are refused."""
    u, s, v = ys[0], ys[1], swap(ys[2])
    k = s.aval.shape[-1]
    if full_matrices and u.aval.shape[-1] != v.aval.shape[-1]:
        if vectors:
            raise NotDifferentiableError(
                f"svd with full_matrices=True, of a matrix with {u.aval.shape[-1]} rows and {v.aval.shape[-1]} "
                "columns: the vectors beyond the singular values are arbitrary, and have no derivative",
                "np.linalg.svd(a, full_matrices=False)",
            )
        return slice_axis(u, u.aval.ndim - 1, 0, k), s, slice_axis(v, v.aval.ndim - 1, 0, k)
    return u, s, v


def _inverse_gaps(s: Any) -> tuple[Any, Any]:
    """1 / (s_j - s_i) and 1 / (s_j + s_i), 0 on the diagonal and where they do not exist."""
    gap, nothing = _differences(s)
    n = s.aval.shape[-1]
    total = add(broadcast_to(as_column(s), gap.aval.shape), as_row(s))
    size = reduce_max(s, axes=(s.aval.ndim - 1,)) * (n * float(np.finfo(s.aval.dtype).eps))
    zero = logical_or(total <= as_column(as_column(size)), on_diagonal(gap))
    return reciprocal_unless(nothing, gap), reciprocal_unless(zero, total)


def _inverse_values(s: Any) -> Any:
    """1 / s for each column, 0 where s is 0."""
    return as_row(reciprocal_unless(equal(s, 0.0), s))


def _beyond(basis: Any, x: Any) -> Any:
    """The part of the columns of x outside of the span of the basis; None where the span is everything."""
    return None if basis.aval.shape[-1] == basis.aval.shape[-2] else sub(x, product(basis, swap(basis), x))


def _svd_rule(cts: Any, ys: Any, operands: Sequence[Any], active: Active, *, full_matrices: bool) -> list[Any]:
    ct_u, ct_s, ct_vh = cts
    if not operands[0].aval.size:
        return [None]
    u, s, v = _svd_factors(ys, ct_u is not None or ct_vh is not None, full_matrices)
    ct_v = None if ct_vh is None else swap(ct_vh)
    inner = None if ct_s is None else embedded(ct_s)
    if ct_u is not None or ct_v is not None:
        inner = plus(inner, _turned(u, s, v, ct_u, ct_v))
    ct_a = product(u, inner, swap(v))
    outside_u = None if ct_u is None else _beyond(u, mul(ct_u, _inverse_values(s)))
    outside_v = None if ct_v is None else _beyond(v, mul(ct_v, _inverse_values(s)))
    if outside_u is not None:
        ct_a = add(ct_a, product(outside_u, swap(v)))
    if outside_v is not None:
        ct_a = add(ct_a, product(u, swap(outside_v)))
    return [ct_a]


def _turned(u: Any, s: Any, v: Any, ct_u: Any, ct_v: Any) -> Any:
    """What turning u and v within their spans gives to the cotangent of P = u' dA v.

    u turns by X, v by Y, with p = P + P' and q = P - P': X = (p * D + q * H) / 2 and Y = (p * D - q * H) / 2, where
    D = 1 / (s_j - s_i) and H = 1 / (s_j + s_i).
    """
    d, h = _inverse_gaps(s)
    m = None if ct_u is None else product(swap(u), ct_u)
    n = None if ct_v is None else product(swap(v), ct_v)
    even = mul(d, plus(m, n))
    odd = mul(h, m if n is None else neg(n) if m is None else sub(m, n))
    return mul(add(add(even, swap(even)), sub(odd, swap(odd))), 0.5)


def _svd_tangent(tangents: Sequence[Any], ys: Any, operands: Sequence[Any], *, full_matrices: bool) -> tuple[Any, ...]:
    if not operands[0].aval.size:
        return None, None, None
    square = ys[0].aval.shape[-1] == ys[2].aval.shape[-1]
    u, s, v = _svd_factors(ys, False, full_matrices)
    p = product(swap(u), tangents[0], v)
    if full_matrices and not square:
        return None, diagonal(p), None
    d, h = _inverse_gaps(s)
    even, odd = mul(mul(d, add(p, swap(p))), 0.5), mul(mul(h, sub(p, swap(p))), 0.5)
    t_u, t_v = product(u, add(even, odd)), product(v, sub(even, odd))
    outside_u = _beyond(u, mul(product(tangents[0], v), _inverse_values(s)))
    outside_v = _beyond(v, mul(product(swap(tangents[0]), u), _inverse_values(s)))
    return plus(t_u, outside_u), diagonal(p), swap(plus(t_v, outside_v))


_RECTANGLES = (
    general(3, 3),
    general(3, 2),
    general(2, 3),
    general(1, 1),
    general(2, 3, 2),
    general(12, 10),
    np.zeros((0, 0)),
    np.zeros((0, 2, 2)),
)

svd = Call(
    "svd",
    guarded("svd", lambda a, *, full_matrices: tuple(np.linalg.svd(a, full_matrices))),
    _svd_shape,
    rule=_svd_rule,
    tangent=_svd_tangent,
    types=matrix_types,
    batching=leading,
    examples=tuple(Example((a,), {"full_matrices": False}) for a in _RECTANGLES),
    errors=(_NO_MATRIX._replace(params={"full_matrices": False}),),
)

# ---- qr ------------------------------------------------------------------------------------------------


def _qr_shape(a: ArrayAval, *, complete: bool) -> tuple[ArrayAval, ArrayAval]:
    check_matrices("qr", a)
    *lead, m, n = a.shape
    k = m if complete else min(m, n)
    return ArrayAval((*lead, m, k), a.dtype), ArrayAval((*lead, k, n), a.dtype)


def _refuse_complete(rows: int, columns: int) -> None:
    raise NotDifferentiableError(
        f"qr with mode='complete', of a matrix with {rows} rows and {columns} columns: the columns of q beyond the "
        "first ones are arbitrary, and have no derivative",
        "np.linalg.qr(a), which is mode='reduced'",
    )


def _columns(x: Any, start: int, stop: int) -> Any:
    return slice_axis(x, x.aval.ndim - 1, start, stop)


def _rows(x: Any, start: int, stop: int) -> Any:
    return slice_axis(x, x.aval.ndim - 2, start, stop)


def _upper_solve(r: Any, b: Any, transposed: bool = False) -> Any:
    return triangular_solve(r, b, is_lower=False, transposed=transposed, unit=False)


def _qr_tall(q: Any, r: Any, ct_q: Any, ct_r: Any) -> Any:
    """The cotangent of a tall or square matrix (Walter and Lehmann)."""
    m = plus(
        None if ct_r is None else product(r, swap(ct_r)),
        None if ct_q is None else neg(product(swap(ct_q), q)),
    )
    below = lower(m, strict=True)
    mirrored = lower(m) + swap(below)
    inner = plus(ct_q, product(q, mirrored))
    return swap(_upper_solve(r, swap(inner)))


def _qr_rule(cts: Any, ys: Any, operands: Sequence[Any], active: Active, *, complete: bool) -> list[Any]:
    (ct_q, ct_r), (q, r) = cts, ys
    m, n = operands[0].aval.shape[-2:]
    if not operands[0].aval.size:
        return [None]
    if complete and m > n:
        if ct_q is not None:
            _refuse_complete(m, n)
        q, r, ct_r = _columns(q, 0, n), _rows(r, 0, n), _rows(ct_r, 0, n)
    if m >= n:
        return [_qr_tall(q, r, ct_q, ct_r)]
    # Wide, a = [x y], r = [v w]: x = q v is square, and w = q' y.
    y, v = _columns(operands[0], m, n), _columns(r, 0, m)
    if ct_r is None:
        ct_x = _qr_tall(q, v, ct_q, None)
        none = (0,) * ct_x.aval.ndim
        return [pad(ct_x, low=none, high=(*none[:-1], n - m), interior=none)]
    ct_w = _columns(ct_r, m, n)
    ct_x = _qr_tall(q, v, plus(ct_q, product(y, swap(ct_w))), _columns(ct_r, 0, m))
    return [concatenate(ct_x, product(q, ct_w), axis=ct_x.aval.ndim - 1)]


def _qr_tall_tangent(t: Any, q: Any, r: Any) -> tuple[Any, Any]:
    """q and r of a tall or square matrix: q' dq is antisymmetric and dr is upper triangular."""
    over_r = swap(_upper_solve(r, swap(t), transposed=True))
    inner = product(swap(q), over_r)
    below = lower(inner, strict=True)
    turn = sub(below, swap(below))
    return sub(over_r, product(q, sub(inner, turn))), product(sub(inner, turn), r)


def _qr_tangent(tangents: Sequence[Any], ys: Any, operands: Sequence[Any], *, complete: bool) -> tuple[Any, Any]:
    (t,), (q, r) = tangents, ys
    m, n = operands[0].aval.shape[-2:]
    if not operands[0].aval.size:
        return None, None
    if complete and m > n:
        t_r = _qr_tall_tangent(t, _columns(q, 0, n), _rows(r, 0, n))[1]
        none = (0,) * t_r.aval.ndim
        return None, pad(t_r, low=none, high=(*none[:-2], m - n, 0), interior=none)
    if m >= n:
        return _qr_tall_tangent(t, q, r)
    t_q, t_v = _qr_tall_tangent(_columns(t, 0, m), q, _columns(r, 0, m))
    t_w = add(product(swap(t_q), _columns(operands[0], m, n)), product(swap(q), _columns(t, m, n)))
    return t_q, concatenate(t_v, t_w, axis=t_v.aval.ndim - 1)


qr = Call(
    "qr",
    guarded("qr", lambda a, *, complete: tuple(np.linalg.qr(a, "complete" if complete else "reduced"))),
    _qr_shape,
    rule=_qr_rule,
    tangent=_qr_tangent,
    types=matrix_types,
    batching=leading,
    examples=(
        *(Example((a,), {"complete": False}) for a in _RECTANGLES),
        Example((_RECTANGLES[0],), {"complete": True}),
    ),
    errors=(_NO_MATRIX._replace(params={"complete": False}),),
)
