"""`scipy.linalg`: systems, decompositions, functions and equations of matrices take recorded arrays too.

On recorded arrays the functions of `frontends/surface/scipy_linalg.py` answer, with SciPy's signatures; on plain
ones SciPy. What has no derivative here (`schur`, `null_space`, ...) is SciPy's own.

>>> import autodiff as ad
>>> from autodiff.scipy import linalg
>>> float(ad.grad(lambda t: linalg.expm(t * [[0.0, 1.0], [0.0, 0.0]])[0, 1])(3.0))
1.0
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from typing import Any

from autodiff.frontends.surface.scipy_linalg import FUNCTIONS as _FUNCTIONS
from autodiff.scipy.dispatch import namespace as _namespace
from autodiff.scipy.dispatch import recorded as _recorded

__getattr__ = _namespace("scipy.linalg", _FUNCTIONS, globals())


def _of_factors(name: str) -> Callable[..., Any]:
    """A function whose first argument is a pair, not a list of numbers."""
    ours: Callable[..., Any] = _FUNCTIONS[name]  # type: ignore[assignment]

    @functools.wraps(ours)
    def function(factors: Any, *args: Any, **kwargs: Any) -> Any:
        answer = ours if _recorded((*factors, *args)) else getattr(importlib.import_module("scipy.linalg"), name)
        return answer(factors, *args, **kwargs)

    return function


cho_solve, lu_solve = _of_factors("cho_solve"), _of_factors("lu_solve")


def __dir__() -> list[str]:
    return sorted({*globals(), *_FUNCTIONS})
