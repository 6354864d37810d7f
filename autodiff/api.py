"""The decorators: `grad`, `value_and_grad`, `jit`, `jvp`, `vjp`, `stop_gradient`.

Names and argument order are JAX's where JAX has them. All of them accept functions written
in plain NumPy, return NumPy arrays (NumPy scalars for shape ()), work in float64 unless the
arrays say float32, and compose: `grad(grad(f))`, `jit(grad(f))`, a tape around `grad(f)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import optree

from autodiff.errors import ArgumentError, DTypeError, NonScalarLossError, ShapeError
from autodiff.frontends.function import Call, Function, Traced, Transform
from autodiff.frontends.surface.common import lift
from autodiff.ir.aval import is_differentiable
from autodiff.ir.build import building, inline
from autodiff.ir.core import Block, Operand
from autodiff.ops import arithmetic
from autodiff.runtime.kernels import KERNELS, CacheInfo
from autodiff.transforms.forward import jvp as jvp_block
from autodiff.transforms.reverse import value_and_gradient
from autodiff.transforms.reverse import vjp as vjp_block

Argnums = int | Sequence[int] | None
Argnames = str | Sequence[str] | None


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
        Arguments that are passed through as Python objects; a new value traces anew.

    Returns
    -------
    Function
        With `.ir()`, `.adjoint_ir()`, `.source()` and `.cache_info()`.

    Raises
    ------
    ConcretizationError
        When the function asks for the value of a traced array (`if x > 0`, `float(x)`).
    NotDifferentiableError
        When it calls a NumPy function autodiff has no rule for.

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
    return Function(fun, Transform(), _ints(static_argnums), _names(static_argnames))


def grad(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = None,
    argnames: Argnames = None,
    has_aux: bool = False,
    *,
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
        Positions of the arguments to differentiate with respect to. Default 0.
    argnames : str or sequence of str, optional
        The same by name; both together are answered in that order.
    has_aux : bool
        Return `(gradient, aux)`.
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
            static_argnums=static_argnums,
            static_argnames=static_argnames,
        )
    return _gradient_function(fun, argnums, argnames, has_aux, False, static_argnums, static_argnames)


def value_and_grad(
    fun: Callable[..., Any] | None = None,
    argnums: Argnums = None,
    argnames: Argnames = None,
    has_aux: bool = False,
    *,
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
            static_argnums=static_argnums,
            static_argnames=static_argnames,
        )
    return _gradient_function(fun, argnums, argnames, has_aux, True, static_argnums, static_argnames)


def jvp(fun: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """Value and directional derivative, in forward mode.

    Parameters
    ----------
    fun : callable
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
    _same_structure("jvp", tuple(primals), tuple(tangents))
    function = Function(lambda p, t: fun(*p), _Pushforward())
    value, tangent = function(tuple(primals), _like(primals, tangents))
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
    backward = Function(lambda p, ct: fun(*p), _Pullback())

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        _same_structure("vjp", value, cotangents)
        return backward(primals, _like(value, cotangents))  # type: ignore[no-any-return]

    return value, pullback


def stop_gradient(x: Any) -> Any:
    """`x`, as a constant: no derivative passes. Takes nested containers of arrays."""
    return optree.tree_map(lambda leaf: arithmetic.stop_gradient(lift(leaf)), x)


def cache_info() -> CacheInfo:
    """Kernels compiled, found again, and run, in this process."""
    return KERNELS.info


# ---- what the decorators do to a block ---------------------------------------------------------


class _Gradient(Transform):
    """Results of the function, then gradients of the first of them."""

    def __init__(self, name: str, which: list[int | str], single: bool, has_aux: bool, value: bool) -> None:
        self.name = name
        self.which = which
        self.single = single
        self.has_aux = has_aux
        self.value = value
        self.function: Function | None = None

    def build(self, traced: Traced, call: Call) -> tuple[Block, Any]:
        assert self.function is not None
        places = [self.function.argument(w, call) for w in self.which]
        wrt = [k for place in places for k in call.positions[place]]
        self._check(traced, call, wrt)
        block = value_and_gradient(traced.block, wrt)
        n = len(traced.block.results)
        specs = [call.spec[place] for place in places]
        gradient = specs[0] if self.single else optree.treespec_tuple(specs)
        if self.value:
            return block, optree.treespec_tuple([traced.spec, gradient])
        kept = block.results[n:] if not self.has_aux else (*block.results[n:], *block.results[1:n])
        spec = gradient if not self.has_aux else optree.treespec_tuple([gradient, traced.spec.child(1)])
        return Block(block.params, block.instrs, kept), spec

    def _check(self, traced: Traced, call: Call, wrt: list[int]) -> None:
        assert self.function is not None
        name = self.function._name
        for k in wrt:
            aval, hint, _ = call.avals[k]
            if not is_differentiable(aval.dtype):
                raise DTypeError(
                    f"{self.name}: argument {hint!r} of {name} has dtype {aval.dtype}, which is not differentiable",
                    "pass floats: 3.0 instead of 3, x.astype(float) for an array",
                )
        if self.has_aux and not (traced.spec.num_children == 2 and traced.spec.type is tuple and traced.spec.child(0).is_leaf()):
            raise NonScalarLossError(
                f"{self.name}: has_aux=True, but {name} did not return a pair (loss, aux)", "return loss, aux"
            )
        first = traced.block.results[0].aval if traced.block.results else None
        alone = self.has_aux or traced.spec.is_leaf()
        if first is None or not alone or first.shape or not is_differentiable(first.dtype):
            found = f"{first}" if alone and first is not None else f"a {traced.spec.type.__name__ if traced.spec.type else 'container'}"
            raise NonScalarLossError(
                f"{self.name}: {name} must return one float, it returned {found}",
                "reduce it: np.sum(y) or np.mean(y); return (loss, aux) with has_aux=True",
            )


