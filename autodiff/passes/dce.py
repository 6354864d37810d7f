"""Drop instructions whose results nobody reads. Sound because instructions are pure."""

from __future__ import annotations

from autodiff.ir.core import Block, Operand


def dce(block: Block) -> Block:
    """The block without dead instructions; parameters stay."""
    live: set[Operand] = set(block.results)
    kept = []
    for instr in reversed(block.instrs):
        if live.intersection(instr.results):
            kept.append(instr)
            live.update(instr.operands)
    return Block(block.params, kept[::-1], block.results)
