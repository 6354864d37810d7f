"""autodiff: exact, compiled gradients for people who write NumPy.

Decorate a function (`grad`, `value_and_grad`, `jit`) or record on a `GradientTape`; both give
one fused forward-plus-backward kernel, compiled through LLVM and cached by graph.
"""

from autodiff import data, errors, linalg, math, nn, numpy, scipy, testing
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

__version__ = "0.1.0"

__all__ = [
    "GradientTape",
    "Tensor",
    "UnconnectedGradients",
    "Variable",
    "cache_info",
    "config",
    "constant",
    "coverage",
    "data",
    "errors",
    "grad",
    "hessian",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linalg",
    "math",
    "nn",
    "numpy",
    "scipy",
    "stop_gradient",
    "testing",
    "value_and_grad",
    "vjp",
    "vmap",
]
