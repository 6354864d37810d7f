"""Lambert's W on the real line, both branches (DLMF 4.13): formulas without branches on values.

Halley's method (Corless et al., "On the Lambert W function", 1996, 5.9) from the expansion at the
branch point -1/e (4.22 there) or from logarithms. Nan where W is not real.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ops.special_shape import pick

exp, log, log1p, sqrt = np.exp, np.log, np.log1p, np.sqrt
BRANCH_POINT = -0.36787944117144233  # -1/e, and what rounding left of it
REST = 1.2428753672788363e-17


def from_branch_point(x: Any, sign: float) -> Any:
    """The expansion in p = sign sqrt(2 (1 + e x))."""
    gap = (x - BRANCH_POINT) + REST
    p = sign * sqrt(pick(gap > 0.0, 2.0 * np.e * gap, 0.0))
    return -1.0 + p * (1.0 - p * (1.0 / 3.0 - p * (11.0 / 72.0 - p * (43.0 / 540.0 - p * 769.0 / 17280.0))))


def improved(w: Any, x: Any) -> Any:
    """Halley's method; w stays where it is on the branch point."""
    for _ in range(6):
        e = exp(w)
        excess = w * e - x
        slope = w + 1.0
        flat = abs(slope) < 1e-3
        step = excess / (e * pick(flat, 1.0, slope) - 0.5 * (w + 2.0) * excess / pick(flat, 1.0, slope))
        w = w - pick(flat, 0.0, step)
    return w


def lambertw_upper(x: Any) -> Any:
    """The branch W >= -1, for x >= -1/e."""
    inside = (x >= BRANCH_POINT) & (x < np.inf)
    x0 = pick(inside, x, 1.0)
    large = x0 > 3.0
    top = log(pick(large, x0, 3.0))
    middle = log1p(pick((x0 > -0.3) & (x0 <= 3.0), x0, 0.0))
    start = pick(large, top - log(top), pick(x0 < -0.2, from_branch_point(x0, 1.0), middle))
    # x0 == 0 keeps its sign.
    value = pick(x0 == 0.0, x0, improved(start, x0))
    return pick(inside, value, pick(x == np.inf, np.inf, np.nan))


def lambertw_lower(x: Any) -> Any:
    """The branch W <= -1, for -1/e <= x < 0."""
    inside = (x >= BRANCH_POINT) & (x < 0.0)
    x0 = pick(inside, x, -0.1)
    deep = log(-x0)
    start = pick(x0 < -0.2, from_branch_point(x0, -1.0), deep - log(-deep))
    return pick(inside, improved(start, x0), pick(x == 0.0, -np.inf, np.nan))
