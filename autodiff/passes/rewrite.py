"""The skeleton that passes share: walk a block once, and write another one.

Most instructions stay as they are in most passes. Those are not written again: the two blocks share
them, and the values they define. An instruction that reads something else than before is a new one,
but still defines the same values, for a rule never changes what a value is, only how it is computed.
So a pass costs what its rule costs. Blocks that share instructions are sound because instructions are
never changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autodiff.errors import InternalError
from autodiff.ir.build import Builder, emitting_to, in_plain_values
from autodiff.ir.core import Block, Instr, Operand, Value, blocks_of


class Rewriter(Builder):
    """The new block as far as it is written; `producers` are its instructions, by result."""

    def __init__(self, params: tuple[Value, ...]) -> None:
        super().__init__()
        self.params = params
        self.producers: dict[Any, Instr] = {}

    def keep(self, instr: Instr) -> None:
        """Write an instruction."""
        self.instrs.append(instr)
        for result in instr.results:
            self.producers[result] = instr


# (instruction, operands in the new block, the new block) -> results, or None to keep the instruction
Rule = Callable[[Instr, tuple[Any, ...], Rewriter], tuple[Any, ...] | None]


def rewrite(block: Block, rule: Rule) -> Block:
    """A block in which `rule` has had its say on every instruction, in order."""
    block = in_plain_values(block)
    new = Rewriter(block.params)
    replaced: dict[Operand, Any] = {}  # what is computed otherwise in the new block
    with emitting_to(new):
        for instr in block.instrs:
            operands = instr.operands
            if replaced:
                for o in operands:
                    if o in replaced:
                        operands = tuple([replaced.get(o, o) for o in operands])
                        break
            start = len(new.instrs)
            results = rule(instr, operands, new)
            if results is None:
                new.keep(instr if operands is instr.operands else instr.reading(operands))
                continue
            for made in new.instrs[start:]:
                made.location = instr.location
            for before, after in zip(instr.results, results, strict=True):
                _replace(before, after, replaced)
        return new.block([replaced.get(r, r) for r in block.results])


def inside(block: Block, changed: Callable[[Block], Block]) -> Block:
    """The block with the blocks of its loops and branches changed; itself where none is."""
    if not any(blocks_of(instr) for instr in block.instrs):
        return block
    instrs = [_with_blocks(i, changed) for i in block.instrs]
    same = all(a is b for a, b in zip(instrs, block.instrs, strict=True))
    return block if same else Block(block.params, instrs, block.results)


def _with_blocks(instr: Instr, changed: Callable[[Block], Block]) -> Instr:
    if not blocks_of(instr):
        return instr
    params = {k: changed(v) if isinstance(v, Block) else v for k, v in instr.params.items()}
    if all(params[k] is v for k, v in instr.params.items()):
        return instr
    return Instr(instr.op, instr.operands, params, instr.results, instr.location)


def _replace(before: Any, after: Any, replaced: dict[Operand, Any]) -> None:
    if after is before:
        return
    if after.aval != before.aval:
        raise InternalError(f"a pass replaced a value {before.aval} by one {after.aval}")
    replaced[before] = after
    if isinstance(after, Value) and not after.hint:
        after.hint = before.hint
