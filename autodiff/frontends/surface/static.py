"""Arguments that decide the shape of a result: they must have a value while the program is recorded."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ConcretizationError
from autodiff.ir.core import Operand


def static_array(x: Any, what: str) -> np.ndarray:
    """`x` as a plain array; a recorded tensor is looked at, a traced array has nothing to look at."""
    if not isinstance(x, Operand):
        return np.asarray(x)
    known = getattr(x, "known_value", None)
    if known is None:
        raise ConcretizationError(
            f"{what} decides the shape of the result, and is a traced array of shape {x.aval.shape}",
            "pass a plain array, from outside of the differentiated function",
        )
    return np.asarray(known())
