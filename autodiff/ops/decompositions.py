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

*Complex matrices.* All of this with the adjoint in place of the transpose. The diagonals of the factors of
`cholesky` and `qr` are real, which determines them. The eigenvectors and singular vectors are determined up to
phases (see `ops.phases`).

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
from autodiff.ops.complex_numbers import is_complex, real_part
from autodiff.ops.contraction import swap
from autodiff.ops.families import add, broadcast_to, conjugate, equal, mul, neg, select
from autodiff.ops.linear_solve import triangular_solve
from autodiff.ops.matrices import (
    adjoint,
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
    real_dtype,
    reciprocal_unless,
    resting_at_identity,
    same_square,
    square_axes,
    upper,
)
from autodiff.ops.movement import concatenate, pad, slice_axis
from autodiff.ops.op import Active, BadExample, Call, Example
from autodiff.ops.phases import phase_free
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
    inner, l = _half_lower(product(adjoint(y), ct)), conjugate(y)
    half = _solve_lower(l, inner, transposed=True)
    return [hermitian(adjoint(_solve_lower(l, adjoint(half), transposed=True)))]


def _cholesky_tangent(tangents: Sequence[Any], y: Any, operands: Sequence[Any]) -> Any:
    half = _solve_lower(y, hermitian(tangents[0]))
    return product(y, _half_lower(_solve_lower(y, adjoint(half))))


_DEFINITE = (definite(3, 3), definite(1, 1), definite(2, 3, 3), definite(12, 12), np.zeros((0, 0)), np.zeros((0, 2, 2)))
_HERMITIAN = definite(3, 3) + 0.3j * (np.tri(3) - np.tri(3).T)

