"""The formulas of `vector_math`, by name: what kernels inline. Needs llvmlite, not Numba."""

from __future__ import annotations

from collections.abc import Callable

from autodiff.backends.numba import vector_erf, vector_exp, vector_log, vector_root, vector_trig
from autodiff.backends.numba.vector_value import Value

FORMULAS: dict[str, Callable[..., Value]] = {
    "exp": vector_exp.exp,
    "expm1": vector_exp.expm1,
    "exp2": vector_exp.exp2,
    "log": vector_log.log,
    "log1p": vector_log.log1p,
    "log2": vector_log.log2,
    "log10": vector_log.log10,
    "sin": vector_trig.sin,
    "cos": vector_trig.cos,
    "tan": vector_trig.tan,
    "tanh": vector_exp.tanh,
    "sinh": vector_exp.sinh,
    "cosh": vector_exp.cosh,
    "arcsin": vector_trig.arcsin,
    "arccos": vector_trig.arccos,
    "arctan": vector_trig.arctan,
    "arctan2": vector_trig.arctan2,
    "arcsinh": vector_log.arcsinh,
    "arccosh": vector_log.arccosh,
    "arctanh": vector_log.arctanh,
    "sigmoid": vector_exp.sigmoid,
    "softplus": vector_log.softplus,
    "erf": vector_erf.erf,
    "erfc": vector_erf.erfc,
    "power": vector_log.power,
    "cbrt": vector_root.cbrt,
    "hypot": vector_root.hypot,
}
FAR = frozenset(("sin", "cos", "tan"))  # have a way out to the C library, which is costly to write out
BINARY = frozenset(("arctan2", "power", "hypot"))
