"""From a block to a callable kernel.

`plan_kernel` lowers and prints, `compile_kernel` compiles the source, `python_kernel` runs it as
it is. Importing this module does not import Numba: see `jit`.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from autodiff.backends.numba.functions import PYTHON, RESERVED
from autodiff.backends.numba.fuse import NoKernel, fuse
from autodiff.backends.numba.nest import KernelPlan
from autodiff.backends.numba.source import print_source, size_origins
from autodiff.ir.core import Block
from autodiff.ir.signature import Sizes

# Numba's lock is its own; ours keeps two threads from compiling one program twice.
_lock = threading.Lock()


class CompiledKernel:
    """Machine code for one signature: `source`, and a call that takes arrays and sizes."""

    def __init__(self, plan: KernelPlan, source: str) -> None:
        self.source = source
        self.passed_sizes = tuple(size_origins(plan)[1])
        params = [(p.dtype, len(p.shape)) for p in plan.params]
        with _lock:
            numba = jit()
            try:
                self.call: Callable[..., Any] = numba.compiled(
                    _defined(source, numba.namespace()), params, len(self.passed_sizes)
                )
            except numba.Refused as reason:
                raise NoKernel(str(reason)) from reason


def jit() -> ModuleType:
    """The module `jit`, loaded at the first compilation: it takes Numba along, most of a second."""
    return importlib.import_module("autodiff.backends.numba.jit")


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
