"""Kernels through Numba and LLVM.

What `runtime` needs of this package it takes from here, as an attribute, and gets it when a program is first
planned or compiled (PEP 562): importing autodiff takes a tenth less time, and only who runs kernels pays for them.
"""

import importlib
from typing import Any

_HOMES = {
    "NoKernel": "fuse",
    "UNUSED": "call_table",
    "Useless": "kernel_code",
    "compile_kernel": "compile",
    "explained": "explain",
    "is_current": "versions",
    "load_kernel": "kernel_code",
    "name_of": "versions",
    "plan_kernel": "compile",
    "print_source": "source",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found
