"""`numpy.fft`; its functions also take lists of recorded numbers."""

from __future__ import annotations

from numpy import fft as _module

from autodiff.numpy.lists import namespace as _namespace

__getattr__ = _namespace(_module, globals())
__all__ = [*_module.__all__]


def __dir__() -> list[str]:
    return dir(_module)
