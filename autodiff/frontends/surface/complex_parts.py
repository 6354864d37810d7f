"""NumPy's functions of the parts of complex numbers (see `ops.complex_numbers` for the convention)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.frontends.surface.common import as_float, lift, valued
from autodiff.ir.aval import ArrayAval
from autodiff.ops import complex_numbers as cn
from autodiff.ops.families import conjugate, full, not_equal


def real(val: Any) -> Any:
    return cn.real_part(lift(val))


def imag(val: Any) -> Any:
    return valued(cn.imaginary_part(lift(val)))


def conj(x: Any) -> Any:
    return conjugate(lift(x))


def absolute(x: Any) -> Any:
    return cn.magnitude(lift(x))


def angle(z: Any, deg: bool = False) -> Any:
    x = lift(z)
    y = cn.phase(x if cn.is_complex(x) else as_float(x))
    return y * (180.0 / np.pi) if deg else y


def iscomplex(x: Any) -> Any:
    return not_equal(imag(x), 0)


def isreal(x: Any) -> Any:
    y = lift(x)
    if not cn.is_complex(y):
        return valued(full(ArrayAval(y.aval.shape, np.dtype(np.bool_)), True))
    return cn.imag(y) == 0


def iscomplexobj(x: Any) -> bool:
    return cn.is_complex(lift(x))


def isrealobj(x: Any) -> bool:
    return not cn.is_complex(lift(x))


UFUNCS: dict[Any, Callable[..., Any]] = {np.conjugate: conj, np.absolute: absolute}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.real: real,
    np.imag: imag,
    np.angle: angle,
    np.iscomplex: iscomplex,
    np.isreal: isreal,
    np.iscomplexobj: iscomplexobj,
    np.isrealobj: isrealobj,
}
