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
        "trim_zeros polydiv",
        "gives a result whose shape depends on values",
        "call it before, on plain arrays; or keep all elements and mask with np.where",
    ),
    **_refuse(
        "histogram2d histogramdd histogram_bin_edges digitize lexsort isin",
        "gives counts or places, which have no derivative",
        "call it on plain arrays: x.numpy(), or outside of the differentiated function",
    ),
    **_refuse(
        "nextafter spacing",
        "moves by one unit in the last place, which is rounding and not a function of the reals",
        "call it before, on plain arrays; or add a small number: x + eps",
    ),
    **_refuse(
        "gcd lcm bitwise_count packbits unpackbits",
        "works on integers, which have no derivative",
        "call it before, on plain arrays",
    ),
    **_refuse(
        "roots",
        "gives the eigenvalues of a companion matrix, complex in general and not differentiable where two meet",
        "refine one simple root by Newton's method, or differentiate np.polyval implicitly",
    ),
    **_refuse(
        "sort_complex",
        "gives complex numbers whatever it is given",
        "use np.sort",
    ),
    **_refuse(
        "isnat datetime_as_string busday_count busday_offset is_busday",
        "is about dates",
        "compute with dates before, on plain arrays",
    ),
    **_refuse(
        "save savez savez_compressed savetxt",
        "writes numbers to a file, and a recorded array may have none yet",
        "save x.numpy(), outside of the differentiated function",
    ),
}
