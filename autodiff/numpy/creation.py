"""Arrays from numbers, lists and shapes: what NumPy's dispatch does not reach.

Each function calls NumPy's and hands the result to `recorded`, unless it was given recorded
values: then it builds the array from those.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.frontends import tapes
from autodiff.frontends.array import ArrayMethods, holds_arrays, stacked
from autodiff.frontends.surface import creation, shapes
from autodiff.frontends.surface.common import as_dtype
from autodiff.frontends.surface.static import static_array
from autodiff.frontends.tensor import constant
from autodiff.frontends.tracer import TraceBuilder
from autodiff.ir.build import emitter
from autodiff.numpy.lists import as_one
from autodiff.ops.arithmetic import identity as copied

__all__ = [
    "arange",
    "array",
    "asanyarray",
    "asarray",
    "asarray_chkfinite",
    "ascontiguousarray",
    "asfortranarray",
    "bartlett",
    "blackman",
    "empty",
    "eye",
    "fromfunction",
    "fromiter",
    "full",
    "hamming",
    "hanning",
    "identity",
    "indices",
    "kaiser",
    "ones",
    "require",
    "tri",
    "zeros",
]


def recorded(made: Any) -> Any:
    """What NumPy made, as part of what is being recorded: a traced array, a Tensor, or the array itself.

    Integers, booleans and other kinds stay as they are: a position, a size or a mask must be known.
    """
    if not isinstance(made, np.ndarray) or made.dtype.kind not in "fc":
        return made
    if isinstance(emitter(), TraceBuilder):
        return copied(made)
    return constant(made) if tapes.active() else made


def _recorded_result(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's whose result is recorded."""

    @functools.wraps(function)
    def make(*args: Any, **kwargs: Any) -> Any:
        return recorded(function(*args, **kwargs))

    return make


def _holds_recorded(*values: Any) -> bool:
    return any(isinstance(v, ArrayMethods) or holds_arrays(v) for v in values)


# ---- from numbers and lists ------------------------------------------------------------------


def array(
    object: Any,
    dtype: Any = None,
    *,
    copy: Any = True,
    order: str = "K",
    subok: bool = False,
    ndmin: int = 0,
    like: Any = None,
    **kwargs: Any,
) -> Any:
    """`numpy.array`; numbers, arrays and recorded values may be mixed at any depth."""
    if not _holds_recorded(object):
        return recorded(np.array(object, dtype, copy=copy, order=order, subok=subok, ndmin=ndmin, **kwargs))
    x = as_dtype(stacked(object), dtype)
    x = shapes.reshape(x, (1,) * (ndmin - x.aval.ndim) + x.aval.shape)
    # A copy is another array: writing to it leaves the original alone.
    return copied(x) if copy and isinstance(object, ArrayMethods) else x


def asarray(a: Any, dtype: Any = None, order: Any = None, **kwargs: Any) -> Any:
    """`numpy.asarray`: an array, recorded or plain, is returned as it is; a list becomes a new one."""
    if _holds_recorded(a):
        return as_dtype(as_one(a), dtype)
    made = np.asarray(a, dtype, order, **{k: v for k, v in kwargs.items() if k != "like"})
    return made if isinstance(a, np.ndarray) else recorded(made)


asanyarray = asarray_chkfinite = asarray


def ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    return np.atleast_1d(asarray(a, dtype, "C"))


def asfortranarray(a: Any, dtype: Any = None, *, like: Any = None) -> Any:
    return np.atleast_1d(asarray(a, dtype, "F"))


def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> Any:
    return asarray(a, dtype) if _holds_recorded(a) else np.require(a, dtype, requirements)


def fromiter(iter: Any, dtype: Any, count: int = -1, *, like: Any = None) -> Any:
    items = list(iter) if count < 0 else [item for item, _ in zip(iter, range(count), strict=False)]
    return array(items, dtype)


def fromfunction(
    function: Callable[..., Any], shape: Any, *, dtype: Any = float, like: Any = None, **kwargs: Any
) -> Any:
    """`function` of the index arrays."""
    return recorded(function(*np.indices(shape, dtype=dtype), **kwargs))


# ---- from shapes -----------------------------------------------------------------------------


def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C", **kwargs: Any) -> Any:
    if not _holds_recorded(fill_value):
        return recorded(np.full(shape, fill_value, dtype, order))
    return copied(shapes.broadcast_to(as_dtype(as_one(fill_value), dtype), shape))


def empty(shape: Any, dtype: Any = float, order: str = "C", **kwargs: Any) -> Any:
    """Zeros while recording: what was in the memory before is no value to record."""
    made = np.empty(shape, dtype, order)
    if made.dtype.kind in "fc":
        made.fill(0)
    return recorded(made)


zeros = _recorded_result(np.zeros)
ones = _recorded_result(np.ones)
eye = _recorded_result(np.eye)
identity = _recorded_result(np.identity)
tri = _recorded_result(np.tri)
indices = _recorded_result(np.indices)
bartlett = _recorded_result(np.bartlett)
blackman = _recorded_result(np.blackman)
hamming = _recorded_result(np.hamming)
hanning = _recorded_result(np.hanning)


def kaiser(M: int, beta: Any) -> Any:
    """`numpy.kaiser`; differentiable in beta."""
    if not _holds_recorded(beta) or M < 2:
        return recorded(np.kaiser(M, static_array(beta, "kaiser: beta") if M < 2 else beta))
    t = 2.0 * np.arange(M) / (M - 1.0) - 1.0
    return np.i0(beta * np.sqrt(1.0 - t * t)) / np.i0(beta)


# ---- ranges ----------------------------------------------------------------------------------


def arange(*args: Any, dtype: Any = None, device: Any = None, like: Any = None, **kwargs: Any) -> Any:
    """`numpy.arange`; of recorded ends, how many points there are is asked for as a Python int.

    Raises
    ------
    ConcretizationError
        When that has no value: it depends on an entry of a batch, say.
    """
    if not _holds_recorded(*args, *kwargs.values()):
        return recorded(np.arange(*args, dtype=dtype, **kwargs))
    given = dict(zip(("start", "stop", "step", "dtype"), args, strict=False)) | kwargs
    if "stop" not in given or given["stop"] is None:
        given = {**given, "start": 0, "stop": given["start"]}
    points = creation.arange(given.get("start", 0), given["stop"], given.get("step", 1), given.get("dtype", dtype))
    return points if isinstance(points, ArrayMethods) else recorded(points)
