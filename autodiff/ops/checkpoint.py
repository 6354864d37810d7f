"""A block whose adjoint computes it again instead of keeping what it needs of it.

    checkpoint *operands  { (*operands) -> (*results) }  -> *results

Memory for time: of everything within, only the operands stay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building, emitter
from autodiff.ir.core import Block, Instr, Wire
from autodiff.ops.op import Arrays
from autodiff.ops.region import Region, Run, Workers, moving, paths, pulled_once, pushed_once
from autodiff.ops.region_batch import present, vectorized_in
from autodiff.records import record


@record
class Checkpoint(Region):
    """`body(*operands)`."""

    name: str = "checkpoint"
    blocks: tuple[str, ...] = ("body",)
    takes_complex = True

    def infer(self, *avals: ArrayAval, body: Block) -> tuple[ArrayAval, ...]:
        return tuple(r.aval for r in body.results)

    def emitted(self, body: Block, operands: Sequence[Any]) -> list[Any]:
        """Emit this region around a block; its results."""
        lift = emitter().lift
        return list(emitter().emit(self, tuple(map(lift, operands)), {"body": body}))

    def wires(self, instr: Instr) -> list[Wire]:
        return [Wire(instr.params["body"], instr.operands, instr.results, {})]

    def reads(self, params: Mapping[str, Any]) -> list[set[int]]:
        return paths(params["body"])

    def evaluate_with(self, run: Run, arrays: list[Any], *, body: Block) -> Arrays:
        return run(body, arrays)

    def pull(self, instr: Instr, cts: list[Any], before: list[Any], active: Sequence[bool], ad: Workers) -> list[Any]:
        body = instr.params["body"]
        reads = paths(body)
        useful = set().union(*(reads[k] for k, ct in enumerate(cts) if ct is not None))
        wanted = [k for k, flag in enumerate(active) if flag and k in useful]
        if not wanted:
            return list(before)
        (block,), read = pulled_once([body], instr.operands, cts, before, wanted, ad)
        made = dict(zip(wanted, self.emitted(block, read), strict=True))
        return [made.get(k, ct) for k, ct in enumerate(before)]

    def push(self, instr: Instr, tangents: list[Any], ad: Workers) -> list[Any]:
        moves = moving(self.reads(instr.params), tangents)
        (block,), read = pushed_once([instr.params["body"]], instr.operands, tangents, moves, ad)
        made = dict(zip(moves, self.emitted(block, read), strict=True))
        return [made.get(k) for k in range(len(instr.results))]

    def batch_with(
        self, operands: Sequence[Any], batched: Sequence[bool], params: Any, ad: Workers, active: Any
    ) -> Any:
        body, given = params["body"], [*operands, *present(active)]
        with building([o.aval for o in given], [*(p.hint for p in body.params), "active"][: len(given)]) as b:
            outs, flags = vectorized_in(b, body, batched, ad)
            block = b.block(outs)
        return self.emitted(block, given), flags


checkpoint_op = Checkpoint()


def checkpoint(body: Block, operands: Sequence[Any]) -> list[Any]:
    """Emit a block whose adjoint computes it again."""
    return checkpoint_op.emitted(body, operands)
