"""First derivatives: `grad`, `value_and_grad`, `jvp`, `vjp`; and `jit`, which takes none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from autodiff.api.options import Argnames, Argnums, Checkpoints, checkpoints, ints, names, selected
from autodiff.errors import ArgumentError, DTypeError, ShapeError, clipped
from autodiff.frontends import trees as optree
from autodiff.frontends.decorators import Gradient, Pullback, Pushforward
from autodiff.frontends.function import Function
from autodiff.frontends.surface.common import as_dtype, lift
from autodiff.frontends.transform import Transform, function_name
from autodiff.ir.aval import is_differentiable
from autodiff.ir.core import Operand
from autodiff.ops import arithmetic
from autodiff.runtime.kernels import KERNELS, CacheInfo


def jit(
    fun: Callable[..., Any] | None = None,
    *,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """Compile a function of arrays into one kernel.

    Parameters
    ----------
    fun : callable
        Plain NumPy code. Arguments and results are numbers, arrays, or nested containers.
    static_argnums, static_argnames
        Arguments that are passed through as Python objects; a new value traces anew. The
        instance that a method is called on is static by itself.

    Returns
    -------
    Function
        With `.explain()`, `.ir()`, `.adjoint_ir()`, `.source()` and `.cache_info()`.

    Raises
    ------
    ConcretizationError
        When the function asks for a value that there is none of: of one entry under `vmap`, say.
    NotDifferentiableError
        When it calls a NumPy function autodiff has no rule for.
    ArgumentError
        When a static argument cannot be hashed, or is none of the function's parameters.

    Notes
    -----
    A question about a value (`if x.sum() > 0`, `int(n)`, `float(x)`) is answered from the arguments, and the answer is
    checked at every call; where it is another one, the function is traced once more.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> @ad.jit
    ... def f(x):
    ...     return np.sum(x**2)
    >>> float(f(np.array([1.0, 2.0])))
    5.0
    """
    if fun is None:
        return partial(jit, static_argnums=static_argnums, static_argnames=static_argnames)
    return Function(fun, Transform(), ints(static_argnums), names(static_argnames))


def grad(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = None,
    argnames: Argnames = None,
    has_aux: bool = False,
    *,
    checkpoint: Checkpoints = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """The gradient of a function whose result is one number.

    Parameters
    ----------
    fun : callable
        Plain NumPy code that returns a scalar (with `has_aux`, a pair of a scalar and
        anything made of arrays).
    argnums : int or sequence of ints, optional
        Positions of the arguments to differentiate with respect to, counted as in the
        definition. Default: the first argument that is not static (in a method: that is not
        `self`).
    argnames : str or sequence of str, optional
        The same by name; both together are answered in that order.
    has_aux : bool
        Return `(gradient, aux)`.
    checkpoint : "auto" or int, optional
        Long loops in bounded memory: their state is kept now and then only, and what lies between
        is computed again. A number says how many states a loop may keep at once, about; "auto" keeps at most
        90, of loops that would keep more than 32 MiB. Default: everything is kept that the adjoint needs.
    static_argnums, static_argnames
        As in `jit`.

    Returns
    -------
    Function
        Its result has the structure, shapes and dtypes of the argument; a tuple of them when
        `argnums` or `argnames` is a sequence. An argument that the result does not depend on
        has gradient zero.

    Raises
    ------
    NonScalarLossError
        When the result is not a scalar of float dtype.
    DTypeError
        When an argument to differentiate with respect to is of integer or boolean dtype.
    ArgumentError
        When there is no such argument.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> ad.grad(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    if fun is None:
        return partial(
            grad,
            argnums=argnums,
            argnames=argnames,
            has_aux=has_aux,
            checkpoint=checkpoint,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
        )
    return _gradient_function(fun, argnums, argnames, has_aux, False, checkpoint, static_argnums, static_argnames)


def value_and_grad(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = None,
    argnames: Argnames = None,
    has_aux: bool = False,
    *,
    checkpoint: Checkpoints = None,
    static_argnums: int | Sequence[int] = (),
    static_argnames: str | Sequence[str] = (),
) -> Any:
    """The value and the gradient of a function, by one fused kernel.

    Parameters as in `grad`. Returns `(value, gradient)`; with `has_aux`,
    `((value, aux), gradient)`.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> value, gradient = ad.value_and_grad(lambda x: np.sum(x**2))(np.array([1.0, 2.0]))
    >>> float(value), gradient
    (5.0, array([2., 4.]))
    """
    if fun is None:
        return partial(
            value_and_grad,
            argnums=argnums,
            argnames=argnames,
            has_aux=has_aux,
            checkpoint=checkpoint,
            static_argnums=static_argnums,
            static_argnames=static_argnames,
        )
    return _gradient_function(fun, argnums, argnames, has_aux, True, checkpoint, static_argnums, static_argnames)


def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Value and directional derivative, in forward mode.

    Parameters
    ----------
    fun : callable
        Plain NumPy code.
    primals : sequence
        The arguments of `fun`: floats, float arrays, or nested containers of them.
    tangents : sequence
        The direction: the structure and shapes of `primals`.

    Returns
    -------
    (value, tangent), both in the structure of `fun`'s result.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> y, t = ad.jvp(np.sin, (0.0,), (2.0,))
    >>> float(t)
    2.0
    """
    given = tuple(primals)
    directions = _matching("jvp", "tangents", given, tuple(tangents))
    value, tangent = Function(lambda p, _: fun(*p), Pushforward(), name=function_name(fun))(given, directions)
    return value, tangent


def vjp(fun: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """Value, and a function from cotangents of the result to cotangents of the arguments.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> y, pullback = ad.vjp(lambda x: x**2, np.array([1.0, 2.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 2., 40.]),)
    """
    value = jit(fun)(*primals)
    backward = Function(lambda p, _: fun(*p), Pullback(), name=function_name(fun))

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        return backward(primals, _matching("vjp", "cotangents", value, cotangents))  # type: ignore[no-any-return]

    return value, pullback


def stop_gradient(x: Any) -> Any:
    """`x`, as a constant: no derivative passes. Takes nested containers of arrays."""
    return optree.tree_map(lambda leaf: arithmetic.stop_gradient(lift(leaf)), x)


def cache_info() -> CacheInfo:
    """Kernels compiled, found again, and run, in this process."""
    return KERNELS.info


# ---- arguments ---------------------------------------------------------------------------------


def _gradient_function(
    fun: Callable[..., Any],
    argnums: Argnums,
    argnames: Argnames,
    has_aux: bool,
    value: bool,
    checkpoint: Checkpoints,
    static_argnums: int | Sequence[int],
    static_argnames: str | Sequence[str],
) -> Function:
    which, single = selected(argnums, argnames)
    name = "value_and_grad" if value else "grad"
    transform = Gradient(name, which, single, has_aux, value, checkpoints(name, checkpoint))
    return Function(fun, transform, ints(static_argnums), names(static_argnames))


def _matching(name: str, what: str, primals: Any, directions: Any) -> Any:
    """Tangents or cotangents with the dtypes of what they belong to; structure and shapes checked."""
    expected, found = optree.tree_structure(primals), optree.tree_structure(directions)
    if expected != found:
        shown = [clipped(str(spec), 200) for spec in (found, expected)]
        raise ArgumentError(
            f"{name}: the {what} have the structure {shown[0]}, needed is {shown[1]}",
            f"give one of the {what} per array, in containers of the same kind",
        )
    return optree.tree_map(lambda x, d: _direction(name, what, x, d), primals, directions)


def _direction(name: str, what: str, x: Any, direction: Any) -> Any:
    aval, given = lift(x).aval, lift(direction).aval
    if not is_differentiable(aval.dtype):
        raise DTypeError(
            f"{name}: a value of dtype {aval.dtype} is not differentiable",
            "pass floats: 3.0 instead of 3, x.astype(float) for an array",
        )
    if given.shape != aval.shape:
        raise ShapeError(
            f"{name}: one of the {what} has shape {given.shape}, the value it belongs to has shape {aval.shape}",
            f"{what} have the shapes of the values they belong to",
        )
    if given.dtype.kind == "c" and aval.dtype.kind != "c":
        raise DTypeError(
            f"{name}: one of the {what} is complex ({given.dtype}), the value it belongs to is {aval.dtype}",
            "give its real part",
        )
    if isinstance(direction, Operand):
        return as_dtype(lift(direction), aval.dtype)
    return np.asarray(direction, aval.dtype)
