"""What a loop carries that no trip looks at: sums, and arrays or stacks that each trip writes its own item to.

The trips of a loop that carries nothing else may run in any order.
"""

from __future__ import annotations

from typing import Any

from autodiff.ir.core import Block, Instr, Operand, Value
from autodiff.ops.arithmetic import sub
from autodiff.ops.cond import Cond
from autodiff.ops.families import add
from autodiff.ops.loop import Loop
from autodiff.ops.stack import Peek, Push
from autodiff.ops.trip import AT
from autodiff.ops.window import AddWindow, Read, SetWindow

Readers = dict[Operand, list[Instr | None]]  # of each value; None for a result of the block


def sums(loop: Instr) -> list[bool]:
    """Of each thing that a loop carries: whether trips only add to it."""
    body, n = loop.params["body"], loop.params["carry"]
    readers = _readers(body)
    pairs = zip(body.params[1 : 1 + n], body.results, strict=True)
    return [_is_added_to(p, r, readers) for p, r in pairs]


def collected(loop: Instr) -> dict[int, Operand]:
    """The carried arrays and stacks to which each trip writes one item, at its own number; and the item."""
    body, n = loop.params["body"], loop.params["carry"]
    readers, found = _readers(body), {}
    for k, (param, result) in enumerate(zip(body.params[1 : 1 + n], body.results, strict=True)):
        (instr, *others) = readers.get(param, [None])
        if instr is not None and not others and instr.results[0] is result and readers[result] == [None]:
            item = _written(instr, param, body.params[0])
            if item is not None:
                found[k] = item
    return found


def own_reads(body: Block, param: Operand) -> list[Instr] | None:
    """The instructions that read a trip's own item of an array or stack; None if more is read of it."""
    found = _readers(body).get(param, [])
    own = [i for i in found if i is not None and _reads_own(i, body.params[0])]
    return own if len(own) == len(found) else None


def _written(instr: Instr, to: Operand, number: Operand) -> Operand | None:
    op: Any = instr.op
    if isinstance(op, Push) or (isinstance(op, SetWindow) and instr.params == AT):
        array, item, at = instr.operands
        return item if array is to and at is number else None
    return None


def _reads_own(instr: Instr, number: Operand) -> bool:
    op: Any = instr.op
    return (isinstance(op, Peek) or (isinstance(op, Read) and instr.params == AT)) and instr.operands[1] is number


def _readers(block: Block) -> Readers:
    found: Readers = {}
    for instr in block.instrs:
        for o in instr.operands:
            found.setdefault(o, []).append(instr)
    for r in block.results:
        found.setdefault(r, []).append(None)
    return found


def _is_added_to(value: Any, result: Operand, readers: Readers) -> bool:
    """Whether a result is a value and terms, none of the sums on the way read by anyone else."""
    while True:
        found = readers.get(value, [])
        if len(found) != 1:
            return False
        (instr,) = found
        if instr is None:
            return value is result
        value = _sum_of(instr, value)
        if value is None:
            return False


def _sum_of(instr: Instr, value: Any) -> Value | None:
    """The result of an instruction that only adds to `value`, which it reads once; None if it does something else."""
    op: Any = instr.op
    at = next(k for k, o in enumerate(instr.operands) if o is value)
    if op is add or ((op is sub or isinstance(op, AddWindow)) and at == 0):
        (total,) = instr.results
        return total if total.aval == value.aval else None
    if isinstance(op, Loop) and 1 <= at <= instr.params["carry"]:
        found: Value = instr.results[at - 1]
        return found if sums(instr)[at - 1] else None
    return _sum_of_branch(instr, at) if isinstance(op, Cond) and at else None


def _sum_of_branch(instr: Instr, at: int) -> Value | None:
    """The same of a branch, both of whose sides add to it, or leave it."""
    sides = [instr.params["then"], instr.params["otherwise"]]
    for k, found in enumerate(instr.results):
        result: Value = found
        if all(_is_added_to(side.params[at - 1], side.results[k], _readers(side)) for side in sides):
            return result
    return None
