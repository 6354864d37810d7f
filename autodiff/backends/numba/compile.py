"""From a block to a callable kernel.

`plan_kernel` lowers, `print_source` prints, `compile_kernel` compiles, `python_kernel` runs the source as it
is. A kernel is machine code from LLVM IR (`native_kernel.py`) where that printer can say it, and
else the source through Numba. Importing this module imports neither Numba nor llvmlite: see `jit`
and `native`.

A kernel has `bind(literals, sizes)`: the function of one program, from its arrays
(C-contiguous, aligned) and Python numbers to a tuple of fresh arrays and NumPy scalars. It raises
TypeError, before anything runs, for arguments that are not of that kind.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from autodiff.backends.numba.explain import explained
from autodiff.backends.numba.functions import PYTHON, RESERVED
from autodiff.backends.numba.fuse import NoKernel, fuse
from autodiff.backends.numba.nest import KernelPlan
from autodiff.backends.numba.source import print_source, size_origins
from autodiff.config import config
from autodiff.ir.core import Block
from autodiff.ir.signature import Sizes
from autodiff.logs import say, timed

# Numba's lock is its own; ours keeps two threads from compiling one program twice.
_lock = threading.Lock()

Run = Callable[..., tuple[Any, ...]]


class CompiledKernel(Protocol):
    """Machine code for one signature."""

    def bind(self, literals: Sequence[Any], sizes: Mapping[str, int]) -> Run:
        """The kernel for one program."""


class NumbaKernel:
    """A kernel compiled from source by Numba."""

    def __init__(self, plan: KernelPlan) -> None:
        self._passed = tuple(size_origins(plan)[1])
        self._results = [(b.dtype, bool(b.shape)) for b in plan.results]
        # Numba tells a float64 from a float32, and an int from a bool.
        self._scalars = [(k, p.dtype.type) for k, p in enumerate(plan.params) if not p.shape]
        params = [(p.dtype, len(p.shape)) for p in plan.params]
        with _lock:
            numba = jit()
            try:
                self._call: Callable[..., Any] = numba.compiled(
                    _defined(print_source(plan), numba.namespace(config.math)), params, len(self._passed)
                )
            except numba.Refused as reason:
                raise NoKernel(str(reason)) from reason

    def bind(self, literals: Sequence[Any], sizes: Mapping[str, int]) -> Run:
        own = [(k, kind) for k, kind in self._scalars if kind is not np.float64]
        call, extra, results = self._call, (*literals, *(sizes[n] for n in self._passed)), self._results

        def run(*args: Any) -> tuple[Any, ...]:
            given = list(args)
            for k, kind in own:
                if k < len(given):
                    given[k] = kind(given[k])
            out = call(*given, *extra)
            outs = out if len(results) > 1 else (out,)
            return tuple([o if array else dtype.type(o) for o, (dtype, array) in zip(outs, results, strict=True)])

        return run


def jit() -> ModuleType:
    """The module `jit`, loaded at the first compilation: it takes Numba along, most of a second."""
    return importlib.import_module("autodiff.backends.numba.jit")


def native() -> ModuleType:
    """The module `compile_native`, loaded at the first compilation: it takes llvmlite along."""
    return importlib.import_module("autodiff.backends.numba.compile_native")


def plan_kernel(block: Block, sizes: Sizes) -> KernelPlan:
    """The plan of a block's kernel; raises `NoKernel` when it has none."""
    return fuse(block, sizes, RESERVED)


def compile_kernel(block: Block, sizes: Sizes, keep: Callable[[Any], None] | None = None) -> CompiledKernel:
    """Compile a generalised block; `keep` is given the `KernelCode` of a native kernel.

    Raises
    ------
    NoKernel
        When the block holds something that kernels cannot do.
    """
    with timed("nests planned"):
        plan = plan_kernel(block, sizes)
    if "fusion" in config.logs:
        say("fusion", "%s", explained(plan, sizes.values))
    if config.native:
        machine = native()
        try:
            code = machine.compile_plan(plan)
            kernel = code.load(machine.calls_of(plan))
        except (NoKernel, machine.LayoutError, machine.MissingSymbol) as reason:  # Numba compiles more
            if "compile" in config.logs:
                say("compile", "compiled by Numba: %s", reason)
        else:
            if keep is not None:
                keep(code)
            return kernel  # type: ignore[no-any-return]
    with timed("Numba compiled"):
        return NumbaKernel(plan)


def python_kernel(source: str) -> Callable[..., Any]:
    """The kernel as an ordinary Python function: slow, and open to a debugger."""
    return _defined(source, PYTHON)


def _defined(source: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    scope = dict(namespace)
    exec(compile(source, "<autodiff kernel>", "exec"), scope)  # source is printed from IR only, never from user text
    return scope["kernel"]  # type: ignore[no-any-return]
