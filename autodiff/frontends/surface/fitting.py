"""What is written into an array: converted to its dtype and broadcast to its shape, as NumPy would."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import DTypeError, ShapeError
from autodiff.ir.build import PYTHON_SCALARS, emitter, literal
from autodiff.ir.core import Literal
from autodiff.ops.families import broadcast_to, cast, reshape


def fitted(x: Any, value: Any, casting: str = "same_kind", name: str = "=", shape: Any = None) -> Any:
    """A value as it is written into `x`: converted to its dtype, broadcast to its shape (or the one given)."""
    shape, dtype = x.aval.shape if shape is None else shape, x.aval.dtype
    if type(value) in PYTHON_SCALARS:
        return broadcast_to(_number(value, dtype, casting, name), shape)
    value = emitter().lift(value)
    given = value.aval.shape
    while len(given) > len(shape) and given[0] == 1:  # NumPy drops these
        given = given[1:]
    fits = len(given) <= len(shape) and all(m in (1, n) for m, n in zip(given[::-1], shape[::-1], strict=False))
    if not fits:
        raise ShapeError(
            f"{name}: could not broadcast a value of shape {value.aval.shape} into shape {shape}",
            "an array keeps its shape when it is written to; x = x + y makes a new one",
        )
    value = value if given == value.aval.shape else reshape(value, shape=given)
    return broadcast_to(converted(value, dtype, casting, name), shape)


def _number(value: Any, dtype: np.dtype, casting: str, name: str) -> Literal:
    if dtype.kind != "c" and isinstance(value, complex):
        raise _unconvertible(np.dtype(complex), dtype, casting, name)
    # A Python number adapts: it fits unless its kind does not.
    if not np.can_cast(np.dtype(type(value)), np.dtype(dtype.kind + "8") if dtype.kind in "iuf" else dtype, casting):
        raise _unconvertible(np.dtype(type(value)), dtype, casting, name)
    return literal(value, dtype)


def converted(value: Any, dtype: np.dtype, casting: str, name: str) -> Any:
    """An operand in the dtype of what it is written to, if NumPy's casting rule and derivatives allow."""
    found = value.aval.dtype
    if found == dtype:
        return value
    if not np.can_cast(found, dtype, casting) or (found.kind == "c" and dtype.kind != "c"):
        raise _unconvertible(found, dtype, casting, name)
    if found.kind in "fc" and dtype.kind not in "fc" and carries_derivative(value):
        raise DTypeError(
            f"{name}: writing {found} into an array of dtype {dtype} would lose the derivative of the value",
            f"make the array {found}; where no derivative is meant, convert the value: value.astype({dtype.name!r})",
        )
    return cast(value, dtype=dtype)


def _unconvertible(found: np.dtype, dtype: np.dtype, casting: str, name: str) -> DTypeError:
    return DTypeError(
        f"{name}: cannot write {found} into an array of dtype {dtype} (casting rule {casting!r})",
        f"make the array {found}, or convert the value: value.astype({dtype.name!r})",
    )


def carries_derivative(value: Any) -> bool:
    """Whether a value may depend on what is differentiated with respect to."""
    asked = getattr(value, "may_vary", None)
    return asked is not None and bool(asked())
