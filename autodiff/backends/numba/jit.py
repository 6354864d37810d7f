"""Kernel source through Numba, for kernels that the LLVM printer cannot say.

Numba costs more to import than all of autodiff, so this module, and with it those that define
functions for Numba, is loaded when the first such kernel is compiled: by `compile.jit` alone.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numba

from autodiff.backends.numba import special_functions, vector_math
from autodiff.backends.numba.functions import FROM_NUMPY, OWN, PYTHON, integer_matmul, plus

if TYPE_CHECKING:
    import numpy as np

# No 'nnan', 'ninf' or 'fast': isnan must survive.
FLAGS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "fastmath": {"contract"}}


class Refused(Exception):
    """Numba cannot compile this source."""


def compiled(function: Callable[..., Any], params: Sequence[tuple[np.dtype, int]], n_sizes: int) -> Callable[..., Any]:
    """The function, compiled for parameters of these dtypes and ranks, then for `n_sizes` integers.

    Raises
    ------
    Refused
        When Numba cannot.
    """
    dispatcher = numba.njit(**FLAGS)(function)
    signature = [_type(dtype, ndim) for dtype, ndim in params] + [numba.int64] * n_sizes
    try:
        dispatcher.compile(tuple(signature))
    except numba.core.errors.NumbaError as error:
        raise Refused(f"Numba refused the kernel: {str(error).splitlines()[0]}") from error
    # An argument of another type must come back to us, not start a compilation.
    dispatcher.disable_compile()
    return dispatcher  # type: ignore[no-any-return]


def _type(dtype: np.dtype, ndim: int) -> Any:
    scalar = numba.from_dtype(dtype)
    return numba.types.Array(scalar, ndim, "C") if ndim else scalar


@lru_cache(maxsize=2)
def namespace(math: str) -> dict[str, Any]:
    """What kernel source may call, as compiled functions; the names are those of `PYTHON`."""
    special_functions.register()
    found = dict(PYTHON)
    library = FROM_NUMPY if math == "libm" else ()  # Numba takes NumPy's functions of numbers from the C library
    found.update({name: f for name, f in vector_math.FUNCTIONS.items() if name in found and name not in library})
    # Reordering is allowed on these additions only: elsewhere it would delete compensated steps.
    found["plus"] = numba.njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz"}, forceinline=True)(plus)
    for name, f in OWN.items():
        found[name] = numba.njit(**FLAGS, forceinline=True)(_bound(f, found))
    found["integer_matmul"] = numba.njit(**FLAGS)(integer_matmul)
    return found


def _bound(f: Callable[..., Any], names: dict[str, Any]) -> Callable[..., Any]:
    """`f`, with the names it uses meaning those in `names`."""
    return types.FunctionType(f.__code__, {**f.__globals__, **names}, f.__name__)
