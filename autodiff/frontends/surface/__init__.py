"""NumPy's functions as functions on recorded values. `table` says which of ours answers for which of NumPy's.

`rare`, the rest of that table, is imported when one of its functions is first called (PEP 562): with the ops that it
needs it would take a third of the time of `import autodiff`.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autodiff.frontends.surface import rare as rare


def __getattr__(name: str) -> Any:
    if name == "rare":
        return importlib.import_module("autodiff.frontends.surface.rare")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
