"""Discrete Fourier transforms along one axis, not normalised: linear maps, each other's transposes.

    dft   X_k = sum_j x_j exp(sign 2 pi i j k / n)          complex to complex
    rdft  the first n // 2 + 1 of them, for real x          real to complex
    irdft y_j = X_0 + 2 Re(sum_k X_k exp(2 pi i j k / n)) + (the last term once, where n is even)

With <ct, t> = Re(sum(conj(ct) t)) the transpose of a dft is the dft of the other sign; those of rdft
and irdft are one another with the weights that Hermitian symmetry gives (Brigham, "The Fast Fourier
Transform and its Applications", 1988, chapter 6). The first and, for even n, the last coefficient of
irdft count by their real part only.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import DTypeError, ShapeError
from autodiff.ir.aval import ArrayAval
from autodiff.ops.batching import along
from autodiff.ops.checks import check_axes
from autodiff.ops.families import full, mul, reshape
from autodiff.ops.movement import concatenate
from autodiff.ops.op import BadExample, Call, Example
from autodiff.ops.promotion import Kinds, common

_Z = np.array([[1 + 2j, -0.5j, 0.25], [3.0, -1 - 1j, 0.5 + 1j]])


def _complex_types(kinds: Kinds) -> tuple[tuple[np.dtype, ...], np.dtype]:
    dtype = np.result_type(common(kinds), np.complex64)
    return (dtype,), dtype


def _real_types(kinds: Kinds) -> tuple[tuple[np.dtype, ...], np.dtype]:
    dtype = common(kinds)
    if dtype.kind == "c":
        raise DTypeError(f"a transform of real numbers does not take {dtype}", "use fft for complex input")
    dtype = dtype if dtype in (np.float32, np.float64) else np.dtype(np.float32 if dtype == np.float16 else np.float64)
    return (dtype,), dtype


def _check(name: str, x: ArrayAval, axis: int) -> int:
    check_axes(name, x.shape, (axis,))
    if x.shape[axis] == 0:
        raise ShapeError(f"{name}: Invalid number of data points (0) along axis {axis} of shape {x.shape}")
    return x.shape[axis]


def _dft_shape(x: ArrayAval, *, axis: int, sign: int) -> ArrayAval:
    _check("dft", x, axis)
    return x


def _rdft_shape(x: ArrayAval, *, axis: int) -> ArrayAval:
    n = _check("rdft", x, axis)
    return ArrayAval((*x.shape[:axis], n // 2 + 1, *x.shape[axis + 1 :]), np.dtype(f"c{2 * x.dtype.itemsize}"))


def _irdft_shape(x: ArrayAval, *, axis: int, n: int) -> ArrayAval:
    m = _check("irdft", x, axis)
    if m != n // 2 + 1:
        raise ShapeError(f"irdft: {n} numbers have {n // 2 + 1} coefficients, not {m}")
    return ArrayAval((*x.shape[:axis], n, *x.shape[axis + 1 :]), np.dtype(f"f{x.dtype.itemsize // 2}"))


def _dft(x: Any, *, axis: int, sign: int) -> Any:
    return np.fft.fft(x, axis=axis) if sign < 0 else np.fft.ifft(x, axis=axis, norm="forward")


def _weighted(x: Any, axis: int, n: int, inner: float) -> Any:
    """`x` times 1 at the coefficients that are their own mirror image, `inner` at the others."""
    m, dtype = x.aval.shape[axis], x.aval.dtype
    ends = int(n % 2 == 0 and m > 1)
    parts = [(1, 1.0), (m - 1 - ends, inner), (ends, 1.0)]
    weights = concatenate(*(full(ArrayAval((k,), dtype), w) for k, w in parts if k), axis=0)
    shape = tuple(m if k == axis else 1 for k in range(x.aval.ndim))
    return mul(x, reshape(weights, shape=shape))


dft = Call(
    "dft",
    _dft,
    _dft_shape,
    types=_complex_types,
    rule=lambda ct, y, operands, active, *, axis, sign: [dft(ct, axis=axis, sign=-sign)],
    tangent=lambda tangents, y, operands, *, axis, sign: dft(tangents[0], axis=axis, sign=sign),
    axes=lambda d, operands, result, *, axis, sign: operands[0],
    batching=along,
    takes_complex=True,
    examples=(
        Example((_Z,), {"axis": 0, "sign": -1}),
        Example((_Z,), {"axis": 1, "sign": 1}),
        Example((_Z[0].astype(np.complex64),), {"axis": 0, "sign": -1}),
        Example((_Z[:1],), {"axis": 0, "sign": 1}),
        Example((np.linspace(-1.0, 1.0, 12) + 0.5j,), {"axis": 0, "sign": -1}),
    ),
    errors=(BadExample((_Z[:0],), {"axis": 0, "sign": -1}, ShapeError, ("(0, 3)",)),),
)
rdft = Call(
    "rdft",
    lambda x, *, axis: np.fft.rfft(x, axis=axis),
    _rdft_shape,
    types=_real_types,
    rule=lambda ct, y, operands, active, *, axis: [
        irdft(_weighted(ct, axis, operands[0].aval.shape[axis], 0.5), axis=axis, n=operands[0].aval.shape[axis])
    ],
    tangent=lambda tangents, y, operands, *, axis: rdft(tangents[0], axis=axis),
    batching=along,
    examples=(
        Example(((4,),), {"axis": 0}),
        Example(((5,),), {"axis": 0}),
        Example(((2, 3),), {"axis": 0}),
        Example(((1,),), {"axis": 0}),
        Example(((12,),), {"axis": 0}),
    ),
    errors=(BadExample(((0,),), {"axis": 0}, ShapeError, ("(0,)",)),),
)
irdft = Call(
    "irdft",
    lambda x, *, axis, n: np.fft.irfft(x, n, axis=axis, norm="forward"),
    _irdft_shape,
    types=_complex_types,
    rule=lambda ct, y, operands, active, *, axis, n: [_weighted(rdft(ct, axis=axis), axis, n, 2.0)],
    tangent=lambda tangents, y, operands, *, axis, n: irdft(tangents[0], axis=axis, n=n),
    batching=along,
    takes_complex=True,
    examples=(
        Example((_Z,), {"axis": 1, "n": 4}),
        Example((_Z,), {"axis": 1, "n": 5}),
        Example((_Z,), {"axis": 0, "n": 2}),
        Example((_Z[:1],), {"axis": 0, "n": 1}),
        Example((np.linspace(-1.0, 1.0, 12) + 0.5j,), {"axis": 0, "n": 22}),
    ),
    errors=(BadExample((_Z,), {"axis": 1, "n": 8}, ShapeError, ("8", "3")),),
)
