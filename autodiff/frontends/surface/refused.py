"""NumPy functions that are refused, and why: a reason helps more than a missing name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np

from autodiff.errors import NotDifferentiableError


def _refuse(names: str, reason: str, remedy: str) -> dict[Any, Callable[..., NoReturn]]:
    return {getattr(np, name): _refusal(name, reason, remedy) for name in names.split() if hasattr(np, name)}


def _refusal(name: str, reason: str, remedy: str) -> Callable[..., NoReturn]:
    def refused(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotDifferentiableError(f"np.{name} {reason}", remedy)

    return refused


REFUSED: dict[Any, Callable[..., NoReturn]] = {
    **_refuse(
        "unique unique_all unique_counts unique_inverse unique_values union1d intersect1d setdiff1d setxor1d "
        "nonzero flatnonzero argwhere extract trim_zeros",
        "gives a result whose shape depends on values",
        "call it before, on plain arrays; or keep all elements and mask with np.where",
    ),
    **_refuse(
        "histogram histogram2d histogramdd histogram_bin_edges digitize lexsort isin",
        "gives counts or places, which have no derivative",
        "call it on plain arrays: x.numpy(), or outside of the differentiated function",
    ),
    **_refuse(
        "put place putmask copyto fill_diagonal put_along_axis",
        "writes into its argument",
        "build a new array: x.at[index].set(v), or np.where(mask, v, x)",
    ),
}
