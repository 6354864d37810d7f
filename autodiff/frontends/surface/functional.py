"""NumPy functions that are given functions: piecewise, apply_along_axis, apply_over_axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.surface.common import as_dtype, lift, one_axis
from autodiff.frontends.surface.creation import zeros_like
from autodiff.frontends.surface.indexing import getitem, index_set
from autodiff.frontends.surface.shapes import expand_dims, moveaxis, reshape, stack
from autodiff.ir.core import Operand
from autodiff.ops.families import broadcast_to, select


def apply_along_axis(func1d: Callable[..., Any], axis: Any, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """`func1d` of every row along `axis`, one call a row."""
    x = lift(arr)
    k = one_axis(axis, x.aval.ndim, "apply_along_axis")
    rows = moveaxis(x, k, -1)
    outer = rows.aval.shape[:-1]
    if 0 in outer:
        raise ShapeError(f"apply_along_axis: there are no rows along axis {axis} of shape {x.aval.shape}")
    flat = reshape(rows, (math.prod(outer), x.aval.shape[k]))
    found = stack([lift(func1d(getitem(flat, j), *args, **kwargs)) for j in range(math.prod(outer))])
    inner = found.aval.shape[1:]
    y = reshape(found, (*outer, *inner))
    # The axes of a result stand where the axis was.
    last = range(len(outer), len(outer) + len(inner))
    return moveaxis(y, tuple(last), tuple(range(k, k + len(inner)))) if inner else y


def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """`func(a, axis)` one axis after the other, each kept at length 1."""
    x = lift(a)
    ndim = x.aval.ndim
    for axis in np.atleast_1d(axes).tolist():
        k = one_axis(axis, ndim, "apply_over_axes")
        y = lift(func(x, k))
        y = expand_dims(y, k) if y.aval.ndim == ndim - 1 else y
        if y.aval.ndim != ndim:
            raise ShapeError(f"apply_over_axes: the function gave shape {y.aval.shape} for shape {x.aval.shape}")
        x = y
    return x


def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Of each element the last function whose condition holds; one function more is the default.

    With known conditions a function is given the elements it is for, as in NumPy. With traced
    conditions it is given all elements, so it must work element by element.
    """
    at = lift(x)
    conditions = _conditions(at, condlist)
    functions = list(funclist)
    if len(functions) == len(conditions) + 1:
        covered = conditions[0]
        for c in conditions[1:]:
            covered = covered | c
        conditions.append(~covered)
    if len(functions) != len(conditions):
        raise ArgumentError(f"piecewise: {len(functions)} functions for {len(conditions)} conditions")
    y = zeros_like(at)
    for condition, function in zip(conditions, functions, strict=True):
        if not callable(function):
            y = select(condition, as_dtype(lift(function), at.aval.dtype), y)
        elif isinstance(condition, np.ndarray):
            y = _on_known(y, at, condition, lambda v, f=function: f(v, *args, **kw))
        else:
            values = lift(function(at, *args, **kw))
            y = select(condition, broadcast_to(as_dtype(values, at.aval.dtype), at.aval.shape), y)
    return y


def _on_known(y: Any, x: Any, mask: np.ndarray, function: Callable[..., Any]) -> Any:
    if not mask.any():
        return y
    if not x.aval.ndim:
        return as_dtype(lift(function(x)), x.aval.dtype)
    return index_set(y, mask, function(getitem(x, mask)))


def _conditions(x: Any, condlist: Any) -> list[Any]:
    """Booleans of the shape of x: plain arrays where they are known, operands otherwise."""
    single = isinstance(condlist, Operand | np.ndarray) and len(condlist.shape) == x.aval.ndim
    listed = [condlist] if single or isinstance(condlist, bool) else list(condlist)
    if x.aval.ndim and listed and not single and all(np.ndim(c) == 0 for c in listed):
        listed = [condlist]
    return [_condition(c, x.aval.shape) for c in listed]


def _condition(c: Any, shape: tuple[int, ...]) -> Any:
    """A plain array where the value is known."""
    known = getattr(c, "known_value", None)
    if isinstance(c, Operand) and known is None:
        return broadcast_to(as_dtype(c, np.bool_), shape)
    return np.broadcast_to(np.asarray(c if known is None else known(), bool), shape)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.apply_along_axis: apply_along_axis,
    np.apply_over_axes: apply_over_axes,
    np.piecewise: piecewise,
}
