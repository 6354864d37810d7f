"""Lists of recorded numbers, which NumPy's dispatch does not look into, made into arrays."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.frontends.array import holds_arrays, stacked
from autodiff.frontends.surface.table import FUNCTIONS, complete

# Functions whose first argument is a sequence of arrays, not one array.
OVER_SEQUENCES = frozenset(
    {
        "concatenate",
        "concat",
        "stack",
        "vstack",
        "hstack",
        "dstack",
        "column_stack",
        "row_stack",
        "select",
        "choose",
        "piecewise",
        "multi_dot",
        "ravel_multi_index",
    }
)
_DISPATCHED = type(np.sum)
complete()  # the table: which functions dispatch is asked of it


def accepting_lists(found: Any, over_sequences: frozenset[str]) -> Any:
    """A function of NumPy's that also takes lists holding recorded numbers; anything else as it is."""
    # The lists of `block` are no arrays, and NumPy looks into them itself.
    if not isinstance(found, _DISPATCHED | types.FunctionType) or found not in FUNCTIONS or found is np.block:
        return found
    convert = _each_entry if found.__name__ in over_sequences else as_one

    @functools.wraps(found)
    def function(*args: Any, **kwargs: Any) -> Any:
        if _hidden(args) or _hidden(kwargs.values()):
            args = tuple(convert(a) for a in args)
            kwargs = {k: convert(v) for k, v in kwargs.items()}
        return found(*args, **kwargs)

    return function


def _hidden(values: Any) -> bool:
    return any(isinstance(v, list | tuple) and holds_arrays(v) for v in values)


def as_one(x: Any) -> Any:
    """A list that holds recorded numbers as one array."""
    return stacked(x) if isinstance(x, list | tuple) and holds_arrays(x) else x


def _each_entry(x: Any) -> Any:
    """The entries of a sequence of arrays, each as one array."""
    if not (isinstance(x, list | tuple) and holds_arrays(x)):
        return x
    return type(x)(as_one(part) for part in x) if type(x) in (list, tuple) else [as_one(part) for part in x]


def namespace(module: types.ModuleType, cache: dict[str, Any]) -> Callable[[str], Any]:
    """The `__getattr__` of a module that stands for one of NumPy's."""

    def get(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {cache['__name__']!r} has no attribute {name!r}")
        cache[name] = accepting_lists(getattr(module, name), OVER_SEQUENCES)
        return cache[name]

    return get
