"""Between what numbers positions, and numbers of trips, lie: an estimate of how often something runs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from autodiff.ir.core import Instr, Literal, Operand
from autodiff.ops.arithmetic import maximum, minimum, sub
from autodiff.ops.extents import Bounded
from autodiff.ops.families import add
from autodiff.ops.loop import Loop

Range = tuple[float, float]
UNKNOWN = -math.inf, math.inf


class Ranges:
    """Of the numbers of a block and of those within, as far as they have been looked at."""

    def __init__(self) -> None:
        self.found: dict[Operand, Range] = {}

    def of(self, x: Any) -> Range:
        if isinstance(x, Literal):
            number: Any = x.value
            return float(number), float(number)
        return self.found.get(x, UNKNOWN)

    def look_at(self, instr: Instr) -> None:
        """Take an instruction into account that computes a number."""
        op: Any = instr.op
        of = [self.of(o) for o in instr.operands]
        y = instr.results[0]
        if op is add:
            self.found[y] = of[0][0] + of[1][0], of[0][1] + of[1][1]
        elif op is sub:
            self.found[y] = of[0][0] - of[1][1], of[0][1] - of[1][0]
        elif op is maximum or op is minimum:
            better = max if op is maximum else min
            self.found[y] = better(of[0][0], of[1][0]), better(of[0][1], of[1][1])
        elif isinstance(op, Bounded):
            self.found[y] = of[0]

    def enter(self, instr: Instr) -> None:
        """Take into account what the blocks of a loop or branch are given."""
        op: Any = instr.op
        for wire in op.wires(instr):
            pairs: Iterable[tuple[Any, Any]] = zip(wire.block.params, wire.given, strict=True)
            carried = {begun for begun in wire.begun.values() if isinstance(begun, Operand)}
            self.found.update({p: self.of(x) for p, x in pairs if x is not None and x not in carried})
        if isinstance(op, Loop):
            last = self.of(instr.operands[0])[1] - 1
            self.found[instr.params["body"].params[0]] = 0.0, max(0.0, last)

    def trips(self, instr: Instr) -> float:
        """How many trips a loop makes, on average; 0 if that is not known."""
        low, high = self.of(instr.operands[0])
        return max(0.0, (low + high) / 2) if math.isfinite(low + high) else 0.0
