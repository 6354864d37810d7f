"""Forward mode: tangents travel along with the values, in the order of the program."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.ir.aval import is_differentiable
from autodiff.ir.build import building, inline
from autodiff.ir.core import Block, Instr, Operand
from autodiff.ops.families import zeros_like


def pushforward(instrs: Sequence[Instr], tangents: dict[Operand, Any]) -> dict[Operand, Any]:
    """Emit the tangents of everything `instrs` compute; a value without one has tangent zero."""
    found = dict(tangents)
    for instr in instrs:
        (y,) = instr.results
        if not is_differentiable(y.aval.dtype):
            continue
        op: Any = instr.op
        parts = [found.get(o) if op.connects(k) else None for k, o in enumerate(instr.operands)]
        if any(t is not None for t in parts):
            t = op.jvp(parts, y, instr.operands, instr.params)
            if t is not None:
                found[y] = t
    return found


def jvp(block: Block, wrt: Sequence[int]) -> Block:
    """(x..., t...) -> (results..., tangents...), one tangent given per position in `wrt`."""
    avals = [*(p.aval for p in block.params), *(block.params[k].aval for k in wrt)]
    hints = [*(p.hint for p in block.params), *(f"t_{block.params[k].hint}" for k in wrt)]
    n = len(block.params)
    with building(avals, hints) as b:
        outs = inline(block, b.params[:n])
        given: dict[Operand, Any] = {b.params[k]: t for k, t in zip(wrt, b.params[n:], strict=True)}
        tangents = pushforward(list(b.instrs), given)
        return b.block((*outs, *(tangents[y] if y in tangents else zeros_like(y.aval) for y in outs)))
