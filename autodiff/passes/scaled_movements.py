"""A scaled array that is then shifted is shifted, and then scaled: it need not be written down in between.

The adjoint of a stencil reads one scaled cotangent at many places. Scaling what is read there is the same, bit for bit,
where the scale is a number; zeros that are padded stay zeros where it is known to be positive and finite.
"""

from __future__ import annotations

import math
from typing import Any

from autodiff.ir.core import Block, Instr, Literal, Value
from autodiff.ops.families import mul
from autodiff.ops.movement import Pad, flip, roll, slice_
from autodiff.ops.op import applied
from autodiff.passes.rewrite import Rewriter, rewrite


def scaled_movements(block: Block) -> Block:
    """The block with scales by numbers after slices, flips, rolls and paddings."""
    return rewrite(block, _rule)


def _rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
    op: Any = instr.op
    moves = op is slice_ or op is flip or op is roll
    if not (moves or isinstance(op, Pad)) or not isinstance(operands[0], Value):
        return None
    made = new.producers.get(operands[0])
    scaling: Any = None if made is None else made.op
    if made is None or scaling is not mul:
        return None
    for x, scale in (made.operands, made.operands[::-1]):
        if not scale.aval.shape and (moves or _keeps_zeros(scale)) and x.aval == operands[0].aval:
            (moved,) = applied(op, (x,), instr.params)
            return (mul(moved, scale),)
    return None


def _keeps_zeros(scale: Any) -> bool:
    known = scale.value if isinstance(scale, Literal) else None
    return isinstance(known, float) and known > 0 and math.isfinite(known)
