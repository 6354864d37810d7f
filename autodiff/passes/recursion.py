"""A function that calls itself, as two loops over the tree of its calls.

A block that is one activation of the function, calls of itself in it as `again`, is taken apart: what it calls
itself with, and what it makes of the answers. The first loop explores: it takes one call after the other in the order
in which they are found, and writes down the arguments of the calls that it makes in turn. The second loop goes back
from the last one to the first, so that what a call asked for is always there. A million nested calls are two loops of a
million trips; no call stack is involved, and their adjoints are those of loops.

It is the evaluation of a tree from its leaves, found breadth first; the arguments of a call must not depend on the
answer to another call of the same activation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from autodiff.ir.build import Builder, building, emitting_to, inline, literal
from autodiff.ir.core import Block, Instr, Operand, blocks_of
from autodiff.ops.arithmetic import less
from autodiff.ops.cond import BOOL, Cond, cond
from autodiff.ops.families import add, equal, select, zeros_like
from autodiff.ops.loop import loop
from autodiff.ops.op import cast
from autodiff.ops.recursion import again_op, apart
from autodiff.ops.region import read_for, transplanted
from autodiff.ops.stack import empty_stack, peek, push
from autodiff.ops.trip import TRIP, split
from autodiff.ops.while_loop import while_loop
from autodiff.passes.state import without_dead_state
from autodiff.records import record


class NotATree(Exception):
    """A recursion that is not of the kind this file is about; the text says why."""


def recursion(body: Block, args: Sequence[Any], consts: Sequence[Any]) -> list[Any]:
    """Emit a call of a function that calls itself.

    Parameters
    ----------
    body : one activation, (*args, *consts) -> (*results); `again` in it takes as many args, and gives as many results
    args, consts : operands; the latter are the same in all calls

    Returns
    -------
    The results.

    Raises
    ------
    NotATree
        When the function calls itself in a loop, without a condition, or with what another call has answered.
    """
    changing = _changing(body, len(args))
    order = [*changing, *(k for k in range(len(body.params)) if k not in changing)]
    operands = [(*args, *consts)[k] for k in order]
    own = Block(tuple(body.params[k] for k in order), body.instrs, body.results)
    activation = Activation(own, changing)
    n = len(changing)
    with building([x.aval for x in operands], [p.hint for p in own.params]) as b:
        tree = _explored(activation, b.params[:n], b.params[n:])
        block = b.block(_answered(activation, tree, b.params[:n], b.params[n:]))
    return apart(block, operands)


# ---- one activation ----------------------------------------------------------------------------------


def _sites(block: Block) -> list[Instr]:
    """The calls in a block, and in the branches of it."""
    found: list[Instr] = []
    for instr in block.instrs:
        inner = [site for b in blocks_of(instr) for site in _sites(b)]
        if inner and not is_branch(instr):
            raise NotATree("it calls itself within a loop")
        found += [instr] if is_call(instr) else inner
    return found


def is_call(instr: Instr) -> bool:
    op: Any = instr.op
    return op is again_op


def is_branch(instr: Instr) -> bool:
    op: Any = instr.op
    return isinstance(op, Cond)


def _branches(block: Block) -> list[Instr]:
    """The branches with calls in them, those that are in another one after it."""
    found: list[Instr] = []
    for instr in block.instrs:
        if is_branch(instr) and any(map(_sites, blocks_of(instr))):
            found += [instr, *(inner for b in blocks_of(instr) for inner in _branches(b))]
    return found


def _changing(body: Block, n: int) -> list[int]:
    """The arguments that not every call hands on as they are."""
    found: set[int] = set()

    def look(block: Block, known: dict[Operand, int]) -> None:
        for instr in block.instrs:
            if is_call(instr):
                found.update(k for k, o in enumerate(instr.operands) if known.get(o) != k)
            for inner in blocks_of(instr):
                given = zip(inner.params, instr.operands[1:], strict=False)
                look(inner, {p: known[o] for p, o in given if o in known})

    look(body, {p: k for k, p in enumerate(body.params[:n])})
    return sorted(found)


@record
class Opened:
    """A block whose calls are parameters, and what is to be known of it.

    `facts` are, for each call in it, whether it is made and its arguments; for each branch whether its first side is
    taken, False where the branch is not reached.
    """

    builder: Builder
    results: list[Any]
    facts: dict[Instr, list[Any]]

    def block(self, more: Iterable[Any] = ()) -> Block:
        return self.builder.block([*self.results, *more])


class Activation:
    """One activation of a function, taken apart.

    Attributes
    ----------
    args : the avals of its arguments
    answers : the avals of its results
    calls : (*args, *consts) -> for each call in it whether it is made and its args, then each decision
    combine : (*args, *consts, *decisions, *answers) -> (*results)
    """

    def __init__(self, body: Block, changing: Sequence[int]) -> None:
        self.args = [p.aval for p in body.params[: len(changing)]]
        self.answers = [r.aval for r in body.results]
        self._changing = changing
        self.sites, self.branches = _sites(body), _branches(body)
        if any(site in body.instrs for site in self.sites):
            raise NotATree("it calls itself whatever the values are")
        self._extra = [*[BOOL] * len(self.branches), *self.answers * len(self.sites)]
        self.calls = self._calls(body)
        self.combine = without_dead_state(self._opened(body, decided=True).block())

    def _calls(self, body: Block) -> Block:
        opened = self._opened(body, decided=False)
        facts = [x for instr in (*self.sites, *self.branches) for x in opened.facts[instr]]
        found = without_dead_state(opened.builder.block(facts))
        n = len(body.params)
        if not read_for(found, found.results).isdisjoint(found.params[n:]):
            raise NotATree("what it calls itself with depends on the answer to another call")
        return Block(found.params[:n], found.instrs, found.results)

    def _opened(self, block: Block, decided: bool) -> Opened:
        """The block with decisions and answers as more parameters; `decided`: it branches by these."""
        hints = [*(p.hint for p in block.params), *("" for _ in self._extra)]
        with building([*(p.aval for p in block.params), *self._extra], hints) as b:
            given = b.params[len(block.params) :]
            env: dict[Operand, Any] = dict(zip(block.params, b.params, strict=False))
            facts: dict[Instr, list[Any]] = {}
            for instr in block.instrs:
                operands = [env.get(o, o) for o in instr.operands]
                if is_call(instr):
                    facts[instr] = [literal(True), *(operands[k] for k in self._changing)]
                    made = self._of_site(instr, given)
                elif instr in self.branches:
                    pred = given[self.branches.index(instr)] if decided else operands[0]
                    facts[instr] = [pred]
                    made = self._branch(instr, [pred, *operands[1:], *given], decided, facts)
                else:
                    transplanted([instr], env)
                    continue
                env.update(zip(instr.results, made, strict=True))
        return Opened(b, [env.get(r, r) for r in block.results], facts)

    def _of_site(self, site: Instr, given: Sequence[Any]) -> Sequence[Any]:
        m = len(self.answers)
        at = len(self.branches) + self.sites.index(site) * m
        return given[at : at + m]

    def _branch(
        self, instr: Instr, operands: Sequence[Any], decided: bool, facts: dict[Instr, list[Any]]
    ) -> Sequence[Any]:
        """Emit a branch that also says what its sides call; its results."""
        sides = [self._opened(block, decided) for block in blocks_of(instr)]
        known = [(key, side) for side in sides for key in side.facts]
        blocks = []
        for side in sides:
            with emitting_to(side.builder):
                said = [x for k, s in known for x in (s.facts[k] if s is side else _nothing(s, k))]
            blocks.append(side.block(said))
        then, otherwise = blocks
        made = iter(cond(operands[0], then, otherwise, operands[1:]))
        results = [next(made) for _ in instr.results]
        facts.update((key, [next(made) for _ in side.facts[key]]) for key, side in known)
        return results


def _nothing(side: Opened, key: Instr) -> list[Any]:
    """The facts of a call that is not reached."""
    return [zeros_like(x.aval) for x in side.facts[key]]


# ---- the tree of calls -------------------------------------------------------------------------------


@record
class Tree:
    """All calls, by their number; the first one has number 0.

    Attributes
    ----------
    count : how many there are
    args : a stack for each argument; its item 0 has no meaning, for the first call has arguments of its own
    first : a stack of the numbers of the first call that each one makes; the others that it makes follow
    facts : a stack for each site in the activation, of whether the call is made, and for each decision
    """

    count: Any
    args: Sequence[Any]
    first: Any
    facts: Sequence[Any]


def _own(number: Any, args: Sequence[Any], stacks: Sequence[Any]) -> list[Any]:
    """The arguments of one call, those of the first one being `args`."""
    is_first = equal(number, 0)
    return [select(is_first, x, peek(s, number)) for x, s in zip(args, stacks, strict=True)]


def _explored(activation: Activation, args: Sequence[Any], consts: Sequence[Any]) -> Tree:
    """Emit the loop that finds all calls."""
    n, sites = len(args), len(activation.sites)
    flags: Sequence[Any] = [empty_stack(0, item=BOOL) for _ in range(sites + len(activation.branches))]
    stacks: Sequence[Any] = [empty_stack(0, item=aval) for aval in activation.args]
    carry = [literal(0), literal(1), *stacks, empty_stack(0, item=TRIP), *flags]
    avals = [x.aval for x in (*carry, *args, *consts)]
    with building(avals) as b:
        test = b.block([less(b.params[0], b.params[1])])
    with building(avals) as b:
        number, count, *rest = b.params
        stacks, first, flags, given = split(rest, n, 1, len(flags))
        stacks = [push(s, zeros_like(aval), 0) for s, aval in zip(stacks, activation.args, strict=True)]
        facts = inline(activation.calls, [*_own(number, given[:n], stacks), *given[n:]])
        first = [push(s, count, number) for s in first]
        made = []
        for k in range(sites):
            is_made, *values = facts[k * (n + 1) : (k + 1) * (n + 1)]
            made.append(is_made)
            place = select(is_made, count, 0)  # item 0 is nobody's
            stacks = [push(s, x, place) for s, x in zip(stacks, values, strict=True)]
            count = add(count, cast(is_made, dtype=TRIP.dtype))
        flags = [push(s, x, number) for s, x in zip(flags, [*made, *facts[sites * (n + 1) :]], strict=True)]
        body = b.block([add(number, 1), count, *stacks, *first, *flags])
    _, count, *outs = while_loop(test, body, carry, [*args, *consts])
    return Tree(count, outs[:n], outs[n], outs[n + 1 :])


def _answered(activation: Activation, tree: Tree, args: Sequence[Any], consts: Sequence[Any]) -> list[Any]:
    """Emit the loop that answers all calls, the last one first; the answer to the first one."""
    n, sites, m = len(args), len(activation.sites), len(activation.answers)
    # The last trip is that of the first call: what it answers is what the loop ends with.
    carry = [*map(zeros_like, activation.answers), *(empty_stack(tree.count, item=a) for a in activation.answers)]
    read = [*args, *tree.args, tree.first, *tree.facts, *consts]
    with building([TRIP, *(x.aval for x in (*carry, *read))]) as b:
        number = b.params[0]
        _, answers, first, stacks, firsts, facts, same = split(b.params[1:], m, m, n, n, 1, len(tree.facts))
        at = peek(firsts[0], number)
        flags = [peek(s, number) for s in facts]
        found = []
        for is_made in flags[:sites]:
            place = select(is_made, at, number)  # its own is not there yet: what is read is read by nobody
            found += [peek(s, place) for s in answers]
            at = add(at, cast(is_made, dtype=TRIP.dtype))
        own = _own(number, first, stacks)
        values = inline(activation.combine, [*own, *same, *flags[sites:], *found])
        body = b.block([*values, *(push(s, x, number) for s, x in zip(answers, values, strict=True))])
    return loop(body, tree.count, carry, read, reverse=True)[:m]
