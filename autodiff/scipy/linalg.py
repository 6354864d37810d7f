"""`scipy.linalg`: systems, decompositions, functions and equations of matrices take recorded arrays too.

On recorded arrays the functions of `frontends/surface/scipy_linalg.py` and `scipy_structured.py` answer, with SciPy's
signatures; on plain ones SciPy. What has no derivative here (`schur`, `null_space`, ...) says so, and what to call.

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

from autodiff.frontends.surface.scipy_linalg import FUNCTIONS as _DENSE
from autodiff.frontends.surface.scipy_refused import REFUSED as _REFUSED
from autodiff.frontends.surface.scipy_structured import FUNCTIONS as _STRUCTURED
from autodiff.scipy.dispatch import namespace as _namespace
from autodiff.scipy.dispatch import recorded as _recorded

_FUNCTIONS: dict[str, Callable[..., Any]] = {**_REFUSED, **_DENSE, **_STRUCTURED}  # type: ignore[dict-item]

__getattr__ = _namespace("scipy.linalg", _FUNCTIONS, globals())


def _of_factors(name: str) -> Callable[..., Any]:
    """A function whose first argument may be a pair, which is not a list of numbers."""
    ours = _FUNCTIONS[name]

    @functools.wraps(ours)
    def function(factors: Any, *args: Any, **kwargs: Any) -> Any:
        given = factors if isinstance(factors, tuple) else (factors,)
        answer = ours if _recorded((*given, *args)) else getattr(importlib.import_module("scipy.linalg"), name)
        return answer(factors, *args, **kwargs)

    return function


cho_solve, lu_solve, cho_solve_banded = map(_of_factors, ("cho_solve", "lu_solve", "cho_solve_banded"))
solve_toeplitz, matmul_toeplitz = map(_of_factors, ("solve_toeplitz", "matmul_toeplitz"))


def __dir__() -> list[str]:
    return sorted({*globals(), *_FUNCTIONS})
