"""The signature of a block: its canonical text, with sizes taken out.

Two blocks with one signature run on one kernel. Every size above `SMALL` becomes a name
(`n0`, `n1`, ... in order of first appearance) whose value is passed at run time, so a new
batch size compiles nothing. Equal sizes share a name: lowering may then rely on equal
names being equal sizes. Sizes up to `SMALL` stay in, because a kernel is written for them
(a dimension of 1 broadcasts, a loop of 3 unrolls).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autodiff.ir.aval import ArrayAval, short_dtype
from autodiff.ir.core import Block, Instr, Literal, Operand
from autodiff.ir.pretty import format_literal, format_param

SMALL = 8


@dataclass(slots=True)
class Sizes:
    """Names of the sizes of one block, in order of first appearance."""

    names: dict[int, str] = field(default_factory=dict)

    def name(self, size: int) -> str:
        """The text of a size: its name, or its digits when it is small."""
        if -SMALL <= size <= SMALL:
            return str(size)
        return self.names.setdefault(size, f"n{len(self.names)}")

    def param(self, value: Any) -> str:
        """The text of a static parameter that holds sizes."""
        if isinstance(value, tuple):
            return f"({','.join(map(self.param, value))})"
        return self.name(value) if type(value) is int else repr(value)

    def aval(self, aval: ArrayAval) -> str:
        return f"{short_dtype(aval.dtype)}[{','.join(map(self.name, aval.shape))}]"

    @property
    def values(self) -> tuple[int, ...]:
        return tuple(self.names)


@dataclass(frozen=True, slots=True)
class Signature:
    """`text` is the key; `sizes` are the values the kernel needs at run time."""

    text: str
    sizes: Sizes


def signature(block: Block) -> Signature:
    """The canonical text of a block and the sizes taken out of it."""
    sizes, numbers = Sizes(), {}

    def read(operand: Operand) -> str:
        if isinstance(operand, Literal):
            return format_literal(operand)
        return numbers[operand]

    def define(value: Operand) -> str:
        numbers[value] = f"%{len(numbers)}"
        return f"{numbers[value]}:{sizes.aval(value.aval)}"

    lines = [" ".join(map(define, block.params))]
    for instr in block.instrs:
        operands = " ".join(map(read, instr.operands))
        results = " ".join(map(define, instr.results))
        lines.append(f"{results}={instr.op.name}{_params(instr, sizes)} {operands}")
    lines.append("return " + " ".join(map(read, block.results)))
    return Signature("\n".join(lines), sizes)


def _params(instr: Instr, sizes: Sizes) -> str:
    return "".join(
        f"[{k}={sizes.param(v) if k in instr.op.size_params else format_param(v)}]" for k, v in instr.params.items()
    )
