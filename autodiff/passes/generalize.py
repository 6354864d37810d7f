"""Take literals out: a new learning rate must not compile a new kernel.

Floats other than 0, 1, -1, 2 and 0.5 become parameters at the end of the block; those few
stay because kernels are better for knowing them. The literals of a loop's body are given to the loop, as what is
the same in every trip. So is how many trips there are. Sizes are taken out by `ir.signature`.
"""

from __future__ import annotations

from typing import Any

from autodiff.ir.build import copied
from autodiff.ir.core import Block, Instr, Literal, Operand, Value, blocks_of
from autodiff.ops.loop import Loop

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
    found: dict[Literal, Value] = {}
    instrs, results = _taken_out(block, found)
    return Block((*block.params, *found.values()), instrs, results), tuple(found)


def _taken_out(block: Block, found: dict[Literal, Value]) -> tuple[list[Instr], tuple[Any, ...]]:
    """The instructions and results over parameters in place of literals, which are added to `found`."""

    def taken(operand: Any) -> Any:
        if type(operand) is not Literal or is_kept(operand):
            return operand
        return found.get(operand) or found.setdefault(operand, Value(operand.aval, "c"))

    instrs = []
    for instr in block.instrs:
        if blocks_of(instr):
            instr = _opened(instr)
            op: Any = instr.op
            if isinstance(op, Loop) and type(instr.operands[0]) is Literal:
                trips = found.setdefault(instr.operands[0], Value(instr.operands[0].aval, "trips"))
                instr = instr.reading((trips, *instr.operands[1:]))
        operands = tuple([taken(o) for o in instr.operands])
        instrs.append(instr if operands == instr.operands else instr.reading(operands))
    return instrs, tuple([taken(r) for r in block.results])


def _opened(instr: Instr) -> Instr:
    """A loop or branch whose blocks are its own, and take their literals as parameters: all take those of all."""
    parts, found = [], dict[Literal, Value]()
    for key, inner in instr.params.items():
        if type(inner) is Block:
            own = copied(inner, [Value(p.aval, p.hint) for p in inner.params])
            parts.append((key, own, *_taken_out(own, found)))
    params = dict(instr.params)
    for key, own, instrs, results in parts:
        params[key] = _with_params(Block(own.params, instrs, results), found)
    return Instr(instr.op, (*instr.operands, *found), params, instr.results, instr.location)


def _with_params(block: Block, found: dict[Literal, Value]) -> Block:
    """The block with parameters of its own for these values."""
    extra: dict[Operand, Value] = {v: Value(v.aval, v.hint) for v in found.values()}
    instrs = [i.reading(tuple([extra.get(o, o) for o in i.operands])) for i in block.instrs]
    results = tuple([extra.get(r, r) for r in block.results])
    return Block((*block.params, *extra.values()), instrs, results)
