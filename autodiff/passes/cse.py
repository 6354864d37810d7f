"""Compute equal things once: same op, same operands, same parameters."""

from __future__ import annotations

from typing import Any

from autodiff.ir.build import Builder
from autodiff.ir.core import Block, Instr, Literal
from autodiff.passes.rewrite import rewrite


def cse(block: Block) -> Block:
    """The block with every repeated instruction replaced by its first occurrence."""
    seen: dict[Any, tuple[Any, ...]] = {}

    def rule(instr: Instr, operands: tuple[Any, ...], b: Builder) -> tuple[Any, ...]:
        key = (instr.op, tuple(map(_identity, operands)), tuple(instr.params.items()))
        if key not in seen:
            seen[key] = b.emit(instr.op, operands, instr.params)
            b.instrs[-1].location = instr.location
        return seen[key]

    return rewrite(block, rule)


def _identity(operand: Any) -> Any:
    if isinstance(operand, Literal):
        # repr tells -0.0 from 0.0 and equals itself for nan.
        return repr(operand.value), operand.aval
    return operand
