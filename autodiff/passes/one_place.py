"""Which arrays of loops and branches lie in one place: what is carried, what is passed in, what is written to."""

from __future__ import annotations

from typing import Any

from autodiff.ir.core import Instr, Literal, Operand


class OnePlace:
    """Classes of values; `root` says of which one a value is."""

    def __init__(self) -> None:
        self._same: dict[Operand, Operand] = {}  # each with another one of its class

    def join(self, a: Any, b: Any) -> None:
        """Two values are in one place; numbers of the text, and what is not there, are in none."""
        if a is None or b is None or isinstance(a, Literal) or isinstance(b, Literal):
            return
        a, b = self.root(a), self.root(b)
        if a is not b:
            self._same[a] = b

    def root(self, x: Operand) -> Operand:
        """One value of a class, the same for all in it."""
        while x in self._same:
            x = self._same[x]
        return x

    def enter(self, instr: Instr) -> None:
        """Join what a loop or branch is given, and results in, with what is inside its blocks."""
        op: Any = instr.op
        for wire in op.wires(instr):
            for result, begun in wire.begun.items():
                self.join(result, begun)
            for param, given in zip(wire.block.params, wire.given, strict=True):
                self.join(param, given)
            for inner, outer in zip(wire.block.results, wire.results, strict=True):
                self.join(inner, outer)
