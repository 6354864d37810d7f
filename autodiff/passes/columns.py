"""Arrays of few columns that nested loops go through element by element are kept transposed meanwhile.

Positions in space are arrays of three columns, and an innermost loop goes along the rows: what it reads, or adds to, in
one column then lies three numbers apart, and vectors of it are put together one by one. Transposed, columns are
contiguous. That takes going over the array once before the outer loop and once after it, where the inner loop goes over
it in each trip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ir.core import Block, Instr, Literal, Operand, blocks_of
from autodiff.ops.extents import Bounded
from autodiff.ops.families import Elementwise
from autodiff.ops.loop import Loop
from autodiff.ops.movement import transpose
from autodiff.ops.op import applied
from autodiff.ops.window import Read, Written
from autodiff.passes.one_place import OnePlace
from autodiff.passes.ranges import Ranges
from autodiff.passes.rewrite import Rewriter, inside, rewrite
from autodiff.passes.sums import sums

MOST = 8  # columns
OFTEN = 4  # how often the inner loop must go over all rows, about


def columns(block: Block) -> Block:
    """The block, arrays of few columns transposed where nested loops go along their rows."""
    if not any(blocks_of(instr) for instr in block.instrs):
        return block

    def rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
        op: Any = instr.op
        return _Nested(instr).emitted(operands) if isinstance(op, Loop) else None

    return inside(rewrite(block, rule), columns)


class _Nested:
    """A loop with loops inside, and which of its arrays are transposed."""

    def __init__(self, instr: Instr) -> None:
        self.instr = instr
        self.places = OnePlace()
        self.others: set[Operand] = set()  # arrays of which something else is asked than elements of known columns
        self.along: set[Operand] = set()  # arrays whose rows an inner loop goes along, several times
        self.ranges = Ranges()
        self._look(instr, 1.0, 0)
        refused = set(map(self.places.root, self.others))
        self.chosen = {self.places.root(x) for x in self.along} - refused

    def emitted(self, operands: Sequence[Any]) -> tuple[Any, ...] | None:
        """Emit the loop over transposed arrays; its results. None if there are no such arrays."""
        if not self.chosen:
            return None
        given = [_turned(o) if self._is_chosen(x) else o for o, x in zip(operands, self.instr.operands, strict=True)]
        found = self._region(self.instr, given)
        return tuple(
            _turned_back(y) if self._is_chosen(r) else y for y, r in zip(found, self.instr.results, strict=True)
        )

    # ---- which -------------------------------------------------------------------------------

    def _look(self, instr: Instr, trips: float, depth: int) -> None:
        """`trips` is how often the instruction runs, about; `depth`, within how many loops."""
        op: Any = instr.op
        self.places.enter(instr)
        self.ranges.enter(instr)
        number = None
        if isinstance(op, Loop):
            trips *= self.ranges.trips(instr)
            number = instr.params["body"].params[0] if depth and _has_vectors(instr) else None
        for block in blocks_of(instr):
            self._look_inside(block, number, trips, depth + isinstance(op, Loop))

    def _look_inside(self, block: Block, number: Operand | None, trips: float, depth: int) -> None:
        """`number` is that of the trip, where the block is a loop within another."""
        numbers = {number}
        for instr in block.instrs:
            op: Any = instr.op
            if blocks_of(instr):
                self._look(instr, trips, depth)
            elif isinstance(op, Read | Written):
                self._look_at_window(instr, numbers, trips)
            else:
                self.others.update(instr.operands, instr.results)
                self.ranges.look_at(instr)
                if isinstance(op, Bounded | Elementwise) and not numbers.isdisjoint(instr.operands):
                    numbers.update(instr.results)

    def _look_at_window(self, instr: Instr, numbers: set[Operand | None], trips: float) -> None:
        op: Any = instr.op
        x, starts = instr.operands[0], instr.operands[op.whole :]
        if isinstance(op, Written):
            self.places.join(instr.results[0], x)
            self.others.add(instr.operands[1])
        else:
            self.others.update(instr.results)
        *rows, count = x.aval.shape
        whole = len(starts) == x.aval.ndim > 1 and not any(instr.params["kept"])
        if not (whole and isinstance(starts[-1], Literal) and count <= MOST):
            self.others.add(x)
        elif trips >= OFTEN * math.prod(rows) and not numbers.isdisjoint(starts[:-1]):
            self.along.add(x)

    def _is_chosen(self, x: Operand) -> bool:
        return self.places.root(x) in self.chosen

    # ---- writing -----------------------------------------------------------------------------

    def _region(self, instr: Instr, operands: Sequence[Any]) -> tuple[Any, ...]:
        op: Any = instr.op
        params = {k: self._block(v) if type(v) is Block else v for k, v in instr.params.items()}
        return tuple(applied(op, operands, params))

    def _block(self, block: Block) -> Block:
        avals = [_turned_aval(p) if self._is_chosen(p) else p.aval for p in block.params]
        with building(avals, [p.hint for p in block.params]) as b:
            env: dict[Operand, Any] = dict(zip(block.params, b.params, strict=True))
            for instr in block.instrs:
                start = len(b.instrs)
                outs = self._instr(instr, [env.get(o, o) for o in instr.operands])
                for made in b.instrs[start:]:
                    made.location = instr.location
                for old, new in zip(instr.results, outs, strict=True):
                    new.hint = new.hint or old.hint
                    env[old] = new
            return b.block([env.get(r, r) for r in block.results])

    def _instr(self, instr: Instr, operands: Sequence[Any]) -> tuple[Any, ...]:
        if blocks_of(instr):
            return self._region(instr, operands)
        op: Any = instr.op
        if isinstance(op, Read | Written) and self._is_chosen(instr.operands[0]):
            *starts, column = operands[op.whole :]
            operands = (*operands[: op.whole], column, *starts)
        return tuple(applied(op, operands, instr.params))


def _has_vectors(loop: Instr) -> bool:
    """Whether the trips of a loop may run side by side: what numbers it carries are sums."""
    return all(flag or r.aval.shape for flag, r in zip(sums(loop), loop.results, strict=True))


def _turned(x: Any) -> Any:
    last = x.aval.ndim - 1
    return transpose(x, perm=(last, *range(last)))


def _turned_back(x: Any) -> Any:
    return transpose(x, perm=(*range(1, x.aval.ndim), 0))


def _turned_aval(x: Any) -> Any:
    *rows, last = x.aval.shape
    return ArrayAval((last, *rows), x.aval.dtype)
