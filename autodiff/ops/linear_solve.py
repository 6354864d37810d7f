"""Linear systems: solve, inv, triangular_solve.

The cotangent of the right-hand side is the solution of the adjoint system, and that of the matrix
an outer product with the solution (Giles, "An extended collection of matrix derivative results for
forward and reverse mode algorithmic differentiation", 2008, section 2.2.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import LinearAlgebraError
from autodiff.ir.aval import ArrayAval, Shape
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.arithmetic import sub
from autodiff.ops.batching import leading
from autodiff.ops.contraction import swap
from autodiff.ops.families import conjugate, neg, reshape
from autodiff.ops.matrices import (
    adjoint,
    check_matrices,
    check_square,
    check_stacks,
    general,
    guarded,
    lapack,
    lower,
    matrix_types,
    one_by_one,
    product,
    regular,
    restacked,
    resting_at_identity,
    same_square,
    square_axes,
    upper,
)
from autodiff.ops.movement import transpose
from autodiff.ops.op import Active, Arrays, BadExample, Batched, Call, Example, Op

# ---- over a batch ------------------------------------------------------------------------------


def _one_matrix_or_stack(op: Op, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
    """One matrix for the whole batch is factorised once: the right-hand sides are its columns."""
    (a, b), rest = operands, operands[0].aval.ndim
    if batched[0] or rest > 2:
        return leading(op, operands, batched, params)
    n, rows, columns = b.aval.shape
    side_by_side = reshape(transpose(b, perm=(1, 0, 2)), shape=(rows, n * columns))
    y = op(a, side_by_side, **params)
    return (transpose(reshape(y, shape=(rows, n, columns)), perm=(1, 0, 2)),)


# ---- solve ---------------------------------------------------------------------------------------


def _system(name: str, a: ArrayAval, b: ArrayAval) -> ArrayAval:
    check_square(name, a)
    check_matrices(name, b)
    check_stacks(name, a, b)
    if a.shape[-1] != b.shape[-2]:
        raise LinearAlgebraError(
            f"{name}: a matrix of shape {a.shape} and right-hand sides of shape {b.shape}: "
            f"{a.shape[-1]} rows against {b.shape[-2]}",
            "the second-last axis of b must equal the size of a; a single vector is b[:, None]",
        )
    return b


def _system_axes(d: Dims, operands: Sequence[DimShape], result: Shape, **params: Any) -> DimShape:
    a, b = operands
    d.join_all([a[:-2], b[:-2]])
    d.join(a[-1], a[-2])
    d.join(a[-1], b[-2])
    return b


def _solve_rule(ct: Any, y: Any, operands: Sequence[Any], active: Active) -> list[Any]:
    ct_b = solve(adjoint(operands[0]), ct)
    return [neg(product(ct_b, adjoint(y))) if active[0] else None, ct_b]


def _moved(tangents: Sequence[Any], a_times_y: Any) -> Any:
    """The right-hand side of the system for the tangent: t_b - t_a @ y."""
    t_b = tangents[1]
    return t_b if a_times_y is None else neg(a_times_y) if t_b is None else sub(t_b, a_times_y)


def _solve_tangent(tangents: Sequence[Any], y: Any, operands: Sequence[Any]) -> Any:
    t_a = tangents[0]
    return solve(operands[0], _moved(tangents, None if t_a is None else product(t_a, y)))


_SYSTEMS = (
    (regular(3, 3), general(3, 2)),
    (regular(1, 1), general(1, 1)),
    (regular(2, 3, 3), general(2, 3, 2)),
    (regular(12, 12), general(12, 3)),
    (np.zeros((0, 0)), np.zeros((0, 2))),
    (regular(2, 2), np.zeros((2, 0))),
    (np.zeros((0, 2, 2)), np.zeros((0, 2, 3))),
    (regular(2, 2) + 0.5j * general(2, 2), general(2, 1) + 1j),
)
_BAD_SYSTEMS = (
    BadExample(((2, 3), (2, 1)), {}, LinearAlgebraError, ("(2, 3)",)),
    BadExample(((3,), (3, 1)), {}, LinearAlgebraError, ("(3,)",)),
    BadExample(((3, 3), (2, 1)), {}, LinearAlgebraError, ("(3, 3)", "(2, 1)")),
    BadExample(((2, 3, 3), (3, 1)), {}, LinearAlgebraError, ("(2, 3, 3)", "(3, 1)")),
)

solve = Call(
    "solve",
    guarded("solve", np.linalg.solve),
    lambda a, b: _system("solve", a, b),
    rule=_solve_rule,
    tangent=_solve_tangent,
    types=matrix_types,
    axes=_system_axes,
    batching=_one_matrix_or_stack,
    rest=resting_at_identity,
    takes_complex=True,
    examples=tuple(map(Example, _SYSTEMS)),
    errors=_BAD_SYSTEMS,
)

# ---- inv -------------------------------------------------------------------------------------------

inv = Call(
    "inv",
    guarded("inv", np.linalg.inv),
    same_square("inv"),
    rule=lambda ct, y, operands, active: [neg(product(adjoint(y), ct, adjoint(y)))],
    tangent=lambda tangents, y, operands: neg(product(y, tangents[0], y)),
    types=matrix_types,
    axes=square_axes,
    batching=leading,
    rest=resting_at_identity,
    takes_complex=True,
    examples=tuple(Example((a,)) for a, _ in _SYSTEMS),
    errors=(BadExample(((2, 3),), {}, LinearAlgebraError, ("(2, 3)",)),),
)

# ---- triangular_solve ------------------------------------------------------------------------------


def _one_triangular(a: Any, b: Any, is_lower: bool, transposed: bool, unit: bool) -> Any:
    if not a.size or not b.size:
        return np.zeros_like(b)
    trtrs = lapack("trtrs", a, b)
    # LAPACK reads columns first: to it, the rows of `a` are the columns of the transpose.
    x, info = trtrs(a.T, b, lower=not is_lower, trans=not transposed, unitdiag=unit)
    if info > 0:
        raise LinearAlgebraError(f"triangular_solve: entry {info - 1} of the diagonal is 0: the matrix is singular")
    return x


def _triangular_numpy(a: Any, b: Any, *, is_lower: bool, transposed: bool, unit: bool) -> Any:
    found = one_by_one(lambda m, v: _one_triangular(m, v, is_lower, transposed, unit), a, b)
    return restacked(found, a.shape[:-2], b.shape[-2:], b.dtype)


def _triangle(x: Any, is_lower: bool, unit: bool) -> Any:
    """The part of a matrix that is read."""
    return lower(x, strict=unit) if is_lower else upper(x, strict=unit)


def _triangular_rule(
    ct: Any, y: Any, operands: Sequence[Any], active: Active, *, is_lower: bool, transposed: bool, unit: bool
) -> list[Any]:
    a = conjugate(operands[0])
    ct_b = triangular_solve(a, ct, is_lower=is_lower, transposed=not transposed, unit=unit)
    if not active[0]:
        return [None, ct_b]
    ct_a = product(conjugate(y), swap(ct_b)) if transposed else product(ct_b, adjoint(y))
    return [neg(_triangle(ct_a, is_lower, unit)), ct_b]


def _triangular_tangent(
    tangents: Sequence[Any], y: Any, operands: Sequence[Any], *, is_lower: bool, transposed: bool, unit: bool
) -> Any:
    moved = None
    if tangents[0] is not None:
        t_a = _triangle(tangents[0], is_lower, unit)
        moved = product(swap(t_a) if transposed else t_a, y)
    b = _moved(tangents, moved)
    return triangular_solve(operands[0], b, is_lower=is_lower, transposed=transposed, unit=unit)


_LOWER = {"is_lower": True, "transposed": False, "unit": False}

# Solves tri(a) x = b, or tri(a).T x = b: the other triangle of `a`, and where `unit` the diagonal, are not read.
triangular_solve = Call(
    "triangular_solve",
    _triangular_numpy,
    lambda a, b, **params: _system("triangular_solve", a, b),
    rule=_triangular_rule,
    tangent=_triangular_tangent,
    types=matrix_types,
    axes=_system_axes,
    batching=_one_matrix_or_stack,
    rest=resting_at_identity,
    takes_complex=True,
    examples=(
        *(Example(arrays, _LOWER) for arrays in _SYSTEMS),
        Example(_SYSTEMS[0], {"is_lower": False, "transposed": False, "unit": False}),
        Example(_SYSTEMS[0], {"is_lower": True, "transposed": True, "unit": False}),
        Example(_SYSTEMS[2], {"is_lower": False, "transposed": True, "unit": True}),
        Example(_SYSTEMS[-1], {"is_lower": False, "transposed": True, "unit": False}),
    ),
    errors=tuple(bad._replace(params=_LOWER) for bad in _BAD_SYSTEMS),
)
