"""NumPy's functions of arrays whose shape is not known (`ragged`): which one answers, products and movements.

Elementwise functions work on the elements of whole axes. What combines elements first puts what changes nothing in
place of those outside, 0 in sums of products.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.frontends import ragged_reductions
from autodiff.frontends.ragged_elements import brought, conj, first_ragged, held, like, made, mapped, settled
from autodiff.frontends.surface import products, spans, table
from autodiff.frontends.surface.common import one_axis, some_axes
from autodiff.ops.families import mul, reduce_sum

_CHEAP = {
    *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.absolute, np.maximum, np.minimum),
    *(np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal, np.square, np.conjugate),
    *(np.logical_and, np.logical_or, np.logical_not, np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert),
}
_PRODUCTS = {np.matmul, np.vecdot, np.matvec, np.vecmat}


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = {k: v for k, v in kwargs.items() if v is not None}
    if method == "__call__" and ufunc is np.matmul:
        return matmul(*inputs)
    if method == "__call__" and ufunc is np.vecdot:
        return dot(conj(inputs[0]), inputs[1])
    if method == "__call__" and ufunc not in _PRODUCTS and set(given) <= {"dtype", "casting"}:
        cheap = ufunc in _CHEAP
        return mapped(lambda *xs: table.call_ufunc(ufunc, method, xs, dict(given)), inputs, {}, cheap)
    if method == "reduce" and ufunc in ragged_reductions.REDUCED:
        return ragged_reductions.REDUCED[ufunc](inputs[0], **{"axis": 0, **kwargs})
    if method == "accumulate" and ufunc in ragged_reductions.ACCUMULATED:
        return ragged_reductions.ACCUMULATED[ufunc](*inputs, **{"axis": 0, **given})
    if method == "outer" and ufunc is np.multiply:
        return outer(*inputs)
    return first_ragged(*inputs).refuse(f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}"))


# ---- products ----------------------------------------------------------------------------------


def matmul(a: Any, b: Any) -> Any:
    """a @ b, of vectors and matrices."""
    (x, own), (y, other) = held(a), held(b)
    if not own or not other or len(own) > 2 or len(other) > 2:
        first_ragged(a, b).refuse(f"a product of arrays of {len(own)} and {len(other)} axes")
    over, inner = len(own) - 1, max(len(other) - 2, 0)
    if own[over] is None and other[inner] is not None:
        x, own = brought(x, over, None, other[inner], False), (*own[:over], other[inner])
    elif own[over] is not None:
        y = brought(y, inner, other[inner], own[over], False)
        other = (*other[:inner], own[over], *other[inner + 1 :])
    if len(own) == 1 and len(other) == 1:
        return reduce_sum(settled(mul(x, y), own), axes=(0,))
    free = (*own[:over], *other[:inner], *other[inner + 1 :])
    return made(products.matmul(settled(x, own), settled(y, other)), free)


def dot(a: Any, b: Any, out: Any = None) -> Any:
    if out is not None:
        raise ArgumentError("dot: out= is not supported here", "assign the result")
    return a * b if 0 in (len(held(a)[1]), len(held(b)[1])) else matmul(a, b)


def inner(a: Any, b: Any) -> Any:
    return dot(a, b.T if len(held(b)[1]) == 2 else b)


def vdot(a: Any, b: Any) -> Any:
    if len(held(a)[1]) != 1 or len(held(b)[1]) != 1:
        first_ragged(a, b).refuse("np.vdot of arrays of more than one axis")
    return matmul(conj(a), b)


def outer(a: Any, b: Any, out: Any = None) -> Any:
    (x, own), (y, other) = held(a), held(b)
    if out is not None or len(own) != 1 or len(other) != 1:
        first_ragged(a, b).refuse("np.outer of other arrays than vectors")
    return made(products.outer(x, y), (*own, *other))


# ---- movements ---------------------------------------------------------------------------------


def transpose(a: Any, axes: Any = None) -> Any:
    own = held(a)[1]
    order = tuple(range(len(own)))[::-1] if axes is None else tuple(one_axis(k, len(own), "transpose") for k in axes)
    return made(np.transpose(a.storage.base, order), [own[k] for k in order])


def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    order = list(range(a.ndim))
    j, k = (one_axis(axis, a.ndim, "swapaxes") for axis in (axis1, axis2))
    order[j], order[k] = order[k], order[j]
    return transpose(a, order)


def flip(m: Any, axis: Any = None) -> Any:
    own = held(m)[1]
    axes = some_axes(axis, len(own), "flip")
    y = np.flip(m.storage.base, axes)
    return made(y, [spans.flipped(s) if s is not None and k in axes else s for k, s in enumerate(own)])


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer `__array_function__`."""
    own = FUNCTIONS.get(function)
    if own is not None:
        return own(*args, **kwargs)
    if function in ELEMENTWISE:
        return mapped(lambda *xs: table.call_function(function, xs, kwargs), args, {}, function in _CHEAP_FUNCTIONS)
    named = [*args, *kwargs.values()]
    found = next((a for a in named if spans.of(a) is not None), None)
    if found is None:  # in a list, for one
        found = next(x for a in named if isinstance(a, list | tuple) for x in a if spans.of(x) is not None)
    return found.refuse(f"{function.__module__}.{function.__name__}".replace("numpy", "np"))


ELEMENTWISE = {
    *(np.where, np.clip, np.nan_to_num, np.round, np.around, np.fix, np.sinc, np.i0, np.real, np.imag, np.copy),
    *(np.isclose, np.isneginf, np.isposinf, np.angle, np.real_if_close),
}
_CHEAP_FUNCTIONS = {np.where, np.clip, np.real, np.imag, np.copy}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    **ragged_reductions.FUNCTIONS,
    np.dot: dot,
    np.inner: inner,
    np.vdot: vdot,
    np.outer: outer,
    np.transpose: transpose,
    np.swapaxes: swapaxes,
    np.flip: flip,
    np.flipud: lambda m: flip(m, 0),
    np.fliplr: lambda m: flip(m, 1),
    np.shape: lambda a: a.shape,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
    np.ndim: lambda a: a.ndim,
    np.zeros_like: like(0),
    np.empty_like: like(0),
    np.ones_like: like(1),
    np.full_like: like(None),
}
