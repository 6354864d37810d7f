"""`for`: run by Python, or its body traced once and emitted as `loop`.

Python runs a loop when nothing traced is in reach of it, when it is short (`control_size`) or asked to be unrolled, and
when what it runs over is not made of numbers. Any other loop becomes a region. If that fails (a list is indexed with
the number of the trip), one trip is run by Python and the rest tried again; then all are unrolled. A long loop in
which a shape or a dtype goes on changing is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autodiff.frontends.control_body import INT_AVAL, Body, LoopRegion, changing_and_constant
from autodiff.frontends.control_branch import branch
from autodiff.frontends.control_carry import Retyped, State
from autodiff.frontends.control_depth import within_loop
from autodiff.frontends.control_facts import Loop
from autodiff.frontends.control_lists import Collected, Recorder, extend
from autodiff.frontends.control_logic import going
from autodiff.frontends.control_notes import (
    NoRegion,
    check_obstacles,
    decided,
    reason,
    state_error,
    warn_unrolled,
)
from autodiff.frontends.control_region import (
    RegionBuilder,
    closed,
    resumed,
    tracing,
)
from autodiff.frontends.control_size import OPERATIONS, too_large
from autodiff.frontends.control_state import Grown, Variable, cells_of
from autodiff.frontends.control_trips import SHORT, Trips, Unrolled, trips_of
from autodiff.frontends.tracer import Tracer
from autodiff.ir.build import building, emitter
from autodiff.ir.core import Block, Value
from autodiff.ops.families import logical_and, logical_not
from autodiff.ops.loop import loop as emit_loop
from autodiff.ops.while_loop import while_loop as emit_while

UNROLL = "; if it is meant, `for k in ad.unrolled(range(n))` makes every trip a part of the program"
UNROLL_LIMIT = 2000  # trips of a loop that cannot be a region; more are an error


def for_(iterable: Any, body: Body, facts: tuple[Any, ...]) -> None:
    """A `for` of rewritten code."""
    facts_ = Loop.of(facts)
    if not tracing():
        _python(iter(iterable), body, facts_)
        return
    trips = None if isinstance(iterable, Unrolled) else trips_of(iterable)
    if trips is None:
        asked = isinstance(iterable, Unrolled)
        kind = "unrolled" if asked else "python"
        decided(kind, "for", "asked for by ad.unrolled" if asked else f"it runs over a {type(iterable).__name__}")
        _python(iter(iterable), body, facts_)
    elif isinstance(trips.count, int) and trips.count <= SHORT:
        _short(trips, body, facts_)
    else:
        ForRegion(trips, body, facts_).run()


def _short(trips: Trips, body: Body, facts: Loop) -> None:
    large = too_large(trips, body, facts)
    if large:
        ForRegion(trips, body, facts).run(f"; {large}")
    else:
        few = f"{SHORT} or fewer of up to {OPERATIONS} operations together are unrolled"
        decided("unrolled", "for", f"it has {trips.count} trips, {few}")
        _python(iter(trips), body, facts)


def _python(items: Iterator[Any], body: Body, facts: Loop) -> None:
    """Run the trips as Python does; after a traced `break` the others are branches."""
    cells = cells_of(body)
    flags = [Variable(f, cells[f]) for f in facts.flags if f in cells]
    with within_loop():
        for item in items:
            left = going(*[f.get() for f in flags]) if flags else True
            if isinstance(left, Tracer):
                one_trip(left, body, item, facts)
                continue
            if not left:
                break
            body(item)
            if flags and going(*[f.get() for f in flags]) is False:
                break


def one_trip(left: Tracer, body: Body, item: Any, facts: Loop) -> None:
    """A trip that is done unless the loop was left before."""
    out = tuple(dict.fromkeys((*facts.carried, *facts.out)))

    def trip() -> None:
        body(item)

    branch(left, trip, None, body, facts.assigned, out)


class ForRegion(LoopRegion):
    what = "for"

    def __init__(self, trips: Trips, body: Body, facts: Loop) -> None:
        super().__init__([body], body, facts, *trips.arrays())
        self._trips = trips
        self._known = isinstance(trips.count, int)
        self._collected: list[Collected] = []

    def run(self, why: str = "") -> None:
        """Emit the loop, or run it by Python. `why` it was not unrolled."""
        traced = self._surroundings.traced or not self._known or bool(self._trips.arrays() and self._is_traced())
        first = 0
        if not traced:
            first = self._untraced()
            if first == self._trips.count:
                decided("python", "for", "nothing traced takes part in it")
                return
        self._emit_or_unroll(first, why)

    def _is_traced(self) -> bool:
        return any(not isinstance(a, np.ndarray) for a in self._trips.arrays())

    def _untraced(self) -> int:
        """Run trips by Python for as long as nothing is recorded; how many."""
        before = len(self._outer.instrs)
        for k in range(self._trips.count):
            if len(self._outer.instrs) != before:
                self._look()
                return k
            if not self._trip(k):
                return int(self._trips.count)
        return int(self._trips.count)

    def _trip(self, k: int) -> bool:
        """One trip, by Python; whether the loop goes on."""
        flags = [self._slot(f) for f in self._facts.flags if f in self._cells]
        left = going(*[f.get() for f in flags])
        if isinstance(left, Tracer):
            one_trip(left, self._body, self._trips.at(k), self._facts)
            return True
        if left:
            with within_loop():
                self._body(self._trips.at(k))
        return going(*[f.get() for f in flags]) is not False

    def _emit_or_unroll(self, first: int, why: str) -> None:
        check_obstacles(self._facts.obstacles, "`for`")
        try:
            self._emit(first)
            decided("region", "for", self._once(first) + why)
            return
        except NoRegion as failure:
            cause = failure.cause
        if not self._known:
            raise state_error(cause, "`for`") from cause
        if not self._trip(first):
            return
        self._look()
        try:
            self._emit(first + 1)
            alone = f"; the first one is traced by itself: {reason(cause)}"
            decided("region", "for", self._once(first + 1) + alone + why)
        except NoRegion as failure:
            self._refuse(cause, failure.cause)
            self._unroll(first + 1, cause)

    def _refuse(self, first: Exception, cause: Exception) -> None:
        """Refuse a long loop whose state goes on changing its type after the first trip: few mean it, and it is slow.

        Raises
        ------
        LoopStateError
        """
        if isinstance(cause, Retyped) and self._trips.count > SHORT:
            told = first if isinstance(first, Retyped) and first.label == cause.label else cause
            raise state_error(told, "`for`", UNROLL) from told

    def _once(self, first: int) -> str:
        return f"{self._trips.count - first} trips, traced once" if self._known else "the number of trips is traced"

    def _unroll(self, first: int, cause: Exception) -> None:
        if self._trips.count > UNROLL_LIMIT:
            raise state_error(cause, "`for`") from cause
        decided("unrolled", "for", reason(cause))
        if self._trips.count > SHORT:
            warn_unrolled(self._trips.count, reason(cause))
        for k in range(first, self._trips.count):
            if not self._trip(k):
                break

    # ---- the region -----------------------------------------------------------------------

    def _emit(self, first: int) -> None:
        self._prepare()
        state, made = self._settled(self._known, lambda s: self._attempt(s, first))
        self._conclude(state, *made, first)

    def _attempt(self, state: State, first: int) -> tuple[Any, bool]:
        def trip(builder: RegionBuilder, t: Tracer) -> bool | None:
            recorders = self._record(builder)
            self._body(self._trips.at(t + first if first else t))
            self._collected = [c for r in recorders for c in r.stack(t, self._trips.count - first)]
            return None if self._new_slots(state) else state.finish(builder)

        builder, (t,), settled = self._trace(state, trip, "t")
        return (None, False) if settled is None else ((builder, t), settled)

    def _record(self, builder: RegionBuilder) -> list[Recorder]:
        """Put recorders in place of the lists that are appended to."""
        found = []
        for name in self._facts.appended if self._known else ():
            slot = self._slot(name) if name in self._cells else None
            target = None if slot is None else slot.get()
            if slot is not None and type(target) is list and id(target) not in self._surroundings.shared:
                found.append(Recorder(name, target, builder))
                slot.set(found[-1])
        return found

    def _conclude(self, state: State, builder: RegionBuilder, t: Tracer, first: int) -> None:
        changing, constant = changing_and_constant(state)
        flags = [k for k, x in enumerate(changing) if x.label in self._facts.flags]
        collected = self._collected
        if flags and collected:
            raise NoRegion(Grown("a list"))
        own = [t, *(x.param for x in changing), *(p for c in collected for p in c.params), *(x.param for x in constant)]
        results: list[Any] = [*(x.result for x in changing), *(r for c in collected for r in c.results)]
        count = self._trips.count - first if first else self._trips.count
        if flags:
            with resumed(builder):
                results = [builder.lift(t + 1), *results]
        (body,), captured = closed([(builder, own, results)])
        init = [*(x.init() for x in changing), *(y for c in collected for y in c.init())]
        consts = [*(x.init() for x in constant), *captured]
        if not flags:
            outs = emit_loop(body, count, init, consts)
        else:
            count = emitter().lift(np.int64(count) if isinstance(count, int) else count)
            test, body = _counting(body, [1 + k for k in flags])
            outs = emit_while(test, body, [np.int64(0), *init], [*consts, count])[1:]
        state.conclude(dict(zip(changing, outs, strict=False)))
        if collected:
            extend(collected, outs[len(changing) :], count)


def _counting(body: Block, flags: Sequence[int]) -> tuple[Block, Block]:
    """Test and body over (t, *carry, *consts, count): another trip is done while no flag is set."""
    with building([*(p.aval for p in body.params), INT_AVAL]) as b:
        holds: Any = b.params[0] < b.params[-1]
        for k in flags:
            holds = logical_and(holds, logical_not(b.params[k]))
        test = b.block([holds])
    return test, Block((*body.params, Value(INT_AVAL, "trips")), body.instrs, body.results)
