"""The functions that kernel source may call, for plain Python and for Numba.

`PYTHON` runs a kernel un-jitted (tests, debugging); `jit.py` gives the same names as inlined
Numba functions. Names in an op's `scalar` template come from here. Functions here use each
other, and NumPy's, by these names only: `jit.py` binds the names to compiled ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.backends.numba.source import DTYPE_NAMES
from autodiff.ops import OPS, special, transcendental
from autodiff.ops.extents import Checked
from autodiff.ops.op import Call
from autodiff.ops.paired import paired

NUMPY_NAMES = (
    "exp expm1 exp2 log log1p log2 log10 sqrt cbrt sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh "
    "arcsinh arccosh arctanh hypot power fmod floor ceil rint trunc sign isnan isinf isfinite"
)
FROM_NUMPY = {name: getattr(np, name) for name in NUMPY_NAMES.split()}
exp, log1p = np.exp, np.log1p


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


def plus(x: Any, y: Any) -> Any:
    return x + y


def logaddexp(x: Any, y: Any) -> Any:
    distance = x - y
    # Equal infinities have no distance; their sum is themselves.
    same = (x == y) & (distance != distance)
    return x if same else maximum(x, y) + log1p(exp(-abs(distance)))


def integer_power(x: Any, y: Any) -> Any:
    """x**y by squaring, wrapping around as NumPy's does."""
    if y < 0:
        raise ValueError("Integers to negative integer powers are not allowed.")
    result = x // x if x else x + (y == 0)
    while y > 0:
        if y % 2 == 1:
            result = result * x
        x = x * x
        y = y // 2
    return result


def integer_fmod(x: Any, y: Any) -> Any:
    """The remainder with the sign of x, as in C; Python's has that of y."""
    rest = x % y
    return rest - y if (rest != 0) & ((rest < 0) != (x < 0)) else rest


def left_shift(x: Any, y: Any) -> Any:
    """x << y, without any bits where y is no number of places, as NumPy's; 64 bits hold every integer here."""
    nothing = x - x  # in the dtype of x
    return x << y if (y >= 0) & (y < 64) else nothing


def right_shift(x: Any, y: Any) -> Any:
    """x >> y, likewise: the sign is all that is left."""
    nothing = x - x
    sign = ~nothing if x < 0 else nothing
    return x >> y if (y >= 0) & (y < 64) else sign


def integer_matmul(out: Any, a: Any, b: Any) -> None:
    """out = a @ b for what BLAS does not have; leading axes are a batch."""
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    left, right = a.reshape((-1, m, k)), b.reshape((-1, k, n))
    target = out.reshape((-1, m, n))
    target[:] = 0
    for batch in range(target.shape[0]):
        for i in range(m):
            for j in range(k):
                for p in range(n):
                    target[batch, i, p] += left[batch, i, j] * right[batch, j, p]


def located(index: Any, size: Any, axis: Any) -> Any:
    """An index counted from the start of its axis."""
    place = index + size if index < 0 else index
    if place < 0 or place >= size:
        raise IndexError(f"index {index} is out of bounds for axis {axis} with size {size}")
    return place


def matched(length: Any, other: Any, axis: Any) -> Any:
    """0: two lengths that have to be equal."""
    if length != other:
        raise IndexError(f"slices of {length} and {other} elements along axis {axis} do not fit together")
    return 0


def grown(stack: Any) -> Any:
    """A stack with twice the room."""
    found = np.empty((2 * stack.shape[0], *stack.shape[1:]), stack.dtype)
    found[: stack.shape[0]] = stack
    return found


OWN: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (mod, maximum, minimum, fmax, fmin, logaddexp, integer_power, integer_fmod, left_shift, right_shift)
}


def _hosted(op: Call | Checked) -> Callable[..., None]:
    """An op as the source of a kernel calls it: outs, operands, parameters."""

    def call(outs: tuple[Any, ...], operands: tuple[Any, ...], **params: Any) -> None:
        implied = dict.fromkeys(op.implied_params, outs[0].shape)
        for out, result in zip(outs, op.evaluate(*operands, **params, **implied), strict=True):
            out[...] = result

    return call


# Every op, and every op on pairs that there can be, so that the source of a kernel can name them.
# Plain Python only: Numba compiles none of these, and what it compiles cannot call the host.
HOSTED = {op.name: _hosted(op) for op in (*OPS.values(), *map(paired, OPS.values())) if isinstance(op, Call | Checked)}
DTYPES = {name: dtype.type for name, dtype in DTYPE_NAMES.items()}

PYTHON: dict[str, Any] = {
    "np": np,
    "plus": plus,
    **FROM_NUMPY,
    **OWN,
    "sigmoid": transcendental.sigmoid.numpy,
    "softplus": transcendental.softplus.numpy,
    **special.CALLED,
    "integer_matmul": integer_matmul,
    "matched": matched,
    "located": located,
    "grown": grown,
    **HOSTED,
    **DTYPES,
}
RESERVED = tuple(PYTHON)
