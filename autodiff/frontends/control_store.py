"""`a[i] = v`, `a[i] += v` and `a += v` of rewritten code, where `a` may be a plain array and `v` traced.

A plain array cannot hold a traced value. If it is known by one name only, a traced array takes its place under that
name; otherwise the error says what to do.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import DTypeError
from autodiff.frontends.array import ArrayMethods, holds_arrays
from autodiff.frontends.control_region import tracing
from autodiff.frontends.surface.storage import copied
from autodiff.ir.build import emitter
from autodiff.ops.arithmetic import identity

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "/=": operator.itruediv,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
    "**=": operator.ipow,
    "@=": operator.imatmul,
    "&=": operator.iand,
    "|=": operator.ior,
    "^=": operator.ixor,
    "<<=": operator.ilshift,
    ">>=": operator.irshift,
}


class _Index:
    """`index[i, 1:3]` is what stands between the brackets."""

    def __getitem__(self, index: Any) -> Any:
        return index


index = _Index()


def stored(value: Any, array: Any, at: Any, own: bool) -> Any:
    """`array[at] = value`; the array, or what takes its place. `own`: whether a name of the function is set to it."""
    if type(array) is np.ndarray and tracing() and (_traced(value) or _traced(at)):
        array = _in_place_of(array, own)
    array[at] = value
    return array


def loaded(array: Any, at: Any) -> tuple[Any, Any, Any]:
    """The beginning of `array[at] += value`."""
    if type(array) is np.ndarray and tracing() and _traced(at):
        return array, at, emitter().lift(array)[at]  # type: ignore[index]
    return array, at, array[at]


def updated(place: tuple[Any, Any, Any], sign: str, value: Any, own: bool) -> Any:
    """The end of `array[at] += value`."""
    array, at, now = place
    del place
    if type(array) is np.ndarray and tracing() and (_traced(value) or _traced(at)):
        array = _in_place_of(array, own)
        now = array[at]
    array[at] = OPERATORS[sign](now, value)
    return array


def augmented(x: Any, sign: str, value: Any) -> Any:
    """`x += value`."""
    if type(x) is np.ndarray and isinstance(value, ArrayMethods) and tracing():
        x = _in_place_of(x, own=True)
    return OPERATORS[sign](x, value)


def _traced(x: Any) -> bool:
    if isinstance(x, tuple | list):
        return holds_arrays(x) or any(map(_traced, x))
    if isinstance(x, slice):
        return any(isinstance(part, ArrayMethods) for part in (x.start, x.stop, x.step))
    return isinstance(x, ArrayMethods)


def _in_place_of(array: np.ndarray, own: bool) -> Any:
    """A traced array with the elements of a plain one, which nobody else may know."""
    # Four: the variable of the user's function, two of this module, and the argument of getrefcount.
    if not own or sys.getrefcount(array) > _REFERENCES or array.base is not None:
        raise no_place(array)
    return traced_copy(array)


def no_place(array: np.ndarray, name: str = "") -> DTypeError:
    called = f" ({name!r})" if name else ""
    return DTypeError(
        f"a traced value is written into a plain NumPy array of shape {array.shape}{called} that is also known elsewhere: "
        "by another name, as an argument, or from outside of the function",
        "make the array in the function, with np.zeros(shape) or x.copy(), and return it",
    )


def promoted(array: np.ndarray, name: str) -> Any:
    """A traced array in place of the plain one that the variable `name` held, and nobody else."""
    if sys.getrefcount(array) > _REFERENCES or array.base is not None:
        return array
    return traced_copy(array)


def traced_copy(array: np.ndarray) -> Any:
    """A traced array with the elements of a plain one."""
    return copied(identity(array))


_REFERENCES = 5
