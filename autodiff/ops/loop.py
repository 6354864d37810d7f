"""A loop with a known number of trips.

    loop trips *carry *consts  { (t, *carry, *consts) -> (*carry) }  -> *carry

`t` is the number of the trip, from 0 on; `reverse` loops begin with the last one. What differs from trip to trip is
read with `window(xs, t)`, what is collected is written with `set_window(ys, y, t)` to a carried array: in place.

The adjoint of a loop is a loop over the same trips, backwards, that carries the cotangents of the state and adds up
those of what is the same in every trip. What each trip keeps for it, if anything, the loop itself writes down
(Griewank and Walther, Evaluating Derivatives, 2008, chapters 3 and 4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import LoopStateError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building, emitter, literal
from autodiff.ir.core import Block, Instr, Wire
from autodiff.ops.batching import resting, size_of
from autodiff.ops.hoist import hoisted
from autodiff.ops.op import Arrays
from autodiff.ops.reduction import reduce_max
from autodiff.ops.region import Region, Run, Workers, amend, closure, moving, paths, pushed, taken, trimmed, zeros
from autodiff.ops.region_batch import batched_body, chosen, in_batch, present
from autodiff.ops.trip import TRIP, Trip, check_memory, container
from autodiff.ops.window import INT
from autodiff.records import record


@record
class Loop(Region):
    """`for t in range(trips)`: operands are the number of trips, the carry, and what is the same in every trip."""

    name: str = "loop"
    blocks: tuple[str, ...] = ("body",)
    takes_complex = True

    def infer(self, *avals: ArrayAval, body: Block, carry: int, reverse: bool) -> tuple[ArrayAval, ...]:
        check_state([TRIP, *avals[1:]], body, 1, carry)
        return avals[1 : 1 + carry]

    def connects(self, position: int) -> bool:
        return position > 0

    def wires(self, instr: Instr) -> list[Wire]:
        begun = dict(zip(instr.results, instr.operands[1:], strict=False))
        return [Wire(instr.params["body"], (None, *instr.operands[1:]), instr.results, begun)]

    def reads(self, params: Mapping[str, Any]) -> list[set[int]]:
        n = params["carry"]
        steps = [{k - 1 for k in found if k} for found in paths(params["body"])]
        return [{k + 1 for k in found} for found in closure(steps)[:n]]

    def evaluate_with(self, run: Run, arrays: list[Any], *, body: Block, carry: int, reverse: bool) -> Arrays:
        trip_numbers = range(int(arrays.pop(0)))
        state, consts = taken(arrays, carry)
        for t in reversed(trip_numbers) if reverse else trip_numbers:
            given = [np.int64(t), *state, *consts]
            state.clear()
            state += run(body, given)
        return tuple(state)

    # ---- reverse --------------------------------------------------------------------------

    def pull(self, instr: Instr, cts: list[Any], before: list[Any], active: Sequence[bool], ad: Workers) -> list[Any]:
        body, n, reverse = instr.params["body"], instr.params["carry"], instr.params["reverse"]
        trips, state, consts = instr.operands[0], instr.operands[1 : 1 + n], instr.operands[1 + n :]
        trip = Trip(body, n, cts, active[1:], ad)
        items: Sequence[Any] = ()
        if trip.kept:
            start = len(emitter().instrs)  # type: ignore[attr-defined]
            check_memory(instr, [v.aval for v in trip.kept], trips)
            containers = [container(v.aval, trips) for v in trip.kept]
            loop(trip.keeping([c.aval for c in containers]), trips, [*state, *containers], consts, reverse=reverse)
            items = amend(instr, start).results[n:]
        return [None, *adjoint_loop(trip, trips, cts, before[1:], items, consts, reverse=not reverse)]

    # ---- forward --------------------------------------------------------------------------

    def push(self, instr: Instr, tangents: list[Any], ad: Workers) -> list[Any]:
        body, n = instr.params["body"], instr.params["carry"]
        trips, *operands = instr.operands
        moves = moving(self.reads(instr.params), tangents)
        block = pushed(body, 1, n, moves, [t is not None for t in tangents[1:]], ad)
        t_state = [zeros(operands[k].aval, trips) if tangents[1 + k] is None else tangents[1 + k] for k in moves]
        consts = [*operands[n:], *(t for t in tangents[1 + n :] if t is not None)]
        made = loop(block, trips, [*operands[:n], *t_state], consts, reverse=instr.params["reverse"])
        found = dict(zip(moves, made[n:], strict=True))
        return [found.get(k) for k in range(n)]

    # ---- batches --------------------------------------------------------------------------

    def batch_with(
        self, operands: Sequence[Any], batched: Sequence[bool], params: Any, ad: Workers, active: Any
    ) -> Any:
        (trips, *given), n, part = operands, params["carry"], present(active)
        if batched[0]:
            given = [trips if active is None else resting(active, trips, True, 0), *given]
            return self._ragged(given, batched, params, ad)
        size = size_of([*given, *part], (*batched[1:], *(True for _ in part)))
        block, flags = batched_body(params["body"], 1, n, size, batched[1:], ad, part)
        state = in_batch(given[:n], batched[1 : 1 + n], flags, size)
        return loop(block, trips, state, [*given[n:], *part], reverse=params["reverse"]), flags

    def _ragged(self, operands: Sequence[Any], batched: Sequence[bool], params: Any, ad: Workers) -> Any:
        """Each of the batch has its own number of trips: all make as many as the longest, and count their own.

        That holds in either direction: trip t is one of those with more than t trips.
        """
        trips, n, size = operands[0], params["carry"], size_of(operands, tuple(batched))
        longest = reduce_max(trips, axes=(0,))
        state = in_batch(operands[1 : 1 + n], batched[1 : 1 + n], [True] * n, size)
        flags = [True] * n + list(batched[1 + n :])
        avals = [TRIP, *(s.aval for s in state), *(o.aval for o in operands[1 + n :]), trips.aval]
        with building(avals, [*(p.hint for p in params["body"].params), "trips"]) as b:
            t, *rest, own = b.params
            going = t < own
            outs, found = ad.vectorized(params["body"], [t, *rest], [False, *flags], going)
            block = b.block(chosen(going, y, flag, s) for y, flag, s in zip(outs, found, rest[:n], strict=True))
        return loop(block, longest, state, [*operands[1 + n :], trips], reverse=params["reverse"]), [True] * n


loop_op = Loop()


def loop(
    body: Block, trips: Any, carry: Sequence[Any], consts: Sequence[Any] = (), *, reverse: bool = False
) -> list[Any]:
    """Emit a loop.

    Parameters
    ----------
    body : (t, *carry, *consts) -> (*carry); t is an int64 number
    trips : how many; a number or an int64 operand, below 0 it counts as 0
    carry, consts : operands

    Returns
    -------
    The carry after the last trip.

    Raises
    ------
    LoopStateError
        When a trip changes the shape or dtype of the carry.
    """
    lift = emitter().lift
    count = literal(max(int(trips), 0), INT) if isinstance(trips, int | np.integer) else lift(trips)
    (body,), consts = hoisted([body], 1 + len(carry), list(map(lift, consts)))
    operands = (count, *map(lift, carry), *consts)
    return list(emitter().emit(loop_op, operands, {"body": body, "carry": len(carry), "reverse": reverse}))


def adjoint_loop(
    trip: Trip,
    trips: Any,
    cts: Sequence[Any],
    before: Sequence[Any],
    items: Sequence[Any],
    consts: Sequence[Any],
    *,
    reverse: bool,
) -> list[Any]:
    """Emit the loop of a trip's adjoint; the cotangents of carry and constants, what came before included.

    `items` hold what the trips kept.
    """
    block = trip.adjoint([c.aval for c in items])
    begun = [zeros(trip.aval(k), trips) if cts[k] is None else cts[k] for k in trip.state]
    begun += [zeros(trip.aval(k), trips) if before[k] is None else before[k] for k in trip.consts]
    (block,), read = trimmed([block], 1 + len(begun), [*items, *consts])
    return trip.by_operand(loop(block, trips, begun, read, reverse=reverse), before)


def check_state(avals: Sequence[ArrayAval], body: Block, first: int, carry: int) -> None:
    """Refuse a body that does not fit what it is given, or what it gives to the next trip."""
    for k, (given, param) in enumerate(zip(avals, body.params, strict=True)):
        if given != param.aval:
            raise LoopStateError(f"a loop is given {given} where its body takes {param.aval} (operand {k})")
    for given, result in zip(avals[first : first + carry], body.results, strict=True):
        if given != result.aval:
            hint = body.params[first + body.results.index(result)].hint
            raise LoopStateError(
                f"the state of a loop changes from {given} to {result.aval}" + (f" ({hint})" if hint else ""),
                "keep shape and dtype from trip to trip: convert before the loop",
            )
