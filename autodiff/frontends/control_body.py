"""A loop body as a region: what `for` and `while` have in common.

A body is traced until all places that it changes are part of the state, and until their types settle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.frontends.control_carry import Leaf, Place, State, Unsettled
from autodiff.frontends.control_depth import within_loop
from autodiff.frontends.control_facts import Loop
from autodiff.frontends.control_notes import NoRegion
from autodiff.frontends.control_region import Adoption, RegionBuilder, Written, root, tracing_region
from autodiff.frontends.control_state import Slot, Surroundings, Variable, cells_of
from autodiff.frontends.control_store import promote
from autodiff.frontends.control_watch import Hidden
from autodiff.frontends.tracer import Tracer
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import emitter

ATTEMPTS = 20  # traces of one body until its types settle
INT_AVAL = ArrayAval((), np.dtype(np.int64))
Body = Callable[..., Any]


class LoopRegion:
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
        del self._surroundings  # which knows the arrays too
        promote(self._facts.written, self._cells)
        self._look()

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
        try:
            self._surroundings.check_before()
        except Hidden as cause:
            raise NoRegion(cause) from cause
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
            counters = [builder.argument(INT_AVAL, hint, weak=True) for hint in first]
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


def changing_and_constant(state: State) -> tuple[list[Leaf], list[Leaf]]:
    """Leaves that a trip changes, and those that it does not."""
    leaves = [x for x in state.leaves() if not x.fixed]
    return [x for x in leaves if x.changes], [x for x in leaves if not x.changes]
