"""LU decomposition with partial pivoting, both triangles packed into one array as LAPACK does.

The rule holds for every shape: L and U are completed to square matrices by the identity, X = inv(L) P dA inv(U),
and dL = L (strict lower triangle of X), dU = (upper triangle of X) U. The order of the rows is a constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import LinearAlgebraError
from autodiff.ir.aval import ArrayAval
from autodiff.ops.batching import leading
from autodiff.ops.contraction import swap
from autodiff.ops.families import add, broadcast_to, cast, conjugate, equal, select
from autodiff.ops.linear_solve import triangular_solve
from autodiff.ops.matrices import (
    adjoint,
    as_column,
    check_matrices,
    counted,
    general,
    identity,
    lapack,
    lower,
    matrix_types,
    on_diagonal,
    one_by_one,
    product,
    regular,
    restacked,
    upper,
)
from autodiff.ops.movement import pad, slice_axis
from autodiff.ops.op import Active, BadExample, Call, Example

_INT = np.dtype(np.int32)


def _lu_shape(a: ArrayAval) -> tuple[ArrayAval, ArrayAval]:
    check_matrices("lu", a)
    *lead, m, n = a.shape
    return a, ArrayAval((*lead, min(m, n)), _INT)


def _one_lu(a: Any) -> tuple[Any, Any]:
    if not a.size:
        return a, np.zeros(min(a.shape), _INT)
    packed, pivots, _ = lapack("getrf", a)(a)  # a zero pivot is no error here: solving with it is
    return packed, pivots


def _lu_numpy(a: Any) -> tuple[Any, Any]:
    *lead, m, n = a.shape
    stack, found = tuple(lead), one_by_one(_one_lu, a)
    return (
        restacked([f[0] for f in found], stack, (m, n), a.dtype),
        restacked([f[1] for f in found], stack, (min(m, n),), _INT),
    )


def _row_order_numpy(pivots: Any, *, rows: int) -> Any:
    lead = pivots.shape[:-1]
    order = np.broadcast_to(np.arange(rows, dtype=_INT), (*lead, rows)).copy()
    for place in np.ndindex(*lead):
        for row, other in enumerate(pivots[place]):
            order[(*place, [row, other])] = order[(*place, [other, row])]
    return order


def exchanged(pivots: Any, rows: int, dtype: np.dtype) -> Any:
    """The matrix P of the exchanges of rows: P @ a = L @ U."""
    order = row_order(pivots, rows=rows)
    shape = (*order.aval.shape, rows)
    return cast(equal(broadcast_to(as_column(order), shape), counted(rows) - 1.0), dtype=dtype)


def unit_lower(packed: Any) -> Any:
    """L as a square matrix: the strict lower triangle, ones on the diagonal, columns of the identity added."""
    rows = packed.aval.shape[-2]
    below = _resized(lower(packed, strict=True), rows)
    return add(below, identity(below.aval))


def _upper(packed: Any) -> Any:
    """U as a square matrix: the upper triangle, rows of the identity added."""
    rows, columns = packed.aval.shape[-2:]
    square = _resized(upper(packed), columns)
    added = (counted(columns) > float(rows)) if columns > rows else None
    return square if added is None else select(on_diagonal(square) & added, 1.0, square)


def _resized(x: Any, size: int) -> Any:
    """A square matrix: rows and columns of zeros added, or those beyond `size` left out."""
    n = x.aval.ndim
    for axis in (n - 2, n - 1):
        had = x.aval.shape[axis]
        if had > size:
            x = slice_axis(x, axis, 0, size)
        elif had < size:
            none = (0,) * n
            x = pad(x, low=none, high=tuple((size - had) * int(k == axis) for k in range(n)), interior=none)
    return x


def _lower_solve(a: Any, b: Any, transposed: bool = False) -> Any:
    return triangular_solve(a, b, is_lower=True, transposed=transposed, unit=True)


def _upper_solve(a: Any, b: Any, transposed: bool = False) -> Any:
    return triangular_solve(a, b, is_lower=False, transposed=transposed, unit=False)


def _lu_rule(cts: Any, ys: Any, operands: Sequence[Any], active: Active) -> list[Any]:
    (a,), (packed, pivots), ct = operands, ys, cts[0]
    if ct is None or not a.aval.size:
        return [None]
    below, above = unit_lower(packed), _upper(packed)
    inner = add(lower(product(adjoint(below), ct), strict=True), upper(product(ct, adjoint(above))))
    half = _lower_solve(conjugate(below), inner, transposed=True)
    ct_rows = adjoint(_upper_solve(above, adjoint(half)))
    return [product(swap(exchanged(pivots, a.aval.shape[-2], a.aval.dtype)), ct_rows)]


def _lu_tangent(tangents: Sequence[Any], ys: Any, operands: Sequence[Any]) -> tuple[Any, None]:
    (a,), (packed, pivots) = operands, ys
    if not a.aval.size:
        return None, None
    below, above = unit_lower(packed), _upper(packed)
    half = _lower_solve(below, product(exchanged(pivots, a.aval.shape[-2], a.aval.dtype), tangents[0]))
    inner = swap(_upper_solve(above, swap(half), transposed=True))
    return add(product(below, lower(inner, strict=True)), product(upper(inner), above)), None


# Where each row comes from after the exchanges of row k with row pivots[k], for k = 0, 1, ...
row_order = Call(
    "row_order",
    _row_order_numpy,
    lambda pivots, *, rows: ArrayAval((*pivots.shape[:-1], rows), _INT),
    batching=leading,
    examples=(
        Example((np.array([2, 2, 2], _INT),), {"rows": 4}),
        Example((np.array([[1, 1], [0, 1]], _INT),), {"rows": 2}),
        Example((np.arange(12, dtype=_INT)[::-1].copy() // 2 + 6,), {"rows": 12}),
    ),
)

# Results: both triangles packed, and the pivots: row k was exchanged with row pivots[k].
lu = Call(
    "lu",
    _lu_numpy,
    _lu_shape,
    rule=_lu_rule,
    tangent=_lu_tangent,
    types=matrix_types,
    batching=leading,
    takes_complex=True,
    examples=tuple(
        Example((a,))
        for a in (
            regular(3, 3)[::-1].copy(),
            regular(2, 2)[::-1] + 0.5j * general(2, 2),
            general(3, 2),
            general(2, 3),
            regular(1, 1),
            general(2, 3, 2),
            general(12, 10),
            np.zeros((0, 2)),
        )
    ),
    errors=(BadExample(((3,),), {}, LinearAlgebraError, ("(3,)",)),),
)
