"""Complex numbers: their parts, and what is not analytic in them.

The gradient of a real function of z = a + bi is df/da + i df/db, the direction of steepest ascent;
that of an analytic f, with its value as the target, is conj(f'(z)). This is the convention of
TensorFlow and PyTorch; JAX gives the conjugate. Inner product: <ct, t> = Re(sum(conj(ct) t)).

`abs` and `angle` have derivative 0 at 0, where they have none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import DTypeError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.core import OPERATORS
from autodiff.ops.arithmetic import absolute
from autodiff.ops.batching import leading
from autodiff.ops.families import add, mul, zeros_like
from autodiff.ops.op import Call, Example
from autodiff.ops.transcendental import arctan2, hypot

_Z, _REAL = np.array([[1 + 2j, -0.5j], [3.0, -1 - 1j]]), (2, 2)
_LONG = np.linspace(-1.0, 1.0, 12) + 1j * np.linspace(2.0, -0.5, 12)


def part_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of the parts of complex numbers."""
    return np.dtype(f"f{dtype.itemsize // 2}")


def _part(x: ArrayAval) -> ArrayAval:
    if x.dtype.kind != "c":
        raise DTypeError(f"real and imag take parts of complex numbers, not of {x.dtype}")
    return ArrayAval(x.shape, part_dtype(x.dtype))


def _whole(a: ArrayAval, b: ArrayAval) -> ArrayAval:
    if a != b or a.dtype.kind != "f":
        raise DTypeError(f"complex: the parts must be floats of one shape and dtype, not {a} and {b}")
    return ArrayAval(a.shape, np.dtype(f"c{2 * a.dtype.itemsize}"))


def _combined(a: Any, b: Any) -> Any:
    out = np.empty(np.shape(a), f"c{2 * np.asarray(a).dtype.itemsize}")
    out.real, out.imag = a, b
    return out[()]


def _both(tangents: Any, y: Any, operands: Any) -> Any:
    return combine(*(zeros_like(x.aval) if t is None else t for t, x in zip(tangents, operands, strict=True)))


real = Call(
    "real",
    np.real,
    _part,
    rule=lambda ct, y, operands, active: [combine(ct, zeros_like(ct.aval))],
    tangent=lambda tangents, y, operands: real(tangents[0]),
    axes=lambda d, operands, result: operands[0],
    batching=leading,
    takes_complex=True,
    examples=(Example((_Z,)), Example((np.complex64(1 - 2j),)), Example((_LONG,))),
)
imag = Call(
    "imag",
    np.imag,
    _part,
    rule=lambda ct, y, operands, active: [combine(zeros_like(ct.aval), ct)],
    tangent=lambda tangents, y, operands: imag(tangents[0]),
    axes=lambda d, operands, result: operands[0],
    batching=leading,
    takes_complex=True,
    examples=(Example((_Z,)), Example((np.complex64(1 - 2j),)), Example((_LONG,))),
)
combine = Call(
    "complex",
    _combined,
    _whole,
    rule=lambda ct, y, operands, active: [real(ct), imag(ct)],
    tangent=_both,
    axes=lambda d, operands, result: d.join_all(operands),
    batching=leading,
    examples=(Example((_REAL, _REAL)), Example(((), ())), Example(((12,), (12,)))),
)


def is_complex(x: Any) -> bool:
    """Whether an operand holds complex numbers."""
    return bool(x.aval.dtype.kind == "c")


def real_part(x: Any) -> Any:
    """The real part; a real operand is its own."""
    return real(x) if is_complex(x) else x


def imaginary_part(x: Any) -> Any:
    """The imaginary part, 0 for real operands."""
    return imag(x) if is_complex(x) else zeros_like(x.aval)


def magnitude(x: Any) -> Any:
    """abs(x), of real and of complex numbers."""
    return hypot(real(x), imag(x)) if is_complex(x) else absolute(x)


def squared_magnitude(x: Any) -> Any:
    """abs(x)**2, without the root."""
    if not is_complex(x):
        return mul(x, x)
    a, b = real(x), imag(x)
    return add(mul(a, a), mul(b, b))


def phase(x: Any) -> Any:
    """The angle of x in the complex plane, in (-pi, pi]."""
    return arctan2(imaginary_part(x), real_part(x))


OPERATORS["abs"] = magnitude
