"""Take literals out: a new learning rate must not compile a new kernel.

Floats other than 0, 1, -1, 2 and 0.5 become parameters at the end of the block; those few
stay because kernels are better for knowing them. Sizes are taken out by `ir.signature`.
"""

from __future__ import annotations

from typing import Any

from autodiff.ir.core import Block, Literal, Operand, Value

KEPT = frozenset((0.0, 1.0, -1.0, 2.0, 0.5))


def is_kept(literal: Literal) -> bool:
    """Whether a literal stays in the program: not a float, special, or not finite."""
    value = literal.value
    return not isinstance(value, float) or value in KEPT or value - value != 0.0


def generalize(block: Block) -> tuple[Block, tuple[Literal, ...]]:
    """The block with its literals as trailing parameters, and what to pass for them.

    One literal of the user's program is one parameter, however often the adjoint reads it; equal
    literals written twice are two, for they may differ the next time.
    """
    fresh: dict[Operand, Value] = {}

    def taken(operand: Any) -> Any:
        if type(operand) is not Literal or is_kept(operand):
            return operand
        return fresh.get(operand) or fresh.setdefault(operand, Value(operand.aval, "c"))

    instrs = []
    for instr in block.instrs:
        operands = tuple([taken(o) for o in instr.operands])
        instrs.append(instr if operands == instr.operands else instr.reading(operands))
    results = tuple([taken(r) for r in block.results])
    literals: Any = tuple(fresh)
    return Block((*block.params, *fresh.values()), instrs, results), literals
