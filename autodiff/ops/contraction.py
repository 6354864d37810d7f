"""Matrix products: one op, batched, bilinear. `dot`, `tensordot` and `einsum` reduce to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import DTypeError, ShapeError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.families import both, conjugate, reduce_sum, reshape, select, some
from autodiff.ops.movement import transpose
from autodiff.ops.op import NAMES, Active, Arrays, BadExample, Batched, Example, Masked, Op
from autodiff.ops.promotion import Types, common_types
from autodiff.records import record


def swap(x: Any) -> Any:
    """The last two axes exchanged."""
    n = x.aval.ndim
    return transpose(x, perm=(*range(n - 2), n - 1, n - 2))


@record
class Matmul(Op):
    """[..., m, k] @ [..., k, n] -> [..., m, n], with equal leading axes."""

    name: str = "matmul"
    types: Types | None = common_types
    takes_complex = True
    keeps_mask = True
    masks_tangents = True
    examples = (
        Example(((2, 3), (3, 4))),
        Example(((2, 3, 2), (2, 2, 1))),
        Example(((12, 10), (10, 1))),
        Example(((1, 12), (12, 10))),
        Example(((12, 10), (10, 12))),
        Example(((1, 12), (12, 1))),
        Example(((2, 0), (0, 3))),
        Example(((0, 2), (2, 3))),
    )
    errors = (
        BadExample(((2, 3), (2, 3)), {}, ShapeError, ("(2, 3)",)),
        BadExample(((2, 3, 4), (3, 4, 2)), {}, ShapeError, ("(2, 3, 4)", "(3, 4, 2)")),
        BadExample((NAMES, NAMES), {}, DTypeError, ("<U3",)),
    )

    def infer(self, a: ArrayAval, b: ArrayAval) -> tuple[ArrayAval, ...]:
        if a.ndim < 2 or a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-2]:
            raise ShapeError(
                f"matmul: shapes {a.shape} and {b.shape} do not fit: {a.shape[-1:]} against {b.shape[-2:-1]}",
                "the last axis of the first must equal the second-last of the second",
            )
        return (ArrayAval((*a.shape[:-1], b.shape[-1]), a.dtype),)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        a, b = operands
        d.join(a[-1], b[-2])
        return (*d.join_all([a[:-2], b[:-2]]), a[-2], b[-1])

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        return (np.matmul(*arrays),)

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        a, b = operands
        if all(batched):
            return (self(a, b),)
        return (_rows_together(a, b) if batched[0] else swap(_rows_together(swap(b), swap(a))),)

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        (a, b), (t_a, t_b) = operands, tangents
        left = None if t_a is None else self._masked(t_a, b, True)
        right = None if t_b is None else self._masked(t_b, a, False)
        return left if right is None else right if left is None else both(left, right)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        a, b = operands
        return [
            self._masked(ct, swap(conjugate(b)), True) if active[0] else None,
            self._masked(ct, swap(conjugate(a)), False) if active[1] else None,
        ]

    def _masked(self, ct: Any, other: Any, first: bool) -> Any:
        """`ct @ other`, or with `first` False `other @ ct`. A mask leaves out whole rows, or whole columns.

        Where it is the same for all elements that one row (column) of `other` is multiplied with, that row is left
        out as well: a row of data that is nan and not counted does not count.
        """
        if not isinstance(ct, Masked):
            return self(ct, other) if first else self(other, ct)
        value, mask = ct
        mask = reshape(mask, shape=(1,) * (value.aval.ndim - mask.aval.ndim) + mask.aval.shape)
        summed, kept = (-1, -2) if first else (-2, -1)
        if mask.aval.shape[kept] == 1:
            other = select(swap(mask), other, 0.0)
        lanes = some(_counted(mask, mask.aval.ndim + summed))
        return Masked(self(value, other) if first else self(other, value), lanes)


def _counted(mask: Any, axis: int) -> Any:
    """How many lanes count along an axis, which is kept."""
    total = reduce_sum(mask, axes=(axis,))
    return reshape(total, shape=tuple(1 if k == axis else n for k, n in enumerate(mask.aval.shape)))


def _rows_together(a: Any, b: Any) -> Any:
    """A batch of `a` times one `b`: the rows of the whole batch are one matrix, and `b` is not repeated."""
    n, *stack, m, k = a.aval.shape
    last = len(stack)
    moved = transpose(a, perm=(*range(1, last + 1), 0, last + 1, last + 2)) if stack else a
    y = matmul(reshape(moved, shape=(*stack, n * m, k)), b)
    y = reshape(y, shape=(*stack, n, m, b.aval.shape[-1]))
    return transpose(y, perm=(last, *range(last), last + 1, last + 2)) if stack else y


matmul = Matmul()
