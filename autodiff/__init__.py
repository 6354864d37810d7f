"""autodiff: exact, compiled gradients for people who write NumPy.

Decorate a function (`grad`, `value_and_grad`, `jit`) or record on a `GradientTape`; both give
one fused forward-plus-backward kernel, compiled through LLVM and cached by graph.
"""

import importlib
from typing import TYPE_CHECKING, Any

from autodiff import api, errors
from autodiff.api import (
    cache_info,
    grad,
    hessian,
    jacfwd,
    jacobian,
    jacrev,
    jit,
    jvp,
    stop_gradient,
    value_and_grad,
    vjp,
    vmap,
)
from autodiff.config import config
from autodiff.coverage import coverage
from autodiff.frontends.tape import GradientTape, UnconnectedGradients
from autodiff.frontends.tensor import Tensor, constant
from autodiff.frontends.variable import Variable
from autodiff.runtime.threads import get_num_threads, set_num_threads

if TYPE_CHECKING:
    from autodiff import data, linalg, math, nn, numpy, scipy, testing
    from autodiff.api import checkpoint, cond, fori_loop, map, scan, switch, unrolled, while_loop

__version__ = "0.1.0"

__all__ = [
    "GradientTape",
    "Tensor",
    "UnconnectedGradients",
    "Variable",
    "cache_info",
    "checkpoint",
    "cond",
    "config",
    "constant",
    "coverage",
    "data",
    "errors",
    "fori_loop",
    "get_num_threads",
    "grad",
    "hessian",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linalg",
    "map",
    "math",
    "nn",
    "numpy",
    "scan",
    "scipy",
    "set_num_threads",
    "stop_gradient",
    "switch",
    "testing",
    "unrolled",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]

# Imported when first asked for (PEP 562): together they take a third of the time of everything else.
_LATER = frozenset({"data", "linalg", "math", "nn", "numpy", "scipy", "testing"})


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return importlib.import_module(f"autodiff.{name}")
    if name in api.CONTROL:
        found = globals()[name] = getattr(api, name)
        return found
    raise AttributeError(f"module 'autodiff' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *(name for name in globals() if name.startswith("__"))})
