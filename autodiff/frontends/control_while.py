"""`while`: run by Python, or test and body traced once and emitted as `while`.

With a traced test it is a region. With a test that Python knows (a counter) it is one too if what it computes is
traced and the number of the trip is not needed by Python; otherwise Python runs it.
"""

from __future__ import annotations

from typing import Any

from autodiff.errors import LoopStateError
from autodiff.frontends.control_body import Body, LoopRegion, changing_and_constant
from autodiff.frontends.control_carry import Retyped, State, Unsettled
from autodiff.frontends.control_depth import within_loop
from autodiff.frontends.control_facts import Loop
from autodiff.frontends.control_logic import as_bool, truth
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
    in_region,
    tracing,
)
from autodiff.frontends.control_trips import SHORT
from autodiff.frontends.control_watch import Hidden
from autodiff.frontends.tracer import Tracer
from autodiff.ops.while_loop import while_loop as emit_while


def while_(test: Body, body: Body, facts: tuple[Any, ...]) -> None:
    """A `while` of rewritten code."""
    if tracing():
        WhileRegion(test, body, Loop.of(facts)).run()
        return
    while test():
        body()


class WhileRegion(LoopRegion):
    what = "while"

    def __init__(self, test: Body, body: Body, facts: Loop) -> None:
        super().__init__([test, body], body, facts)
        self._test = test
        self._cause: Exception | None = None  # why it is no region

    def run(self) -> None:
        try:
            self._surroundings.check_before()
        except Hidden:  # the test may advance an iterator: it is asked once
            self._by_python(self._test(), again=not self._surroundings.traced)
            return
        with within_loop():
            holds = self._test()
        if not isinstance(holds, Tracer) and not holds:
            return
        self._surroundings.restore()  # whoever runs the loop asks again
        if isinstance(holds, Tracer):
            self._run_traced()
        elif not (self._surroundings.traced and self._emitted(certain=True)):
            self._by_python(self._test())

    def _run_traced(self) -> None:
        check_obstacles(self._facts.obstacles, "`while`")
        try:
            self._emit(certain=False)
        except NoRegion as failure:
            if in_region() or isinstance(failure.cause, Unsettled | LoopStateError):
                raise state_error(failure.cause, "`while`") from failure.cause
            self._cause = failure.cause
            self._by_python(self._test())
            return
        decided("region", "while", "the number of trips is traced")

    def _emitted(self, certain: bool) -> bool:
        """Try to emit the loop; False when Python has to run it. `certain` when one trip at least is done."""
        obstacles = self._facts.obstacles
        if obstacles.try_around or obstacles.try_inside or obstacles.globals:
            return False
        try:
            self._emit(certain)
        except NoRegion as failure:
            self._cause = failure.cause
            return False
        decided("region", "while", "traced once")
        return True

    def _by_python(self, holds: Any, again: bool = True) -> None:
        """Python decides on the values, trip by trip, for as long as the test is not traced.

        The rest is tried `again` when something traced has been done: the first trip may be unlike the others.
        """
        trips, before = 0, len(self._outer.instrs)
        while truth(holds):
            with within_loop():
                self._body()
            trips += 1
            if again and len(self._outer.instrs) != before:
                again = False
                self._look()
                if self._emitted(certain=False):
                    return
            if trips == SHORT + 1 and len(self._outer.instrs) != before:
                self._refuse()
                warn_unrolled(trips, "it could not be traced once; f.explain() says why")
            holds = self._test()
        if len(self._outer.instrs) == before:
            decided("python", "while", "nothing traced takes part in it")
        elif self._cause is not None:
            decided("unrolled", "while", reason(self._cause))

    def _refuse(self) -> None:
        """Refuse a long loop whose state changes its type.

        Raises
        ------
        LoopStateError
        """
        if isinstance(self._cause, Retyped):
            raise state_error(self._cause, "`while`") from self._cause

    def _emit(self, certain: bool) -> None:
        self._prepare()
        state, made = self._settled(certain, self._attempt)
        self._conclude(state, *made)

    def _attempt(self, state: State) -> tuple[Any, bool]:
        def trip(builder: RegionBuilder) -> bool | None:
            self._body()
            return None if self._new_slots(state) else state.finish(builder)

        def asked(builder: RegionBuilder) -> Any:
            held = [p.slot.get() for p in state.places]
            holds = as_bool(builder.lift(self._test()))
            known = len(self._found)
            moved = any(p.slot.get() is not x for p, x in zip(state.places, held, strict=True))
            if self._new_slots(state) or moved or state.is_written():
                del self._found[known:]
                raise Hidden("the test", "changes what it reads")
            return holds

        builder, _, settled = self._trace(state, trip)
        if not settled:
            return (None, False) if settled is None else ((), False)
        leaves = changing_and_constant(state)
        own = [x.param for part in leaves for x in part]
        tester, _, holds = self._trace(state, asked)
        own_test = [x.param for part in leaves for x in part]
        return (leaves, (builder, own, [x.result for x in leaves[0]]), (tester, own_test, [holds])), True

    def _conclude(self, state: State, leaves: Any, body: Any, test: Any) -> None:
        changing, constant = leaves
        (body, test), captured = closed([body, test])
        outs = emit_while(test, body, [x.init() for x in changing], [*(x.init() for x in constant), *captured])
        state.conclude(dict(zip(changing, outs, strict=True)))
