"""What decorators do to functions: a function is traced into a `Traced`, and a `Transform` makes a program of it.

The plain `Transform` is `jit`'s; the others are in `decorators.py`, `jacobians.py` and `batch.py`.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from autodiff.errors import AutodiffError, DTypeError
from autodiff.frontends.array import plain_array
from autodiff.frontends.call import Call
from autodiff.frontends.decision import Decision
from autodiff.frontends.fingerprint import Uses
from autodiff.frontends.guards import Guards
from autodiff.ir.aval import ArrayAval
from autodiff.ir.core import Block, Operand
from autodiff.records import record


@record
class Traced:
    """A function as a block: what it computes, what it captured, how its result is built."""

    block: Block
    captured: list[Any]
    uses: Uses  # where captured objects were used
    spec: Any  # structure of the results
    n_params: int  # parameters that are arguments; the rest are captured
    guards: Guards | None  # what was decided on values
    decisions: list[Decision]  # what became of loops and branches


class Transform:
    """What a decorator does to a traced function."""

    name = "jit"

    def check(self, call: Call) -> None:
        """Refuse arguments before the function is traced."""

    def avals(self, call: Call) -> list[tuple[ArrayAval, str, bool]]:
        """(aval, hint, weak) of what the function is traced with, for every leaf of the arguments."""
        return call.avals()

    def values(self, call: Call) -> list[Any]:
        """What each of these stands for; an `Absent` where it has no value."""
        return call.leaves

    def differentiated(self, call: Call) -> Sequence[int]:  # noqa: ARG002
        """The leaves with respect to which derivatives are taken."""
        return ()

    def build(self, traced: Traced, call: Call) -> tuple[Block, Any]:  # noqa: ARG002
        """The block to run, and the structure of its results."""
        return traced.block, traced.spec


# ---- functions and what they return --------------------------------------------------------------


def function_name(function: Any) -> str:
    """What messages call a function: its name, within its class if it has one."""
    if isinstance(function, functools.partial):
        return f"partial({function_name(function.func)})"
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None) or type(function).__name__
    return name.rpartition("<locals>.")[2]


def checked_result(leaf: Any, k: int, spec: Any, function: str) -> Any:
    """A leaf of what a function returned, as something that can be lifted; `k` is its number."""
    if isinstance(leaf, Operand | int | float) or hasattr(leaf, "__autodiff_operand__"):
        return leaf
    try:
        return plain_array(leaf)
    except AutodiffError as error:
        place = "".join(f"[{p!r}]" for p in spec.paths()[k])
        raise DTypeError(
            f"{function}: result{place}: {error.what}", "return numbers, arrays, or containers of them"
        ) from None
