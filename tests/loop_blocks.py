"""Blocks with loops and branches in them, built by hand: what the structured ops are tested with."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ir.core import Block
from autodiff.ops.checkpoint import checkpoint
from autodiff.ops.cond import cond
from autodiff.ops.extents import index_of
from autodiff.ops.families import full, reduce_sum
from autodiff.ops.loop import loop
from autodiff.ops.trip import AT, TRIP
from autodiff.ops.while_loop import while_loop
from autodiff.ops.window import add_window, set_window, window

N = 7
F, V = ArrayAval((), np.dtype(float)), ArrayAval((N,), np.dtype(float))
POINTS = np.linspace(0.5, 1.5, N)


class Program(NamedTuple):
    """A block, and arguments for it."""

    block: Block
    args: tuple[Any, ...]


def of(avals: list[ArrayAval], build: Callable[..., Any]) -> Block:
    """The block of a function of operands; its results are a list."""
    with building(avals) as b:
        return b.block(build(*b.params))


def newton() -> Program:
    """A square root, by a `while`."""
    body = of([F, F], lambda x, a: [0.5 * (x + a / x)])
    test = of([F, F], lambda x, a: [abs(x * x - a) > 1e-10])
    return Program(of([F, F], lambda x, a: [while_loop(test, body, [x], [a])[0] * a]), (1.7, 3.0))


def recurrence() -> Program:
    """An array that is written element by element, each from the one before."""

    def step(t, out, x):
        before = window(out, index_of(t - 1, 0, N), **AT)
        return [set_window(out, before * window(x, t, **AT) + 1.0, t, **AT)]

    body = of([TRIP, V, V], step)

    def whole(x):
        (out,) = loop(body, N, [full(V, 0.5)], [x])
        return [reduce_sum(out * out, axes=(0,))]

    return Program(of([V], whole), (POINTS,))


def histogram() -> Program:
    """Elements that are added to, again and again."""

    def step(t, out, x):
        at = index_of(t % 3, 0, N)
        return [add_window(out, window(x, t, **AT) * window(out, at, **AT), at, **AT)]

    body = of([TRIP, V, V], step)
    return Program(
        of([V], lambda x: [reduce_sum(y * y, axes=(0,)) for y in loop(body, N, [full(V, 1.0)], [x], reverse=True)]),
        (POINTS,),
    )


def exchange() -> Program:
    """Two arrays that change places."""
    body = of([TRIP, V, V], lambda t, a, b: [b * b, a * 0.5])
    return Program(
        of([V, V], lambda a, b: [reduce_sum(y, axes=(0,)) for y in (loop(body, 3, [a, b])[0],)]), (POINTS, POINTS[::-1])
    )


def _inner() -> Block:
    """A branch in a `while` in a loop."""
    then = of([F, F], lambda s, p: [s * p])
    otherwise = of([F, F], lambda s, p: [s + p * p])
    body = of([F, F, F], lambda n, s, p: [n + 1.0, cond(s > 0.7, then, otherwise, [s, p])[0]])
    test = of([F, F, F], lambda n, s, p: [n < 3.5])

    def step(t, s, x):
        p = window(x, t, **AT)
        return [while_loop(test, body, [p * 0.0 + 1.0, s], [p])[1]]

    return of([TRIP, F, V], step)


def nested() -> Program:
    body = _inner()
    return Program(of([F, V], lambda s, x: loop(body, N, [s], [x])), (0.4, POINTS))


def traced_trips() -> Program:
    """A number of trips that is an argument."""
    body = _inner()
    return Program(of([F, V, TRIP], lambda s, x, n: loop(body, n, [s], [x])), (0.4, POINTS, np.int64(5)))


def no_trip() -> Program:
    body = of([TRIP, F, F], lambda t, s, x: [s * x])
    return Program(of([F, F], lambda s, x: loop(body, 0, [s], [x])), (0.4, 2.0))


def arrays_in_branches() -> Program:
    """A branch that writes to an array."""
    then = of([V, F, TRIP], lambda a, v, t: [set_window(a, v * v, t, **AT)])
    otherwise = of([V, F, TRIP], lambda a, v, t: [a])

    def step(t, a, x):
        v = window(x, t, **AT)
        return cond(v > 0.9, then, otherwise, [a * 1.1, v, t])

    body = of([TRIP, V, V], step)
    return Program(
        of([V, V], lambda a, x: [reduce_sum(y * y, axes=(0,)) for y in loop(body, N, [a], [x])]), (POINTS[::-1], POINTS)
    )


def checkpointed() -> Program:
    """A body that is computed again."""
    inner = of([F, F], lambda s, p: [(s * p + 0.5) * s])
    body = of([TRIP, F, V], lambda t, s, x: checkpoint(inner, [s, window(x, t, **AT)]))
    return Program(of([F, V], lambda s, x: loop(body, N, [s], [x])), (0.4, 0.5 * POINTS))


PROGRAMS = {
    f.__name__: f
    for f in (
        *(newton, recurrence, histogram, exchange, nested, traced_trips, no_trip, arrays_in_branches, checkpointed),
    )
}
