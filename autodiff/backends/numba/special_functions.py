"""SciPy's special functions for kernels that Numba compiles: calls of its own C code.

float32 is computed as float64 and rounded once.

Numba internals used: `overload`, `ExternalFunction`, both documented.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import FunctionType
from typing import Any

import numpy as np
from numba import float32, float64, types
from numba.core.errors import TypingError
from numba.extending import overload, register_jitable

from autodiff.backends.numba.fuse import NoKernel
from autodiff.backends.numba.special_symbols import symbol
from autodiff.backends.numba.special_zeta import hurwitz_zeta
from autodiff.ops.special import ARITY, CALLED, SEVERAL, WRITTEN


@lru_cache(maxsize=128)
def external(name: str, arity: int) -> Any:
    """The C function behind `name`, as something compiled code can call."""
    try:
        return types.ExternalFunction(symbol(name), float64(*[float64] * arity, types.intc))
    except NoKernel as reason:
        raise TypingError(str(reason)) from reason


def _result(*args: Any) -> Callable[..., Any]:
    return np.float32 if all(a == float32 for a in args) else np.float64


def _unary(name: str, function: Callable[..., Any]) -> None:
    @overload(function)
    def resolve(x):
        call, result = external(name, 1), _result(x)
        return lambda x: result(call(np.float64(x), np.intc(0)))


def _binary(name: str, function: Callable[..., Any]) -> None:
    @overload(function)
    def resolve(x, y):
        call, result = external(name, 2), _result(x, y)
        return lambda x, y: result(call(np.float64(x), np.float64(y), np.intc(0)))


def _ternary(name: str, function: Callable[..., Any]) -> None:
    @overload(function)
    def resolve(x, y, z):
        call, result = external(name, 3), _result(x, y, z)
        return lambda x, y, z: result(call(np.float64(x), np.float64(y), np.float64(z), np.intc(0)))


def _quaternary(name: str, function: Callable[..., Any]) -> None:
    @overload(function)
    def resolve(x, y, z, w):
        call, result = external(name, 4), _result(x, y, z, w)
        return lambda x, y, z, w: result(call(np.float64(x), np.float64(y), np.float64(z), np.float64(w), np.intc(0)))


def _several(name: str, function: Callable[..., Any]) -> None:
    """One of the two results that a C function writes through pointers."""
    place = SEVERAL[name][1]

    @overload(function)
    def resolve(x):
        result, pointer = _result(x), types.CPointer(types.float64)
        try:
            call = types.ExternalFunction(symbol(name), types.void(float64, pointer, pointer))
        except NoKernel as reason:
            raise TypingError(str(reason)) from reason

        def compute(x):
            found = np.empty(2, np.float64)
            call(np.float64(x), found[:1].ctypes, found[1:].ctypes)
            return result(found[place])

        return compute


def _zeta(function: Callable[..., Any]) -> None:
    compiled = register_jitable(error_model="numpy")(hurwitz_zeta)

    @overload(function)
    def resolve(s, x):
        result = _result(s, x)
        return lambda s, x: result(compiled(np.float64(s), np.float64(x)))


@register_jitable
def _pick(condition: bool, x: float, y: float) -> float:
    return float(x) if condition else float(y)


def _rebound(function: Callable[..., Any], made: dict[str, Any]) -> Any:
    """A formula of `ops` for scalars: the functions it names, and those they name, compiled."""
    if function.__name__ in made:
        return made[function.__name__]
    names = dict(function.__globals__)
    for name in function.__code__.co_names:
        value = names.get(name)
        if name in CALLED:
            names[name] = CALLED[name]
        elif isinstance(value, FunctionType):
            names[name] = _rebound(value, made)
    copy = FunctionType(function.__code__, names, function.__name__)
    made[function.__name__] = register_jitable(error_model="numpy")(copy)
    return made[function.__name__]


def _written(name: str, function: Callable[..., Any], made: dict[str, Any]) -> None:
    formula, constants = WRITTEN[name]
    compiled = _rebound(formula, made)
    if ARITY[name] == 1:

        @overload(function)
        def resolve(x):
            result = _result(x)
            return lambda x: result(compiled(np.float64(x)))

    elif ARITY[name] == 2:
        (order,) = constants

        @overload(function)
        def resolve(x, y):
            result = _result(x, y)
            return lambda x, y: result(compiled(np.float64(x), np.float64(y), order))

    else:
        order, other, mirrored = constants

        @overload(function)
        def resolve(x, y, z):
            result = _result(x, y, z)
            return lambda x, y, z: result(compiled(np.float64(x), np.float64(y), np.float64(z), order, other, mirrored))


def register() -> None:
    """Tell Numba what the special functions are in compiled code; nothing is looked up yet."""
    made: dict[str, Any] = {"pick": _pick}
    for name, function in CALLED.items():
        if name == "zeta":
            _zeta(function)
        elif name in WRITTEN:
            _written(name, function, made)
        elif name in SEVERAL:
            _several(name, function)
        else:
            (_unary, _binary, _ternary, _quaternary)[ARITY[name] - 1](name, function)