class _Pushforward(Transform):
    """Arguments are (primals, tangents); results are (values, tangents)."""

    name = "jvp"

    def build(self, traced: Traced, call: Call) -> tuple[Block, Any]:
        wrt = call.positions[0]
        block = jvp_block(traced.block, wrt)
        # The tangents are already parameters of the traced function, where nothing reads them.
        return _second_argument_used(block, traced, call), optree.treespec_tuple([traced.spec, traced.spec])


class _Pullback(Transform):
    """Arguments are (primals, cotangents); results are the primals' cotangents."""

    name = "vjp"

    def build(self, traced: Traced, call: Call) -> tuple[Block, Any]:
        block = vjp_block(traced.block, call.positions[0])
        block = _second_argument_used(block, traced, call)
        n = len(traced.block.results)
        return Block(block.params, block.instrs, block.results[n:]), call.spec[0]


def _second_argument_used(block: Block, traced: Traced, call: Call) -> Block:
    """Bind the parameters that a transform appended to the call's second argument."""
    n = len(traced.block.params)
    with building([p.aval for p in block.params[:n]], [p.hint for p in block.params[:n]]) as b:
        given = [b.params[k] for k in call.positions[1]]
        return b.block(inline(block, (*b.params, *given)))


# ---- arguments ---------------------------------------------------------------------------------


def _gradient_function(
    fun: Callable[..., Any],
    argnums: Argnums,
    argnames: Argnames,
    has_aux: bool,
    value: bool,
    static_argnums: int | Sequence[int],
    static_argnames: str | Sequence[str],
) -> Function:
    if argnums is None and argnames is None:
        argnums = 0
    which: list[int | str] = [*_ints(() if argnums is None else argnums), *_names(() if argnames is None else argnames)]
    single = (isinstance(argnums, int) and argnames is None) or (isinstance(argnames, str) and argnums is None)
    transform = _Gradient("value_and_grad" if value else "grad", which, single, has_aux, value)
    transform.function = Function(fun, transform, _ints(static_argnums), _names(static_argnames))
    return transform.function


def _ints(x: int | Sequence[int]) -> tuple[int, ...]:
    listed = (x,) if isinstance(x, int) else tuple(x)
    if not all(isinstance(k, int) and not isinstance(k, bool) for k in listed):
        raise ArgumentError(f"positions of arguments must be ints, got {x!r}", "use argnames for names")
    return listed


def _names(x: str | Sequence[str]) -> tuple[str, ...]:
    listed = (x,) if isinstance(x, str) else tuple(x)
    if not all(isinstance(n, str) for n in listed):
        raise ArgumentError(f"names of arguments must be strings, got {x!r}", "use argnums for positions")
    return listed


def _same_structure(name: str, expected: Any, found: Any) -> None:
    if optree.tree_structure(expected) != optree.tree_structure(found):
        raise ArgumentError(
            f"{name}: structure {optree.tree_structure(found)} does not match {optree.tree_structure(expected)}"
        )


def _like(primals: Any, tangents: Any) -> Any:
    """Tangents (or cotangents) with the dtypes of what they belong to, shapes checked."""

    def one(x: Any, t: Any) -> Any:
        aval, given = lift(x).aval, lift(t)
        if not is_differentiable(aval.dtype):
            raise DTypeError(f"dtype {aval.dtype} is not differentiable", "pass floats")
        if given.aval.shape != aval.shape:
            raise ShapeError(f"a direction of shape {given.aval.shape} for a value of shape {aval.shape}")
        return t if isinstance(t, Operand) else np.asarray(t, aval.dtype)

    return optree.tree_map(one, tuple(primals) if isinstance(primals, list) else primals, tangents)
