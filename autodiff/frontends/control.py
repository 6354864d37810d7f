"""What rewritten code calls (`ad__`), and how a function gets to be traced with its loops and branches.

`frontends/syntax.py` makes of every loop, branch and call a call of one of the names below; they decide, while the
function is traced, what becomes of it:

| file | decides on |
|---|---|
| `control_for`, `control_while` | loops: Python, unrolled, `loop`, `while` |
| `control_size` | which short loops are unrolled |
| `control_branch` | `if`: Python, a guard, `cond` |
| `control_logic` | `and`, `or`, `not`, comparisons, conditional expressions, `assert`, jumps |
| `control_calls` | calls: the user's functions are rewritten in turn, built-ins take traced values |
| `control_recursion` | calls of functions that call themselves: Python, or two loops |
| `control_store` | `a[i] = v`, `a[i] += v` |
| `control_body`, `control_region` | how a piece of code is traced into a block |
| `control_carry`, `control_state`, `control_lists` | its state |

Start with `for_` in `control_for`.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from autodiff.errors import ControlFlowError
from autodiff.frontends.control_branch import if_
from autodiff.frontends.control_calls import call, iterated, traceable, users
from autodiff.frontends.control_for import for_
from autodiff.frontends.control_logic import assert_, both, choose, compared, either, going, negated, raising
from autodiff.frontends.control_store import augmented, index, item, loaded, stored, updated
from autodiff.frontends.control_trips import Unrolled as unrolled
from autodiff.frontends.control_while import while_
from autodiff.frontends.syntax import GENERATORS, install

__all__ = ["call", "traced_form", "unrolled", "users"]

HOOKS = types.SimpleNamespace(
    assert_=assert_,
    augmented=augmented,
    both=both,
    call=call,
    choose=choose,
    compared=compared,
    either=either,
    for_=for_,
    going=going,
    if_=if_,
    index=index,
    item=item,
    iterated=iterated,
    loaded=loaded,
    negated=negated,
    raising=raising,
    stored=stored,
    updated=updated,
    while_=while_,
)
install(HOOKS)


def traced_form(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function to trace in place of the user's.

    Raises
    ------
    ControlFlowError
        For generators and asynchronous functions.
    """
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & GENERATORS:
        kind = "a generator (`yield`)" if code.co_flags & inspect.CO_GENERATOR else "asynchronous (`async`)"
        raise ControlFlowError(
            f"{code.co_qualname} is {kind}: it cannot be traced",
            "write a plain function that returns its results",
            (code.co_filename, code.co_firstlineno),
        )
    found = traceable(function) if isinstance(function, types.FunctionType) else function
    return found if found is not function else lambda *args, **kwargs: call(function, *args, **kwargs)
