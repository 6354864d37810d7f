"""`np.r_` and `np.c_` with recorded entries: rows, columns, ranges and numbers, joined."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.frontends.array import ArrayMethods, holds_arrays
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.shapes import atleast_1d, concatenate, reshape
from autodiff.numpy.lists import as_one


class _Concatenator:
    """What `r_[...]` and `c_[...]` are: NumPy's own unless an entry is recorded."""

    def __init__(self, plain: Any, place: Callable[[Any], Any], axis: int) -> None:
        self._plain, self._place, self._axis = plain, place, axis

    def __getitem__(self, key: Any) -> Any:
        entries = key if isinstance(key, tuple) else (key,)
        if not any(isinstance(e, ArrayMethods) or holds_arrays(e) for e in entries):
            return self._plain[key]
        return concatenate([self._place(lift(self._entry(e))) for e in entries], self._axis)

    def _entry(self, entry: Any) -> Any:
        if isinstance(entry, str):
            raise ArgumentError(f"r_ and c_: {entry!r} is not supported beside recorded arrays", "use np.concatenate")
        # Ranges (1:5, 0:1:5j) are NumPy's affair.
        return np.r_[entry] if isinstance(entry, slice) else as_one(entry)

    def __len__(self) -> int:
        return 0


def _column(x: Any) -> Any:
    """At least two axes; a row of numbers is a column."""
    return reshape(x, (*x.aval.shape, *(1,) * (2 - x.aval.ndim)))


r_ = _Concatenator(np.r_, atleast_1d, 0)
c_ = _Concatenator(np.c_, _column, -1)
