"""Sorting and searching in kernels: bisection, and insertion for the few; NumPy sorts the many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.backends.numba.host import native_if
from autodiff.backends.numba.llvm_loops import WORD, at, count, each, offset, store
from autodiff.backends.numba.llvm_scalar import Scalar, constant
from autodiff.backends.numba.nest import Buffer, NativeCall
from autodiff.backends.numba.writer import while_

if TYPE_CHECKING:
    from llvmlite import ir

PLACE = np.dtype("i8")
FEW = 32  # elements to insert one by one; of more, NumPy's merging is worth the way to it


def emit_searchsorted(printer: Any, step: NativeCall) -> None:
    """The place of each value in its row of a table; nan is after every number."""
    (out,), (table, _), (values, _) = step.outs, *step.operands
    stack = len(table.shape) - 1
    # A scalar value lies in an array of one element, which is no axis of the stack.
    rows, found = count(table.shape[:-1]), count(values.shape[stack:])
    n, m = printer.size(table.shape[-1]), printer.size(found)
    if table.shape[-1] == "0":
        printer.fill(out, constant(0, PLACE))
        return
    with each(printer, rows) as o, each(printer, found) as j:
        where = printer.b.add(offset(printer, (o, m)), j, flags=("nsw",))
        row = offset(printer, (o, n))
        place = _bisect(printer, table, row, n, at(printer, values, where), step.instr.params["right"])
        store(printer, out, where, place)


def _bisect(p: Any, table: Buffer, row: ir.Value, n: ir.Value, x: Scalar, right: bool) -> Scalar:
    """As many steps for one value as for another: nothing for the processor to guess wrong."""
    b, low, length = p.b, p.slot(PLACE), p.slot(PLACE)
    b.store(WORD(0), low)
    b.store(n, length)

    def ahead(place: ir.Value) -> ir.Value:
        """Whether this element of the row goes before x."""
        y = at(p, table, b.add(row, place, flags=("nsw",)))
        return b.not_(_less(p, x, y)) if right else _less(p, y, x)

    with while_(p.b, lambda: b.icmp_signed(">", b.load(length), WORD(1))):
        # The place is one of `length + 1`, from `low` on.
        start, rest = b.load(low), b.load(length)
        half = b.lshr(rest, WORD(1))
        middle = b.add(start, half, flags=("nsw",))
        b.store(b.select(ahead(b.sub(middle, WORD(1))), middle, start), low)
        b.store(b.sub(rest, half), length)
    last = b.load(low)
    return Scalar(b.add(last, b.zext(ahead(last), WORD)), PLACE)


def _less(p: Any, x: Scalar, y: Scalar) -> ir.Value:
    """Whether x stands before y: nan, which is no number, before nothing."""
    template = "(({0} < {1}) | (({1} != {1}) & ({0} == {0})))" if x.is_float else "({0} < {1})"
    found: Scalar = p.scalar.expression(template, (x, y))
    return found.ir


def emit_argsort(printer: Any, step: NativeCall) -> None:
    """The order of the elements along an axis; equal ones keep theirs."""
    (x, _), axis = step.operands[0], step.instr.params["axis"]
    n, inner = printer.size(x.shape[axis]), count(x.shape[axis + 1 :])
    few = printer.b.icmp_signed("<=", n, WORD(FEW))
    with native_if(printer, step, few), each(printer, count(x.shape[:axis])) as o, each(printer, inner) as k:
        start = printer.b.add(offset(printer, (o, n), (WORD(0), printer.size(inner))), k)
        with printer.loop(WORD(0), n) as i:
            _insert(printer, step, start, printer.size(inner), i)


def _insert(p: Any, step: NativeCall, start: ir.Value, length: ir.Value, i: ir.Value) -> None:
    """The i-th element goes before all those placed already that it is less than."""
    (out,), (x, _), b = step.outs, step.operands[0], p.b

    def strided(place: ir.Value) -> ir.Value:
        return b.add(start, b.mul(place, length, flags=("nsw",)), flags=("nsw",))

    gap, overtakes = p.slot(PLACE), p.slot(np.dtype("?"))
    value = at(p, x, strided(i))

    def ask() -> None:
        """Whether the element before the gap comes after ours."""
        before = b.sub(b.load(gap), WORD(1))
        inside = b.icmp_signed(">=", before, WORD(0))
        # Outside there is nothing to read: any other place will do, as the answer is known.
        safe = b.select(inside, before, WORD(0))
        order = b.select(inside, at(p, out, strided(safe)).ir, WORD(0))
        b.store(b.and_(inside, _less(p, value, at(p, x, strided(order)))), overtakes)

    b.store(i, gap)
    ask()
    with while_(p.b, lambda: b.load(overtakes)):
        before = b.sub(b.load(gap), WORD(1))
        store(p, out, strided(b.load(gap)), at(p, out, strided(before)))
        b.store(before, gap)
        ask()
    store(p, out, strided(b.load(gap)), Scalar(i, PLACE))
