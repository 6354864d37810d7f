"""How long a program gets when a short loop is unrolled: its trips, times the operations of one.

Unrolled, small arrays become registers and branches on the number of the trip are decided. But a kernel takes as long
to compile as its program is long, and long trips gain nothing. So a trip is traced apart, counted and forgotten,
unless the text of the loop shows that it is short. Loops inside are decided first, each once: in nests the innermost
ones are unrolled, and those around them for as long as the whole stays small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autodiff.frontends.control_body import ATTEMPTS, Body
from autodiff.frontends.control_depth import within_loop
from autodiff.frontends.control_facts import Loop
from autodiff.frontends.control_region import Adoption, RegionBuilder, Written, tracing_region
from autodiff.frontends.control_state import Surroundings, cells_of
from autodiff.frontends.control_store import promote
from autodiff.frontends.control_trips import Trips
from autodiff.frontends.tracer import Tracer
from autodiff.frontends.world import cell_content
from autodiff.ir.build import emitter
from autodiff.ir.core import Instr, blocks_of

OPERATIONS = 128  # a short loop is unrolled to at most so many; a thousand take seconds to compile


def too_large(trips: Trips, body: Body, facts: Loop) -> str:
    """Why a short loop is not unrolled; empty if it is."""
    obstacles = facts.obstacles
    refused = obstacles.try_around or obstacles.try_inside or obstacles.globals  # it cannot be a region
    if trips.count < 2 or refused or trips.count * facts.operations <= OPERATIONS:
        return ""
    size = _size(trips, body, facts)
    if trips.count * size <= OPERATIONS:
        return ""
    return f"unrolled, it would be {trips.count} times {size} operations, more than {OPERATIONS}"


def _size(trips: Trips, body: Body, facts: Loop) -> int:
    """The operations of one trip; 0 when they cannot be counted."""
    trace: Any = emitter()
    sizes = trace.sizes
    if body.__code__ not in sizes:
        sizes[body.__code__] = _Rehearsal(trips, body, facts).operations()
    return int(sizes[body.__code__])


class _Rehearsal:
    """The first trip of a loop, traced apart; everything is as it was before then."""

    def __init__(self, trips: Trips, body: Body, facts: Loop) -> None:
        self._trips, self._body, self._facts = trips, body, facts
        self._outer: Any = emitter()
        self._arrays: list[Tracer] = []  # arrays of the surrounding trace that tracing found to be written to

    def operations(self) -> int:
        for _ in range(ATTEMPTS):
            try:
                return _count(self._traced().instrs)
            except Written as found:
                if found.array.home is not self._outer:
                    raise
                self._arrays.append(found.array)
            except Exception:  # whatever it is, the loop itself will meet it where it matters
                return 0
        return 0

    def _traced(self) -> RegionBuilder:
        builder = RegionBuilder(self._outer.name, self._outer)
        builder.decisions = []  # those of a trip that is forgotten
        with tracing_region(builder), self._promoted():
            surroundings = Surroundings([self._body], *self._trips.arrays())
            surroundings.check_before()
            adoption = Adoption(builder, [(a, a.hint) for a in self._arrays])
            try:
                builder.ask_outside()
                with within_loop(), surroundings.protected():
                    self._body(self._trips.at(0))
            finally:
                surroundings.restore()
                adoption.release()
        return builder

    @contextmanager
    def _promoted(self) -> Iterator[None]:
        """Traced arrays in place of the plain ones that the body writes to; within, for nobody else may know these."""
        cells = cells_of(self._body)
        held = {name: _copy(cell_content(cells[name])) for name in self._facts.written if name in cells}
        promote(self._facts.written, cells)
        try:
            yield
        finally:
            for name, copy in held.items():
                if copy is not None and isinstance(cell_content(cells[name]), Tracer):
                    cells[name].cell_contents = copy


def _copy(value: Any) -> np.ndarray | None:
    return value.copy() if type(value) is np.ndarray and value.base is None else None


def _count(instrs: Sequence[Instr]) -> int:
    """How many there are, with those of the blocks that they run."""
    return sum(1 + sum(_count(block.instrs) for block in blocks_of(instr)) for instr in instrs)
