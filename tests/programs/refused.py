"""Programs that must give a clear error, at once: never a wrong number, never a crash further down.

For each: the class of the error and words that its message must have, among them the line (a part of its text) and the
name of the variable. Some run in NumPy; a compiled loop has no place for what they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from programs.zoo import sample

X = sample(191, 12)


@dataclass(frozen=True)
class Refused:
    """A function, arguments, and the error it must give."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    error: str
    words: tuple[str, ...]


REFUSED: dict[str, Refused] = {}


def refused(*arguments: Any, error: str, words: tuple[str, ...]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Keep the function and return it as it is; `error` is the name of a class of autodiff's or a builtin one."""

    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        REFUSED[function.__name__] = Refused(function, arguments, error, words)
        return function

    return keep


# ---- state that changes its shape or its dtype -------------------------------------------------------


@refused(X, error="LoopStateError", words=("y", "(12,)", "(13,)", "np.concatenate((y, y[:1]))"))
def array_that_grows(x):
    y = x
    while np.sum(y**2) < 1e3:
        y = np.concatenate((y, y[:1])) * 1.5
    return np.sum(y)


@refused(
    X, error="LoopStateError", words=("'y'", "(12,)", "(13,)", "y = np.append(y, y[k])", "ad.unrolled", "as large")
)
def array_that_grows_a_known_number_of_times(x):
    y = x
    for k in range(9):
        y = np.append(y, y[k])
    return np.sum(y**2)


@refused(X, error="LoopStateError", words=("'y'", "float32", "float64", "y = y.astype(", "ad.unrolled", ".astype"))
def dtype_that_goes_on_changing(x):
    y = x
    for _ in range(20):
        y = y.astype(np.float32 if y.dtype == np.float64 else np.float64)
    return np.sum(y**2)


@refused(X, error="LoopStateError", words=("'y'", "`while`", "(13,)", "(14,)", "y = np.append(y, y[k])"))
def array_that_grows_while_python_counts(x):
    y, k = x, 0
    while k < 9:
        y = np.append(y, y[k])
        k += 1
    return np.sum(y**2)


@refused(X, error="LoopStateError", words=("'inner'", "(12,)", "(13,)", "inner = np.append("))
def inner_array_that_grows(x):
    total = 0.0
    for k in range(20):
        inner = x * total
        for _ in range(12):
            inner = np.append(inner, k)
        total = np.sum(inner) + x[0]
    return total


@refused(X, error="LoopStateError", words=("y", "(12,)", "(11,)"))
def array_that_shrinks(x):
    y = x
    while np.sum(y) > -3.0:
        y = y[1:] - 0.1
    return np.sum(y)


@refused(X, error="LoopStateError", words=("total", "(3,)"))
def array_of_another_rank_each_trip(x):
    total = x[:3]
    while np.sum(total) < 100.0:
        total = np.outer(total, total) + 1.0
    return np.sum(total)


@refused(X.astype(np.float32), np.float64(0.3), error="LoopStateError", words=("y", "float32", "float64"))
def dtype_that_widens(x, a):
    y = x
    wide = np.ones(12) * a
    while np.sum(y) < 50.0:
        y = y + wide
    return np.sum(y)


@refused(X, error="LoopStateError", words=("pair",))
def tuple_that_grows(x):
    pair = (x[0], x[1])
    while pair[0] < 10.0:
        pair = (*pair, pair[0] + 1.0)
    return pair[0]


@refused(X, error="UnboundLocalError", words=("w",))
def name_that_only_one_branch_binds(x):
    total = 0.0
    for v in x:
        if v > 5.0:
            w = v
        total += v
    return total * w


@refused(X, error="ArgumentError", words=("'y'", "written to by a loop", "np.sum(y * z)"))
def rebound_within_the_loop(x):
    y = x.copy()
    z = y
    for k in range(10):
        y[k] += 1.0
        y = y * 0.9
    return np.sum(y * z)


# ---- places that do not exist ------------------------------------------------------------------------


@refused(X, error="IndexError", words=("12", "axis 0", "size 12"))
def index_beyond_the_end(x):
    total = 0.0
    for k in range(12):
        total += x[k] * x[k + 1]
    return total


@refused(sample(192, 9, 10), error="IndexError", words=("-11", "axis 1", "size 10"))
def index_before_the_beginning(m):
    total = 0.0
    for k in range(12):
        total += m[0, -k]
    return total


@refused(X, error="IndexError", words=("axis 0", "size 12"))
def write_beyond_the_end(x):
    y = x.copy()
    for k in range(12):
        y[2 * k] = y[k] ** 2
    return np.sum(y)


@refused(X, np.array([0, 2, 5, 12, 1, 3, 4, 6, 7]), error="IndexError", words=("12", "axis 0", "size 12"))
def index_from_an_array(x, places):
    total = 0.0
    for k in range(len(places)):
        total += x[places[k]]
    return total


@refused(X, error="IndexError", words=("axis 0", "size 12"))
def index_in_a_loop_that_values_end(x):
    k, total = 0, 0.0
    while total < 100.0:
        total += x[k] ** 2
        k += 1
    return total


# ---- Python that cannot be traced --------------------------------------------------------------------


@refused(X, error="ControlFlowError", words=("generator", "yield"))
def generator(x):
    for v in x:
        yield v * v


@refused(X, error="ControlFlowError", words=("async",))
async def asynchronous(x):
    await asyncio.sleep(0)
    return np.sum(x)


@refused(X, error="ControlFlowError", words=("try",))
def try_around_a_loop(x):
    total = 0.0
    for v in x:
        try:
            total += np.sqrt(v) if v > 0.0 else v
        except FloatingPointError:
            total += 1.0
    return total


@refused(X, error="AssertionError", words=("too large",))
def assertion_that_fails(x):
    total = 0.0
    for v in x:
        assert total < 1.5, "too large"
        total += abs(v)
    return total


@refused(X, error="TypeError", words=("float",))
def range_of_a_float(x):
    total = 0.0
    for k in range(np.sum(x) + 10.0):
        total += k * x[0]
    return total


@refused(X, error="ValueError", words=("range", "zero"))
def step_of_zero(x):
    total = 0.0
    for k in range(0, 10, 0):
        total += x[k]
    return total
