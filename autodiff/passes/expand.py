"""Replace composite ops by what their kernels are made of (after differentiation)."""

from __future__ import annotations

from typing import Any

from autodiff.ir.core import Block, Instr
from autodiff.ops.op import Composite
from autodiff.passes.rewrite import Rewriter, rewrite


def expand(block: Block) -> Block:
    """The block without `Composite` ops; itself when it has none."""
    if not any(isinstance(instr.op, Composite) for instr in block.instrs):
        return block
    return rewrite(block, _expanded)


def _expanded(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
    return (instr.op.expand(*operands, **instr.params),) if isinstance(instr.op, Composite) else None
