"""Loops and branches of the program as LLVM: control flow of the kernel itself, around its steps.

The scalars that a loop carries have a slot each, which LLVM makes a register. A long loop looks for Ctrl-C now and
then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from autodiff.backends.numba import bounds
from autodiff.backends.numba.llvm_function import STATUS, WORD, FunctionPrinter, exception_of
from autodiff.backends.numba.llvm_scalar import TYPES, Scalar
from autodiff.backends.numba.llvm_step import poll
from autodiff.backends.numba.native import OWN
from autodiff.backends.numba.nest import Branch, Cell, Cycle, Locate, Step

if TYPE_CHECKING:
    from llvmlite import ir

POLLED = 1024  # trips between looks for signals: a power of two
INT = np.dtype(np.int64)

Emit = Callable[[Sequence[Step]], None]


def emit_cycle(f: FunctionPrinter, cycle: Cycle, emit: Emit, after: Sequence[Callable[[], None]]) -> None:
    """A loop; `emit` emits steps, those in `after` what happens to memory after each trip."""
    slots = [f.slot(cell.dtype) for cell in cycle.cells]
    for slot, cell in zip(slots, cycle.cells, strict=True):
        f.b.store(f.read(cell.first, ()).ir, slot)
    if cycle.test is None:
        assert cycle.trips is not None
        trips = f.read(cycle.trips, ()).ir
        with f.loop(WORD(0), trips) as i:
            number = f.b.sub(f.b.sub(trips, i), WORD(1)) if cycle.reverse else i
            f.values[cycle.number] = Scalar(number, INT)
            _trip(f, cycle, slots, i, emit, after)
    else:
        with _while(f) as (count, leave):
            _load(f, cycle.cells, slots)
            emit(cycle.test[0])
            leave(f.read(cycle.test[1], ()).ir)
            _trip(f, cycle, slots, count, emit, after)
    for slot, cell in zip(slots, cycle.cells, strict=True):
        f.values[cell.result] = Scalar(f.b.load(slot), cell.dtype)


def _trip(
    f: FunctionPrinter,
    cycle: Cycle,
    slots: Sequence[ir.Value],
    count: ir.Value,
    emit: Emit,
    after: Sequence[Callable[[], None]],
) -> None:
    _load(f, cycle.cells, slots)
    emit(cycle.body)
    following = [f.read(cell.next, ()).ir for cell in cycle.cells]
    for slot, value in zip(slots, following, strict=True):
        f.b.store(value, slot)
    due = f.b.icmp_signed("==", f.b.and_(count, WORD(POLLED - 1)), WORD(POLLED - 1))
    with f.b.if_then(due, likely=False):
        f.check(f.b.call(poll(f.module), []))
    for move in after:
        move()


def _load(f: FunctionPrinter, cells: Sequence[Cell], slots: Sequence[ir.Value]) -> None:
    for slot, cell in zip(slots, cells, strict=True):
        f.values[cell.name] = Scalar(f.b.load(slot), cell.dtype)


@contextmanager
def _while(f: FunctionPrinter) -> Iterator[tuple[ir.Value, Callable[[ir.Value], None]]]:
    """A loop that is left when the function it yields is given a false condition; the other is its count."""
    b, before = f.b, f.b.block
    head, body, done = (f.body.append_basic_block(n) for n in ("test", "trip", "done"))
    b.branch(head)
    b.position_at_end(head)
    count = b.phi(WORD)
    count.add_incoming(WORD(0), before)

    def leave(condition: ir.Value) -> None:
        b.cbranch(condition, body, done)
        b.position_at_end(body)

    yield count, leave
    count.add_incoming(b.add(count, WORD(1)), b.block)
    b.branch(head)
    b.position_at_end(done)


def emit_branch(f: FunctionPrinter, branch: Branch, emit: Emit) -> None:
    """One side or the other."""
    slots = [f.entry.alloca(TYPES[b.dtype]) for b in branch.results]
    condition = f.read(branch.condition, ()).ir
    with f.b.if_else(condition) as (then, otherwise):
        for side, (steps, sources) in zip((then, otherwise), branch.sides, strict=True):
            with side:
                emit(steps)
                for slot, source in zip(slots, sources, strict=True):
                    f.b.store(f.read(source, ()).ir, slot)
    for slot, buffer in zip(slots, branch.results, strict=True):
        f.values[buffer.name] = Scalar(f.b.load(slot), buffer.dtype)


def emit_locate(f: FunctionPrinter, step: Locate) -> None:
    """An index, checked: outside of the array the function leaves with an IndexError."""
    b = f.b
    index, size = f.read(step.index, ()), f.size(step.size) if step.count is None else f.read(step.count, ()).ir
    given = index.ir
    if given.type.width < WORD.width:
        given = b.zext(given, WORD) if index.dtype.kind == "u" else b.sext(given, WORD)
    place = b.select(b.icmp_signed("<", given, WORD(0)), b.add(given, size), given)
    wrong = b.icmp_signed("!=", given, size) if step.exact else b.icmp_unsigned(">=", place, size)
    place = WORD(0) if step.exact else place
    with b.if_then(wrong, likely=False):
        if step.least is not None:  # of all indices that are wrong, the one that a loop meets first
            least = f.read(step.least, ()).ir
            given = b.select(b.icmp_signed(">", size, least), size, least)
        exception_of(b, f"{OWN}PyExc_IndexError", bounds.text_of(b, step.text), [given, size])
        b.ret(STATUS(1))
    f.values[step.target] = Scalar(place, INT)
