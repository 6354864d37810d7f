"""`scipy.signal`: convolutions, detrending, linear filters with recorded arrays (`filters.py`); the rest is SciPy's."""

from __future__ import annotations

from autodiff.scipy.dispatch import namespace as _namespace
from autodiff.scipy.filters import FUNCTIONS as _FUNCTIONS

__getattr__ = _namespace("scipy.signal", _FUNCTIONS, globals())


def __dir__() -> list[str]:
    return sorted({*globals(), *_FUNCTIONS})
