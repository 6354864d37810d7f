"""What the surface functions share: turning arguments into operands, axes into axes."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, AxisError, DTypeError
from autodiff.ir.build import emitter
from autodiff.ir.core import Literal, Operand
from autodiff.ops.arithmetic import identity
from autodiff.ops.families import cast, reshape


def lift(x: Any) -> Any:
    """Anything array-like as an operand of the program being recorded."""
    return x if isinstance(x, Operand) and x.storage is None else emitter().lift(x)


def valued(x: Any) -> Any:
    """A result as users get it: a number of the program text becomes an array like any other."""
    return identity(x) if isinstance(x, Literal) else x


def lift_all(xs: Iterable[Any]) -> list[Any]:
    return [lift(x) for x in xs]


def as_float(x: Any) -> Any:
    """Integers and booleans as float64, as NumPy's means and norms take them."""
    return x if x.aval.dtype.kind in "fc" else cast(x, dtype=np.dtype(np.float64))


def as_dtype(x: Any, dtype: Any) -> Any:
    """`x` in the dtype asked for; None keeps its own.

    Raises
    ------
    DTypeError
        For complex numbers in a real dtype: NumPy drops the imaginary part, with a warning.
    """
    if dtype is None or np.dtype(dtype) == x.aval.dtype:
        return x
    if x.aval.dtype.kind == "c" and np.dtype(dtype).kind in "fiu":
        raise DTypeError(f"casting {x.aval.dtype} to {np.dtype(dtype)} drops the imaginary part", "take x.real first")
    return cast(x, dtype=np.dtype(dtype))


def one_axis(axis: Any, ndim: int, name: str) -> int:
    """A single axis as a non-negative int."""
    axis = operator.index(axis)
    if not -ndim <= axis < ndim:
        raise AxisError(f"{name}: axis {axis} is out of bounds for an array of {ndim} dimensions")
    return axis % ndim


def some_axes(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """An `axis=` argument (None, int or tuple) as sorted non-negative axes."""
    if axis is None:
        return tuple(range(ndim))
    if type(axis) is int:
        return (one_axis(axis, ndim, name),)
    listed = axis if isinstance(axis, tuple | list) else (axis,)
    axes = sorted(one_axis(a, ndim, name) for a in listed)
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"{name}: axis {axis} names an axis twice")
    return tuple(axes)


def keep(y: Any, shape: tuple[int, ...], axes: tuple[int, ...], keepdims: bool) -> Any:
    """A reduced result, with its axes put back at length 1 when asked."""
    if not keepdims:
        return y
    return reshape(y, shape=_kept(shape, axes))


@lru_cache(maxsize=4096)
def _kept(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple([1 if k in axes else n for k, n in enumerate(shape)])


def unsupported(name: str, **arguments: Any) -> None:
    """Refuse arguments that have no meaning here instead of ignoring them."""
    for key, (value, default) in arguments.items():
        if value is not default:
            raise ArgumentError(f"{name}: the argument {key}={value!r} is not supported under differentiation")
