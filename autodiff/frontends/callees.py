"""Which of the user's functions a function may call, by the names in its code."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterator
from typing import Any

from autodiff.frontends.world import is_library_file


@functools.lru_cache(maxsize=4096)
def names(code: types.CodeType) -> tuple[str, ...]:
    """Names that a function and those in it may look up among the globals, and of attributes."""
    inner = [n for c in code.co_consts if isinstance(c, types.CodeType) for n in names(c)]
    return tuple(dict.fromkeys([*code.co_names, *inner]))


def plain(function: Any) -> Any:
    """The function behind one of `numba.njit` or `autodiff.jit`; any other object as it is."""
    for name in ("py_func", "__autodiff_plain__"):
        inner = getattr(function, name, None)
        if type(inner) is types.FunctionType:
            return inner
    return function


def calls_itself(function: types.FunctionType) -> bool:
    """Whether a function may call itself, directly or through others; of methods, going by their names."""
    *owner, _ = function.__qualname__.rsplit(".", 2)[-2:]
    is_method = bool(owner) and owner[0] != "<locals>"
    return (is_method and function.__name__ in names(function.__code__)) or function in reached(function)


def reached(function: types.FunctionType) -> set[types.FunctionType]:
    """The functions that a function may call, directly or through others."""
    found: set[types.FunctionType] = set()
    waiting = [function]
    while waiting:
        for callee in _callees(waiting.pop()):
            if callee not in found:
                found.add(callee)
                waiting.append(callee)
    return found


def _callees(function: types.FunctionType) -> Iterator[types.FunctionType]:
    around = function.__globals__
    values: list[Any] = [around.get(name) for name in names(function.__code__)]
    for cell in function.__closure__ or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:  # not assigned yet
            continue
    for value in values:
        callee = plain(value)
        if type(callee) is types.FunctionType and not is_library_file(callee.__code__.co_filename):
            yield callee
