"""Ops without native code: a kernel calls the interpreter back for them.

A kernel that meets such an op calls `host(table, number, words)`: words are the addresses of its
operands and results, then their sizes. What is run is the op's own `evaluate`, so a kernel holds
any op, and means the same by it. An exception ends the kernel and is raised to its caller.

NumPy gives the interpreter's lock away inside some functions, so a kernel with such calls does
not work in the shared arena.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import threading
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.backends.numba.native import register
from autodiff.backends.numba.nest import KernelPlan, NativeCall
from autodiff.ops.contraction import Matmul
from autodiff.ops.reduction import recurrence

SYMBOL = "autodiff_host"
BLAS_DTYPES = (np.dtype("f8"), np.dtype("f4"))


def is_hosted(step: object) -> bool:
    """Whether a step of a plan is run by the host."""
    if not isinstance(step, NativeCall) or step.instr.op is recurrence:
        return False
    return not (isinstance(step.instr.op, Matmul) and step.outs[0].dtype in BLAS_DTYPES)


class Host:
    """The host calls of one kernel, by number. `table` is how machine code refers to it."""

    def __init__(self, plan: KernelPlan) -> None:
        self.calls = [_HostCall(step) for step in plan.steps if isinstance(step, NativeCall) and is_hosted(step)]
        self.table = next(_numbers)
        self._failed = threading.local()
        if self.calls:
            _register()
            _hosts[self.table] = self

    def call(self, number: int, words: Any) -> int:
        """Run one call; 0, or 1 with the exception kept for `reraise`."""
        try:
            self.calls[number](words)
        except BaseException as error:  # a C function in between cannot let it pass
            self._failed.error = error
            return 1
        return 0

    def reraise(self) -> None:
        """Raise what a call of this thread raised, if one did."""
        error = getattr(self._failed, "error", None)
        if error is not None:
            self._failed.error = None
            raise error


class _HostCall:
    """One instruction, run on memory given by addresses."""

    def __init__(self, step: NativeCall) -> None:
        self.op: Any = step.instr.op
        self.params = {k: v for k, v in step.instr.params.items() if k not in self.op.implied_params}
        self.operands = [
            (b.dtype, len(b.shape), swapped, o.aval.shape)
            for (b, swapped), o in zip(step.operands, step.instr.operands, strict=True)
        ]
        self.outs = [(b.dtype, len(b.shape)) for b in step.outs]

    def __call__(self, words: Any) -> None:
        count = len(self.operands) + len(self.outs)
        sizes = iter(words[count : count + sum(o[1] for o in (*self.operands, *self.outs))])
        operands = []
        for k, (dtype, ndim, swapped, shape) in enumerate(self.operands):
            array = _array(words[k], list(itertools.islice(sizes, ndim)), dtype)
            operands.append((array.T if swapped else array) if shape else array[0])
        outs = [
            _array(words[k], list(itertools.islice(sizes, ndim)), dtype)
            for k, (dtype, ndim) in enumerate(self.outs, len(self.operands))
        ]
        implied = dict.fromkeys(self.op.implied_params, outs[0].shape)
        with np.errstate(all="ignore"):
            for out, result in zip(outs, self.op.evaluate(*operands, **self.params, **implied), strict=True):
                out[...] = result


def _array(address: int, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """The array at an address."""
    memory = (ctypes.c_char * (math.prod(shape) * dtype.itemsize)).from_address(address)
    return np.ndarray(shape, dtype, memory)


_numbers = itertools.count()
_hosts: weakref.WeakValueDictionary[int, Host] = weakref.WeakValueDictionary()


@ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64, ctypes.POINTER(ctypes.c_int64))
def _entry(table: int, number: int, words: Any) -> int:
    return _hosts[table].call(number, words)


def _register() -> None:
    register(SYMBOL, ctypes.cast(_entry, ctypes.c_void_p).value or 0)
