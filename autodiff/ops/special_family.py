"""How a special function becomes an op: its value is SciPy's, its kernel calls a function of the same name.

SciPy is slow to import (0.7 s) and most programs do without it: `scipy_function` imports it
when a function is first evaluated. Kernels call the same C code, or formulas written here
(`special_shape.py`, `special_formulas.py`): see `backends/numba/special_functions.py`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.ops.families import Elementwise
from autodiff.ops.promotion import Kinds, check_numbers

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)


def scipy_function(name: str) -> Callable[..., Any]:
    """`scipy.special.<name>`, imported when it is first called."""

    def function(*args: Any) -> Any:
        return found(name)(*args)

    function.__name__ = function.__qualname__ = name
    return function


@lru_cache(maxsize=256)
def found(name: str) -> Callable[..., Any]:
    """The function of SciPy by this name."""
    return getattr(importlib.import_module("scipy.special"), name)  # type: ignore[no-any-return]


def in_double(name: str, formula: Callable[..., Any]) -> Callable[..., Any]:
    """A formula of float64 numbers as a function of any: float32 is rounded once, at the end."""

    def function(*args: Any) -> Any:
        dtype = special_types(tuple(np.asarray(a).dtype for a in args))[1]
        with np.errstate(all="ignore"):
            value = formula(*(np.asarray(a, F64) for a in args))
        return np.asarray(value).astype(dtype)[()]

    function.__name__ = function.__qualname__ = name
    return function


@lru_cache(maxsize=4096)
def special_types(kinds: Kinds) -> tuple[tuple[np.dtype, ...], np.dtype]:
    """float32 beside nothing but Python numbers stays float32; everything else is float64."""
    check_numbers(kinds, "biuf")
    strong = {k for k in kinds if not isinstance(k, type)}
    dtype = F32 if strong == {F32} else F64
    return tuple(dtype for _ in kinds), dtype


def special(
    name: str,
    partials: tuple[Callable[..., Any] | None, ...],
    domain: tuple[tuple[float, float], ...] = (),
    *,
    scalar: str = "",
    refused: tuple[int, ...] = (),
    formula: Callable[..., Any] | None = None,
) -> Elementwise:
    """An op that SciPy evaluates, or `formula`, and whose kernel calls a function of the same name."""
    arguments = ", ".join(f"{{{k}}}" for k in range(len(partials)))
    return Elementwise(
        name,
        scipy_function(name) if formula is None else in_double(name, formula),
        scalar or f"{name}({arguments})",
        partials,
        domain=domain,
        types=special_types,
        refused=refused,
    )


def polynomial(x: Any, coefficients: Sequence[float]) -> Any:
    """The polynomial with these coefficients, the constant first."""
    total: Any = 0.0 * x
    for c in reversed(coefficients):
        total = total * x + c
    return total
