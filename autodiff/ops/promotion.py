"""Which dtypes an op works in: NumPy's own promotion rules, asked once and remembered."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.errors import DTypeError

Kinds = tuple[Any, ...]  # dtypes, and Python's bool/int/float for scalars that adapt (NEP 50)
Types = Callable[[Kinds], tuple[tuple[np.dtype, ...], np.dtype]]


def check_numbers(kinds: Kinds, taken: str = "biufc") -> None:
    """Nothing is computed with strings, dates and objects; `taken` are the kinds of dtypes an op takes."""
    if any(not isinstance(k, type) and k.kind not in taken for k in kinds):
        raise DTypeError(f"does not take dtypes ({listed(kinds)})", "convert to a float dtype")


def listed(kinds: Kinds) -> str:
    return ", ".join(k.__name__ if isinstance(k, type) else str(k) for k in kinds)


def ufunc_types(ufunc: np.ufunc) -> Types:
    """NumPy's own promotion for this ufunc."""

    @lru_cache(maxsize=4096)
    def types(kinds: Kinds) -> tuple[tuple[np.dtype, ...], np.dtype]:
        check_numbers(kinds)
        try:
            # NumPy has weak ints and floats, but no weak bool.
            *ins, out = ufunc.resolve_dtypes((*(np.dtype(k) if k is bool else k for k in kinds), None))
            if any(d.kind == "O" for d in ins):  # how NumPy compares two Python ints
                *ins, out = ufunc.resolve_dtypes((*map(np.dtype, kinds), None))
        except TypeError:
            raise DTypeError(
                f"{ufunc.__name__} does not take dtypes ({listed(kinds)})", "convert to a float dtype"
            ) from None
        return tuple(ins), out

    return types


@lru_cache(maxsize=4096)
def common(kinds: Kinds) -> np.dtype:
    check_numbers(kinds)
    return np.result_type(*(k(0) if isinstance(k, type) else k for k in kinds))


@lru_cache(maxsize=4096)
def select_types(kinds: Kinds) -> tuple[tuple[np.dtype, ...], np.dtype]:
    """A condition, then branches of one common dtype."""
    check_numbers(kinds[:1])
    dtype = common(kinds[1:])
    return (np.dtype(np.bool_), *(dtype for _ in kinds[1:])), dtype


def common_types(kinds: Kinds) -> tuple[tuple[np.dtype, ...], np.dtype]:
    """All operands, and the result, of one common dtype."""
    dtype = common(kinds)
    return tuple(dtype for _ in kinds), dtype


@lru_cache(maxsize=4096)
def bool_types(kinds: Kinds) -> tuple[tuple[np.dtype, ...], np.dtype]:
    """Truth values only, as NumPy's logical functions see their operands."""
    check_numbers(kinds)
    dtype = np.dtype(np.bool_)
    return tuple(dtype for _ in kinds), dtype
