"""Gather and scatter in kernels, along one axis: loops over (before, at, after) that axis.

All indices are looked at first: with one out of range the host runs the step, and raises. The loops
themselves then have nothing to ask, and the innermost one copies what lies side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.host import native_if
from autodiff.backends.numba.llvm_loops import WORD, at, count, each, offset, store
from autodiff.backends.numba.llvm_scalar import constant
from autodiff.backends.numba.nest import Buffer, NativeCall

INDEX = np.dtype("i8")

Move = Callable[[ir.Value, ir.Value], None]  # from one offset, to another


def emit_take(printer: Any, step: NativeCall) -> None:
    """out[o, j, k] = x[o, indices[j], k]."""
    (x, _), (indices, _) = step.operands
    _rows(printer, step, indices, x.shape, lambda far, near: _copy(printer, step, far, near))


def emit_scatter_add(printer: Any, step: NativeCall) -> None:
    """out = 0, then out[o, indices[j], k] += updates[o, j, k], in the order of the indices."""
    (out,), (indices, _) = step.outs, step.operands[1]
    _rows(printer, step, indices, out.shape, lambda far, near: _add(printer, step, near, far), out)


def emit_take_along(printer: Any, step: NativeCall) -> None:
    """out[o, j, k] = x[o, indices[o, j, k], k]."""
    (x, _), (indices, _) = step.operands
    _elements(printer, step, indices, x.shape, lambda far, near: _copy(printer, step, far, near))


def emit_put_along(printer: Any, step: NativeCall) -> None:
    """out = 0, then out[o, indices[o, j, k], k] += updates[o, j, k], in the order of the indices."""
    (out,), (indices, _) = step.outs, step.operands[1]
    _elements(printer, step, indices, out.shape, lambda far, near: _add(printer, step, near, far), out)


def emit_within(printer: Any, step: NativeCall) -> None:
    """out[j] = indices[j], counted from the start of counts[j] elements."""
    (out,), ((indices, _), (counts, _)) = step.outs, step.operands
    b, size = printer.b, count(out.shape)

    def fits(j: ir.Value) -> ir.Value:
        i, n = _index(printer, indices, j), _index(printer, counts, j)
        return b.and_(b.icmp_signed("<", i, n), b.icmp_signed(">=", i, b.neg(n)))

    with native_if(printer, step, _all(printer, size, fits)), each(printer, size) as j:
        place = _place(printer, indices, j, _index(printer, counts, j))
        printer.b.store(place, printer.element(out, j))


def emit_agreed(printer: Any, step: NativeCall) -> None:
    """out = 0, where all lengths are equal."""
    (out,), ((first, _), (second, _)) = step.outs, step.operands

    def fits(j: ir.Value) -> ir.Value:
        return printer.b.icmp_signed("==", _index(printer, first, j), _index(printer, second, j))

    with native_if(printer, step, _all(printer, count(out.shape), fits)):
        printer.fill(out, constant(0, out.dtype))


def _copy(printer: Any, step: NativeCall, source: ir.Value, target: ir.Value) -> None:
    (out,), (x, _) = step.outs, step.operands[0]
    store(printer, out, target, at(printer, x, source))


def _add(printer: Any, step: NativeCall, source: ir.Value, target: ir.Value) -> None:
    (out,), (updates, _) = step.outs, step.operands[0]
    total = printer.scalar.expression("({0} + {1})", (at(printer, out, target), at(printer, updates, source)))
    store(printer, out, target, total)


def _rows(
    p: Any, step: NativeCall, indices: Buffer, shape: tuple[str, ...], move: Move, cleared: Buffer | None = None
) -> None:
    """`move` between [o, indices[j], k] of an array of this shape and [o, j, k] of a dense one."""
    axis = step.instr.params["axis"]
    outer, inner, found = count(shape[:axis]), count(shape[axis + 1 :]), count(indices.shape)
    n, m, length = (p.size(s) for s in (shape[axis], found, inner))
    with native_if(p, step, _in_range(p, indices, n)):
        if cleared is not None:
            p.fill(cleared, constant(0, cleared.dtype))
        with each(p, outer) as o, each(p, found) as j:
            far = offset(p, (o, n), (_place(p, indices, j, n), length))
            near = offset(p, (o, m), (j, length))
            with each(p, inner) as k:
                move(p.b.add(far, k, flags=("nsw",)), p.b.add(near, k, flags=("nsw",)))


def _elements(
    p: Any, step: NativeCall, indices: Buffer, shape: tuple[str, ...], move: Move, cleared: Buffer | None = None
) -> None:
    """`move` between [o, indices[o, j, k], k] of an array of this shape and [o, j, k] of a dense one."""
    axis = step.instr.params["axis"]
    outer, inner = count(shape[:axis]), count(shape[axis + 1 :])
    n, m, length = (p.size(s) for s in (shape[axis], indices.shape[axis], inner))
    with native_if(p, step, _in_range(p, indices, n)):
        if cleared is not None:
            p.fill(cleared, constant(0, cleared.dtype))
        with each(p, outer) as o, each(p, indices.shape[axis]) as j, each(p, inner) as k:
            near = p.b.add(offset(p, (o, m), (j, length)), k, flags=("nsw",))
            far = offset(p, (o, n), (_place(p, indices, near, n), length))
            move(p.b.add(far, k, flags=("nsw",)), near)


def _index(p: Any, indices: Buffer, where: ir.Value) -> ir.Value:
    return p.scalar.cast(at(p, indices, where), INDEX).ir


def _in_range(p: Any, indices: Buffer, n: ir.Value) -> ir.Value:
    """Whether every index is at least -n and less than n: one comparison, of unsigned numbers."""
    b, twice = p.b, p.b.add(n, n)
    return _all(p, count(indices.shape), lambda j: b.icmp_unsigned("<", b.add(_index(p, indices, j), n), twice))


def _all(p: Any, size: str, holds: Callable[[ir.Value], ir.Value]) -> ir.Value:
    """Whether something holds of every number below `size`; all are asked, which makes a vector loop of it."""
    b, failing = p.b, p.slot(INDEX)
    b.store(WORD(0), failing)
    with each(p, size) as j:
        b.store(b.or_(b.load(failing), b.zext(b.not_(holds(j)), WORD)), failing)
    return b.icmp_unsigned("==", b.load(failing), WORD(0))


def _place(p: Any, indices: Buffer, where: ir.Value, n: ir.Value) -> ir.Value:
    """An index, counted from the start."""
    i = _index(p, indices, where)
    return p.b.select(p.b.icmp_signed("<", i, WORD(0)), p.b.add(i, n), i)
