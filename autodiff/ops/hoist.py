"""What is the same in every trip of a loop is computed once, before it.

Done when a loop is written down, so that its adjoint knows: the cotangent of `p[0]` is then one number that the
adjoint adds up in a register, and not an array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.ir.build import emitter
from autodiff.ir.core import Block, Instr, Literal, Operand, Value, blocks_of
from autodiff.ops.families import Elementwise, Movement, broadcast
from autodiff.ops.movement import Placement
from autodiff.ops.op import Cast
from autodiff.ops.region import is_cheap


def hoisted(bodies: Sequence[Block], first: int, consts: Sequence[Any]) -> tuple[list[Block], list[Any]]:
    """The blocks of a loop without what is the same in every trip, which is emitted here; and what they now read.

    Parameters
    ----------
    bodies : blocks whose parameters from number `first` on are `consts`
    consts : operands that are the same in every trip

    Returns
    -------
    The blocks, each with one more parameter for everything hoisted, and all constants.
    """
    found = list(consts)
    blocks = list(bodies)
    for k, body in enumerate(bodies):
        chosen = _chosen(body, first)
        if not chosen:
            continue
        env: dict[Operand, Any] = dict(zip(body.params[first:], consts, strict=True))
        made = [_emitted(v, body, env) for v in chosen]
        for j, other in enumerate(blocks):
            extra = tuple(Value(v.aval, v.hint) for v in chosen)
            blocks[j] = _reading(other, dict(zip(chosen, extra, strict=True)) if j == k else {}, extra)
        found += made
    return blocks, found


def _chosen(body: Block, first: int) -> list[Any]:
    """Values that depend on constants alone, and are worth a parameter: those that the rest of the body reads."""
    same: set[Any] = set(body.params[first:])
    candidates: list[Any] = []
    for instr in body.instrs:
        if blocks_of(instr) or not isinstance(instr.op, Elementwise | Movement | Placement | Cast):
            continue  # others may raise, and the loop may make no trip
        if all(o in same or isinstance(o, Literal) for o in instr.operands) and any(o in same for o in instr.operands):
            same.update(instr.results)
            candidates += instr.results
    if not candidates:
        return []
    made = {r: i for i in body.instrs for r in i.results}
    worthy = [v for v in candidates if not v.aval.shape or not is_cheap(made[v]) or _is_part(made[v])]
    needed = _read_by_others(body, same)
    # Of a chain only its end: what is read by nothing but what is hoisted as well needs no parameter.
    inner = {o for v in worthy for o in made[v].operands}
    return [v for v in worthy if v in needed or v not in inner]


def _is_part(instr: Instr) -> bool:
    """Whether it takes a part of an array, or looks at it otherwise: its cotangent is added up as such, not whole."""
    op: Any = instr.op
    return isinstance(op, Movement) and op is not broadcast


def _read_by_others(body: Block, same: set[Operand]) -> set[Operand]:
    read = {o for i in body.instrs if not same.issuperset(i.results) for o in i.operands}
    return read | set(body.results)


def _emitted(value: Any, body: Block, env: dict[Operand, Any]) -> Any:
    """Emit what a value is computed from."""
    made = {r: i for i in body.instrs for r in i.results}
    order: list[Instr] = []
    stack = [value]
    while stack:
        v = stack.pop()
        if v not in env and v in made and made[v] not in order:
            order.append(made[v])
            stack += made[v].operands
    wanted = set(order)
    for instr in body.instrs:
        if instr in wanted:
            outs = emitter().emit(instr.op, tuple([env.get(o, o) for o in instr.operands]), instr.params)
            for old, new in zip(instr.results, outs, strict=True):
                env[old] = new
                new.hint = new.hint or old.hint
    return env[value]


def _reading(block: Block, replaced: dict[Operand, Any], extra: tuple[Value, ...]) -> Block:
    """The block with more parameters, some of which stand for values it computed."""
    instrs = [
        i.reading(tuple([replaced.get(o, o) for o in i.operands])) for i in block.instrs if not _all_in(i, replaced)
    ]
    return Block((*block.params, *extra), instrs, tuple([replaced.get(r, r) for r in block.results]))


def _all_in(instr: Instr, replaced: dict[Operand, Any]) -> bool:
    return all(r in replaced for r in instr.results)
