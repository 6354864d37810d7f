"""`jacobian`, `jacrev`, `jacfwd`, `hessian`: derivatives of functions with any number of results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from autodiff.api.options import Argnames, Argnums, ints, names, selected
from autodiff.frontends.function import Function
from autodiff.frontends.jacobians import FORWARD, REVERSE, SHORTER, Jacobian


def jacobian(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = None,
    argnames: Argnames = None,
    has_aux: bool = False,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """The derivative of every element of the result with respect to every element of an argument.

    Parameters
    ----------
    fun : callable
        Plain NumPy code that returns floats: a number, an array, or a nested container of them
        (with `has_aux`, a pair of that and anything made of arrays).
    argnums : int or sequence of ints, optional
        Positions of the arguments to differentiate with respect to; default as in `grad`.
    argnames : str or sequence of str, optional
        The same by name.
    has_aux : bool
        Return `(jacobian, aux)`.
    static_argnums, static_argnames
        As in `jit`.

    Returns
    -------
    Function
        It gives the structure of the result; in place of each array, the structure of the
        argument (a tuple of them when `argnums` or `argnames` is a sequence); in place of each
        array of that, the derivative, of shape `result.shape + argument.shape` and the argument's dtype.

    Raises
    ------
    DTypeError
        When an argument to differentiate with respect to, or a result, is no float.
    ArgumentError
        When there is no such argument.

    Notes
    -----
    One program, which computes all directions at once: in forward mode, which costs an entry of a
    batch per element of the argument, or in reverse mode, one per element of the result, whichever
    is fewer. `jacfwd` and `jacrev` are the same in a mode of your choice.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> ad.jacobian(lambda x: np.stack([x[0] * x[1], np.sin(x[0])]))(np.array([0.0, 2.0]))
    array([[2., 0.],
           [1., 0.]])
    """
    return _jacobian(jacobian, SHORTER, fun, argnums, argnames, has_aux, static_argnums, static_argnames)


def jacrev(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = None,
    argnames: Argnames = None,
    has_aux: bool = False,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """The Jacobian in reverse mode: for functions with fewer results than arguments.

    Parameters, result and errors as in `jacobian`.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> ad.jacrev(lambda x: np.cumsum(x) ** 2)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [6., 6.]])
    """
    return _jacobian(jacrev, REVERSE, fun, argnums, argnames, has_aux, static_argnums, static_argnames)


def jacfwd(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = None,
    argnames: Argnames = None,
    has_aux: bool = False,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """The Jacobian in forward mode: for functions with fewer arguments than results.

    Parameters, result and errors as in `jacobian`.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> ad.jacfwd(lambda t: np.stack([np.cos(t), np.sin(t)]))(0.0)
    array([-0.,  1.])
    """
    return _jacobian(jacfwd, FORWARD, fun, argnums, argnames, has_aux, static_argnums, static_argnames)


def hessian(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = None,
    argnames: Argnames = None,
    has_aux: bool = False,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """All second derivatives of a function: `jacfwd(jacrev(fun))`.

    Parameters and errors as in `jacobian`. The result has the structure of the argument twice,
    one within the other, within that of the result: `hessian(f, argnums=(0, 1))(x, y)[0][1]` is the
    derivative with respect to `x` and then `y`, of shape `result.shape + x.shape + y.shape`.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> ad.hessian(lambda x: x[0] ** 2 * x[1])(np.array([3.0, 5.0]))
    array([[10.,  6.],
           [ 6.,  0.]])
    """
    if fun is None:
        return partial(
            hessian,
            argnums=argnums,
            argnames=argnames,
            has_aux=has_aux,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
        )
    options = (argnums, argnames, has_aux, static_argnums, static_argnames)
    return _jacobian(hessian, FORWARD, _jacobian(hessian, REVERSE, fun, *options), *options)


def _jacobian(
    decorator: Callable[..., Any],
    mode: str,
    fun: Callable[..., Any] | None,
    argnums: Argnums,
    argnames: Argnames,
    has_aux: bool,
    static_argnums: int | Sequence[int],
    static_argnames: str | Sequence[str],
) -> Any:
    if fun is None:
        return partial(
            decorator,
            argnums=argnums,
            argnames=argnames,
            has_aux=has_aux,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
        )
    which, single = selected(argnums, argnames)
    transform = Jacobian(decorator.__name__, mode, which, single, has_aux)
    return Function(fun, transform, ints(static_argnums), names(static_argnames))
