"""Matrix products: one op, batched, bilinear. `dot`, `tensordot` and `einsum` reduce to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.errors import ShapeError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.families import add
from autodiff.ops.movement import transpose
from autodiff.ops.op import Active, Arrays, Example, Op
from autodiff.ops.promotion import Types, common_types


def swap(x: Any) -> Any:
    """The last two axes exchanged."""
    n = x.aval.ndim
    return transpose(x, perm=(*range(n - 2), n - 1, n - 2))


@dataclass(frozen=True, eq=False)
class Matmul(Op):
    """[..., m, k] @ [..., k, n] -> [..., m, n], with equal leading axes."""

    name: str = "matmul"
    types: Types | None = common_types
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

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        (a, b), (t_a, t_b) = operands, tangents
        left = None if t_a is None else self(t_a, b)
        right = None if t_b is None else self(a, t_b)
        return left if right is None else right if left is None else add(left, right)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        a, b = operands
        return [self(ct, swap(b)) if active[0] else None, self(swap(a), ct) if active[1] else None]


matmul = Matmul()
