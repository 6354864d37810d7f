"""Systems with a matrix of few diagonals, which are all that is stored and all that its gradient has.

As in LAPACK and SciPy, entry i, j of the matrix stands in row `upper + i - j`, column j of the bands; the corners
of the bands are not read. The adjoint system has the same bands, in reverse order and shifted (Giles 2008, section
2.2.4, restricted to the entries there are), so nothing here grows faster than diagonals times rows.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import LinearAlgebraError
from autodiff.ir.aval import ArrayAval, Shape
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.arithmetic import sub
from autodiff.ops.batching import leading
from autodiff.ops.families import add, conjugate, mul, neg, reduce_sum, reshape, zeros_like
from autodiff.ops.matrices import (
    as_row,
    check_matrices,
    check_stacks,
    general,
    guarded,
    matrix_types,
    one_by_one,
    restacked,
)
from autodiff.ops.movement import concatenate, pad, slice_axis
from autodiff.ops.op import Active, BadExample, Call, Example


def _banded_shape(ab: ArrayAval, b: ArrayAval, *, lower: int, upper: int) -> ArrayAval:
    check_matrices("banded_solve", ab)
    check_matrices("banded_solve", b)
    check_stacks("banded_solve", ab, b)
    if ab.shape[-2] != lower + upper + 1 or ab.shape[-1] != b.shape[-2]:
        raise LinearAlgebraError(
            f"banded_solve: bands of shape {ab.shape} and right-hand sides of shape {b.shape}, with {lower} diagonals "
            f"below and {upper} above the main one",
            "bands have one row for each diagonal and one column for each row of b",
        )
    return b


def _banded_numpy(ab: Any, b: Any, *, lower: int, upper: int) -> Any:
    if not b.size:
        return np.zeros_like(b)
    solve = importlib.import_module("scipy.linalg").solve_banded
    found = one_by_one(lambda m, v: solve((lower, upper), m, v, check_finite=False), ab, b)
    return restacked(found, b.shape[:-2], b.shape[-2:], b.dtype)


def _banded_axes(d: Dims, operands: Sequence[DimShape], result: Shape, **params: Any) -> DimShape:
    ab, b = operands
    d.join_all([ab[:-2], b[:-2]])
    d.join(ab[-1], b[-2])
    return b


def shifted(x: Any, by: int, axis: int) -> Any:
    """Entry j is entry j - by of `x`, and 0 where there is none."""
    n, none = x.aval.shape[axis], (0,) * x.aval.ndim
    if not by:
        return x
    if abs(by) >= n:
        return zeros_like(x.aval)
    kept = slice_axis(x, axis, 0, n - by) if by > 0 else slice_axis(x, axis, -by, n)
    width = tuple(abs(by) * int(k == axis) for k in range(x.aval.ndim))
    return pad(kept, low=width if by > 0 else none, high=none if by > 0 else width, interior=none)


def _band(ab: Any, row: int) -> Any:
    """One stored diagonal, as a row."""
    return slice_axis(ab, ab.aval.ndim - 2, row, row + 1)


def _stacked(rows: Sequence[Any]) -> Any:
    return concatenate(*rows, axis=rows[0].aval.ndim - 2) if len(rows) > 1 else rows[0]


def adjoint_bands(ab: Any, upper: int) -> Any:
    """The bands of the conjugate transpose."""
    last, rows = ab.aval.ndim - 1, ab.aval.shape[-2]
    return conjugate(_stacked([shifted(_band(ab, row), row - upper, last) for row in reversed(range(rows))]))


def banded_matmul(ab: Any, x: Any, upper: int) -> Any:
    """The product of the matrix and columns."""
    total = None
    for row in range(ab.aval.shape[-2]):
        band = _band(ab, row)
        entries = reshape(band, shape=(*band.aval.shape[:-2], band.aval.shape[-1], 1))
        part = shifted(mul(entries, x), row - upper, x.aval.ndim - 2)
        total = part if total is None else add(total, part)
    return total


def _outer_bands(x: Any, y: Any, ab: Any, upper: int) -> Any:
    """The bands of x y'."""
    axis, rows = x.aval.ndim - 2, range(ab.aval.shape[-2])
    products = [mul(shifted(x, upper - row, axis), conjugate(y)) for row in rows]
    return _stacked([as_row(reduce_sum(p, axes=(p.aval.ndim - 1,))) for p in products])


def _banded_rule(ct: Any, y: Any, operands: Sequence[Any], active: Active, *, lower: int, upper: int) -> list[Any]:
    ab = operands[0]
    ct_b = banded_solve(adjoint_bands(ab, upper), ct, lower=upper, upper=lower)
    return [neg(_outer_bands(ct_b, y, ab, upper)) if active[0] else None, ct_b]


def _banded_tangent(tangents: Sequence[Any], y: Any, operands: Sequence[Any], *, lower: int, upper: int) -> Any:
    t_ab, t_b = tangents
    if t_ab is not None:
        moved = banded_matmul(t_ab, y, upper)
        t_b = neg(moved) if t_b is None else sub(t_b, moved)
    return banded_solve(operands[0], t_b, lower=lower, upper=upper)


def _dominant(lower: int, upper: int, n: int, *lead: int) -> np.ndarray:
    """Bands of a matrix whose main diagonal is large."""
    ab = general(*lead, lower + upper + 1, n)
    ab[..., upper, :] += 3.0
    return ab


banded_solve = Call(
    "banded_solve",
    guarded("banded_solve", _banded_numpy),
    _banded_shape,
    rule=_banded_rule,
    tangent=_banded_tangent,
    types=matrix_types,
    axes=_banded_axes,
    batching=leading,
    takes_complex=True,
    examples=(
        Example((_dominant(1, 1, 4), general(4, 2)), {"lower": 1, "upper": 1}),
        Example((_dominant(2, 0, 3), general(3, 1)), {"lower": 2, "upper": 0}),
        Example((_dominant(0, 1, 3, 2), general(2, 3, 1)), {"lower": 0, "upper": 1}),
        Example((_dominant(2, 1, 12), general(12, 1)), {"lower": 2, "upper": 1}),
        Example((_dominant(2, 1, 2), general(2, 1)), {"lower": 2, "upper": 1}),
        Example((_dominant(0, 0, 3), general(3, 1)), {"lower": 0, "upper": 0}),
        Example((_dominant(1, 1, 3) + 0.3j, general(3, 1) - 0.5j), {"lower": 1, "upper": 1}),
        Example((np.zeros((2, 0)), np.zeros((0, 2))), {"lower": 1, "upper": 0}),
    ),
    errors=(
        BadExample(((2, 3), (3, 1)), {"lower": 1, "upper": 1}, LinearAlgebraError, ("(2, 3)", "1 diagonals below")),
        BadExample(((3, 3), (4, 1)), {"lower": 1, "upper": 1}, LinearAlgebraError, ("(3, 3)", "(4, 1)")),
        BadExample(((2, 3, 3), (3, 1)), {"lower": 1, "upper": 1}, LinearAlgebraError, ("(2, 3, 3)", "(3, 1)")),
    ),
)
