"""autodiff: exact, compiled gradients for people who write NumPy.

Decorate a function (`grad`, `value_and_grad`, `jit`) or record on a `GradientTape`; both give
one fused forward-plus-backward kernel, compiled through LLVM and cached by graph.
"""

from autodiff import data, errors, linalg, math, nn, testing
from autodiff.api import cache_info, grad, jit, jvp, stop_gradient, value_and_grad, vjp
from autodiff.config import config
from autodiff.frontends.tape import GradientTape, UnconnectedGradients
from autodiff.frontends.tensor import Tensor, constant
from autodiff.frontends.variable import Variable

__version__ = "0.1.0"

__all__ = [
    "GradientTape",
    "Tensor",
    "UnconnectedGradients",
    "Variable",
    "cache_info",
    "config",
    "constant",
    "data",
    "errors",
    "grad",
    "jit",
    "jvp",
    "linalg",
    "math",
    "nn",
    "stop_gradient",
    "testing",
    "value_and_grad",
    "vjp",
]
