"""Who answers a call: autodiff for recorded arrays, SciPy for plain ones."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from autodiff.frontends.array import ArrayMethods, holds_arrays, stacked


def recorded(values: Iterable[Any]) -> bool:
    """Whether an argument is a recorded array, or a list that holds one."""
    return any(isinstance(v, ArrayMethods) or holds_arrays(v) for v in values)


def plain_lists(x: Any) -> Any:
    """A list that holds recorded numbers as one array; anything else as it is."""
    return stacked(x) if isinstance(x, list | tuple) and holds_arrays(x) else x


def answering(module: str, name: str, ours: Callable[..., Any]) -> Callable[..., Any]:
    """SciPy's function of this name, which is `ours` when an argument is recorded."""

    @functools.wraps(ours)
    def function(*args: Any, **kwargs: Any) -> Any:
        if recorded(args) or recorded(kwargs.values()):
            return ours(*map(plain_lists, args), **{k: plain_lists(v) for k, v in kwargs.items()})
        return getattr(importlib.import_module(module), name)(*args, **kwargs)

    function.__name__ = function.__qualname__ = name
    return function


def namespace(module: str, ours: Mapping[str, Any], cache: dict[str, Any]) -> Callable[[str], Any]:
    """The `__getattr__` of a module that stands for one of SciPy's."""

    def get(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {cache['__name__']!r} has no attribute {name!r}")
        if name in ours:
            found = answering(module, name, ours[name]) if callable(ours[name]) else ours[name]
        else:
            found = getattr(importlib.import_module(module), name)
        cache[name] = found  # looked up once
        return found

    return get
