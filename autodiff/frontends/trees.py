"""Nested containers of arrays, by optree.

Take its functions from here, as attributes: optree is imported when the first one is asked for (PEP 562), which
takes 15 ms, a fifth of what importing autodiff takes.
"""

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    if name.startswith("__"):  # what Python asks of modules
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module("optree"), name)
    globals()[name] = found  # from now on an attribute like any other
    return found
