"""The truth of a value that may be traced."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ShapeError
from autodiff.ops.families import not_equal, reshape


def truth(x: Any) -> bool:
    """Whether Python takes `x` for true. Of a traced value the tracer answers, and notes a guard."""
    return bool(x)


def as_bool(x: Any) -> Any:
    """The truth of a traced number as a traced bool.

    Raises
    ------
    ShapeError
        For an array of several elements, as in NumPy.
    """
    if x.aval.size != 1:
        raise ShapeError(f"the truth value of an array of shape {x.aval.shape} is ambiguous", "use np.any or np.all")
    x = x if not x.aval.shape else reshape(x, shape=())
    return x if x.aval.dtype == np.bool_ else not_equal(x, 0)
