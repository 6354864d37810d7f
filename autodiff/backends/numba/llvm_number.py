"""Numbers in LLVM registers, with the dtypes they have in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

BOOL = np.dtype(np.bool_)
TYPES: dict[np.dtype, ir.Type] = {
    np.dtype("f8"): ir.DoubleType(),
    np.dtype("f4"): ir.FloatType(),
    BOOL: ir.IntType(1),
    **{np.dtype(f"{kind}{size}"): ir.IntType(8 * size) for kind in "iu" for size in (1, 2, 4, 8)},
}


class Scalar:
    """A number in a register, and its dtype."""

    __slots__ = ("dtype", "ir")

    def __init__(self, value: ir.Value, dtype: np.dtype) -> None:
        self.ir = value
        self.dtype = dtype

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f"


def constant(value: Any, dtype: np.dtype) -> Scalar:
    """A number of this dtype."""
    kind = TYPES[dtype]
    return Scalar(ir.Constant(kind, float(value) if dtype.kind == "f" else int(value)), dtype)
