"""Replace composite ops by what their kernels are made of (after differentiation)."""

from __future__ import annotations

from typing import Any

from autodiff.ir.build import Builder
from autodiff.ir.core import Block, Instr
from autodiff.ops.op import Composite
from autodiff.passes.rewrite import rewrite


def expand(block: Block) -> Block:
    """The block without `Composite` ops."""

    def rule(instr: Instr, operands: tuple[Any, ...], b: Builder) -> tuple[Any, ...] | None:
        if not isinstance(instr.op, Composite):
            return None
        return (instr.op.expand(*operands, **instr.params),)

    return rewrite(block, rule)
