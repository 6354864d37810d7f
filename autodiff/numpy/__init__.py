"""NumPy, with the functions that its dispatch protocols do not reach: `import autodiff.numpy as np`.

Same names and signatures. NumPy hands a call to autodiff when an argument is a recorded array;
`np.zeros(3)`, `np.array([x, y])` or `np.full(3, x)` have none, or hide it in a list. Here these

* give recorded arrays, which can be written in place, while a function is being traced or a tape
  records (floats and complex numbers; integers and booleans are positions, sizes and masks, and
  stay plain arrays unless they are made of recorded ones);
* take lists and tuples that hold recorded numbers, at any depth;
* are NumPy's own otherwise, and give plain arrays.

Everything else is the very object of NumPy, submodules too. Start with `creation.py`.

>>> import autodiff as ad
>>> import autodiff.numpy as np
>>> def area(r):
...     y = np.zeros(3)
...     y[1:] = np.array([r, 2.0 * r]) ** 2
...     return np.pi * np.sum(y)
>>> float(ad.grad(area)(1.0)) == 10.0 * np.pi
True
"""

from __future__ import annotations

import types
from typing import Any

import numpy as _numpy

from autodiff.numpy import creation as _creation
from autodiff.numpy import fft, linalg
from autodiff.numpy.concatenators import c_, r_
from autodiff.numpy.lists import OVER_SEQUENCES as _OVER_SEQUENCES
from autodiff.numpy.lists import accepting_lists as _accepting_lists
from autodiff.numpy.vectorizing import vectorize

_OURS: dict[str, Any] = {
    **{name: getattr(_creation, name) for name in _creation.__all__},
    "c_": c_,
    "fft": fft,
    "linalg": linalg,
    "r_": r_,
    "vectorize": vectorize,
}
__all__ = [*_numpy.__all__]


def __getattr__(name: str) -> Any:
    """NumPy's object; a function of arrays in a form that takes lists of recorded numbers."""
    if name.startswith("__") and name not in _numpy.__all__:
        raise AttributeError(f"module 'autodiff.numpy' has no attribute {name!r}")
    found = _OURS[name] if name in _OURS else _accepting_lists(getattr(_numpy, name), _OVER_SEQUENCES)
    if not isinstance(found, types.ModuleType):
        globals()[name] = found  # looked up once
    return found


def __dir__() -> list[str]:
    return dir(_numpy)
