"""Long loops in bounded memory: what a loop keeps for its adjoint, for a part of its trips at a time.

A loop of T trips becomes a loop over segments, each of which keeps the state that it began with and is run again when
the adjoint comes to it; segments are divided again. With k levels of T**(1/k) trips each, k T**(1/k) states are kept,
and every trip is computed k times before its adjoint (Griewank, Achieving logarithmic growth of temporal and spatial
complexity in reverse automatic differentiation, 1992: with equal parts instead of binomial ones; Chen, Xu, Zhang and
Guestrin, Training deep nets with sublinear memory cost, 2016).
"""

from __future__ import annotations

import math
from typing import Any

from autodiff.ir.build import building, inline, literal
from autodiff.ir.core import Block, Instr, Literal, blocks_of
from autodiff.ops.arithmetic import floordiv, less, minimum, sub
from autodiff.ops.checkpoint import checkpoint
from autodiff.ops.families import add, logical_and, mul
from autodiff.ops.loop import Loop, loop
from autodiff.ops.trip import TRIP
from autodiff.ops.while_loop import While, while_loop
from autodiff.ops.window import INT
from autodiff.passes.rewrite import Rewriter, rewrite

MANY = 90  # states that "auto" keeps at most, where more would not fit
FREE = 32 << 20  # bytes: a loop that keeps no more than this is left as it is
UNKNOWN = 1024  # trips of a segment of a loop of unknown length

How = int | str | None


def checkpointed(block: Block, how: How) -> Block:
    """The block, its loops in segments.

    Parameters
    ----------
    how : "auto"; or how many states are kept at once, at most; None: the block as it is
    """
    if how is None or not any(blocks_of(i) for i in block.instrs):
        return block

    def rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
        op: Any = instr.op
        if isinstance(op, Loop):
            return _segmented_loop(instr, operands, how)
        return _segmented_while(instr, operands, how) if isinstance(op, While) else None

    return rewrite(block, rule)


def lengths(trips: int, state: int, how: int | str) -> list[int]:
    """Trips of each level, outermost first; one level is a plain loop.

    Parameters
    ----------
    trips : how many there are
    state : bytes of the state
    how : "auto" or a number of states
    """
    if how == "auto" and (trips * state <= FREE or trips <= MANY):
        return [trips]
    if trips < 2:
        return [trips]
    most = MANY if how == "auto" else int(how)
    kept = [k * math.ceil(round(trips ** (1 / k), 9)) for k in range(1, 32)]
    return _divided(trips, next((k for k, states in enumerate(kept, 1) if states <= most), 1 + kept.index(min(kept))))


def _divided(trips: int, k: int) -> list[int]:
    found = []
    for level in range(k, 0, -1):
        each = math.ceil(round(trips ** (1 / level), 9))
        found.append(each)
        trips = math.ceil(trips / each)
    return found


def _bytes(operands: tuple[Any, ...]) -> int:
    return sum(o.aval.size * o.aval.dtype.itemsize for o in operands)


# ---- loops with a known number of trips --------------------------------------------------------------


def _segmented_loop(instr: Instr, operands: tuple[Any, ...], how: int | str) -> tuple[Any, ...] | None:
    body, n, reverse = (instr.params[k] for k in ("body", "carry", "reverse"))
    trips, state = operands[0], operands[1 : 1 + n]
    if not isinstance(trips, Literal):
        parts = [UNKNOWN]
    else:
        count: Any = trips.value
        parts = lengths(int(count), _bytes(state), how)[1:]
    if not parts:
        return None
    inner = checkpointed(body, how)
    return tuple(_levels(inner, trips, literal(0, INT), list(state), list(operands[1 + n :]), parts, reverse))


def _levels(
    body: Block, trips: Any, first: Any, state: list[Any], consts: list[Any], parts: list[int], reverse: bool
) -> list[Any]:
    """Trips `first` to `first + trips` of a loop, in segments of so many trips, each divided further."""
    n = len(state)
    if not parts:
        return loop(_shifted(body, n), trips, state, [*consts, first], reverse=reverse)
    length = math.prod(parts)

    def segment(t: Any, state: list[Any], consts: list[Any], first: Any, last: Any) -> list[Any]:
        """Segment t, checkpointed."""
        avals = [TRIP, TRIP, *(s.aval for s in state), *(c.aval for c in consts)]
        begin = add(mul(t, length), first)
        count = minimum(sub(last, begin), length)
        with building(avals) as b:
            begin_, count_, *rest = b.params
            block = b.block(_levels(body, count_, begin_, list(rest[:n]), list(rest[n:]), parts[1:], reverse))
        return checkpoint(block, [begin, count, *state, *consts])

    last = add(first, trips)
    with building([TRIP, *(s.aval for s in state), *(c.aval for c in consts), TRIP, TRIP]) as b:
        t, *rest, first_, last_ = b.params
        outer = b.block(segment(t, list(rest[:n]), list(rest[n:]), first_, last_))
    segments = floordiv(add(trips, length - 1), length)
    if isinstance(trips, Literal):
        whole: Any = trips.value
        segments = literal(-(-int(whole) // length), INT)
    return loop(outer, segments, state, [*consts, first, last], reverse=reverse)


def _shifted(body: Block, n: int) -> Block:
    """The body of trips that are counted from another one on: (t, *carry, *consts, first)."""
    with building([*(p.aval for p in body.params), TRIP], [*(p.hint for p in body.params), "first"]) as b:
        t, *rest, first = b.params
        return b.block(inline(body, [add(t, first), *rest]))


# ---- loops of unknown length -------------------------------------------------------------------------


def _segmented_while(instr: Instr, operands: tuple[Any, ...], how: int | str) -> tuple[Any, ...]:
    """An outer loop over segments, each a loop that stops after so many trips at the latest."""
    test, body, n = (instr.params[k] for k in ("test", "body", "carry"))
    body = checkpointed(body, how)
    length = UNKNOWN if how == "auto" else max(int(how), 2)
    state, consts = operands[:n], operands[n:]
    avals = [s.aval for s in state]
    others = [c.aval for c in consts]
    with building([*avals, TRIP, *others]) as t:
        going = inline(test, [*t.params[:n], *t.params[n + 1 :]])[0]
        inner_test = t.block([logical_and(going, less(t.params[n], length))])
    with building([*avals, TRIP, *others]) as b:
        outs = inline(body, [*b.params[:n], *b.params[n + 1 :]])
        inner_body = b.block([*outs, add(b.params[n], 1)])
    with building([*avals, *others]) as s:
        made = while_loop(inner_test, inner_body, [*s.params[:n], literal(0, INT)], s.params[n:])
        segment = s.block(made[:n])
    with building([*avals, *others]) as o:
        outer = o.block(checkpoint(segment, o.params))
    return tuple(while_loop(test, outer, state, consts))
