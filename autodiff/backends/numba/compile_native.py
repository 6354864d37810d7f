"""From a plan to object code: prints LLVM IR and has it compiled."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from autodiff.backends.numba.kernel_code import KernelCode, calls_of, described
from autodiff.backends.numba.layout import LayoutError
from autodiff.backends.numba.llvm import KernelPrinter
from autodiff.backends.numba.llvm_calls import asks_host, with_work
from autodiff.backends.numba.native import MissingSymbol, compiled, finished
from autodiff.backends.numba.nest import KernelPlan, every_step
from autodiff.backends.numba.recipe import recipe
from autodiff.backends.numba.squeeze import squeeze
from autodiff.logs import timed


def compile_plan(plan: KernelPlan) -> KernelCode:
    """Compile a plan.

    Raises
    ------
    NoKernel
        When the plan needs what only Numba can compile.
    """
    plan = with_work(plan)
    squeeze(plan.steps)
    hosted = any(map(asks_host, every_step(plan.steps)))
    with timed("LLVM printed"), _uncollected():
        printer = KernelPrinter(plan)
        texts = list(map(str, printer.modules))
    code = finished(*texts) if printer.straight else compiled(*texts)
    return KernelCode(recipe(plan, hosted), code, described(calls_of(plan)) if hosted else ())


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without looks for garbage: a text takes thousands of objects, and each full look goes through all that Python
    has loaded, which takes 30 ms where the text takes 10.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


__all__ = ["LayoutError", "MissingSymbol", "calls_of", "compile_plan"]
