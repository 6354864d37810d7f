"""`for` and `while`: run by Python, or traced once and emitted as `loop` or `while`.

Python runs a loop when nothing traced is in reach of it, when it is short or asked to be unrolled, and when what it
runs over is not made of numbers. Any other loop becomes a region. If that fails (a list is indexed with the number
of the trip, a shape changes), one trip is run by Python and the rest tried again; then all are unrolled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff.errors import ConcretizationError
from autodiff.frontends.control_branch import branch
from autodiff.frontends.control_carry import Leaf, Place, State, Unsettled
from autodiff.frontends.control_depth import within_loop
from autodiff.frontends.control_facts import Loop
from autodiff.frontends.control_lists import Collected, Recorder, extend
from autodiff.frontends.control_logic import as_bool, going, truth
from autodiff.frontends.control_notes import (
    NoRegion,
    check_obstacles,
    decided,
    reason,
    state_error,
    warn_unrolled,
)
from autodiff.frontends.control_region import (
    Adoption,
    RegionBuilder,
    Written,
    closed,
    in_region,
    resumed,
    root,
    tracing,
    tracing_region,
)
from autodiff.frontends.control_state import UNSET, Grown, Slot, Surroundings, Variable, cells_of
from autodiff.frontends.control_store import promoted
from autodiff.frontends.control_trips import SHORT, Trips, Unrolled, trips_of
from autodiff.frontends.tracer import Tracer
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building, emitter
from autodiff.ir.core import Block, Value
from autodiff.ops.families import logical_and, logical_not
from autodiff.ops.loop import loop as emit_loop
from autodiff.ops.while_loop import while_loop as emit_while

UNROLL_LIMIT = 2000  # trips of a loop that cannot be a region; more are an error
ATTEMPTS = 20  # traces of one body until its types settle
_INT = ArrayAval((), np.dtype(np.int64))
Body = Callable[..., Any]


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
        decided("unrolled", "for", f"it has {trips.count} trips, {SHORT} or fewer are unrolled")
        _python(iter(trips), body, facts_)
    else:
        _For(trips, body, facts_).run(iterable)


def while_(test: Body, body: Body, facts: tuple[Any, ...]) -> None:
    """A `while` of rewritten code."""
    if tracing():
        _While(test, body, Loop.of(facts)).run()
        return
    while test():
        body()


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


class _Region:
    """What `for` and `while` have in common: slots, attempts, peeling."""

    what = ""

    def __init__(self, functions: Sequence[Body], body: Body, facts: Loop, *others: Any) -> None:
        self._functions, self._body, self._facts, self._others = functions, body, facts, others
        self._outer: Any = emitter()
        self._cells = cells_of(*functions)
        self._found: list[Slot] = []  # places that tracing found to be changed
        self._arrays: list[Tracer] = []  # arrays that tracing found to be written to
        self._look()

    def _look(self) -> None:
        self._surroundings = Surroundings(self._functions, *self._others)

    def _slot(self, name: str) -> Variable:
        return Variable(name, self._cells[name])

    def _prepare(self) -> None:
        """Plain arrays that the body writes to give way to traced ones."""
        for name in self._facts.written:
            if name in self._cells:
                slot = self._slot(name)
                value = slot.get()
                if type(value) is np.ndarray and value.dtype.kind in "fiubc":
                    slot.set(UNSET)
                    slot.set(promoted(value, name))

    def _state(self, certain: bool) -> State:
        """The state; `certain` when at least one trip is done."""
        facts, places = self._facts, []
        for name in dict.fromkeys((*facts.carried, *facts.flags, *facts.out)):
            if name in self._cells:
                needed = name in facts.carried or name in facts.flags
                ignored = certain and not needed
                places.append(Place(self._slot(name), needed, ignored, in_place=name in facts.written))
        places += [Place(slot, needed=True, ignored=False, in_place=False) for slot in self._found]
        written = [(self._slot(n).get(), n) for n in facts.written if n in self._cells and n not in facts.assigned]
        bound = [(root(x), n) for x, n in written if isinstance(x, Tracer) and x.home is self._outer]
        return State(places, [*bound, *((a, a.hint or "an array") for a in self._arrays)])

    def _settled(self, certain: bool, attempt: Callable[[State], Any]) -> tuple[State, Any]:
        """Trace until all that the body changes is part of the state, and of settled types.

        Raises
        ------
        NoRegion
        """
        for _ in range(ATTEMPTS):
            state = self._state(certain)
            made = self._traced(state, attempt)
            if made is not None:
                return state, made
        raise NoRegion(Unsettled("the state", "known", "not known, time after time"))

    def _traced(self, state: State, attempt: Callable[[State], Any]) -> Any:
        """Trace until the types settle; None when there is more state than was known."""
        for _ in range(ATTEMPTS):
            try:
                made, settled = attempt(state)
            except Written as found:
                if found.array.home is not self._outer:
                    raise
                self._arrays.append(found.array)
                return None
            except Exception as error:
                raise NoRegion(error) from error
            if made is None:
                return None
            if settled:
                return made
        raise NoRegion(Unsettled("the state", "of one type", "another one, time after time"))

    def _trace(self, state: State, piece: Callable[..., Any], *first: str) -> tuple[RegionBuilder, list[Tracer], Any]:
        """One trace of a piece: the builder, the parameters in front, and what the piece returns."""
        builder = RegionBuilder(f"{self._outer.name}: {self.what} at line {self._facts.line}", self._outer)
        adoption: Adoption | None = None
        with tracing_region(builder):
            counters = [builder.argument(_INT, hint, weak=True) for hint in first]
            try:
                adoption = state.begin(builder)
                builder.ask_outside()
                with within_loop():
                    found = piece(builder, *counters)
            finally:
                self._surroundings.restore()
                if adoption is not None:
                    adoption.release()
        return builder, counters, found

    def _new_slots(self, state: State) -> bool:
        """Whether the body changed a place that is no part of the state; then it is from now on."""
        known = {p.slot.key() for p in state.places}
        known |= {self._slot(n).key() for n in (*self._facts.assigned, *self._facts.appended) if n in self._cells}
        new = [s for s in self._surroundings.changed() if s.key() not in known]
        self._found += new
        return bool(new)


def _changing(state: State) -> tuple[list[Leaf], list[Leaf]]:
    """Leaves that a trip changes, and those that it does not."""
    leaves = [x for x in state.leaves() if not x.fixed]
    return [x for x in leaves if x.changes], [x for x in leaves if not x.changes]


class _For(_Region):
    what = "for"

    def __init__(self, trips: Trips, body: Body, facts: Loop) -> None:
        super().__init__([body], body, facts, *trips.arrays())
        self._trips = trips
        self._known = isinstance(trips.count, int)
        self._collected: list[Collected] = []

    def run(self, iterable: Any) -> None:
        traced = self._surroundings.traced or not self._known or bool(self._trips.arrays() and self._is_traced())
        first = 0
        if not traced:
            first = self._untraced()
            if first == self._trips.count:
                decided("python", "for", "nothing traced takes part in it")
                return
        self._emit_or_unroll(first)

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

    def _emit_or_unroll(self, first: int) -> None:
        check_obstacles(self._facts.obstacles, "`for`")
        try:
            self._emit(first)
            decided("region", "for", self._why(first))
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
            decided("region", "for", f"{self._why(first + 1)}; the first one is traced by itself: {reason(cause)}")
        except NoRegion:
            self._unroll(first + 1, cause)

    def _why(self, first: int) -> str:
        return f"{self._trips.count - first} trips, traced once" if self._known else "the number of trips is traced"

    def _unroll(self, first: int, cause: Exception) -> None:
        if self._trips.count > UNROLL_LIMIT:
            raise state_error(cause, "`for`") from cause
        decided("unrolled", "for", reason(cause))
        warn_unrolled(self._trips.count, reason(cause))
        for k in range(first, self._trips.count):
            if not self._trip(k):
                break

    # ---- the region -----------------------------------------------------------------------

    def _emit(self, first: int) -> None:
        self._prepare()
        self._look()
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
        changing, constant = _changing(state)
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
            test, body = _counting(body, 1 + len(init), [1 + k for k in flags])
            outs = emit_while(test, body, [np.int64(0), *init], [*consts, count])[1:]
        state.conclude(dict(zip(changing, outs, strict=False)))
        if collected:
            extend(collected, outs[len(changing) :], count)


def _counting(body: Block, n: int, flags: Sequence[int]) -> tuple[Block, Block]:
    """Test and body over (t, *carry, *consts, count): another trip is done while no flag is set."""
    with building([*(p.aval for p in body.params), _INT]) as b:
        holds: Any = b.params[0] < b.params[-1]
        for k in flags:
            holds = logical_and(holds, logical_not(b.params[k]))
        test = b.block([holds])
    return test, Block((*body.params, Value(_INT, "trips")), body.instrs, body.results)


class _While(_Region):
    what = "while"

    def __init__(self, test: Body, body: Body, facts: Loop) -> None:
        super().__init__([test, body], body, facts)
        self._test = test

    def run(self) -> None:
        with within_loop():
            holds = self._test()
        if isinstance(holds, Tracer):
            self._run_traced()
        elif holds and not (self._surroundings.traced and self._emitted()):
            self._by_python()

    def _run_traced(self) -> None:
        check_obstacles(self._facts.obstacles, "`while`")
        try:
            self._emit(certain=False)
        except NoRegion as failure:
            if in_region() or isinstance(failure.cause, Unsettled):
                raise state_error(failure.cause, "`while`") from failure.cause
            decided("unrolled", "while", reason(failure.cause))
            self._by_python()
            return
        decided("region", "while", "the number of trips is traced")

    def _emitted(self) -> bool:
        """Try to emit the loop, which begins with at least one trip; False when Python has to run it."""
        obstacles = self._facts.obstacles
        if obstacles.try_around or obstacles.try_inside or obstacles.globals:
            return False
        try:
            self._emit(certain=True)
        except NoRegion as failure:
            decided("unrolled", "while", reason(failure.cause))
            return False
        decided("region", "while", "traced once")
        return True

    def _by_python(self) -> None:
        """Python decides on the values, trip by trip, for as long as the test is not traced."""
        trips, before = 0, len(self._outer.instrs)
        tried = self._surroundings.traced
        holds: Any = True
        while truth(holds):
            with within_loop():
                self._body()
            trips += 1
            if not tried and len(self._outer.instrs) != before:
                tried = True
                self._look()
                if self._emitted():
                    return
            if trips == SHORT + 1 and len(self._outer.instrs) != before:
                warn_unrolled(trips, "it could not be traced once; f.explain() says why")
            holds = self._test()
        if len(self._outer.instrs) == before:
            decided("python", "while", "nothing traced takes part in it")

    def _emit(self, certain: bool) -> None:
        self._prepare()
        self._look()
        state, made = self._settled(certain, self._attempt)
        self._conclude(state, *made)

    def _attempt(self, state: State) -> tuple[Any, bool]:
        def trip(builder: RegionBuilder) -> bool | None:
            self._body()
            return None if self._new_slots(state) else state.finish(builder)

        def asked(builder: RegionBuilder) -> Any:
            return as_bool(builder.lift(self._test()))

        builder, _, settled = self._trace(state, trip)
        if not settled:
            return (None, False) if settled is None else ((), False)
        leaves = _changing(state)
        own = [x.param for part in leaves for x in part]
        tester, _, holds = self._trace(state, asked)
        own_test = [x.param for part in leaves for x in part]
        return (leaves, (builder, own, [x.result for x in leaves[0]]), (tester, own_test, [holds])), True

    def _conclude(self, state: State, leaves: Any, body: Any, test: Any) -> None:
        changing, constant = leaves
        (body, test), captured = closed([body, test])
        outs = emit_while(test, body, [x.init() for x in changing], [*(x.init() for x in constant), *captured])
        state.conclude(dict(zip(changing, outs, strict=True)))
