"""Arguments that decide the shape of a result: they must have a value while the program is recorded."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np

from autodiff.errors import ConcretizationError
from autodiff.ir.core import Operand


def static_array(x: Any, what: str) -> np.ndarray:
    """`x` as a plain array; a recorded tensor is looked at, and so is a traced number that has a value."""
    if not isinstance(x, Operand):
        return np.asarray(x)
    known = getattr(x, "known_value", None)
    if known is None:
        if not x.aval.shape and hasattr(x, "item"):
            with contextlib.suppress(ConcretizationError):
                return np.asarray(x.item())
        raise ConcretizationError(
            f"{what} decides the shape of the result, and is a traced array of shape {x.aval.shape}",
            "pass a plain array, from outside of the differentiated function",
        )
    return np.asarray(known())
