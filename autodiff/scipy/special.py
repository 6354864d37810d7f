"""`scipy.special`: its ufuncs themselves, and its Python functions with recorded arrays.

`lambertw` of recorded numbers is real (branches 0 and -1), where SciPy's is complex.
"""

from __future__ import annotations

from autodiff.frontends.surface.scipy_special import FUNCTIONS as _FUNCTIONS
from autodiff.scipy.dispatch import namespace as _namespace

__getattr__ = _namespace("scipy.special", _FUNCTIONS, globals())


def __dir__() -> list[str]:
    return sorted({*globals(), *_FUNCTIONS})
