"""`vmap`: a function of one thing, made a function of a batch of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from autodiff.api.options import ints, names
from autodiff.errors import ArgumentError
from autodiff.frontends.batch import Batch
from autodiff.frontends.function import Function


def vmap(
    fun: Callable[..., Any] | None = None,
    in_axes: Any = 0,
    out_axes: Any = 0,
    *,
    axis_size: int | None = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """Apply a function to every entry of a batch, without a loop: one program on whole arrays.

    Parameters
    ----------
    fun : callable
        Plain NumPy code for one entry of the batch.
    in_axes : int, None, or a sequence of them, one per positional argument
        The batch axis of each argument; None for an argument that is the same for the whole
        batch. For a container, one axis for all its arrays, or a container of axes that agrees
        with its outer levels. Negative axes count from the end. Arguments given by keyword
        always have their batch on axis 0.
    out_axes : int, None, or a container of them
        Where the results get the batch axis. None for a result that is the same for the whole
        batch, which then is given once.
    axis_size : int, optional
        The size of the batch, where no argument tells it.
    static_argnums, static_argnames
        As in `jit`. A static argument is the same for the whole batch.

    Returns
    -------
    Function
        It takes what `fun` takes, with the batch axes, and gives what `np.stack` would make of
        the results of a loop, in their dtypes.

    Raises
    ------
    ShapeError
        When the batches of the arguments differ in size, or an array has no such axis.
    ArgumentError
        When no argument has a batch axis, when `in_axes` or `out_axes` does not fit the
        arguments or results, or when a result with `out_axes=None` varies over the batch.
    NoBatchingRuleError
        When the function uses an op that cannot be batched.

    Notes
    -----
    Composes with `grad`, `jit`, `jvp`, `vjp`, itself and tapes: `vmap(grad(f))` are gradients
    per example. What does not depend on the batch is computed once.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> w = np.array([1.0, 2.0])
    >>> x = np.array([[1.0, 0.0], [0.0, 3.0], [1.0, 1.0]])
    >>> ad.vmap(lambda w, x: np.tanh(w @ x), in_axes=(None, 0))(w, x).round(3)
    array([0.762, 1.   , 0.995])
    >>> ad.vmap(ad.grad(lambda w, x: (w @ x) ** 2), in_axes=(None, 0))(w, x)
    array([[ 2.,  0.],
           [ 0., 36.],
           [ 6.,  6.]])
    """
    if axis_size is not None and (not isinstance(axis_size, int) or axis_size < 0):
        raise ArgumentError(f"vmap: axis_size must be an int >= 0, got {axis_size!r}", "leave it out: arrays tell it")
    if fun is None:
        return partial(
            vmap,
            in_axes=in_axes,
            out_axes=out_axes,
            axis_size=axis_size,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
        )
    return Function(fun, Batch(in_axes, out_axes, axis_size), ints(static_argnums), names(static_argnames))
