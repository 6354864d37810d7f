"""The exponent of a floating-point number, and scaling by powers of two: both exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ir.aval import ArrayAval
from autodiff.ops.batching import leading
from autodiff.ops.op import Call, Example
from autodiff.ops.promotion import ufunc_types

INT32 = np.dtype(np.int32)


def _exponent_numpy(x: Any) -> Any:
    """The e of x = m * 2**e with 0.5 <= |m| < 1; 0 for 0, inf and nan."""
    return np.where(np.isfinite(x), np.frexp(x)[1], 0).astype(INT32)[()]


exponent = Call(
    "exponent",
    _exponent_numpy,
    lambda x: ArrayAval(x.shape, INT32),
    axes=lambda d, operands, result: operands[0],
    batching=leading,
    examples=(
        Example(((4,),)),
        Example(((2, 3),)),
        Example((np.array([0.0, -0.0, np.inf, np.nan, 1.0, 0.5, -3.7, 2.0**-1060, 1e300, 2.0, 3.0, 4.0]),)),
    ),
)
ldexp = Call(
    "ldexp",
    lambda x, e: np.ldexp(x, e),
    lambda x, e: x,
    types=ufunc_types(np.ldexp),
    rule=lambda ct, y, operands, active: [ldexp(ct, operands[1]), None],
    tangent=lambda tangents, y, operands: None if tangents[0] is None else ldexp(tangents[0], operands[1]),
    axes=lambda d, operands, result: d.join_all(operands),
    batching=leading,
    examples=(
        Example(((4,), np.array([1, 0, -3, 2], np.int32))),
        Example(((2, 2), np.array([[1, -1], [5, 0]], np.int32))),
        Example(((12,), np.arange(12, dtype=np.int32) - 5)),
    ),
)
