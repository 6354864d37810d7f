"""A block whose adjoint computes it again instead of keeping what it needs of it.

    checkpoint *operands  { (*operands) -> (*results) }  -> *results

Memory for time: of everything within, only the operands stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building, emitter, inline
from autodiff.ir.core import Block, Instr, Literal, Wire
from autodiff.ops.families import zeros_like
from autodiff.ops.op import Arrays
from autodiff.ops.region import Region, Workers, moving, paths, trimmed
from autodiff.records import record


@record
class Checkpoint(Region):
    """`body(*operands)`."""

    name: str = "checkpoint"
    blocks: tuple[str, ...] = ("body",)
    takes_complex = True

    def infer(self, *avals: ArrayAval, body: Block) -> tuple[ArrayAval, ...]:
        return tuple(r.aval for r in body.results)

    def wires(self, instr: Instr) -> list[Wire]:
        return [Wire(instr.params["body"], instr.operands, instr.results, {})]

    def reads(self, params: Mapping[str, Any]) -> list[set[int]]:
        return paths(params["body"])

    def evaluate_with(self, run: Callable[[Block, Sequence[Any]], Arrays], *arrays: Any, body: Block) -> Arrays:
        return run(body, arrays)

    def pull(self, instr: Instr, cts: list[Any], before: list[Any], active: Sequence[bool], ad: Workers) -> list[Any]:
        body, operands = instr.params["body"], instr.operands
        given = [k for k, ct in enumerate(cts) if ct is not None]
        useful = set().union(*(paths(body)[k] for k in given))
        wanted = [k for k, flag in enumerate(active) if flag and k in useful]
        totals = [k for k in wanted if before[k] is not None]
        if not wanted:
            return list(before)
        extra = [*(cts[k] for k in given), *(before[k] for k in totals)]
        hints = [*(p.hint for p in body.params), *("ct" for _ in extra)]
        with building([*(p.aval for p in body.params), *(x.aval for x in extra)], hints) as b:
            n, m = len(operands), len(operands) + len(given)
            outs = inline(body, b.params[:n])
            seeds = [(outs[k], ct) for k, ct in zip(given, b.params[n:m], strict=True)]
            sources = [b.params[k] for k in wanted]
            begun = {b.params[k]: total for k, total in zip(totals, b.params[m:], strict=True)}
            seeds = [(y, ct) for y, ct in seeds if not isinstance(y, Literal)]
            found = ad.pullback(list(b.instrs), seeds, sources, begun)
            block = b.block(zeros_like(s.aval) if ct is None else ct for ct, s in zip(found, sources, strict=True))
        (block,), read = trimmed([block], 0, [*operands, *extra])
        made = dict(zip(wanted, checkpoint(block, read), strict=True))
        return [made.get(k, ct) for k, ct in enumerate(before)]

    def push(self, instr: Instr, tangents: list[Any], ad: Workers) -> list[Any]:
        body, n = instr.params["body"], len(instr.operands)
        moves = moving(self.reads(instr.params), tangents)
        given = [k for k, t in enumerate(tangents) if t is not None]
        with building([*(p.aval for p in body.params), *(tangents[k].aval for k in given)]) as b:
            outs = inline(body, b.params[:n])
            t_in = {b.params[k]: t for k, t in zip(given, b.params[n:], strict=True)}
            found = ad.pushforward(list(b.instrs), t_in)
            block = b.block(found[outs[k]] if outs[k] in found else zeros_like(outs[k].aval) for k in moves)
        made = dict(zip(moves, checkpoint(block, [*instr.operands, *(tangents[k] for k in given)]), strict=True))
        return [made.get(k) for k in range(len(instr.results))]

    def batch_with(self, operands: Sequence[Any], batched: Sequence[bool], params: Any, ad: Workers) -> Any:
        with building([o.aval for o in operands], [p.hint for p in params["body"].params]) as b:
            outs, flags = ad.vectorized(params["body"], b.params, batched)
            block = b.block(outs)
        return checkpoint(block, operands), flags


checkpoint_op = Checkpoint()


def checkpoint(body: Block, operands: Sequence[Any]) -> list[Any]:
    """Emit a block whose adjoint computes it again."""
    lift = emitter().lift
    return list(emitter().emit(checkpoint_op, tuple(map(lift, operands)), {"body": body}))
