"""A kernel before it is loaded: plain data, made from a plan once, that can be stored.

It holds the machine code and the recipe for calling it. A kernel that calls the host needs the program as well,
since the host runs the ops' own NumPy functions: the program is planned again, and must then call the same.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

from autodiff.backends.numba.host import Host
from autodiff.backends.numba.layout import LayoutError
from autodiff.backends.numba.native import MachineCode, MissingSymbol, ObjectCode
from autodiff.backends.numba.native_kernel import NativeKernel
from autodiff.backends.numba.nest import KernelPlan, NativeCall, every_step
from autodiff.backends.numba.recipe import Recipe
from autodiff.backends.store import Entry
from autodiff.ir.core import Block
from autodiff.ir.pretty import format_param
from autodiff.ir.signature import Sizes

ENTRY_POINT = "kernel"


class Useless(Exception):
    """A stored kernel cannot be used in this process."""


@dataclass(frozen=True, slots=True)
class KernelCode:
    """`calls` says which ops the kernel has the host run; empty when it has none."""

    recipe: Recipe
    code: ObjectCode
    calls: tuple[str, ...]

    def entry(self) -> Entry:
        """As the store keeps it."""
        header = {"recipe": self.recipe.as_json(), "needs": self.code.needs, "calls": self.calls}
        return Entry(header, self.code.data)

    @classmethod
    def of_entry(cls, entry: Entry) -> KernelCode:
        recipe, needs, calls = (entry.header[key] for key in ("recipe", "needs", "calls"))
        return cls(Recipe.from_json(recipe), ObjectCode(entry.code, tuple(needs)), tuple(calls))

    def load(self, calls: Sequence[NativeCall]) -> NativeKernel:
        """The kernel; `calls` are those of its plan."""
        host = Host(calls) if self.recipe.calls_host else None
        return NativeKernel(self.recipe, MachineCode(self.code, ENTRY_POINT), host)


def load_kernel(entry: Entry, block: Block, sizes: Sizes) -> NativeKernel:
    """The kernel of a generalised block from what was stored of it.

    Raises
    ------
    Useless
        When it cannot be used here.
    """
    stored, calls = KernelCode.of_entry(entry), list[NativeCall]()
    if stored.recipe.calls_host:
        calls = calls_of(importlib.import_module("autodiff.backends.numba.compile").plan_kernel(block, sizes))
        if described(calls) != stored.calls:
            raise Useless("its plan calls other functions")
    try:
        return stored.load(calls)
    except (MissingSymbol, LayoutError) as error:
        raise Useless(f"{type(error).__name__}: {error}") from error


def calls_of(plan: KernelPlan) -> list[NativeCall]:
    """The steps of a plan that are no loop nests, as its kernel numbers them."""
    return [step for step in every_step(plan.steps) if isinstance(step, NativeCall)]


def described(calls: Sequence[NativeCall]) -> tuple[str, ...]:
    """What a host runs, in words: ops, parameters, and the arrays it is given."""
    texts = []
    for step in calls:
        op, params = step.instr.op, step.instr.params
        given = [f"{k}={format_param(v)}" for k, v in params.items() if k not in op.implied_params]
        given += [f"{b.dtype.str}{len(b.shape)}{'T' if swapped else ''}" for b, swapped in step.operands]
        given += [f"-> {b.dtype.str}{len(b.shape)}" for b in step.outs]
        texts.append(" ".join((op.name, *given)))
    return tuple(texts)
