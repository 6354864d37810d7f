"""Steps of a kernel that are no loop nests: which ops have native code, and whose it is.

`NATIVE` is the list; the host runs what is not in it (`host.py`). Native code may hand single cases
to the host as well: an index out of range, a singular matrix. The host then says what is wrong with
them, as it does for the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from autodiff.backends.numba.host import emit_host_call
from autodiff.backends.numba.llvm_indexing import (
    emit_agreed,
    emit_put_along,
    emit_scatter_add,
    emit_take,
    emit_take_along,
    emit_within,
)
from autodiff.backends.numba.llvm_lapack import (
    emit_cholesky,
    emit_inv,
    emit_solve,
    emit_triangular_solve,
    inv_work,
    solve_work,
)
from autodiff.backends.numba.llvm_matmul import ROUTINES, emit_matmul
from autodiff.backends.numba.llvm_ordering import emit_argsort, emit_searchsorted
from autodiff.backends.numba.llvm_scans import emit_argmax, emit_argmin, emit_cumsum, emit_recurrence
from autodiff.backends.numba.nest import Buffer, KernelPlan, NativeCall, Step, every_step
from autodiff.ops.contraction import matmul
from autodiff.ops.decompositions import cholesky
from autodiff.ops.extents import agreed, within
from autodiff.ops.indexing import scatter_add, take
from autodiff.ops.linear_solve import inv, solve, triangular_solve
from autodiff.ops.op import Op
from autodiff.ops.ordering import argsort, put_along, searchsorted, take_along
from autodiff.ops.reduction import argmax, argmin, cumsum, recurrence


def _blas(step: NativeCall) -> bool:
    """Float32 and float64."""
    return step.outs[0].dtype in ROUTINES


def _moved(step: NativeCall) -> bool:
    """uint64 has numbers that are no places; NumPy knows what to make of them."""
    return step.operands[1][0].dtype != "u8"


def _added(step: NativeCall) -> bool:
    """Booleans add up to booleans, which no machine does by itself."""
    return _moved(step) and step.outs[0].dtype != bool


@dataclass(frozen=True)
class Native:
    """How an op is written: `emit(printer, step)`, for the steps that it `takes`.

    `work(step)` is the memory that the code needs besides: (shape, dtype) of each array; `straight` says that the
    code has no loops worth optimising, only calls.
    """

    emit: Callable[[Any, NativeCall], None]
    takes: Callable[[NativeCall], bool] | None = None  # None: all of them
    asks_host: bool = False  # whether there are cases for the host
    work: Callable[[NativeCall], list[tuple[tuple[str, ...], Any]]] | None = None
    straight: bool = False


NATIVE: dict[Op, Native] = {
    matmul: Native(emit_matmul, _blas, straight=True),
    take: Native(emit_take, _moved, asks_host=True),
    scatter_add: Native(emit_scatter_add, _added, asks_host=True),
    take_along: Native(emit_take_along, _moved, asks_host=True),
    put_along: Native(emit_put_along, _added, asks_host=True),
    within: Native(emit_within, asks_host=True),
    agreed: Native(emit_agreed, asks_host=True),
    cumsum: Native(emit_cumsum),
    recurrence: Native(emit_recurrence),
    argmax: Native(emit_argmax),
    argmin: Native(emit_argmin),
    argsort: Native(emit_argsort, asks_host=True),
    searchsorted: Native(emit_searchsorted),
    solve: Native(emit_solve, _blas, asks_host=True, work=solve_work),
    inv: Native(emit_inv, _blas, asks_host=True, work=inv_work),
    cholesky: Native(emit_cholesky, _blas, asks_host=True),
    triangular_solve: Native(emit_triangular_solve, _blas, asks_host=True),
}


def native(step: NativeCall) -> Native | None:
    """How a step is written natively; None where the host runs it."""
    found = NATIVE.get(step.instr.op)
    return found if found is not None and (found.takes is None or found.takes(step)) else None


def is_straight(step: NativeCall) -> bool:
    """Whether a step's code needs no optimising."""
    found = native(step)
    return found is None or found.straight


def is_hosted(step: Step) -> bool:
    """Whether the host always runs a step."""
    return isinstance(step, NativeCall) and native(step) is None


def asks_host(step: Step) -> bool:
    """Whether the host runs a step, always or in some cases."""
    if not isinstance(step, NativeCall):
        return False
    found = native(step)
    return found is None or found.asks_host


def emit_call(printer: Any, step: NativeCall) -> None:
    """The step, by native code or by the host."""
    found = native(step)
    (emit_host_call if found is None else found.emit)(printer, step)


def with_work(plan: KernelPlan) -> KernelPlan:
    """The plan, with the memory that native code needs."""
    allocated = list(plan.allocated)
    for k, step in enumerate(every_step(plan.steps)):
        found = native(step) if isinstance(step, NativeCall) else None
        if isinstance(step, NativeCall) and found is not None and found.work is not None:
            step.work = tuple(Buffer(f"work{k}_{n}", shape, dtype) for n, (shape, dtype) in enumerate(found.work(step)))
            allocated += step.work
    return replace(plan, allocated=allocated)
