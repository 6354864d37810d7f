"""Scans along one axis in kernels, and the places of largest and smallest elements.

Along the last axis what is carried stays in a register. Along any other, the loop over what lies
side by side is the innermost one, and the carried values are those written before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.llvm_loops import WORD, at, count, each, offset, store
from autodiff.backends.numba.llvm_scalar import Scalar, constant
from autodiff.backends.numba.nest import NativeCall

PLACE = np.dtype("i8")

First = Callable[[ir.Value], Scalar]  # from the offset of an element
Next = Callable[[Scalar, ir.Value], Scalar]  # from what is carried, and the offset


def emit_cumsum(printer: Any, step: NativeCall) -> None:
    """out[:, i] = x[:, 0] + ... + x[:, i]."""
    (out,), (x, _) = step.outs, step.operands[0]

    def term(where: ir.Value) -> Scalar:
        found: Scalar = printer.scalar.cast(at(printer, x, where), out.dtype)
        return found

    def following(total: Scalar, where: ir.Value) -> Scalar:
        found: Scalar = printer.scalar.expression("({0} + {1})", (total, term(where)))
        return found

    _scan(printer, step, term, following)


def emit_recurrence(printer: Any, step: NativeCall) -> None:
    """out[:, i] = a[:, i] * out[:, i - 1] + b[:, i]; the first is b[:, 0], whatever the factor there."""
    (a, _), (term, _) = step.operands

    def following(before: Scalar, where: ir.Value) -> Scalar:
        operands = at(printer, a, where), before, at(printer, term, where)
        found: Scalar = printer.scalar.expression("({0} * {1} + {2})", operands)
        return found

    _scan(printer, step, lambda where: at(printer, term, where), following)


def _scan(p: Any, step: NativeCall, first: First, following: Next) -> None:
    (out,), axis = step.outs, step.instr.params["axis"]
    n, inner = out.shape[axis], count(out.shape[axis + 1 :])
    if n == "0":
        return
    with each(p, count(out.shape[:axis])) as o:
        start = offset(p, (o, p.size(n)), (WORD(0), p.size(inner)))
        (_scan_numbers if inner == "1" else _scan_rows)(p, step, start, first, following)


def _scan_numbers(p: Any, step: NativeCall, start: ir.Value, first: First, following: Next) -> None:
    (out,), axis = step.outs, step.instr.params["axis"]
    carried = p.slot(out.dtype)
    value = first(start)
    store(p, out, start, value)
    p.b.store(value.ir, carried)
    with p.loop(WORD(1), p.size(out.shape[axis])) as i:
        where = p.b.add(start, i, flags=("nsw",))
        value = following(Scalar(p.b.load(carried), out.dtype), where)
        store(p, out, where, value)
        p.b.store(value.ir, carried)


def _scan_rows(p: Any, step: NativeCall, start: ir.Value, first: First, following: Next) -> None:
    (out,), axis = step.outs, step.instr.params["axis"]
    inner = count(out.shape[axis + 1 :])
    length = p.size(inner)
    with each(p, inner) as k:
        where = p.b.add(start, k, flags=("nsw",))
        store(p, out, where, first(where))
    with p.loop(WORD(1), p.size(out.shape[axis])) as i:
        row = p.b.add(start, p.b.mul(i, length, flags=("nsw",)), flags=("nsw",))
        with each(p, inner) as k:
            where = p.b.add(row, k, flags=("nsw",))
            before = at(p, out, p.b.sub(where, length, flags=("nsw",)))
            store(p, out, where, following(before, where))


# ---- argmax, argmin ------------------------------------------------------------------------------


def emit_argmax(printer: Any, step: NativeCall) -> None:
    """The first place of the largest element; a nan counts as largest."""
    _first_place(printer, step, ">")


def emit_argmin(printer: Any, step: NativeCall) -> None:
    """The first place of the smallest element; a nan counts as smallest."""
    _first_place(printer, step, "<")


def _first_place(p: Any, step: NativeCall, better: str) -> None:
    (x, _), axis = step.operands[0], step.instr.params["axis"]
    n, inner = p.size(x.shape[axis]), count(x.shape[axis + 1 :])
    with each(p, count(x.shape[:axis])) as o:
        start = offset(p, (o, n), (WORD(0), p.size(inner)))
        target = offset(p, (o, p.size(inner)))
        (_place_in_row if inner == "1" else _places_in_columns)(p, step, start, target, better)


def _place_in_row(p: Any, step: NativeCall, start: ir.Value, target: ir.Value, better: str) -> None:
    """A new leader is rare: a branch that is hardly ever taken costs less than carrying along."""
    (out,), (x, _), axis = step.outs, step.operands[0], step.instr.params["axis"]
    lead, best = p.slot(x.dtype), p.slot(PLACE)
    p.b.store(at(p, x, start).ir, lead)
    p.b.store(WORD(0), best)
    with p.loop(WORD(1), p.size(x.shape[axis])) as i:
        value, leader = at(p, x, p.b.add(start, i, flags=("nsw",))), Scalar(p.b.load(lead), x.dtype)
        with p.b.if_then(_overtakes(p, value, leader, better), likely=False):
            p.b.store(value.ir, lead)
            p.b.store(i, best)
    store(p, out, target, Scalar(p.b.load(best), PLACE))


def _places_in_columns(p: Any, step: NativeCall, start: ir.Value, target: ir.Value, better: str) -> None:
    (out,), (x, _), axis = step.outs, step.operands[0], step.instr.params["axis"]
    inner = count(x.shape[axis + 1 :])
    length = p.size(inner)
    with each(p, inner) as k:
        store(p, out, p.b.add(target, k), constant(0, PLACE))
    with p.loop(WORD(1), p.size(x.shape[axis])) as i, each(p, inner) as k:
        column, place = p.b.add(start, k, flags=("nsw",)), p.b.add(target, k, flags=("nsw",))
        best = at(p, out, place)
        leader, value = (at(p, x, p.b.add(column, p.b.mul(at_, length))) for at_ in (best.ir, i))
        better_now = _overtakes(p, value, leader, better)
        store(p, out, place, Scalar(p.b.select(better_now, i, best.ir), PLACE))


def _overtakes(p: Any, value: Scalar, leader: Scalar, better: str) -> ir.Value:
    """Whether it is better; a nan is better than any number, and not than a nan."""
    plain = f"({{0}} {better} {{1}})"
    nan = "(({0} != {0}) & ({1} == {1}))"
    found: Scalar = p.scalar.expression(f"({plain} | {nan})" if value.is_float else plain, (value, leader))
    return found.ir
