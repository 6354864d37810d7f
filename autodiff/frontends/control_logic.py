"""`and`, `or`, `not`, chained comparisons, `assert` and conditional expressions of rewritten code.

Outside of loops Python decides on the values (`Tracer.__bool__` answers, and makes a guard of the answer). Within
a loop the value of a test differs from trip to trip, under `vmap` from entry to entry: there the operators compute
with truth values, and what is only evaluated under a condition becomes a branch, unless evaluating it cannot fail.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ConcretizationError, UncheckedWarning, user_location
from autodiff.frontends.control_branch import GOING, by_python, chosen, decides, evaluated
from autodiff.frontends.control_notes import NOWHERE, decided
from autodiff.frontends.control_truth import as_bool, truth
from autodiff.frontends.tracer import Tracer
from autodiff.ir.build import emitter
from autodiff.ops.families import logical_and, logical_not, logical_or

Later = Callable[[], Any]
_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
    "is": operator.is_,
    "is not": operator.is_not,
    "in": lambda a, b: a in b,
    "not in": lambda a, b: a not in b,
}


def both(first: Any, *rest: Later) -> Any:
    """`first and rest...`"""
    value = first
    for k, later in enumerate(rest):
        holds = by_python(value)
        if holds is None:
            return _joined(value, lambda k=k: both(rest[k](), *rest[k + 1 :]), logical_and)
        if not holds:
            return value
        value = later()
    return value


def either(first: Any, *rest: Later) -> Any:
    """`first or rest...`"""
    value = first
    for k, later in enumerate(rest):
        holds = by_python(value)
        if holds is None:
            return _joined(value, lambda k=k: either(rest[k](), *rest[k + 1 :]), logical_or)
        if holds:
            return value
        value = later()
    return value


def _joined(value: Tracer, rest: Later, op: Callable[[Any, Any], Any]) -> Any:
    """The value of `and` or `or` whose first operand is traced: the rest counts only where that does not decide."""
    is_and = op is logical_and
    if value.aval.dtype == np.bool_:
        second = evaluated(rest)
        if second is not None and getattr(second, "dtype", np.dtype(type(second))) == np.bool_:
            return op(value, second)
        sides = (rest, lambda: np.bool_(False)) if is_and else (lambda: np.bool_(True), rest)
        return chosen(value, *sides)
    sides = (rest, lambda: value) if is_and else (lambda: value, rest)
    return chosen(as_bool(value), *sides)


def negated(x: Any) -> Any:
    """`not x`"""
    holds = by_python(x)
    return logical_not(as_bool(x)) if holds is None else not holds


def compared(left: Any, *parts: Any) -> Any:
    """`a < b < c`: every operand is evaluated once, the later ones only if it still matters."""
    op, right = _COMPARISONS[parts[0]], parts[1]()
    holds = op(left, right)
    return holds if len(parts) == 2 else both(holds, lambda: compared(right, *parts[2:]))


def choose(test: Any, then: Later, otherwise: Later) -> Any:
    """`then if test else otherwise`"""
    holds = by_python(test)
    if holds is None:
        return chosen(test, then, otherwise)
    return then() if holds else otherwise()


def assert_(test: Any, message: Later) -> None:
    """`assert test, message`; within a loop a traced test has no value, and nothing is checked."""
    if isinstance(test, Tracer) and decides(test):
        decided("region", "assert", "its test differs from trip to trip: it is not checked")
        return
    if not truth(test):
        said = message()
        raise AssertionError(*(() if said is None else (said,)))


def raising(flag: Any) -> bool:
    """Whether a `raise` within a loop, or an `assert`, is done: outside of all loops Python decides on the value.

    Where there is none (`vmap`) nothing can be raised, and a warning says so.
    """
    if not isinstance(flag, Tracer):
        return bool(flag)
    try:
        return truth(flag)
    except ConcretizationError:
        file, line = user_location() or NOWHERE
        message = "an `assert` or a `raise` in a loop is not checked here: whether it applies differs within the batch"
        warnings.warn_explicit(message, UncheckedWarning, file, line)
        return False


def going(*flags: Any) -> Any:
    """Whether none of the flags of `break`, `continue` and `return` is set."""
    traced = [f for f in flags if isinstance(f, Tracer)]
    if any(f is True for f in flags):
        return False
    if not traced:
        return True
    holds = logical_not(emitter().lift(traced[0]))
    for f in traced[1:]:
        holds = logical_and(holds, logical_not(f))
    holds.hint = GOING  # so that a branch on it is never a guard
    return holds
