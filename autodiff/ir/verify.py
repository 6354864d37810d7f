"""Check that a block keeps the invariants listed at the head of `ir.core`."""

from __future__ import annotations

from autodiff.errors import InternalError
from autodiff.ir.core import Block, Instr, Literal, Value, blocks_of


def verify(block: Block) -> Block:
    """Return `block` if it is closed, single-assignment and typed; raise otherwise.

    Raises
    ------
    InternalError
        Naming the instruction and the invariant it breaks.
    """
    defined: set[Value] = set()
    for param in block.params:
        _define(param, defined, "parameter")
    for instr in block.instrs:
        _check_operands(instr, defined)
        _check_types(instr)
        for inner in blocks_of(instr):
            verify(inner)
        for result in instr.results:
            _define(result, defined, instr.op.name)
    for result in block.results:
        if not isinstance(result, Literal) and result not in defined:
            raise InternalError("block is not closed: a result is not defined in it")
    return block


def _define(value: Value, defined: set[Value], where: str) -> None:
    if value in defined:
        raise InternalError(f"value assigned twice ({where})")
    defined.add(value)


def _check_operands(instr: Instr, defined: set[Value]) -> None:
    for operand in instr.operands:
        if not isinstance(operand, Literal) and operand not in defined:
            raise InternalError(f"block is not closed: {instr.op.name} reads a value from outside")


def _check_types(instr: Instr) -> None:
    expected = instr.op.infer(*(o.aval for o in instr.operands), **instr.params)
    found = tuple(r.aval for r in instr.results)
    if expected != found:
        raise InternalError(f"{instr.op.name}: results are {found}, its shape rule says {expected}")
