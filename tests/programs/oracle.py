"""Values and derivatives of a program without autodiff: NumPy runs it, the derivative is a complex step.

For a real analytic f, Im f(x + i h t) / h is f'(x) t up to rounding, for any small h: nothing is subtracted (Squire &
Trapp, "Using complex variables to estimate derivatives of real functions", SIAM Review 40, 1998). A program allocates
floats and compares, takes maxima and absolute values; so a *twin* of it runs, the same code in a module whose `np` and
builtins are replaced by some that allocate complex numbers and choose by the real part. (NumPy itself orders complex
numbers by the real part first, so comparisons, `max` and `sort` are right as they are.)

The second derivative is the difference of two such steps, extrapolated. `differences` needs no twin, and tells whether
the twins are right.
"""

from __future__ import annotations

import copy
import functools
import itertools
import sys
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from programs.zoo import Program, is_float, leaves, rebuilt

STEP = 1e-30


# ---- what twins see in place of NumPy and of builtins ------------------------------------------------


def _widened(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with a complex result where it has a float one: what is put there later may be complex."""

    @functools.wraps(function)
    def call(*args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        found = function(*args, **kwargs, **({} if dtype is None else {"dtype": int if dtype is _int else dtype}))
        return found.astype(complex) if found.dtype.kind == "f" else found

    return call


def _absolute(x: Any) -> Any:
    return x * np.sign(np.real(x))


def _of_real(function: Callable[..., Any]) -> Callable[..., Any]:
    """A step function: it sees the real part."""
    return lambda x: function(np.real(x))


def _norm(x: Any, axis: int | None = None) -> Any:
    return np.sqrt(np.sum(x * x, axis=axis))


def _arctan2(y: Any, x: Any) -> Any:
    re_y, re_x = np.real(y), np.real(x)
    slope = (re_x * np.imag(y) - re_y * np.imag(x)) / (re_x**2 + re_y**2)
    return np.arctan2(re_y, re_x) + 1j * slope


def _logaddexp(a: Any, b: Any) -> Any:
    top = np.maximum(a, b)
    return top + np.log(np.exp(a - top) + np.exp(b - top))


def _float(x: Any) -> Any:
    return float(x) if isinstance(x, (str, int)) else np.complex128(x)


def _int(x: Any) -> int:
    return int(np.real(x))


class _Linalg:
    """`np.linalg` for twins."""

    norm = staticmethod(_norm)

    def __getattr__(self, name: str) -> Any:
        return getattr(np.linalg, name)


class _NumPy:
    """`np` for twins."""

    linalg = _Linalg()
    float64 = float32 = np.complex128
    abs = absolute = fabs = staticmethod(_absolute)
    hypot = staticmethod(lambda x, y: np.sqrt(x * x + y * y))
    arctan2 = staticmethod(_arctan2)
    logaddexp = staticmethod(_logaddexp)
    MAKERS = ("zeros", "ones", "empty", "full", "eye", "identity", "linspace", "arange", "array", "asarray")
    STEPS = ("floor", "ceil", "rint", "sign", "isfinite", "isnan", "signbit")

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        if name.removesuffix("_like") in self.MAKERS:
            return _widened(function)
        return _of_real(function) if name in self.STEPS else function


REPLACED = {"np": _NumPy(), "abs": _absolute, "float": _float, "int": _int}


@functools.cache
def _twins(module: ModuleType) -> dict[str, Any]:
    """The names of a module in which all functions are twins."""
    names = {**vars(module), **REPLACED}
    for key, function in vars(module).items():
        if isinstance(function, FunctionType) and function.__module__ == module.__name__:
            twin = FunctionType(function.__code__, names, key, function.__defaults__, function.__closure__)
            twin.__kwdefaults__ = function.__kwdefaults__
            names[key] = twin
    return names


def twin_of(program: Program) -> Callable[..., Any]:
    """The function of a program, for complex arguments."""
    function = program.function
    return _twins(sys.modules[function.__module__])[function.__name__]


# ---- derivatives -------------------------------------------------------------------------------------


def points(program: Program) -> list[Any]:
    """The numbers and arrays to differentiate with respect to."""
    return leaves([program.arguments[k] for k in program.wrt])


def directions(program: Program, seed: int = 1) -> list[Any]:
    """A tangent for each of `points`."""
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.uniform(-1, 1, np.shape(x)))[()] for x in points(program)]


def moved(program: Program, steps: list[Any]) -> list[Any]:
    """The arguments with `steps` added to `points`, in double precision."""
    new = iter([np.asarray(x + s)[()] for x, s in zip(map(np.float64, points(program)), steps, strict=True)])
    return [rebuilt(x, new) if k in program.wrt else x for k, x in enumerate(program.arguments)]


def value(program: Program) -> float:
    """What NumPy says."""
    return float(program.function(*copy.deepcopy(program.arguments)))


def derivative(program: Program, tangents: list[Any], offsets: list[Any] | None = None) -> float:
    """f'(x + offsets) tangents, by a complex step."""
    steps = [1j * STEP * t for t in tangents]
    if offsets is not None:
        steps = [s + o for s, o in zip(steps, offsets, strict=True)]
    return float(np.imag(twin_of(program)(*moved(program, steps)))) / STEP


def gradient(program: Program) -> list[np.ndarray]:
    """The gradient, element by element; one array for each of `points`."""
    found = [np.zeros(np.shape(x)) for x in points(program)]
    for g in found:
        for index in np.ndindex(g.shape):
            tangents = [np.zeros(np.shape(x)) for x in found]
            tangents[next(k for k, other in enumerate(found) if other is g)][index] = 1.0
            g[index] = derivative(program, tangents)
    return found


def second(program: Program, v: list[Any], w: list[Any]) -> float:
    """<v, f''(x) w>: the change along `w` of the derivative along `v`."""
    return _extrapolated(lambda h: derivative(program, v, [h * t for t in w]))


def differences(program: Program, tangents: list[Any]) -> float:
    """f'(x) tangents by differences of values alone, for which NumPy runs the program itself."""
    return _extrapolated(lambda h: float(program.function(*moved(program, [h * t for t in tangents]))))


def _extrapolated(f: Callable[[float], float], h: float = 2e-4) -> float:
    """f'(0) by central differences of three steps, extrapolated (Richardson): error h**6."""
    table = [(f(s) - f(-s)) / (2 * s) for s in (h, h / 2, h / 4)]
    for order in (4.0, 16.0):
        table = [(order * fine - coarse) / (order - 1) for coarse, fine in itertools.pairwise(table)]
    return table[0]


def is_single(program: Program) -> bool:
    """Whether the program computes in float32."""
    return any(is_float(x) and np.asarray(x).dtype == np.float32 for x in leaves(list(program.arguments)))
