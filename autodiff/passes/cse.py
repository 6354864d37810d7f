"""Compute equal things once: same op, same operands, same parameters."""

from __future__ import annotations

from typing import Any

from autodiff.ir.aval import StackAval
from autodiff.ir.core import Block, Instr, Literal
from autodiff.passes.rewrite import Rewriter, rewrite


def cse(block: Block) -> Block:
    """The block with every repeated instruction replaced by its first occurrence."""
    seen: dict[Any, tuple[Any, ...]] = {}

    def rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
        if type(instr.results[0].aval) is StackAval:  # is changed where it lies: each has memory of its own
            return None
        read = tuple([_identity(o) if type(o) is Literal else o for o in operands])
        key = (instr.op, read, *instr.params.items()) if instr.params else (instr.op, read)
        first = seen.setdefault(key, instr.results)
        return None if first is instr.results else first

    return rewrite(block, rule)


def _identity(literal: Literal) -> Any:
    # repr tells -0.0 from 0.0 and equals itself for nan.
    return repr(literal.value), literal.aval
