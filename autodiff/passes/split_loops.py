"""A loop whose trips branch on where they are is several loops, without the branch.

    for j in range(n):              for j in range(i): f(j)
        if j != i: f(j)             for j in range(i + 1, n): f(j)

That is so where a trip is a branch, and the condition compares the number of the trip with something that is the same
in all trips. Each trip does what it did, in the same order; what nothing happens in is left out. (A loop backwards that
carries nothing but sums may begin with either part; it begins with the first, as the loop does of which it is the
adjoint.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.ir.build import building, inline
from autodiff.ir.core import Block, Instr, Literal, Operand, blocks_of
from autodiff.ops.arithmetic import greater, greater_equal, less, less_equal, maximum, minimum, sub
from autodiff.ops.cond import Cond
from autodiff.ops.families import add, equal, not_equal
from autodiff.ops.loop import Loop
from autodiff.ops.op import applied
from autodiff.passes.rewrite import Rewriter, inside, rewrite
from autodiff.passes.sums import sums

LONGEST = 200  # instructions of a branch that is written twice
TURNED = {less: greater, less_equal: greater_equal, greater: less, greater_equal: less_equal}
Part = tuple[Any, Any, Block]  # the first trip, how many, and what they do


def split_loops(block: Block) -> Block:
    """The block, loops within loops too; itself when no loop is split."""
    block = inside(block, split_loops)
    return rewrite(block, _rule) if any(_branch_of(i) is not None for i in block.instrs) else block


def _rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
    branch = _branch_of(instr)
    if branch is None:
        return None
    limit = dict(zip(instr.params["body"].params[1:], operands[1:], strict=True)).get(branch.limit, branch.limit)
    parts = branch.parts(limit, operands[0])
    if instr.params["reverse"] and not all(sums(instr)):
        parts.reverse()
    n = instr.params["carry"]
    state: Sequence[Any] = operands[1 : 1 + n]
    for first, trips, side in parts:
        body = branch.body(side, first)
        consts = operands[1 + n :] if _is_zero(first) else (*operands[1 + n :], first)
        state = applied(instr.op, (trips, *state, *consts), {**instr.params, "body": body})  # type: ignore[arg-type]
    return tuple(state)


class _Branch:
    """A trip that is a branch: `number op limit` says which side runs."""

    def __init__(self, loop: Instr, op: Any, limit: Any, branch: Instr) -> None:
        self.loop, self.op, self.limit, self.branch = loop, op, limit, branch
        self.then, self.otherwise = branch.params["then"], branch.params["otherwise"]

    def parts(self, limit: Any, trips: Any) -> list[Part]:
        """The loops that take the place of this one, in order of their trips."""
        trips = trips if isinstance(trips, Literal) else maximum(trips, 0)
        end = minimum(maximum(limit, 0), trips)
        after = minimum(maximum(add(minimum(limit, trips), 1), 0), trips)
        if self.op is not_equal or self.op is equal:
            work = self.then if self.op is not_equal else self.otherwise
            return [(0, end, work), (after, sub(trips, after), work)]
        cut = end if self.op is less or self.op is greater_equal else after
        sides = [self.then, self.otherwise]
        low, high = sides if self.op is less or self.op is less_equal else sides[::-1]
        found: list[Part] = [(0, cut, low), (cut, sub(trips, cut), high)]
        return [part for part in found if not self.is_idle(part[2])]

    def body(self, side: Block, first: Any) -> Block:
        """A trip of one of them; the number of its first trip comes last, where that is not 0."""
        own: Block = self.loop.params["body"]
        late = not _is_zero(first)
        avals = [*(p.aval for p in own.params), *([own.params[0].aval] if late else [])]
        with building(avals, [*(p.hint for p in own.params), *(["first"] if late else [])]) as b:
            env: dict[Operand, Any] = dict(zip(own.params, b.params, strict=False))
            if late:
                env[own.params[0]] = add(b.params[0], b.params[-1])
            outs = inline(side, [env.get(o, o) for o in self.branch.operands[1:]])
            env.update(zip(self.branch.results, outs, strict=True))
            return b.block([env.get(r, r) for r in own.results])

    def is_idle(self, side: Block) -> bool:
        """Whether a side leaves everything that the loop carries as it is."""
        own: Block = self.loop.params["body"]
        given = dict(zip(side.params, self.branch.operands[1:], strict=True))
        result = dict(zip(self.branch.results, (given.get(r) for r in side.results), strict=True))
        return not side.instrs and all(result.get(r, r) is p for p, r in zip(own.params[1:], own.results, strict=False))

    def is_worth_it(self) -> bool:
        """Whether nothing that is long has to be written twice."""
        if self.op is not_equal or self.op is equal:
            idle, work = (self.otherwise, self.then) if self.op is not_equal else (self.then, self.otherwise)
            return self.is_idle(idle) and _length(work) <= LONGEST
        return True


def _branch_of(loop: Instr) -> _Branch | None:
    """What the trips of a loop are, if they branch on where they are."""
    op: Any = loop.op
    if not isinstance(op, Loop) or len(loop.params["body"].instrs) != 2:
        return None
    body: Block = loop.params["body"]
    test, branch = body.instrs
    kind: Any = branch.op
    comparison: Any = test.op
    if not isinstance(kind, Cond) or branch.operands[0] is not test.results[0]:
        return None
    if test.results[0] in (*branch.operands[1:], *body.results) or comparison not in (not_equal, equal, *TURNED):
        return None
    found = _compared(test, body)
    if found is None:
        return None
    made = _Branch(loop, *found, branch)
    return made if made.is_worth_it() else None


def _compared(test: Instr, body: Block) -> tuple[Any, Any] | None:
    """How the number of a trip is compared, and with what."""
    number = body.params[0]
    op: Any = test.op
    constants = body.params[1 + len(body.results) :]
    a, b = test.operands
    if b is number:
        a, b, op = b, a, TURNED.get(op, op)
    same = isinstance(b, Literal) or any(b is c for c in constants)
    return (op, b) if a is number and same and b.aval == number.aval else None


def _is_zero(first: Any) -> bool:
    return isinstance(first, int)


def _length(block: Block) -> int:
    return len(block.instrs) + sum(_length(b) for i in block.instrs for b in blocks_of(i))