cholesky = Call(
    "cholesky",
    guarded("cholesky", np.linalg.cholesky),
    same_square("cholesky"),
    rule=_cholesky_rule,
    tangent=_cholesky_tangent,
    types=matrix_types,
    axes=square_axes,
    batching=leading,
    rest=resting_at_identity,
    takes_complex=True,
    examples=tuple(Example((a,)) for a in (*_DEFINITE, _HERMITIAN)),
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
    return ArrayAval(a.shape[:-1], real_dtype(a.dtype)), a


def _eigh_rule(cts: Any, ys: Any, operands: Sequence[Any], active: Active, *, triangle: str) -> list[Any]:
    (ct_w, ct_v), (w, v) = cts, ys
    if not v.aval.size:
        return [None]
    inner = None if ct_w is None else embedded(ct_w)
    if ct_v is not None:
        turned = phase_free(product(adjoint(v), ct_v), ct_v)
        inner = plus(inner, mul(_inverse_differences(w), turned))
    return [hermitian(product(v, inner, adjoint(v)))]


def _eigh_tangent(tangents: Sequence[Any], ys: Any, operands: Sequence[Any], *, triangle: str) -> tuple[Any, Any]:
    w, v = ys
    if not v.aval.size:
        return None, None
    inner = product(adjoint(v), hermitian(tangents[0]), v)
    return real_part(diagonal(inner)), product(v, mul(_inverse_differences(w), inner))


eigh = Call(
    "eigh",
    guarded("eigh", lambda a, *, triangle: tuple(np.linalg.eigh(a, triangle))),
    _eigh_shape,
    rule=_eigh_rule,
    tangent=_eigh_tangent,
    types=matrix_types,
    batching=leading,
    rest=resting_at_identity,
    takes_complex=True,
    examples=(*(Example((a,), {"triangle": "L"}) for a in _DEFINITE), Example((_DEFINITE[0],), {"triangle": "U"})),
    errors=(_NOT_SQUARE._replace(params={"triangle": "L"}), _NO_MATRIX._replace(params={"triangle": "L"})),
)

# ---- svd ---------------------------------------------------------------------------------------------


def _svd_shape(a: ArrayAval, *, full_matrices: bool) -> tuple[ArrayAval, ArrayAval, ArrayAval]:
    check_matrices("svd", a)
    *lead, m, n = a.shape
    k = min(m, n)
    left, right = (m, n) if full_matrices else (k, k)
    s = ArrayAval((*lead, k), real_dtype(a.dtype))
    return ArrayAval((*lead, m, left), a.dtype), s, ArrayAval((*lead, right, n), a.dtype)


def _svd_factors(ys: Any, vectors: bool, full_matrices: bool) -> tuple[Any, Any, Any]:
    """u, s, v of the reduced decomposition; derivatives of further vectors are refused."""
    u, s, v = ys[0], ys[1], adjoint(ys[2])
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
    """1 / (s_j - s_i), 0 on the diagonal, and 1 / (s_j + s_i); 0 where they do not exist."""
    gap, nothing = _differences(s)
    n = s.aval.shape[-1]
    total = add(broadcast_to(as_column(s), gap.aval.shape), as_row(s))
    size = reduce_max(s, axes=(s.aval.ndim - 1,)) * (n * float(np.finfo(s.aval.dtype).eps))
    return reciprocal_unless(nothing, gap), reciprocal_unless(total <= as_column(as_column(size)), total)


def _inverse_values(s: Any) -> Any:
    """1 / s for each column, 0 where s is 0."""
    return as_row(reciprocal_unless(equal(s, 0.0), s))


def _beyond(basis: Any, x: Any) -> Any:
    """The part of the columns of x outside of the span of the basis; None where the span is everything."""
    return None if basis.aval.shape[-1] == basis.aval.shape[-2] else sub(x, product(basis, adjoint(basis), x))


def _svd_rule(cts: Any, ys: Any, operands: Sequence[Any], active: Active, *, full_matrices: bool) -> list[Any]:
    ct_u, ct_s, ct_vh = cts
    if not operands[0].aval.size:
        return [None]
    u, s, v = _svd_factors(ys, ct_u is not None or ct_vh is not None, full_matrices)
    ct_v = None if ct_vh is None else adjoint(ct_vh)
    inner = None if ct_s is None else embedded(ct_s)
    if ct_u is not None or ct_v is not None:
        inner = plus(inner, _turned(u, s, v, ct_u, ct_v))
    ct_a = product(u, inner, adjoint(v))
    outside_u = None if ct_u is None else _beyond(u, mul(ct_u, _inverse_values(s)))
    outside_v = None if ct_v is None else _beyond(v, mul(ct_v, _inverse_values(s)))
    if outside_u is not None:
        ct_a = add(ct_a, product(outside_u, adjoint(v)))
    if outside_v is not None:
        ct_a = add(ct_a, product(u, adjoint(outside_v)))
    return [ct_a]


def _turned(u: Any, s: Any, v: Any, ct_u: Any, ct_v: Any) -> Any:
    """What turning u and v within their spans gives to the cotangent of P = u' dA v.

    u turns by X, v by Y, with p = P + P' and q = P - P': X = (p * D + q * H) / 2 and Y = (p * D - q * H) / 2, where
    D = 1 / (s_j - s_i) and H = 1 / (s_j + s_i).
    """
    d, h = _inverse_gaps(s)
    m = None if ct_u is None else product(adjoint(u), ct_u)
    n = None if ct_v is None else product(adjoint(v), ct_v)
    even = mul(d, phase_free(plus(m, n), *(ct for ct in (ct_u, ct_v) if ct is not None)))
    odd = mul(h, m if n is None else neg(n) if m is None else sub(m, n))
    return mul(add(add(even, adjoint(even)), sub(odd, adjoint(odd))), 0.5)


def _svd_tangent(tangents: Sequence[Any], ys: Any, operands: Sequence[Any], *, full_matrices: bool) -> tuple[Any, ...]:
    if not operands[0].aval.size:
        return None, None, None
    square = ys[0].aval.shape[-1] == ys[2].aval.shape[-1]
    u, s, v = _svd_factors(ys, False, full_matrices)
    p = product(adjoint(u), tangents[0], v)
    t_s = real_part(diagonal(p))
    if full_matrices and not square:
        return None, t_s, None
    d, h = _inverse_gaps(s)
    even, odd = mul(mul(d, add(p, adjoint(p))), 0.5), mul(mul(h, sub(p, adjoint(p))), 0.5)
    t_u, t_v = product(u, add(even, odd)), product(v, sub(even, odd))
    outside_u = _beyond(u, mul(product(tangents[0], v), _inverse_values(s)))
    outside_v = _beyond(v, mul(product(adjoint(tangents[0]), u), _inverse_values(s)))
    return plus(t_u, outside_u), t_s, adjoint(plus(t_v, outside_v))


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
_COMPLEX = tuple(general(*shape) + 1j * general(*shape, 1)[..., 0] for shape in ((3, 2), (2, 3), (2, 2)))

svd = Call(
    "svd",
    guarded("svd", lambda a, *, full_matrices: tuple(np.linalg.svd(a, full_matrices))),
    _svd_shape,
    rule=_svd_rule,
    tangent=_svd_tangent,
    types=matrix_types,
    batching=leading,
    rest=resting_at_identity,
    takes_complex=True,
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


def _real_diagonal(x: Any) -> Any:
    """`x` without the imaginary part of its diagonal: that of r is real."""
    return select(on_diagonal(x), real_part(x), x) if is_complex(x) else x


def _qr_tall(q: Any, r: Any, ct_q: Any, ct_r: Any) -> Any:
    """The cotangent of a tall or square matrix (Walter and Lehmann)."""
    m = plus(
        None if ct_r is None else product(r, adjoint(ct_r)),
        None if ct_q is None else neg(product(adjoint(ct_q), q)),
    )
    below = lower(m, strict=True)
    mirrored = _real_diagonal(lower(m)) + adjoint(below)
    inner = plus(ct_q, product(q, mirrored))
    return adjoint(_upper_solve(r, adjoint(inner)))


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
    ct_x = _qr_tall(q, v, plus(ct_q, product(y, adjoint(ct_w))), _columns(ct_r, 0, m))
    return [concatenate(ct_x, product(q, ct_w), axis=ct_x.aval.ndim - 1)]


def _qr_tall_tangent(t: Any, q: Any, r: Any) -> tuple[Any, Any]:
    """q and r of a tall or square matrix: q' dq is antihermitian; dr is upper triangular, of real diagonal."""
    over_r = swap(_upper_solve(r, swap(t), transposed=True))
    inner = product(adjoint(q), over_r)
    scaled = _real_diagonal(upper(inner)) + adjoint(lower(inner, strict=True))
    return sub(over_r, product(q, scaled)), product(scaled, r)


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
    t_w = add(product(adjoint(t_q), _columns(operands[0], m, n)), product(adjoint(q), _columns(t, m, n)))
    return t_q, concatenate(t_v, t_w, axis=t_v.aval.ndim - 1)


qr = Call(
    "qr",
    guarded("qr", lambda a, *, complete: tuple(np.linalg.qr(a, "complete" if complete else "reduced"))),
    _qr_shape,
    rule=_qr_rule,
    tangent=_qr_tangent,
    types=matrix_types,
    batching=leading,
    rest=resting_at_identity,
    takes_complex=True,
    examples=(
        *(Example((a,), {"complete": False}) for a in (*_RECTANGLES, *_COMPLEX)),
        Example((_RECTANGLES[0],), {"complete": True}),
    ),
    errors=(_NO_MATRIX._replace(params={"complete": False}),),
)
