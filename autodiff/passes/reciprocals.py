"""Where 1 / x is known, 2 / x and 0.5 / x are multiplications.

The adjoint of a square root divides 0.5 by it, and so does 1 / sqrt(s) itself: one division is enough. Only of square
roots: the root of a positive number, and its reciprocal, are far from both ends of the range of floats, so that halving
or doubling the reciprocal only changes its exponent, and no bit is lost. (Elsewhere 1 / x may be subnormal or infinite
where 0.5 / x or 2 / x is neither.) A root that is 0, infinite or nan gives the same either way.
"""

from __future__ import annotations

from typing import Any

from autodiff.ir.core import Block, Instr, Literal, Operand
from autodiff.ops.arithmetic import div
from autodiff.ops.families import mul
from autodiff.ops.transcendental import sqrt
from autodiff.passes.rewrite import Rewriter, rewrite

EXACT = (0.5, 2.0, -0.5, -1.0, -2.0)


def reciprocals(block: Block) -> Block:
    """The block with one division for each square root that numbers are divided by; itself when that is so."""
    known: dict[Operand, Any] = {}  # what is divided by, and the reciprocal

    def rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
        op: Any = instr.op
        if op is not div or not isinstance(operands[0], Literal):
            return None
        number, x = operands
        if number.value == 1:
            known[x] = instr.results[0]
            return None
        if number.value not in EXACT or x not in known or not _is_root(x, new):
            return None
        return (mul(known[x], number),) if known[x].aval == instr.results[0].aval else None

    return rewrite(block, rule) if sum(map(_divides, block.instrs)) > 1 else block


def _divides(instr: Instr) -> bool:
    op: Any = instr.op
    return op is div and isinstance(instr.operands[0], Literal)


def _is_root(x: Operand, new: Rewriter) -> bool:
    made = new.producers.get(x)
    op: Any = made.op if made is not None else None
    return op is sqrt
