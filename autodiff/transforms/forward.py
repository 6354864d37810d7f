"""Forward mode: tangents travel along with the values, in the order of the program.

A tangent may be `Masked`: where `maximum(x, 0)` took the 0, the tangent is zero by construction,
and stays so through a square root, whose derivative is infinite there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.ir.aval import is_differentiable
from autodiff.ir.build import continuing
from autodiff.ir.core import Block, Instr, Operand
from autodiff.ops.families import broadcast_to, cast, full, plain, some, zeros_like
from autodiff.ops.op import Masked
from autodiff.ops.region import Region
from autodiff.transforms.workers import workers


def pushforward(instrs: Sequence[Instr], tangents: dict[Operand, Any]) -> dict[Operand, Any]:
    """Emit the tangents of everything `instrs` compute; a value without one has tangent zero."""
    found: dict[Operand, Any] = dict(tangents)
    for instr in instrs:
        if not any(is_differentiable(y.aval.dtype) for y in instr.results):
            continue
        op: Any = instr.op
        parts = [found.get(o) if op.connects(k) else None for k, o in enumerate(instr.operands)]
        if isinstance(op, Region):
            if any(t is not None for t in parts):
                made = op.push(instr, [None if t is None else plain(t) for t in parts], workers())
                found.update({y: t for y, t in zip(instr.results, made, strict=True) if t is not None})
            continue
        if any(t is not None for t in parts):
            single = len(instr.results) == 1
            given = _pushed(instr, parts, instr.results[0] if single else instr.results)
            parts = [given] if single else given
            found.update({y: t for y, t in zip(instr.results, parts, strict=True) if t is not None})
    return {y: plain(t) for y, t in found.items()}


def _pushed(instr: Instr, tangents: list[Any], y: Any) -> Any:
    op: Any = instr.op
    if op.masks_tangents or not any(isinstance(t, Masked) for t in tangents):
        return op.jvp(tangents, y, instr.operands, instr.params)
    t_y = op.jvp([plain(t) for t in tangents], y, instr.operands, instr.params)
    if not op.moves or t_y is None:
        return t_y
    # Elements that only move take their masks with them: counted, a mask is a tangent like any.
    counts = [_counts(t, x) for t, x in zip(tangents, instr.operands, strict=True)]
    return Masked(t_y, some(op.jvp(counts, y, instr.operands, instr.params)))


def _counts(t: Any, x: Operand) -> Any:
    """1 where a tangent may be different from zero."""
    if t is None:
        return None
    return cast(broadcast_to(t.mask, x.aval.shape), dtype=x.aval.dtype) if isinstance(t, Masked) else full(x.aval, 1)


def jvp(block: Block, wrt: Sequence[int]) -> Block:
    """(x..., t...) -> (results..., tangents...), one tangent given per position in `wrt`."""
    moved = [block.params[k] for k in wrt]
    n = len(block.params)
    with continuing(block, [p.aval for p in moved], [f"t_{p.hint}" for p in moved]) as (b, outs):
        given: dict[Operand, Any] = {b.params[k]: t for k, t in zip(wrt, b.params[n:], strict=True)}
        tangents = pushforward(list(b.instrs), given)
        return b.block((*outs, *(tangents[y] if y in tangents else zeros_like(y.aval) for y in outs)))  # type: ignore[no-any-return]
