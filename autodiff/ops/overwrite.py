"""Writing a part into an array: what `a[1:3] = v` is to a program in which nothing changes.

The result is the whole array with the part in its place. In a kernel both are copied to the
same memory, one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, AxisError, ShapeError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.batching import all_batched
from autodiff.ops.checks import check_at_least, check_lengths
from autodiff.ops.families import broadcast_to, full, plain, zeros_like
from autodiff.ops.movement import Part, Placement, slice_
from autodiff.ops.op import Active, Arrays, BadExample, Batched, Example, Masked, applied
from autodiff.records import record


@record
class Overwrite(Placement):
    """`x`, with `part` in place of every `steps`-th element from `low` on, along each axis."""

    name: str = "overwrite"
    filled: bool = True
    puts = True
    keeps_mask = True
    moves = False
    size_params: tuple[str, ...] = ("low",)
    examples = (
        Example(((5,), (2,)), {"low": (1,), "steps": (1,)}),
        Example(((5, 3), (2, 3)), {"low": (1, 0), "steps": (2, 1)}),
        Example(((12, 10), (1, 10)), {"low": (11, 0), "steps": (1, 1)}),
        Example(((24,), (12,)), {"low": (1,), "steps": (2,)}),
        Example(((3,), (0,)), {"low": (3,), "steps": (1,)}),
        Example(((0, 2), (0, 1)), {"low": (0, 1), "steps": (1, 1)}),
        Example(((), ()), {"low": (), "steps": ()}),
    )
    errors = (
        BadExample(((3,), (2,)), {"low": (2,), "steps": (1,)}, ShapeError, ("(2,)", "(3,)")),
        BadExample(((3,), (2,)), {"low": (0,), "steps": (3,)}, ShapeError, ("(2,)", "(3,)")),
        BadExample(((3,), (2, 1)), {"low": (0,), "steps": (1,)}, AxisError, ("(2, 1)", "low=(0,)")),
        BadExample(((3,), (2,)), {"low": (0,), "steps": (0,)}, ArgumentError, ("steps=(0,)",)),
    )

    def infer(self, x: ArrayAval, part: ArrayAval, *, low: Sequence[int], steps: Sequence[int]) -> tuple[ArrayAval]:
        check_lengths(self.name, x.shape, low=low, steps=steps)
        check_lengths(self.name, part.shape, low=low)
        check_at_least(self.name, 0, low=low)
        check_at_least(self.name, 1, steps=steps)
        if any(m and a + (m - 1) * k >= n for n, m, a, k in zip(x.shape, part.shape, low, steps, strict=True)):
            raise ShapeError(
                f"overwrite: a part of shape {part.shape}, from {tuple(low)} in steps of {tuple(steps)}, does not "
                f"fit into shape {x.shape}",
                "write within the array",
            )
        return (x,)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return operands[0]

    def parts(self, shapes: Sequence[Any], low: Sequence[Any], params: Mapping[str, Any]) -> list[Part]:
        whole = tuple(((), 1) for _ in shapes[0])
        return [whole, tuple(((a,), k) for a, k in zip(low, params["steps"], strict=True))]

    def evaluate(self, x: Any, part: Any, **params: Any) -> Arrays:
        return self.put(np.array(x), part, **params)

    def put(self, y: Any, part: Any, *, low: Sequence[int], steps: Sequence[int]) -> Arrays:
        places = zip(low, steps, np.shape(part), strict=True)
        y[tuple(slice(a, a + n * k, k) for a, k, n in places)] = part
        return (y,)

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        moved = {"low": (0, *params["low"]), "steps": (1, *params["steps"])}
        return applied(self, all_batched(operands, batched), moved)

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        given = [zeros_like(x.aval) if t is None else t for t, x in zip(tangents, operands, strict=True)]
        return self(*given, **params)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        # What is overwritten counts for nothing, whatever derivative it had there: its lanes are masked.
        mask = ct.mask if isinstance(ct, Masked) else full(ArrayAval(y.aval.shape, _BOOL), True)
        given = Masked(plain(ct), broadcast_to(mask, y.aval.shape))
        part = operands[1].aval
        limits = [
            a + (m - 1) * k + 1 if m else a for a, m, k in zip(params["low"], part.shape, params["steps"], strict=True)
        ]
        place = {"starts": params["low"], "limits": tuple(limits), "steps": params["steps"]}
        kept = Masked(*(self(g, zeros_like(ArrayAval(part.shape, g.aval.dtype)), **params) for g in given))
        mine = Masked(*(slice_(g, **place) for g in given)) if isinstance(ct, Masked) else slice_(ct, **place)
        return [kept if active[0] else None, mine if active[1] else None]


_BOOL = np.dtype(np.bool_)
overwrite = Overwrite()
