"""Calls from a kernel back to the interpreter, for ops and cases that have no native code.

A kernel calls `host(number, words)`: which of its steps, and the addresses of the step's operands
and results, then their sizes. What is run is the op's own `evaluate`, so a kernel holds any op, and
means the same by it. An exception ends the kernel and is raised to its caller.

NumPy gives the interpreter's lock away inside some functions, so a kernel with such calls works in
memory that is its own for the time of a call (`native_kernel.Pool`).
"""

from __future__ import annotations

import contextvars
import ctypes
import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.nest import NativeCall

HOST = "host"  # the size that is no size: the address of the function that a kernel calls
RAISED = 2  # the status of a kernel whose host keeps an exception for its caller
WORD = ir.IntType(64)
_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
_Memory = ctypes.c_char * (1 << 62)  # one type for memory of any size: ctypes makes each only once


# ---- in the kernel -------------------------------------------------------------------------------


def emit_host_call(printer: Any, step: NativeCall) -> None:
    """Have the host run the op on these buffers, and leave the kernel when it raises."""
    b = printer.b
    buffers = [*(x for x, _ in step.operands), *step.outs]
    words = [b.ptrtoint(printer.pointers[x], WORD) for x in buffers]
    words += [printer.size(n) for x in buffers for n in x.shape]
    passed = printer.entry.alloca(WORD, WORD(len(words)))
    for k, word in enumerate(words):
        b.store(word, b.gep(passed, [WORD(k)]))
    function = ir.FunctionType(WORD, [WORD, WORD]).as_pointer()
    number = printer.calls.index(step)
    status = b.call(b.inttoptr(printer.sizes[HOST], function), [WORD(number), b.ptrtoint(passed, WORD)])
    good, failed = (printer.body.append_basic_block(n) for n in ("good", "failed"))
    b.cbranch(b.icmp_signed("==", status, WORD(0)), good, failed)
    b.position_at_end(failed)
    b.ret(ir.IntType(32)(RAISED))
    b.position_at_end(good)


@contextmanager
def native_if(printer: Any, step: NativeCall, good: ir.Value) -> Iterator[None]:
    """What follows, where `good`; else the host runs the step, and raises what there is to raise."""
    with printer.b.if_else(good, likely=True) as (native, refused):
        with refused:
            emit_host_call(printer, step)
        with native:
            yield


# ---- at the host ---------------------------------------------------------------------------------


class Host:
    """What runs the calls of one kernel, by number; its machine code gets `address`."""

    def __init__(self, steps: Sequence[NativeCall]) -> None:
        calls = [_HostCall(step) for step in steps]
        errors: dict[int, BaseException] = {}  # by thread

        def call(number: int, words: int) -> int:
            try:
                calls[number](words)
            except BaseException as error:  # a C function in between cannot let it pass
                errors[threading.get_ident()] = error
                return 1
            return 0

        self.errors = errors
        self._function = _FUNCTION(call)
        self.address = ctypes.cast(self._function, ctypes.c_void_p).value

    def reraise(self) -> None:
        """Raise what a call of this thread raised, if one did."""
        error = self.errors.pop(threading.get_ident(), None)
        if error is not None:
            raise error


class _HostCall:
    """One instruction, run on memory given by addresses."""

    def __init__(self, step: NativeCall) -> None:
        op = step.instr.op
        self._op: Any = op
        self._implied = op.implied_params
        self._params = {k: v for k, v in step.instr.params.items() if k not in op.implied_params}
        given = zip(step.operands, step.instr.operands, strict=True)
        self._operands = [(b.dtype, order, not o.aval.shape) for (b, order), o in given]
        self._outs = [(b.dtype, tuple(range(len(b.shape))), False) for b in step.outs]
        buffers = [*self._operands, *self._outs]
        self._words = ctypes.c_int64 * (len(buffers) + sum(len(order) for _, order, _ in buffers))
        # Memory is often where it was at the last call: then so are the arrays that show it.
        self._last: tuple[Any, list[np.ndarray], list[np.ndarray]] = (None, [], [])

    def __call__(self, address: int) -> None:
        given = self._words.from_address(address)[:]
        key, operands, outs = self._last  # one tuple, read once: other threads come here too
        if key != given:
            operands, outs = self._arrays(given)
            self._last = given, operands, outs
        arrays = [a[0] if kind[2] else a for a, kind in zip(operands, self._operands, strict=True)]
        params = self._params
        if self._implied:
            params = params | dict.fromkeys(self._implied, outs[0].shape)
        found = _quietly(self._op.evaluate, arrays, params)
        for out, result in zip(outs, found, strict=True):
            out[...] = result

    def _arrays(self, words: list[int]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        count = len(self._operands) + len(self._outs)
        arrays, start = [], count
        for address, (dtype, order, _) in zip(words[:count], [*self._operands, *self._outs], strict=True):
            array = _array(address, words[start : start + len(order)], dtype)
            arrays.append(array.transpose(np.argsort(order)))
            start += len(order)
        return arrays[: len(self._operands)], arrays[len(self._operands) :]


# Contexts in which NumPy does not warn: entering one takes a tenth of the time of `np.errstate`.
_quiet: list[contextvars.Context] = []


def _quietly(function: Callable[..., Any], arrays: Sequence[Any], params: dict[str, Any]) -> Any:
    """The function's results, no matter what NumPy has to say of them."""
    try:
        context = _quiet.pop()  # a context is entered once at a time
    except IndexError:
        context = contextvars.Context()
        context.run(np.seterr, all="ignore")
    try:
        return context.run(function, *arrays, **params)
    finally:
        _quiet.append(context)


def _array(address: int, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """The array at an address."""
    if math.prod(shape) == 0:
        return np.empty(shape, dtype)  # may have no address
    return np.ndarray(shape, dtype, _Memory.from_address(address))
