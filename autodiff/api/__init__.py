"""The decorators: `grad`, `value_and_grad`, `jit`, `jvp`, `vjp`, `vmap`, `jacobian`, `hessian`, `stop_gradient`.

Names and argument order are JAX's where JAX has them. All of them accept functions written
in plain NumPy, return NumPy arrays (NumPy scalars for shape ()), work in float64 unless the
arrays say float32, and compose: `grad(grad(f))`, `jit(grad(f))`, `vmap(grad(f))`, a tape around
`grad(f)`.
"""

import importlib
from typing import TYPE_CHECKING, Any

from autodiff.api.batching import vmap
from autodiff.api.gradients import cache_info, grad, jit, jvp, stop_gradient, value_and_grad, vjp
from autodiff.api.jacobians import hessian, jacfwd, jacobian, jacrev

if TYPE_CHECKING:
    from autodiff.api.control import checkpoint, cond, fori_loop, map, scan, switch, unrolled, while_loop

__all__ = [
    "cache_info",
    "checkpoint",
    "cond",
    "fori_loop",
    "grad",
    "hessian",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "map",
    "scan",
    "stop_gradient",
    "switch",
    "unrolled",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]

# Imported when first asked for (PEP 562), with what they are made of.
CONTROL = frozenset({"checkpoint", "cond", "fori_loop", "map", "scan", "switch", "unrolled", "while_loop"})


def __getattr__(name: str) -> Any:
    if name not in CONTROL:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(importlib.import_module(f"{__name__}.control"), name)
    return found
