"""A piece of the user's code, traced into a block of its own.

Within the trace, arrays of the surrounding trace can be read as ever: they are captured. Those that the piece writes to
are *adopted*: for as long as it is traced, the array object and its views belong to the inner trace and hold a
parameter of the block. Which arrays these are is found out by tracing: the first write to one that is not adopted
raises `Written`, and the piece is traced again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from autodiff.errors import ArgumentError, describe_location
from autodiff.frontends import tapes
from autodiff.frontends.questions import Absent, Enclosed
from autodiff.frontends.surface.storage import Owned, View
from autodiff.frontends.tracer import TraceBuilder, Tracer, tracing_to
from autodiff.ir.build import emitter, emitters, emitting_to
from autodiff.ir.core import Block, Value
from autodiff.ops.arithmetic import identity

WHY = "changes from trip to trip"


class Written(BaseException):
    """An array of the surrounding trace was written to; not an error, so user code does not catch it."""

    def __init__(self, array: Tracer) -> None:
        super().__init__()
        self.array = array


class RegionBuilder(TraceBuilder):
    """A trace within another one, whose arrays it may write to."""

    def __init__(self, name: str, outer: TraceBuilder) -> None:
        super().__init__(name)
        self.outer = outer
        self.decisions, self.sizes = outer.decisions, outer.sizes

    def written_inside(self, array: Tracer) -> None:
        """Called for a write to an array that belongs to another trace."""
        if any(trace is array.home for trace in _around(self.outer)):
            raise Written(root(array))

    def has_captured(self, x: Any) -> bool:
        """Whether the region reads an object from outside as it is there."""
        return id(x) in self._by_id

    def ask_outside(self) -> None:
        """From now on: what Python asks of values is answered where they do not depend on the parameters."""
        self.questions = Enclosed(self, [Absent(WHY)] * len(self.params), self.outer)


def _around(trace: Any) -> Iterator[Any]:
    """A trace and those around it: a view may have been made in any of them before a region adopted it."""
    while trace is not None:
        yield trace
        trace = getattr(trace, "outer", None)


class Adopted(Owned):
    """The storage of an array of the surrounding trace while it belongs to a region."""

    def __init__(self, param: Tracer, array: Tracer, outer: TraceBuilder) -> None:
        self._stands_in: Any = None
        self._before = array.storage
        self._array, self._outer = array, outer
        super().__init__(param)

    @property
    def first(self) -> Any:  # type: ignore[override]
        """Stands for the value that the array was made with: earlier copies of it hold that."""
        if self._stands_in is None and self._before is not None:
            self._stands_in = self._before.first
        if self._stands_in is None:
            (self._stands_in,) = self._outer.emit(identity, (self._array,), {})
        return self._stands_in

    @first.setter
    def first(self, value: Any) -> None:
        pass


class Rebound:
    """The storage of an array that a loop wrote to, and whose name now means another one."""

    def __init__(self, label: str, made: tuple[str, int] | None) -> None:
        self._label = label
        self._made = describe_location(made)
        self.first: Any = None

    def now(self, x: Any) -> NoReturn:
        raise ArgumentError(
            f"an array of shape {x.aval.shape} was written to by a loop under the name {self._label!r}, which then "
            f"became the name of another array{self._made and f' ({self._made})'}: which elements the first one holds "
            "is not known here",
            f"read it by the name {self._label!r}, or do not use one array under two names: {self._label}.copy()",
        )


def root(x: Tracer) -> Tracer:
    """The array that owns the elements of a view."""
    while isinstance(x.storage, View):
        x = x.storage.base
    return x


class Adoption:
    """Arrays of the surrounding trace that belong to a region while it is traced."""

    def __init__(self, builder: RegionBuilder, arrays: Sequence[tuple[Tracer, str]]) -> None:
        self._builder = builder
        self.params: dict[int, Tracer] = {}
        self._saved: list[tuple[Any, ...]] = []
        self._arrays = [a for a, _ in arrays]
        outer = builder.outer
        for array, label in arrays:
            param = self.params[id(array)] = builder.argument(array.aval, label, array.weak)
            self._saved.append((array, array.home, array.storage, None, None))
            array.home, array.storage = builder, Adopted(param, array, outer)
        self._adopt_views(outer)

    def _adopt_views(self, outer: TraceBuilder) -> None:
        if not self._arrays:
            return
        for instr in (i for trace in _around(outer) for i in trace.instrs):
            for x in instr.results:
                view = getattr(x, "storage", None)
                if type(view) is View and x.home is outer and id(root(x)) in self.params:
                    self._saved.append((x, outer, view, view.source, view.value))
                    x.home = self._builder

    def release(self) -> None:
        """Give everything back as it was."""
        for x, home, storage, source, value in self._saved:
            x.home, x.storage = home, storage
            if type(storage) is View:
                storage.source, storage.value = source, value


@contextmanager
def tracing_region(builder: RegionBuilder) -> Iterator[None]:
    """Trace into a region; tapes that record around it see the region as one instruction."""
    recording, tapes.RECORDING.tapes = tapes.RECORDING.tapes, []
    try:
        with tracing_to(builder):
            yield
    finally:
        tapes.RECORDING.tapes = recording


def transferred(builder: RegionBuilder, captured: Sequence[Any]) -> list[Any]:
    """What a region captured, as operands of the surrounding trace."""
    outer = builder.outer
    found = []
    for x in captured:
        known = set(outer.uses.get(id(x), ()))
        found.append(outer.lift(x))
        # The places of use are those within the region, not the line of the loop.
        if id(x) in outer.uses or id(x) in builder.uses:
            outer.uses[id(x)] = known | builder.uses.get(id(x), set())
    return found


@contextmanager
def resumed(builder: RegionBuilder) -> Iterator[None]:
    """Add to a region that was traced."""
    with emitting_to(builder):
        yield


def closed(regions: Sequence[tuple[RegionBuilder, Sequence[Any], Sequence[Any]]]) -> tuple[list[Block], list[Any]]:
    """Blocks of regions over the same captured objects, and these as operands.

    A region is given as its builder, the parameters that come first, and its results.
    """
    holders = {id(x): (x, builder) for builder, _, _ in regions for x in builder.captured}
    operands = {key: transferred(builder, [x])[0] for key, (x, builder) in holders.items()}
    blocks = []
    for builder, own, results in regions:
        params = builder.params[len(builder.params) - len(builder.captured) :]
        mine = {id(x): p for x, p in zip(builder.captured, params, strict=True)}
        shared = [mine[key] if key in mine else Value(o.aval) for key, o in operands.items()]
        blocks.append(Block((*own, *shared), builder.instrs, tuple(results)))
    return blocks, list(operands.values())


def in_region() -> bool:
    """Whether what is traced is part of a region, directly or through functions that are differentiated in it."""
    return any(isinstance(e, RegionBuilder) for e in emitters())


def tracing() -> bool:
    """Whether a function is being traced in this thread."""
    return isinstance(emitter(), TraceBuilder)


def is_number(x: Any) -> bool:
    """Whether a leaf of the state is something to compute with."""
    if isinstance(x, Tracer):
        return hasattr(x, "aval")  # one whose shape depends on values has none
    if isinstance(x, np.ndarray | np.generic):
        return x.dtype.kind in "fiubc"
    return isinstance(x, bool | int | float | complex) or hasattr(x, "aval")


Piece = Callable[[], Any]
