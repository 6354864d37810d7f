"""Questions about arrays: shapes, dtypes, equality, and places. Their answers have no derivative.

What follows from shape and dtype is answered at once, in plain Python; what needs values becomes
part of the program, or needs a recorded value that is known.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import DTypeError, ShapeError
from autodiff.frontends.surface import reductions
from autodiff.frontends.surface.common import as_dtype, lift, lift_all
from autodiff.frontends.surface.elementwise import isclose
from autodiff.frontends.surface.shapes import reshape
from autodiff.frontends.surface.static import static_array
from autodiff.ir.core import Operand
from autodiff.ops.arithmetic import floordiv, logical_or, mod
from autodiff.ops.families import broadcast_shapes, equal, logical_and, not_equal
from autodiff.ops.ordering import INTP


def _dtype_of(x: Any) -> Any:
    return x.aval.dtype if isinstance(x, Operand) else getattr(x, "dtype", x)


def size(a: Any, axis: Any = None) -> int:
    shape = lift(a).aval.shape
    axes = range(len(shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([shape[k] for k in axes], dtype=int))


# ---- equality --------------------------------------------------------------------------------


def allclose(a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    return reductions.all(isclose(a, b, rtol, atol, equal_nan))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    x, y = lift_all((a1, a2))
    return _all_equal(x, y, equal_nan) if x.aval.shape == y.aval.shape else False


def array_equiv(a1: Any, a2: Any) -> Any:
    x, y = lift_all((a1, a2))
    try:
        broadcast_shapes("array_equiv", [x.aval.shape, y.aval.shape])
    except ShapeError:
        return False
    return _all_equal(x, y, False)


def _all_equal(x: Any, y: Any, equal_nan: bool) -> Any:
    same = equal(x, y)
    if equal_nan:
        same = logical_or(same, logical_and(not_equal(x, x), not_equal(y, y)))
    return reductions.all(same)


# ---- places ----------------------------------------------------------------------------------


def nonzero(a: Any) -> tuple[np.ndarray, ...]:
    """Places where a known array is not zero; how many there are decides a shape."""
    return np.nonzero(static_array(lift(a), "np.nonzero"))


def flatnonzero(a: Any) -> np.ndarray:
    return np.flatnonzero(static_array(lift(a), "np.flatnonzero"))


def argwhere(a: Any) -> np.ndarray:
    return np.argwhere(static_array(lift(a), "np.argwhere"))


def ix_(*args: Any) -> tuple[Any, ...]:
    """Rows of indices, each along an axis of its own."""
    found = []
    for k, x in enumerate(lift_all(args)):
        if x.aval.ndim != 1:
            raise ShapeError(f"ix_: index arrays have one axis, got shape {x.aval.shape}")
        if x.aval.dtype == np.bool_:
            (places,) = nonzero(x)
            x = lift(places)
        if not x.aval.size:
            x = as_dtype(x, INTP)
        found.append(reshape(x, tuple(x.aval.size if j == k else 1 for j in range(len(args)))))
    return tuple(found)


def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Any, ...]:
    """The place along each axis, from a place in the flattened array."""
    rest, found = _whole_numbers("unravel_index", indices), []
    sizes = shape if isinstance(shape, tuple | list) else (shape,)
    for n in sizes if order == "F" else reversed(sizes):
        found.append(mod(rest, n))
        rest = floordiv(rest, n)
    return tuple(found if order == "F" else found[::-1])


def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    """The place in the flattened array; only for places that are inside of it."""
    pairs = list(zip(multi_index, dims, strict=True))
    total: Any = None
    for index, n in reversed(pairs) if order == "F" else pairs:
        place = _whole_numbers("ravel_multi_index", index)
        if mode != "raise":
            place = mod(place, n) if mode == "wrap" else np.clip(place, 0, n - 1)
        total = place if total is None else total * n + place
    return total


def _whole_numbers(name: str, x: Any) -> Any:
    y = lift(x)
    if y.aval.dtype.kind not in "iu":
        raise DTypeError(f"{name}: places are integers, got dtype {y.aval.dtype}", "use .astype(int)")
    return y


def _indices_from(function: Callable[..., Any]) -> Callable[..., Any]:
    """`np.triu_indices_from` and kin: from the shape alone."""

    def from_shape(arr: Any, *args: Any, **kwargs: Any) -> Any:
        return function(np.broadcast_to(0.0, lift(arr).aval.shape), *args, **kwargs)

    return from_shape


def _shown(function: Callable[..., Any]) -> Callable[..., Any]:
    """Text made of the value."""

    def text(a: Any, *args: Any, **kwargs: Any) -> Any:
        return function(static_array(a, f"np.{function.__name__}"), *args, **kwargs)

    return text


def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(_dtype_of(from_), _dtype_of(to), casting)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.shape: lambda a: lift(a).aval.shape,
    np.ndim: lambda a: lift(a).aval.ndim,
    np.size: size,
    np.result_type: lambda *args: np.result_type(*map(_dtype_of, args)),
    np.common_type: lambda *args: np.common_type(*(np.empty(0, _dtype_of(a)) for a in args)),
    np.min_scalar_type: lambda a: a.dtype,
    np.can_cast: can_cast,
    np.may_share_memory: lambda a, b, max_work=None: False,
    np.shares_memory: lambda a, b, max_work=None: False,
    np.allclose: allclose,
    np.array_equal: array_equal,
    np.array_equiv: array_equiv,
    np.nonzero: nonzero,
    np.flatnonzero: flatnonzero,
    np.argwhere: argwhere,
    np.ix_: ix_,
    np.unravel_index: unravel_index,
    np.ravel_multi_index: ravel_multi_index,
    np.diag_indices_from: _indices_from(np.diag_indices_from),
    np.tril_indices_from: _indices_from(np.tril_indices_from),
    np.triu_indices_from: _indices_from(np.triu_indices_from),
    np.array2string: _shown(np.array2string),
    np.array_repr: _shown(np.array_repr),
    np.array_str: _shown(np.array_str),
}
