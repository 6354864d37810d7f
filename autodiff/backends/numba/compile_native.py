"""From a plan to object code: prints LLVM IR and has it compiled."""

from __future__ import annotations

from autodiff.backends.numba.kernel_code import KernelCode, calls_of, described
from autodiff.backends.numba.layout import LayoutError
from autodiff.backends.numba.llvm import print_llvm
from autodiff.backends.numba.llvm_calls import asks_host, with_work
from autodiff.backends.numba.native import MissingSymbol, compiled
from autodiff.backends.numba.nest import KernelPlan
from autodiff.backends.numba.recipe import recipe
from autodiff.logs import timed


def compile_plan(plan: KernelPlan) -> KernelCode:
    """Compile a plan.

    Raises
    ------
    NoKernel
        When the plan needs what only Numba can compile.
    """
    plan = with_work(plan)
    hosted = any(map(asks_host, plan.steps))
    with timed("LLVM printed"):
        text = print_llvm(plan)
    code = compiled(text)
    return KernelCode(recipe(plan, hosted), code, described(calls_of(plan)) if hosted else ())


__all__ = ["LayoutError", "MissingSymbol", "calls_of", "compile_plan"]
