"""What rewritten code calls (`ad__`), and how a function gets to be traced with its loops and branches.

`frontends/syntax.py` makes of every loop, branch and call a call of one of the names below; they decide, while the
function is traced, what becomes of it:

| file | decides on |
|---|---|
| `control_loops` | `for` and `while`: Python, unrolled, `loop`, `while` |
| `control_branch` | `if`: Python, a guard, `cond` |
| `control_logic` | `and`, `or`, `not`, comparisons, conditional expressions, `assert`, jumps |
| `control_calls` | calls: the user's functions are rewritten in turn, built-ins take traced values |
| `control_store` | `a[i] = v`, `a[i] += v` |
| `control_region`, `control_carry`, `control_state` | how a piece of code is traced into a block, and its state |

Start with `for_` in `control_loops`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from autodiff.frontends.control_branch import if_
from autodiff.frontends.control_calls import call, iterated, users
from autodiff.frontends.control_logic import assert_, both, choose, compared, either, going, negated
from autodiff.frontends.control_loops import for_, while_
from autodiff.frontends.control_store import augmented, index, loaded, stored, updated
from autodiff.frontends.control_trips import Unrolled as unrolled
from autodiff.frontends.syntax import install, rewritten

__all__ = [
    *("assert_", "augmented", "both", "call", "choose", "compared", "either", "for_", "going", "if_", "index"),
    *("iterated", "loaded", "negated", "stored", "traced_form", "unrolled", "updated", "users", "while_"),
]


def traced_form(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function to trace in place of the user's."""
    found = rewritten(function)
    return found if found is not function else lambda *args, **kwargs: call(function, *args, **kwargs)


install(sys.modules[__name__])
