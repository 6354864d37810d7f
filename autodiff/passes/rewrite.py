"""The skeleton that passes share: walk a block once, build a new one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autodiff.ir.build import Builder, building
from autodiff.ir.core import Block, Instr, Literal, Operand, Value

# (instruction, operands in the new block, builder) -> results, or None to keep the instruction
Rule = Callable[[Instr, tuple[Any, ...], Builder], tuple[Any, ...] | None]


def rewrite(block: Block, rule: Rule) -> Block:
    """A new block in which `rule` has had its say on every instruction, in order."""
    with building([p.aval for p in block.params], [p.hint for p in block.params]) as b:
        env: dict[Operand, Any] = dict(zip(block.params, b.params, strict=True))

        def read(operand: Operand) -> Any:
            return operand if isinstance(operand, Literal) else env[operand]

        for instr in block.instrs:
            operands = tuple(map(read, instr.operands))
            results = rule(instr, operands, b)
            if results is None:
                results = b.emit(instr.op, operands, instr.params)
                b.instrs[-1].location = instr.location
            for old, new in zip(instr.results, results, strict=True):
                env[old] = new
                if isinstance(new, Value) and not new.hint:
                    new.hint = old.hint
        return b.block(map(read, block.results))
