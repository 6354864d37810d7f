"""Numbers in LLVM registers, with the dtypes they have in NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.vector_value import Splat

BOOL, INT32 = np.dtype(np.bool_), ir.IntType(32)
TYPES: dict[np.dtype, ir.Type] = {
    np.dtype("f8"): ir.DoubleType(),
    np.dtype("f4"): ir.FloatType(),
    BOOL: ir.IntType(1),
    **{np.dtype(f"{kind}{size}"): ir.IntType(8 * size) for kind in "iu" for size in (1, 2, 4, 8)},
}


class Scalar:
    """A number in a register, and its dtype; or a vector of them, of so many `lanes`."""

    __slots__ = ("dtype", "ir")

    def __init__(self, value: ir.Value, dtype: np.dtype) -> None:
        self.ir = value
        self.dtype = dtype

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f"

    @property
    def lanes(self) -> int:
        return self.ir.type.count if isinstance(self.ir.type, ir.VectorType) else 0


def constant(value: Any, dtype: np.dtype) -> Scalar:
    """A number of this dtype."""
    kind = TYPES[dtype]
    return Scalar(ir.Constant(kind, float(value) if dtype.kind == "f" else int(value)), dtype)


def spread(b: ir.IRBuilder, x: Scalar, lanes: int) -> Scalar:
    """The same number in every lane."""
    if x.lanes:
        return x
    kind = ir.VectorType(x.ir.type, lanes)
    if isinstance(x.ir, ir.Constant):
        return Scalar(Splat(kind, x.ir.constant), x.dtype)
    first = b.insert_element(ir.Constant(kind, ir.Undefined), x.ir, INT32(0))
    return Scalar(b.shuffle_vector(first, first, ir.Constant(ir.VectorType(INT32, lanes), [0] * lanes)), x.dtype)
