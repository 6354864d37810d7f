"""Programs to results: by NumPy (`interpreter`), by kernels (`numba`), which are kept on disk (`store`).

The store is imported when it is asked for (PEP 562): what it signs and writes files with takes 10 ms to import, and
only who compiles needs it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.backends import store as store


def __getattr__(name: str) -> Any:
    if name == "store":
        return importlib.import_module("autodiff.backends.store")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
