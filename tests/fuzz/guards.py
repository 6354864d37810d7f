"""What keeps random programs away from kinks and from ill-conditioning: the guards that makers of steps call."""

from __future__ import annotations

from typing import Any

import numpy as np
from fuzz.dual import STEP, Dual

GAP = 1e-3  # float32 rounds by 1e-7: it cannot cross a gap


class Rejected(Exception):
    """No operand is right for this maker, or the step would be ill-conditioned."""


def broadcasts(*shapes: tuple[int, ...]) -> bool:
    try:
        return len(np.broadcast_shapes(*shapes)) <= 3
    except ValueError:
        return False


def moderate(value: Any) -> bool:
    if not isinstance(value, Dual):
        return bool(np.all(np.abs(value) < 1000)) if np.asarray(value).dtype.kind != "b" else True
    slopes = (value.tangent.real, value.value.imag / STEP, value.tangent.imag / STEP)
    return bool(np.all(np.abs(value.real) < 30)) and all(np.all(np.abs(s) < 1000) for s in slopes)


def apart(x: Any, y: Any) -> None:
    if np.any(np.abs(x - y) < GAP):
        raise Rejected


def ordered(x: np.ndarray, axis: int | None) -> None:
    """No two neighbours of an order are close."""
    x = np.sort(x, axis=axis)
    if np.any(np.abs(np.diff(x, axis=-1 if axis is None else axis)) < GAP):
        raise Rejected
