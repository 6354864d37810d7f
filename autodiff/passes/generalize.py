"""Take literals out: a new learning rate must not compile a new kernel.

Floats other than 0, 1, -1, 2 and 0.5 become parameters at the end of the block; those few
stay because kernels are better for knowing them. Sizes are taken out by `ir.signature`.
"""

from __future__ import annotations

from typing import Any

from autodiff.ir.build import Builder, building
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
    found = [o for instr in block.instrs for o in instr.operands] + list(block.results)
    taken = {id(o): o for o in found if isinstance(o, Literal) and not is_kept(o)}
    avals = [*(p.aval for p in block.params), *(t.aval for t in taken.values())]
    hints = [*(p.hint for p in block.params), *("c" for _ in taken)]
    with building(avals, hints) as b:
        fresh = dict(zip(taken, b.params[len(block.params) :], strict=True))
        return _replaced(block, b, fresh), tuple(taken.values())


def _replaced(block: Block, b: Builder, fresh: dict[int, Value]) -> Block:
    env: dict[Operand, Value] = dict(zip(block.params, b.params, strict=False))

    def read(operand: Operand) -> Any:
        if isinstance(operand, Literal):
            return fresh.get(id(operand), operand)
        return env[operand]

    for instr in block.instrs:
        results = b.emit(instr.op, tuple([read(o) for o in instr.operands]), instr.params)
        for old, new in zip(instr.results, results, strict=True):
            env[old] = new
            new.hint = old.hint
    return b.block([read(r) for r in block.results])
