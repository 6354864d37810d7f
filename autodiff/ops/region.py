"""Ops that run blocks: what loops and branches have in common.

A structured op holds its blocks as parameters and is handed the workers it needs (`run`, `Workers`), so what
a loop is and what its derivative is stand in one file. Blocks are closed: what a body reads from outside is
an operand of the op.

The adjoint of a loop reads what the loop computed, one trip after the other, backwards. `partition` decides
value by value what each trip keeps for it: what follows from the number of the trip and from what is the same
in all trips costs nothing; of the rest either the value is kept, or what it can be cheaply computed from again,
whichever takes less memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from autodiff.errors import InternalError
from autodiff.ir.aval import ArrayAval, StackAval, is_differentiable
from autodiff.ir.build import building, emitter, inline
from autodiff.ir.core import Block, Instr, Literal, Operand, Wire
from autodiff.ops.extents import Checked
from autodiff.ops.families import Elementwise, Movement, zeros_like
from autodiff.ops.movement import Placement
from autodiff.ops.op import Arrays, Cast, Op
from autodiff.ops.stack import Peek, empty_stack
from autodiff.ops.window import Read
from autodiff.records import record

Run = Callable[[Block, list[Any]], Arrays]  # runs a block


@record
class Workers:
    """What a structured op is handed by the transforms."""

    pullback: Callable[..., list[Any]]  # (instrs, seeds, sources, totals) -> cotangents
    pushforward: Callable[..., dict[Operand, Any]]  # (instrs, tangents) -> tangents
    vectorized: Callable[..., tuple[list[Any], list[bool]]]  # (block, args, batched, active) -> results, flags


class Region(Op):
    """An op with blocks. `blocks` names the parameters that hold them."""

    blocks: tuple[str, ...] = ()

    def wires(self, instr: Instr) -> list[Wire]:
        """How each block is connected."""
        raise NotImplementedError

    def reads(self, params: dict[str, Any]) -> list[set[int]]:
        """For each result: the operands from which a differentiable path leads to it."""
        raise NotImplementedError

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        raise InternalError(f"{self.name} is run by `evaluate_with`")

    def evaluate_with(self, run: Run, arrays: list[Any], **params: Any) -> Arrays:
        """The results.

        `arrays` are the operands. Who is handed a list of values here, `run` as well, empties it before anything is
        computed: what nobody else holds may then be written over.
        """
        raise NotImplementedError

    def pull(self, instr: Instr, cts: list[Any], before: list[Any], active: Sequence[bool], ad: Workers) -> list[Any]:
        """Cotangents of the operands, to which those in `before` have been added."""
        raise NotImplementedError

    def push(self, instr: Instr, tangents: list[Any], ad: Workers) -> list[Any]:
        """Tangents of the results, None where zero."""
        raise NotImplementedError

    def batch_with(
        self, operands: Sequence[Any], batched: Sequence[bool], params: Any, ad: Workers, active: Any
    ) -> Any:
        """(results, which of them have the batch axis in front).

        `active`, unless it is None, holds a bool for each of the batch: whether it takes part.
        """
        raise NotImplementedError


def taken(arrays: list[Any], carry: int) -> tuple[list[Any], list[Any]]:
    """State and constants of a loop, out of a list that has nothing more then."""
    state, consts = arrays[:carry], arrays[carry:]
    arrays.clear()
    return state, consts


# ---- paths through a block ---------------------------------------------------------------------------


def paths(block: Block) -> list[set[int]]:
    """For each result of a block: the parameters from which a differentiable path leads to it."""
    found: dict[Operand, set[int]] = {p: {k} for k, p in enumerate(block.params) if is_differentiable(p.aval.dtype)}
    for instr in block.instrs:
        for result, positions in zip(instr.results, connections(instr), strict=True):
            if is_differentiable(result.aval.dtype):
                sources = [found[o] for k, o in enumerate(instr.operands) if k in positions and o in found]
                if sources:
                    found[result] = set().union(*sources)
    return [found.get(r, set()) for r in block.results]


def connections(instr: Instr) -> list[set[int]]:
    """For each result of an instruction: the operands that a derivative path connects it with."""
    op: Any = instr.op
    if isinstance(op, Region):
        return op.reads(dict(instr.params))
    all_of_them = {k for k in range(len(instr.operands)) if op.connects(k)}
    return [all_of_them] * len(instr.results)


def closure(steps: Sequence[set[int]]) -> list[set[int]]:
    """For each carry: what reaches it in any number of trips, given what reaches it in one.

    Carries come first among the numbers; a carry that is never changed is reached by itself.
    """
    n = len(steps)
    found = [{k} | step for k, step in enumerate(steps)]
    changed = True
    while changed:
        changed = False
        for reached in found:
            size = len(reached)
            for k in [k for k in reached if k < n]:
                reached |= found[k]
            changed = changed or len(reached) > size
    return found


# ---- what a trip keeps -------------------------------------------------------------------------------


@record
class Partition:
    """What one trip keeps for the adjoint, and what the adjoint computes again."""

    kept: list[Operand]
    again: list[Instr]


def partition(
    forward: Sequence[Instr], needed: Iterable[Operand], given: set[Operand], state: set[Operand], exact: set[Operand]
) -> Partition:
    """Choose what to keep so that the adjoint has the `needed` values.

    Parameters
    ----------
    forward : the instructions of one trip
    needed : what the adjoint reads of it
    given : values that cost nothing: the trip's number, what is the same in every trip
    state : the values the trip began with; they can only be kept
    exact : values that the adjoint compares for equality: computed again, a value may differ in its last bit (a
        product and a sum may be one operation there), and the largest element would be none of those looked at
    """
    made = {r: i for i in forward for r in i.results}
    kept: dict[Operand, None] = {}
    available = set(given)
    roots: dict[Operand, frozenset[Operand]] = {}

    def roots_of(value: Operand) -> frozenset[Operand]:
        """What must be kept for `value` to be computed again."""
        if value in given or isinstance(value, Literal):
            return frozenset()
        if value not in roots:
            instr = made.get(value)
            again = instr is not None and value not in exact and (is_cheap(instr) or isinstance(value.aval, StackAval))
            if instr is not None and _is_peek(instr) and instr.operands[0] not in given:
                again = False  # what is read of a stack that changes is kept, not the stack
            parts = [roots_of(o) for o in instr.operands] if again and instr is not None else []
            roots[value] = frozenset().union(*parts) if again else frozenset((value,))
        return roots[value]

    order = {r: k for k, i in enumerate(forward) for r in i.results}
    for value in sorted(dict.fromkeys(needed), key=lambda v: order.get(v, -1)):
        if value in available or isinstance(value, Literal) or (value not in made and value not in state):
            continue
        missing = [r for r in roots_of(value) if r not in kept]
        if not isinstance(value.aval, StackAval) and _bytes([value]) < _bytes(missing):
            missing = [value]
        kept.update(dict.fromkeys(missing))
    return Partition(list(kept), _recomputed(forward, made, needed, set(kept) | given))


def _is_peek(instr: Instr) -> bool:
    op: Any = instr.op
    return isinstance(op, Peek)


def _recomputed(
    forward: Sequence[Instr], made: dict[Any, Instr], needed: Iterable[Operand], have: set[Operand]
) -> list[Instr]:
    wanted: set[Instr] = set()
    waiting = [v for v in needed if v not in have]
    while waiting:
        value = waiting.pop()
        instr = made.get(value)
        if instr is None or instr in wanted:
            continue
        wanted.add(instr)
        waiting += [o for o in instr.operands if o not in have]
    return [i for i in forward if i in wanted]


def _bytes(values: Iterable[Operand]) -> int:
    return sum(v.aval.size * v.aval.dtype.itemsize for v in values)


def is_cheap(instr: Instr) -> bool:
    """Whether computing this again costs about what reading it from memory would.

    A comparison of floats is not, for it may turn out otherwise: a branch is taken by the decision that was kept.
    """
    op: Any = instr.op
    if instr.results[0].aval.dtype.kind == "b" and any(o.aval.dtype.kind == "f" for o in instr.operands):
        return False
    if isinstance(op, Elementwise):
        return op.is_cheap
    return isinstance(op, Movement | Placement | Cast | Read | Checked | Peek)


def live(instrs: Sequence[Instr], results: Iterable[Operand]) -> list[Instr]:
    """The instructions that the results need."""
    wanted = set(results)
    kept = []
    for instr in reversed(instrs):
        if not wanted.isdisjoint(instr.results):
            kept.append(instr)
            wanted.update(instr.operands)
    return kept[::-1]


def trimmed(blocks: Sequence[Block], first: int, operands: Sequence[Any]) -> tuple[list[Block], list[Any]]:
    """The blocks without parameters that none of them reads, and what is left to pass for the others.

    Parameters from number `first` on are `operands`. What an adjoint does not read is not kept for it.
    """
    read = [read_for(block, block.results) for block in blocks]
    used = [k for k in range(len(operands)) if any(b.params[first + k] in r for b, r in zip(blocks, read, strict=True))]
    if len(used) == len(operands):
        return list(blocks), list(operands)
    params = [(*b.params[:first], *(b.params[first + k] for k in used)) for b in blocks]
    left = [Block(p, live(b.instrs, b.results), b.results) for p, b in zip(params, blocks, strict=True)]
    return left, [operands[k] for k in used]


def read_for(block: Block, results: Iterable[Any]) -> set[Operand]:
    """What a block reads for these results, parameters and the results themselves among it."""
    found = {r for r in results if not isinstance(r, Literal)}
    for instr in reversed(block.instrs):
        if not found.isdisjoint(instr.results):
            found.update(instr.operands)
    return found


def transplanted(instrs: Iterable[Instr], env: dict[Operand, Any]) -> None:
    """Emit instructions again, over what `env` says; what they compute is added to it."""
    target = emitter()
    for instr in instrs:
        made = target.emit(instr.op, tuple([env.get(o, o) for o in instr.operands]), instr.params)
        for old, new in zip(instr.results, made, strict=True):
            new.hint = new.hint or old.hint
            env[old] = new


# ---- instructions that are amended -------------------------------------------------------------------


def amend(old: Instr, start: int) -> Instr:
    """Put what was emitted from `start` on in the place of `old`; its last instruction computes all that `old` did.

    A loop whose adjoint is wanted keeps what the adjoint reads: it is the same loop, with more results. Where the
    adjoint is written apart from what it is the adjoint of, the loop runs there once more.
    """
    instrs: list[Instr] = emitter().instrs  # type: ignore[attr-defined]
    place = next((k for k in range(start - 1, -1, -1) if instrs[k] is old), None)
    if place is None:
        return instrs[-1]
    *before, last = instrs[start:]
    del instrs[start:]
    made = Instr(last.op, last.operands, last.params, (*old.results, *last.results[len(old.results) :]), old.location)
    instrs[place : place + 1] = [*before, made]
    return made


def zeros(aval: ArrayAval, trips: Any) -> Any:
    """A cotangent that nothing has been added to yet."""
    return empty_stack(trips, item=aval.item) if isinstance(aval, StackAval) else zeros_like(aval)


# ---- blocks that run once, or not at all -------------------------------------------------------------


def pulled_once(
    blocks: Sequence[Block],
    operands: Sequence[Any],
    cts: Sequence[Any],
    before: Sequence[Any],
    wanted: Sequence[int],
    ad: Workers,
) -> tuple[list[Block], list[Any]]:
    """The adjoints of blocks (*operands) -> (*results), which compute again what they need; and what they read.

    `cts` and `before` are those of results and operands, None where there is none; `wanted` numbers the operands
    whose cotangents the adjoints give.
    """
    given = [k for k, ct in enumerate(cts) if ct is not None]
    totals = [k for k in wanted if before[k] is not None]
    extra = [*(cts[k] for k in given), *(before[k] for k in totals)]
    n, m = len(operands), len(operands) + len(given)

    def adjoint(block: Block) -> Block:
        hints = [*(p.hint for p in block.params), *("" for _ in extra)]
        with building([x.aval for x in (*operands, *extra)], hints) as b:
            outs = inline(block, b.params[:n])
            seeds = [(outs[k], ct) for k, ct in zip(given, b.params[n:m], strict=True)]
            sources = [b.params[k] for k in wanted]
            begun = {b.params[k]: total for k, total in zip(totals, b.params[m:], strict=True)}
            seeds = [(y, ct) for y, ct in seeds if not isinstance(y, Literal)]
            found = ad.pullback(list(b.instrs), seeds, sources, begun)
            return b.block(zeros_like(s.aval) if ct is None else ct for ct, s in zip(found, sources, strict=True))

    return trimmed(list(map(adjoint, blocks)), 0, [*operands, *extra])


def pushed_once(
    blocks: Sequence[Block], operands: Sequence[Any], tangents: Sequence[Any], moves: Sequence[int], ad: Workers
) -> tuple[list[Block], list[Any]]:
    """The tangents of blocks (*operands) -> (*results), of those results that have one; and what they read."""
    given = [k for k, t in enumerate(tangents) if t is not None]
    read = [*operands, *(tangents[k] for k in given)]

    def tangent(block: Block) -> Block:
        with building([x.aval for x in read]) as b:
            outs = inline(block, b.params[: len(operands)])
            t_in = {b.params[k]: t for k, t in zip(given, b.params[len(operands) :], strict=True)}
            found = ad.pushforward(list(b.instrs), t_in)
            return b.block(found[outs[k]] if outs[k] in found else zeros_like(outs[k].aval) for k in moves)

    return list(map(tangent, blocks)), read


# ---- tangents of a body ------------------------------------------------------------------


def moving(reads: Sequence[set[int]], tangents: Sequence[Any]) -> list[int]:
    """The results that have a tangent."""
    given = {k for k, t in enumerate(tangents) if t is not None}
    return [k for k, found in enumerate(reads) if not found.isdisjoint(given)]


def pushed(body: Block, lead: int, n: int, moves: Sequence[int], given: Sequence[bool], ad: Workers) -> Block:
    """The body with tangents: (*lead, *carry, *t_carry, *consts, *t_consts) -> (*carry, *t_carry).

    `moves` are the carries with a tangent; `given` says it of carry (at the start) and constants.
    """
    own = body.params
    first, state, consts = own[:lead], own[lead : lead + n], own[lead + n :]
    t_state = [state[k] for k in moves]
    t_consts = [c for c, flag in zip(consts, given[n:], strict=True) if flag]
    order = [*first, *state, *t_state, *consts, *t_consts]
    moved = {len(first) + n + k for k in range(len(t_state))} | set(range(len(order) - len(t_consts), len(order)))
    hints = [f"t_{p.hint}" if k in moved and p.hint else p.hint for k, p in enumerate(order)]
    with building([p.aval for p in order], hints) as b:
        at = lead + n + len(t_state)
        args = [*b.params[: lead + n], *b.params[at : at + len(consts)]]
        outs = inline(body, args)
        state_in = [b.params[lead + k] for k in moves]
        consts_in = [a for a, flag in zip(args[lead + n :], given[n:], strict=True) if flag]
        t_in = [*b.params[lead + n : at], *b.params[at + len(consts) :]]
        found = ad.pushforward(list(b.instrs), dict(zip([*state_in, *consts_in], t_in, strict=True)))
        ts = [found[outs[k]] if outs[k] in found else zeros_like(state[k].aval) for k in moves]
        return b.block([*outs, *ts])
