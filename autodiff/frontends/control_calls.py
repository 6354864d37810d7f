"""Calls of rewritten code: the user's functions are rewritten as they are called, built-ins take traced values.

Functions of libraries, classes and anything else are called as they are.
"""

from __future__ import annotations

import builtins
import functools
import math
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.frontends.array import ArrayMethods, holds_arrays
from autodiff.frontends.callees import calls_itself, plain
from autodiff.frontends.control_depth import in_loop
from autodiff.frontends.control_lists import as_array
from autodiff.frontends.control_recursion import called, is_active
from autodiff.frontends.control_region import in_region, tracing
from autodiff.frontends.control_trips import Trips
from autodiff.frontends.control_trips import iterated as known_trips
from autodiff.frontends.surface import creation
from autodiff.frontends.syntax import rewritten
from autodiff.frontends.tracer import Tracer
from autodiff.frontends.world import is_library_file
from autodiff.ops.arithmetic import identity
from autodiff.ops.families import cast

_INT, _FLOAT, _BOOL = np.dtype(np.int64), np.dtype(np.float64), np.dtype(np.bool_)


def call(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """`function(*args, **kwargs)`"""
    kind = type(function)
    if kind is types.FunctionType and not is_library_file(function.__code__.co_filename):
        return users(function)(*args, **kwargs)
    if kind is types.MethodType:
        return users(function.__func__)(function.__self__, *args, **kwargs)
    if kind is functools.partial:
        return call(function.func, *function.args, *args, **{**function.keywords, **kwargs})
    try:
        special = _SPECIAL.get(function)
    except TypeError:  # an unhashable callable
        special = None
    if special is not None and tracing():
        return special(*args, **kwargs)
    if args and isinstance(args[0], list | tuple) and tracing() and _is_numpys(function) and holds_arrays(args[0]):
        return _of_list(function, args, kwargs)
    if kind is type:
        return _made(function, args, kwargs)
    inner = plain(function)
    if inner is not function and tracing() and (inner is getattr(function, "py_func", None) or is_active(inner)):
        return users(inner)(*args, **kwargs)
    method = getattr(kind, "__call__", None)  # noqa: B004 - the function behind it
    if isinstance(method, types.FunctionType):
        return users(method)(function, *args, **kwargs)
    return function(*args, **kwargs)


def users(function: Any) -> Callable[..., Any]:
    """A function of the user's, rewritten; one of a library as it is."""
    if type(function) is not types.FunctionType or is_library_file(function.__code__.co_filename):
        return function  # type: ignore[no-any-return]
    return traceable(function)


def traceable(function: types.FunctionType) -> Callable[..., Any]:
    """The function rewritten, its calls of itself part of the program."""
    if tracing() and calls_itself(function):
        return functools.partial(called, function)
    return rewritten(function)


def _made(cls: type, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """An instance; the `__init__` of a class of the user's is rewritten too."""
    init = cls.__init__  # type: ignore[misc]
    if type(init) is not types.FunctionType or is_library_file(init.__code__.co_filename):
        return cls(*args, **kwargs)
    made = cls.__new__(cls, *args, **kwargs) if cls.__new__ is not object.__new__ else cls.__new__(cls)
    if isinstance(made, cls):
        users(init)(made, *args, **kwargs)
    return made


def iterated(function: Any, /, *args: Any, **kwargs: Any) -> Any:
    """What a `for` runs over: `range(...)`, `enumerate(...)`, ... in a form that knows its items."""
    if tracing():
        known = known_trips(function, args, kwargs)
        if known is not None:
            return known
    # Python's own `zip` of what knows its items
    return call(function, *args, **kwargs)


def _is_numpys(function: Any) -> bool:
    return getattr(np, getattr(function, "__name__", ""), None) is function


def _of_list(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function of NumPy's of a list with traced numbers in it, which NumPy would not hand on."""
    if function in _SEQUENCES:
        return function(*args, **kwargs)
    return function(as_array(args[0]), *args[1:], **kwargs)


# ---- built-ins of traced values --------------------------------------------------------------


def _traced(*values: Any) -> bool:
    return any(isinstance(v, Tracer) for v in values)


def _extreme(plain: Callable[..., Any], pairwise: Any, whole: Any) -> Callable[..., Any]:
    """`min` or `max`: of two numbers NumPy's, which treats ties alike."""

    def take(*args: Any, **kwargs: Any) -> Any:
        values = list(args[0]) if len(args) == 1 and not isinstance(args[0], ArrayMethods) else list(args)
        if kwargs.get("key") is not None or not _traced(*values):
            return plain(values, **kwargs) if len(args) == 1 and not _traced(*args) else plain(*args, **kwargs)
        if len(args) == 1 and isinstance(args[0], ArrayMethods):
            return whole(args[0]) if args[0].ndim == 1 else plain(*args)
        return functools.reduce(pairwise, values)

    return take


def _sum(values: Any, /, start: Any = 0) -> Any:
    if isinstance(values, Tracer) and values.ndim:
        total = np.sum(values, axis=0)  # type: ignore[call-overload]
        return total if isinstance(start, int) and start == 0 else start + total
    if isinstance(values, Trips):
        values = iter(values)
    return sum(values, start)


def _len(values: Any, /) -> Any:
    """How many there are: a traced integer of x[:i]."""
    return values.shape[0] if isinstance(values, Tracer) and values.ndim else len(values)


def _converted(plain: Any, dtype: np.dtype) -> Callable[..., Any]:
    """`int`, `float` or `bool`: within loops a traced number stays traced."""

    def convert(*args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], Tracer) and args[0].size == 1 and (in_loop() or in_region()):
            x = args[0].reshape(()) if args[0].shape else args[0]
            if dtype == _BOOL:
                return x != 0 if x.dtype != _BOOL else x
            y = cast(x, dtype=dtype) if x.dtype != dtype else identity(x)
            y.weak = True
            return y
        return plain(*args, **kwargs)

    return convert


def _of_numpy(plain: Any, ours: Any) -> Callable[..., Any]:
    """A function of `math`, of a traced number NumPy's."""

    def take(*args: Any, **kwargs: Any) -> Any:
        return ours(*args, **kwargs) if _traced(*args) else plain(*args, **kwargs)

    return take


def _rounded(plain: Any, ours: Any) -> Callable[..., Any]:
    """`math.floor` and kin, which give integers."""

    def take(x: Any) -> Any:
        return cast(ours(x), dtype=_INT) if _traced(x) else plain(x)

    return take


def _arange(*args: Any, **kwargs: Any) -> Any:
    """`np.arange` of traced ends."""
    if not args or len(args) > 4 or not _traced(*args, *kwargs.values()):
        return np.arange(*args, **kwargs)
    ends = (0, *args) if len(args) == 1 else args
    return creation.arange(*ends, **kwargs)


_MATH = """
sin cos tan exp log1p expm1 sinh cosh tanh sqrt fabs hypot degrees radians copysign fmod
isnan isinf isfinite log2 log10 exp2 cbrt
"""
_MATH_NAMES = {
    **{n: n for n in _MATH.split()},
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
    "pow": "power",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
}


def _log(x: Any, base: Any = None) -> Any:
    if not _traced(x, base):
        return math.log(x) if base is None else math.log(x, base)
    return np.log(x) if base is None else np.log(x) / np.log(base)


# ---- arrays ----------------------------------------------------------------------------------


def _held(plain: Any) -> Callable[..., Any]:
    """`np.zeros` and kin: an array that can hold traced values."""

    def make(*args: Any, **kwargs: Any) -> Any:
        made = plain(*args, **kwargs)
        if type(made) is np.ndarray and made.dtype.kind in "fc":
            return identity(made)
        return made

    return make


def _array(plain: Any) -> Callable[..., Any]:
    """`np.array` of a list with traced numbers in it."""

    def make(first: Any, *args: Any, **kwargs: Any) -> Any:
        if holds_arrays(first) and isinstance(first, list | tuple):
            made = as_array(first)
            dtype = args[0] if args else kwargs.get("dtype")
            return made if dtype is None else made.astype(dtype)  # type: ignore[attr-defined]
        return plain(first, *args, **kwargs)

    return make


def _stack(arrays: Any, axis: int = 0, **kwargs: Any) -> Any:
    """`np.stack`: of the rows that a loop collected it is the array that they are rows of."""
    if kwargs or not isinstance(arrays, list | tuple) or not holds_arrays(arrays):
        return np.stack(arrays, axis, **kwargs)
    whole = as_array(arrays)
    return whole if axis == 0 else np.moveaxis(whole, 0, axis)


def _vstack(rows: Any, **kwargs: Any) -> Any:
    """`np.vstack`: of vectors the same."""
    vectors = isinstance(rows, list | tuple) and holds_arrays(rows) and all(np.ndim(r) == 1 for r in rows)
    return _stack(rows, **kwargs) if vectors else np.vstack(rows, **kwargs)


_SPECIAL: dict[Any, Callable[..., Any]] = {
    builtins.min: _extreme(min, np.minimum, np.min),
    builtins.max: _extreme(max, np.maximum, np.max),
    builtins.sum: _sum,
    builtins.len: _len,
    builtins.int: _converted(int, _INT),
    builtins.float: _converted(float, _FLOAT),
    builtins.bool: _converted(bool, _BOOL),
    **{
        getattr(math, a): _of_numpy(getattr(math, a), getattr(np, b))
        for a, b in _MATH_NAMES.items()
        if hasattr(math, a) and hasattr(np, b)
    },
    math.log: _log,
    **{getattr(math, n): _rounded(getattr(math, n), getattr(np, n)) for n in ("floor", "ceil", "trunc")},
    np.arange: _arange,
    **{f: _held(f) for f in (np.zeros, np.empty, np.ones, np.full)},
    **{f: _held(f) for f in (np.zeros_like, np.empty_like, np.ones_like, np.full_like)},
    **{f: _array(f) for f in (np.array, np.asarray)},
    np.stack: _stack,
    np.vstack: _vstack,
}
# These take a sequence of arrays, whose shapes may differ; the others take an array.
_SEQUENCES = {np.concatenate, np.hstack, np.column_stack, np.dstack, np.block, np.broadcast_arrays, np.einsum, np.ix_}
_SEQUENCES |= {np.meshgrid, np.select, np.choose, np.atleast_1d, np.atleast_2d, np.atleast_3d, np.where, np.vstack}
