"""Loops and branches in JAX's words, for who wants them explicit: `scan`, `fori_loop`, `while_loop`, `cond`, ...

Plain `for`, `while` and `if` in a decorated function become the same (names and order of arguments are those of
`jax.lax`, JAX documentation, "Control flow operators"). Outside of a trace each runs as a function of its own.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from autodiff.api.gradients import jit
from autodiff.errors import ArgumentError
from autodiff.frontends import structured
from autodiff.frontends.control_region import tracing
from autodiff.frontends.control_trips import Unrolled as unrolled


def _run(function: Callable[..., Any], *args: Any) -> Any:
    """A call within a trace; outside of one the call is traced by itself, over the arrays it is given."""
    return function(*args) if tracing() else jit(function)(*args)


__all__ = ["checkpoint", "cond", "fori_loop", "map", "scan", "switch", "unrolled", "while_loop"]


def scan(
    f: Callable[..., Any],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: Any = 1,  # noqa: ARG001
) -> Any:
    """Run `carry, y = f(carry, x)` over the rows of `xs`; return the last carry and all y, stacked.

    Parameters
    ----------
    f : (carry, x) -> (carry, y); the carry keeps structure, shapes and dtypes
    init : the first carry: numbers, arrays, or containers of them
    xs : arrays of shape (n, ...), or containers of them; None: x is None
    length : n, where `xs` does not say it
    reverse : from the last row to the first; y of row k is still number k
    unroll : accepted as in JAX, and of no effect: trips are compiled once

    Returns
    -------
    carry, ys : ys have shape (n, ...)

    Raises
    ------
    LoopStateError
        When the carry changes its structure, a shape or a dtype; says which, and both types.
    ShapeError, ArgumentError
        When lengths differ, or none is known.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> def decay(h, x):
    ...     h = 0.5 * h + x
    ...     return h, h
    >>> ad.grad(lambda x: ad.scan(decay, 0.0, x)[0])(np.ones(4))
    array([0.125, 0.25 , 0.5  , 1.   ])
    """
    return _run(lambda init, xs: structured.scan(f, init, xs, length, reverse), init, xs)


def fori_loop(lower: Any, upper: Any, body_fun: Callable[..., Any], init_val: Any, *, unroll: Any = None) -> Any:  # noqa: ARG001
    """`val = body_fun(i, val)` for i from `lower` up to `upper`, which may be traced; return the last `val`.

    Parameters
    ----------
    lower, upper : integers
    body_fun : (i, val) -> val; i is an int64 number, val keeps structure, shapes and dtypes
    init_val : the first val
    unroll : accepted as in JAX, and of no effect

    Raises
    ------
    LoopStateError
        When val changes its structure, a shape or a dtype.

    Examples
    --------
    >>> import autodiff as ad
    >>> float(ad.grad(lambda x: ad.fori_loop(0, 3, lambda i, v: v * x, 1.0))(2.0))
    12.0
    """
    return _run(lambda lo, hi, v: structured.fori_loop(lo, hi, body_fun, v), lower, upper, init_val)


def while_loop(cond_fun: Callable[..., Any], body_fun: Callable[..., Any], init_val: Any) -> Any:
    """`val = body_fun(val)` as long as `cond_fun(val)` holds; return the last `val`. Reverse mode included.

    Parameters
    ----------
    cond_fun : val -> bool
    body_fun : val -> val, of the same structure, shapes and dtypes
    init_val : the first val

    Raises
    ------
    LoopStateError
        When val changes its structure, a shape or a dtype, or the test is no single bool.

    Examples
    --------
    >>> import autodiff as ad
    >>> def root(a):  # Newton's method
    ...     return ad.while_loop(lambda x: abs(x * x - a) > 1e-12, lambda x: 0.5 * (x + a / x), a)
    >>> round(float(ad.grad(root)(4.0)), 9)
    0.25
    """
    return _run(lambda v: structured.while_loop(cond_fun, body_fun, v), init_val)


def cond(pred: Any, true_fun: Callable[..., Any], false_fun: Callable[..., Any], *operands: Any) -> Any:
    """`true_fun(*operands)` or `false_fun(*operands)`, as `pred` says when the program runs; only that one runs.

    Raises
    ------
    LoopStateError
        When the two return other structures, shapes or dtypes.

    Examples
    --------
    >>> import autodiff as ad
    >>> float(ad.grad(lambda x: ad.cond(x > 0, lambda x: x * x, lambda x: -x, x))(3.0))
    6.0
    """
    return _run(lambda p, *xs: structured.cond(p, true_fun, false_fun, xs), pred, *operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`branches[index](*operands)`; an index out of range takes the nearest branch.

    Raises
    ------
    ArgumentError
        When there are no branches.
    LoopStateError
        When two of them return other structures, shapes or dtypes.

    Examples
    --------
    >>> import autodiff as ad
    >>> float(ad.grad(lambda x: ad.switch(2, [lambda x: x, lambda x: x**2, lambda x: x**3], x))(2.0))
    12.0
    """
    return _run(lambda k, *xs: structured.switch(k, branches, xs), index, *operands)


def map(f: Callable[..., Any], xs: Any, *, batch_size: int | None = None) -> Any:  # noqa: ARG001
    """`f` of every row of `xs`, one after the other, results stacked; `vmap` does all at once.

    Parameters
    ----------
    f : of one row: arrays of shape (...) out of (n, ...)
    xs : arrays of shape (n, ...), or containers of them
    batch_size : accepted as in JAX, and of no effect

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> ad.map(lambda x: x * x, np.arange(3.0))
    array([0., 1., 4.])
    """
    return scan(lambda _, x: (None, f(x)), None, xs)[1]


def checkpoint(fun: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose derivative computes its intermediate values again instead of keeping them.

    Parameters
    ----------
    fun : a function as `grad` takes; used within a decorated function, for the body of a long loop for example

    Returns
    -------
    A function with the same arguments and results. Of a call only the arguments are kept for the derivative.

    Raises
    ------
    ArgumentError
        When it is given something else than a function.

    Notes
    -----
    Griewank, Achieving logarithmic growth of temporal and spatial complexity in reverse automatic differentiation,
    1992. For loops as a whole there is `value_and_grad(..., checkpoint="auto")`.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> layer = ad.checkpoint(lambda x: np.tanh(np.sin(x)))
    >>> ad.grad(lambda x: np.sum(layer(x)))(np.zeros(2))
    array([1., 1.])
    """
    if not callable(fun):
        raise ArgumentError(f"checkpoint takes a function, not a {type(fun).__name__}", "write @autodiff.checkpoint")

    @functools.wraps(fun)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        return structured.checkpoint(fun, args, kwargs) if tracing() else fun(*args, **kwargs)

    return checkpointed
