"""SciPy's special functions inside kernels: calls of its own C code.

`scipy.special.cython_special` exports C functions for use by other compilers. A kernel that
uses one refers to it by a symbol, `autodiff_<name>`, which is given its address when Numba first
meets the name: so SciPy is imported by programs that need it only, and machine code holds no
address of this process. float32 is computed as float64 and rounded once.

`hurwitz_zeta` is written out here: `cython_special` has none.

Numba internals used: `overload`, `ExternalFunction`, llvmlite's `add_symbol`, all documented.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import llvmlite.binding
import numpy as np
from numba import float32, float64, types
from numba.core.errors import TypingError
from numba.extending import get_cython_function_address, overload, register_jitable

from autodiff.ops.special import CALLED

MODULE = "scipy.special.cython_special"
C_NAMES = {"digamma": "psi"}  # where they differ from the op's
ARITY = {
    **dict.fromkeys(("zeta", "beta", "betaln", "gammainc", "gammaincc", "rel_entr", "kl_div", "jv", "iv", "ive"), 2),
    "betainc": 3,
}


@lru_cache(maxsize=128)
def external(name: str, arity: int) -> Any:
    """The C function of doubles behind `name`, as something compiled code can call.

    Its last argument is Cython's and always 0.
    """
    symbol = f"autodiff_{name}"
    llvmlite.binding.add_symbol(symbol, get_cython_function_address(MODULE, _exported(name, arity)))
    return types.ExternalFunction(symbol, float64(*[float64] * arity, types.intc))


def _exported(name: str, arity: int) -> str:
    """The exported name of the version for doubles: fused functions have numbered ones."""
    exports: dict[str, Any] = importlib.import_module(MODULE).__pyx_capi__
    plain = C_NAMES.get(name, name)
    wanted = f"double ({'double, ' * arity}int __pyx_skip_dispatch)"
    for candidate in (plain, *(f"__pyx_fuse_{k}{plain}" for k in range(4))):
        if candidate in exports and f'"{wanted}"' in str(exports[candidate]):
            return candidate
    raise TypingError(f"this SciPy exports no C function {name} of doubles")


def _result(*args: Any) -> Callable[..., Any]:
    return np.float32 if all(a == float32 for a in args) else np.float64


def _unary(name: str, function: Callable[..., Any]) -> None:
    @overload(function)
    def resolve(x):
        call, result = external(name, 1), _result(x)
        return lambda x: result(call(np.float64(x), np.intc(0)))


def _binary(name: str, function: Callable[..., Any]) -> None:
    @overload(function)
    def resolve(x, y):
        call, result = external(name, 2), _result(x, y)
        return lambda x, y: result(call(np.float64(x), np.float64(y), np.intc(0)))


def _ternary(name: str, function: Callable[..., Any]) -> None:
    @overload(function)
    def resolve(x, y, z):
        call, result = external(name, 3), _result(x, y, z)
        return lambda x, y, z: result(call(np.float64(x), np.float64(y), np.float64(z), np.intc(0)))


# B(2k) / (2k)!, k = 1, ..., 9: the coefficients of Euler's and Maclaurin's formula.
BERNOULLI = (
    *(1.0 / 12.0, -1.0 / 720.0, 1.0 / 30240.0, -1.0 / 1209600.0, 1.0 / 47900160.0, -691.0 / 1307674368000.0),
    *(1.0 / 74724249600.0, -3617.0 / 10670622842880000.0, 43867.0 / 5109094217170944000.0),
)


def hurwitz_zeta(s: float, x: float) -> float:
    """sum (x + k)**-s for s > 1, by Euler and Maclaurin (DLMF 25.11.28); x < 0 for integer s only, as in SciPy.

    Relative error below 1e-14. The terms of the formula fall off once x is beyond 12 and s.
    """
    if not s >= 1.0 or s == np.inf or x != x:
        return np.nan
    if s == 1.0 or (x <= 0.0 and x == np.floor(x)):
        return np.inf
    if x <= 0.0 and s != np.floor(s):
        return np.nan
    total = 0.0
    while x < 12.0 + s:
        term = x**-s
        total += term
        x += 1.0
        if x > 1.0 and abs(term) * x < 1e-17 * abs(total):
            return total
    factor = s * x**-s / x
    total += x ** (1.0 - s) * (1.0 / (s - 1.0) + 0.5 / x)
    for k in range(len(BERNOULLI)):
        total += BERNOULLI[k] * factor
        factor *= (s + 2.0 * k + 1.0) * (s + 2.0 * k + 2.0) / (x * x)
    return total


def _zeta(function: Callable[..., Any]) -> None:
    compiled = register_jitable(error_model="numpy")(hurwitz_zeta)

    @overload(function)
    def resolve(s, x):
        result = _result(s, x)
        return lambda s, x: result(compiled(np.float64(s), np.float64(x)))


def register() -> None:
    """Tell Numba what the special functions are in compiled code; nothing is looked up yet."""
    for name, function in CALLED.items():
        if name == "zeta":
            _zeta(function)
        else:
            (_unary, _binary, _ternary)[ARITY.get(name, 1) - 1](name, function)
