"""A loop that runs as long as a test holds.

    while *carry *consts  { (*carry, *consts) -> (bool) }  { (*carry, *consts) -> (*carry) }  -> *carry

When its adjoint is wanted the loop also counts its trips, and keeps what the adjoint reads on stacks, for nobody
knows how many there will be. The adjoint is a `loop` over as many trips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import LoopStateError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import Builder, building, emitter, inline, literal
from autodiff.ir.core import Block, Instr, Value, Wire
from autodiff.ops.batching import repeated, size_of
from autodiff.ops.families import add, logical_and
from autodiff.ops.hoist import hoisted
from autodiff.ops.loop import adjoint_loop, check_state
from autodiff.ops.op import Arrays
from autodiff.ops.reduction import reduce_any
from autodiff.ops.region import Region, Run, Workers, amend, closure, moving, paths, pushed, taken, zeros
from autodiff.ops.region_batch import batched_body, chosen, in_batch, present, vectorized_in, with_axis
from autodiff.ops.stack import empty_stack
from autodiff.ops.trip import TRIP, Trip
from autodiff.ops.window import INT
from autodiff.records import record

BOOL = ArrayAval((), np.dtype(np.bool_))


@record
class While(Region):
    """`while test(state): state = body(state)`: operands are the carry, and what is the same in every trip."""

    name: str = "while"
    blocks: tuple[str, ...] = ("test", "body")
    takes_complex = True

    def infer(self, *avals: ArrayAval, test: Block, body: Block, carry: int) -> tuple[ArrayAval, ...]:
        check_state(avals, body, 0, carry)
        if [r.aval for r in test.results] != [BOOL]:
            raise LoopStateError(
                f"the test of a loop gives {test.results[0].aval}, not one bool", "use .any() or .all()"
            )
        return avals[:carry]

    def wires(self, instr: Instr) -> list[Wire]:
        begun = dict(zip(instr.results, instr.operands, strict=False))
        test, body = instr.params["test"], instr.params["body"]
        return [
            Wire(test, instr.operands, (None,), {}),
            Wire(body, instr.operands, instr.results, begun),
        ]

    def reads(self, params: Mapping[str, Any]) -> list[set[int]]:
        return closure(paths(params["body"]))[: params["carry"]]

    def evaluate_with(self, run: Run, arrays: list[Any], *, test: Block, body: Block, carry: int) -> Arrays:
        state, consts = taken(arrays, carry)
        while run(test, [*state, *consts])[0]:
            given = [*state, *consts]
            state.clear()
            state += run(body, given)
        return tuple(state)

    # ---- reverse --------------------------------------------------------------------------

    def pull(self, instr: Instr, cts: list[Any], before: list[Any], active: Sequence[bool], ad: Workers) -> list[Any]:
        test, body, n = (instr.params[k] for k in ("test", "body", "carry"))
        state, consts = instr.operands[:n], instr.operands[n:]
        numbered = Block((Value(TRIP, "t"), *body.params), body.instrs, body.results)
        trip = Trip(numbered, n, cts, active, ad)
        start = len(emitter().instrs)  # type: ignore[attr-defined]
        containers = [empty_stack(literal(0, INT), item=v.aval) for v in trip.kept]
        extra = [literal(0, INT), *containers]
        keeping = _counting(trip.keeping([c.aval for c in containers]), n)
        while_loop(_with_state(test, n, [c.aval for c in extra]), keeping, [*state, *extra], consts)
        count, *items = amend(instr, start).results[n:]
        return adjoint_loop(trip, count, cts, before, items, consts, reverse=True)

    # ---- forward --------------------------------------------------------------------------

    def push(self, instr: Instr, tangents: list[Any], ad: Workers) -> list[Any]:
        test, body, n = (instr.params[k] for k in ("test", "body", "carry"))
        operands = instr.operands
        moves = moving(self.reads(instr.params), tangents)
        block = pushed(body, 0, n, moves, [t is not None for t in tangents], ad)
        t_state = [zeros(operands[k].aval, literal(0, INT)) if tangents[k] is None else tangents[k] for k in moves]
        t_consts = [t for t in tangents[n:] if t is not None]
        seen = _with_state(test, n, [t.aval for t in t_state])
        seen = Block((*seen.params, *(Value(t.aval) for t in t_consts)), seen.instrs, seen.results)
        made = while_loop(seen, block, [*operands[:n], *t_state], [*operands[n:], *t_consts])
        found = dict(zip(moves, made[n:], strict=True))
        return [found.get(k) for k in range(n)]

    # ---- batches --------------------------------------------------------------------------

    @property
    def raises(self) -> bool:
        return True  # for a state that no entry has, it may run forever

    def batch_with(
        self, operands: Sequence[Any], batched: Sequence[bool], params: Any, ad: Workers, active: Any
    ) -> Any:
        test, body, n = (params[k] for k in ("test", "body", "carry"))
        part = present(active)
        size = size_of([*operands, *part], (*batched, *(True for _ in part)))
        block, flags = batched_body(body, 0, n, size, batched, ad, part)
        every = [*flags, *batched[n:]]
        with building([*_batched_avals(test, every, size), *(a.aval for a in part)]) as b:
            outs, found = vectorized_in(b, test, every, ad)
            someone = [reduce_any(p, axes=(0,)) for p in b.params[len(every) :]]
            one_test = b.block(outs if found[0] or not someone else [logical_and(*outs, *someone)])
        if not found[0]:  # all of the batch stop together
            state = in_batch(operands[:n], batched[:n], flags, size)
            return while_loop(one_test, block, state, [*operands[n:], *part]), flags
        return self._masked([*operands, *part], batched, size, params, ad), [True] * n

    def _masked(
        self, operands: Sequence[Any], batched: Sequence[bool], size: int, params: Any, ad: Workers
    ) -> list[Any]:
        """Run until all of the batch have stopped; what has stopped stays as it is.

        One more operand than there are flags says who takes part at all.
        """
        n = params["carry"]
        every = [*[True] * n, *batched[n:]]
        state = in_batch(operands[:n], batched[:n], [True] * n, size)
        avals = [*(s.aval for s in state), *(o.aval for o in operands[n:])]

        def going(b: Builder) -> Any:
            (found,), (flag,) = vectorized_in(b, params["test"], every, ad)
            found = found if flag else repeated(found, size)
            part = b.params[len(every) :]
            return logical_and(found, *part) if part else found

        with building(avals) as t:
            test = t.block([reduce_any(going(t), axes=(0,))])
        with building(avals) as b:
            mask = going(b)
            outs, found = ad.vectorized(params["body"], b.params[: len(every)], every, mask)
            body = b.block(chosen(mask, y, flag, s) for y, flag, s in zip(outs, found, b.params[:n], strict=True))
        return while_loop(test, body, state, operands[n:])


while_op = While()


def while_loop(test: Block, body: Block, carry: Sequence[Any], consts: Sequence[Any] = ()) -> list[Any]:
    """Emit a loop that runs while a test holds.

    Parameters
    ----------
    test : (*carry, *consts) -> (bool scalar)
    body : (*carry, *consts) -> (*carry)
    carry, consts : operands

    Returns
    -------
    The carry for which the test did not hold.

    Raises
    ------
    LoopStateError
        When a trip changes the shape or dtype of the carry, or the test is not one bool.
    """
    lift = emitter().lift
    (test, body), consts = hoisted([test, body], len(carry), list(map(lift, consts)))
    operands = (*map(lift, carry), *consts)
    return list(emitter().emit(while_op, operands, {"test": test, "body": body, "carry": len(carry)}))


def _with_state(test: Block, n: int, avals: Sequence[ArrayAval]) -> Block:
    """A test that is given more state, which it does not read."""
    return Block((*test.params[:n], *map(Value, avals), *test.params[n:]), test.instrs, test.results)


def _counting(trip: Block, n: int) -> Block:
    """A body (t, *carry, *containers, *consts) that counts by itself: t is state number n."""
    t, *rest = trip.params
    with building([*(p.aval for p in (*rest[:n], t, *rest[n:]))], [p.hint for p in (*rest[:n], t, *rest[n:])]) as b:
        outs = inline(trip, [b.params[n], *b.params[:n], *b.params[n + 1 :]])
        return b.block([*outs[:n], add(b.params[n], 1), *outs[n:]])


def _batched_avals(block: Block, flags: Sequence[bool], size: int) -> list[ArrayAval]:
    return [with_axis(p.aval, size) if f else p.aval for p, f in zip(block.params, flags, strict=True)]
