"""Abstract values: what is known of an array before it exists."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np

Shape = tuple[int, ...]


class ArrayAval:
    """Shape and dtype of an array. Immutable, hashable, compared by content.

    The hash is kept: avals are part of every memo key on the recording path, and
    hashing a tuple and a dtype anew each time costs four times a slot read.
    """

    __slots__ = ("_hash", "dtype", "shape")

    def __init__(self, shape: Shape, dtype: np.dtype) -> None:
        self.shape: Final = shape
        self.dtype: Final = dtype
        self._hash = hash((shape, dtype))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return type(other) is ArrayAval and self.shape == other.shape and self.dtype == other.dtype

    def __str__(self) -> str:
        return f"{short_dtype(self.dtype)}[{','.join(map(str, self.shape))}]"

    __repr__ = __str__


class StackAval(ArrayAval):
    """One item per trip of a loop, however many there are: shape and dtype are those of an item.

    Values like this live between a loop and its adjoint; only `ops.stack` and loops read them.
    """

    __slots__ = ("item",)

    def __init__(self, item: ArrayAval) -> None:
        super().__init__(item.shape, item.dtype)
        self.item: Final = item
        self._hash = hash(("stack", item))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, StackAval) and self.item == other.item

    def __str__(self) -> str:
        return f"stack({self.item})"

    __repr__ = __str__


def short_dtype(dtype: np.dtype) -> str:
    """`f64`, `f32`, `i64`, `u8`, `bool`: how dtypes are written in printed IR."""
    return "bool" if dtype == np.bool_ else f"{dtype.kind}{dtype.itemsize * 8}"


@lru_cache(maxsize=65536)
def interned(aval: ArrayAval) -> ArrayAval:
    """One object for all equal avals: memos compare by identity first, which is free."""
    return aval


def aval_of(x: np.ndarray | np.generic) -> ArrayAval:
    """The aval of a NumPy array or scalar."""
    return ArrayAval(x.shape, x.dtype)


def is_differentiable(dtype: np.dtype) -> bool:
    """Whether values of this dtype carry derivatives: floating point, real and complex."""
    return dtype.kind in "fc"
