"""Two arrays one after the other, as the sum of two padded ones.

Written like this a concatenation, and so a roll, is part of the loops that read it, instead of an
array that is put together first. The padding is -0.0, so every bit stays: x + -0.0 is x.
"""

from __future__ import annotations

from typing import Any

from autodiff.ir.core import Block, Instr
from autodiff.ops.families import add
from autodiff.ops.movement import concatenate, part
from autodiff.passes.rewrite import Rewriter, rewrite


def seams(block: Block) -> Block:
    """The block without concatenations of two arrays; itself when it has none."""
    return rewrite(block, _rule) if any(map(_joins_two, block.instrs)) else block


def _joins_two(instr: Instr) -> bool:
    op: Any = instr.op
    return op is concatenate and len(instr.operands) == 2 and instr.results[0].aval.dtype.kind in "fiu"


def _rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
    if not _joins_two(instr):
        return None
    (a, b), axis = operands, instr.params["axis"]
    none = (0,) * a.aval.ndim

    def width(x: Any) -> tuple[int, ...]:
        return tuple(n if k == axis else 0 for k, n in enumerate(x.aval.shape))

    return (add(part(a, low=none, high=width(b), interior=none), part(b, low=width(a), high=none, interior=none)),)
