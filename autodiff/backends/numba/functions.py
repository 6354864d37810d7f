"""The functions that kernel source may call, for plain Python and for Numba.

`PYTHON` runs a kernel un-jitted (tests, debugging); `compiled()` gives the same names as
inlined Numba functions. Names in an op's `scalar` template come from here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.backends.numba.source import DTYPE_NAMES
from autodiff.ops.op import OPS, Call
from autodiff.ops import transcendental


def mod(x: Any, y: Any) -> Any:
    return x % y


def maximum(x: Any, y: Any) -> Any:
    # `x != x` first: NumPy's maximum of a nan is nan, on either side.
    return x if (x > y) | (x != x) else y


def minimum(x: Any, y: Any) -> Any:
    return x if (x < y) | (x != x) else y


def fmax(x: Any, y: Any) -> Any:
    return x if (x >= y) | (y != y) else y


def fmin(x: Any, y: Any) -> Any:
    return x if (x <= y) | (y != y) else y


def sign(x: Any) -> Any:
    return x * 0 + (x > 0) - (x < 0)


def relu(x: Any) -> Any:
    return x if (x > 0) | (x != x) else x * 0


def plus(x: Any, y: Any) -> Any:
    return x + y


def logaddexp(x: Any, y: Any) -> Any:
    top, low = (x, y) if x > y else (y, x)
    return x + np.log(2.0) if x == y else top + np.log1p(np.exp(low - top))


OWN: dict[str, Callable[..., Any]] = {
    f.__name__: f for f in (mod, maximum, minimum, fmax, fmin, sign, relu, logaddexp)
}
FROM_NUMPY = (
    "exp expm1 exp2 log log1p log2 log10 sqrt cbrt sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh "
    "arcsinh arccosh arctanh hypot power fmod floor ceil rint trunc isnan isinf isfinite"
).split()
LOOPS = {op.name: op.loop for op in OPS.values() if isinstance(op, Call)}
DTYPES = {name: dtype.type for name, dtype in DTYPE_NAMES.items()}

PYTHON: dict[str, Any] = {
    "np": np,
    "plus": plus,
    **{name: getattr(np, name) for name in FROM_NUMPY},
    **OWN,
    "sigmoid": transcendental.sigmoid.numpy,
    "softplus": transcendental.softplus.numpy,
    **LOOPS,
    **DTYPES,
}
RESERVED = tuple(PYTHON)
