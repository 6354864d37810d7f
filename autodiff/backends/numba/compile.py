"""From a block to a callable kernel. The only module that imports Numba.

Numba is imported on first use: it costs more than all of autodiff.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.backends.numba.functions import FROM_NUMPY, LOOPS, OWN, PYTHON, RESERVED, plus
from autodiff.backends.numba.fuse import NoKernel, fuse
from autodiff.backends.numba.nest import KernelPlan
from autodiff.backends.numba.source import print_source, size_origins
from autodiff.ir.core import Block
from autodiff.ir.signature import Sizes
from autodiff.ops.reduction import split_axis

# No 'nnan', 'ninf' or 'fast': isnan must survive. Numba's lock is its own; ours keeps two
# threads from compiling one program twice.
_FLAGS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "fastmath": {"contract"}}
_lock = threading.Lock()


class CompiledKernel:
    """Machine code for one signature: `source`, and a call that takes arrays and sizes."""

    def __init__(self, plan: KernelPlan, source: str) -> None:
        self.source = source
        self.passed_sizes = tuple(size_origins(plan)[1])
        self.call = _jitted(plan, source, len(self.passed_sizes))


def plan_kernel(block: Block, sizes: Sizes) -> tuple[KernelPlan, str]:
    """The plan and the source of a block's kernel; raises `NoKernel` when it has none."""
    plan = fuse(block, sizes, RESERVED)
    return plan, print_source(plan)


def compile_kernel(block: Block, sizes: Sizes) -> CompiledKernel:
    """Compile a generalised block.

    Raises
    ------
    NoKernel
        When the block holds something that kernels cannot do.
    """
    return CompiledKernel(*plan_kernel(block, sizes))


def python_kernel(source: str) -> Callable[..., Any]:
    """The kernel as an ordinary Python function: slow, and open to a debugger."""
    return _defined(source, PYTHON)


def _defined(source: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    scope = dict(namespace)
    exec(compile(source, "<autodiff kernel>", "exec"), scope)  # source is printed from IR only, never from user text
    return scope["kernel"]  # type: ignore[no-any-return]


def _jitted(plan: KernelPlan, source: str, n_sizes: int) -> Callable[..., Any]:
    import numba

    with _lock:
        dispatcher = numba.njit(**_FLAGS)(_defined(source, _compiled_namespace()))
        types = [_numba_type(p.dtype, len(p.shape)) for p in plan.params] + [numba.int64] * n_sizes
        try:
            dispatcher.compile(tuple(types))
        except numba.core.errors.NumbaError as error:
            raise NoKernel(f"Numba refused the kernel: {str(error).splitlines()[0]}") from error
        # An argument of another type must come back to us, not start a compilation.
        dispatcher.disable_compile()
    return dispatcher  # type: ignore[no-any-return]


def _numba_type(dtype: np.dtype, ndim: int) -> Any:
    import numba

    scalar = numba.from_dtype(dtype)
    return numba.types.Array(scalar, ndim, "C") if ndim else scalar


@lru_cache(maxsize=1)
def _compiled_namespace() -> dict[str, Any]:
    import numba

    from autodiff.backends.numba import vector_math

    small: dict[str, Any] = dict(_FLAGS, forceinline=True)
    found = dict(PYTHON)
    found.update({name: numba.njit(**small)(f) for name, f in OWN.items()})
    found.update({name: f for name, f in vector_math.FUNCTIONS.items() if name in found})
    # Reordering is allowed on these additions only: elsewhere it would delete compensated steps.
    found["plus"] = numba.njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz"}, forceinline=True)(plus)
    helper = numba.njit(**small)(split_axis)
    found.update({name: _loop(f, helper) for name, f in LOOPS.items()})
    return found


def _loop(f: Callable[..., None], helper: Any) -> Any:
    """A `Call` op's loop, compiled together with the helper it uses."""
    import types

    import numba

    scope = dict(f.__globals__, split_axis=helper)
    return numba.njit(**_FLAGS)(types.FunctionType(f.__code__, scope, f.__name__))
