"""Functions between the nests of a kernel: those the host runs, and the recurrence, a loop of its own."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from autodiff.backends.numba.host import SYMBOL
from autodiff.backends.numba.llvm_scalar import Scalar, constant
from autodiff.backends.numba.nest import NativeCall

WORD = ir.IntType(64)
HOST = "host"  # the size that is no size: the number of the kernel's table of calls


def emit_host_call(printer: Any, step: NativeCall) -> None:
    """Have the host run the op on these buffers, and leave the kernel when it raises (see `host.py`)."""
    b, module = printer.b, printer.module
    buffers = [*(x for x, _ in step.operands), *step.outs]
    words = [b.ptrtoint(printer.pointers[x], WORD) for x in buffers]
    words += [printer.size(n) for x in buffers for n in x.shape]
    passed = printer.entry.alloca(WORD, WORD(len(words)))
    for k, word in enumerate(words):
        b.store(word, b.gep(passed, [WORD(k)]))
    if SYMBOL not in module.globals:
        ir.Function(module, ir.FunctionType(WORD, [WORD, WORD, WORD.as_pointer()]), SYMBOL)
    number = next(printer.host_calls)
    status = b.call(module.globals[SYMBOL], [printer.sizes[HOST], WORD(number), passed])
    good, failed = (printer.body.append_basic_block(n) for n in ("good", "failed"))
    b.cbranch(b.icmp_signed("==", status, WORD(0)), good, failed)
    b.position_at_end(failed)
    b.ret_void()
    b.position_at_end(good)


def emit_recurrence(printer: Any, step: NativeCall) -> None:
    """y[i] = a[i] * y[i - 1] + b[i] along one axis, from 0."""
    (out,), axis, b = step.outs, step.instr.params["axis"], printer.b
    (a, _), (term, _) = step.operands
    parts = out.shape[:axis], out.shape[axis : axis + 1], out.shape[axis + 1 :]
    outer, n, inner = (printer.size(" * ".join(p) or "1") for p in parts)
    before = printer.slot(out.dtype)
    with printer.loop(WORD(0), outer) as o, printer.loop(WORD(0), inner) as k:
        start = b.add(b.mul(b.mul(o, n), inner), k)
        b.store(constant(0, out.dtype).ir, before)
        with printer.loop(WORD(0), n) as i:
            place = b.add(start, b.mul(i, inner))
            factor, added = (printer.load(b.gep(printer.pointers[x], [place]), out.dtype) for x in (a, term))
            carried = Scalar(b.load(before), out.dtype)
            now = printer.scalar.expression("({0} * {1} + {2})", (factor, carried, added))
            # The first term stands alone: there is nothing that a factor of inf or nan could multiply.
            now = Scalar(b.select(b.icmp_signed("==", i, WORD(0)), added.ir, now.ir), out.dtype)
            b.store(now.ir, before)
            b.store(now.ir, b.gep(printer.pointers[out], [place]))
