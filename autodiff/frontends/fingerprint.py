"""What a traced function depends on besides its arguments, and whether that has changed.

A trace is only valid while the helpers, globals, closure cells and defaults it saw are the
same. `Fingerprint` lists them once, when a function is traced: names looked up in a global
dictionary or a module, cells, attributes and items of containers, compared by identity; and
arrays that plain NumPy consumed during the trace, compared by content. Arrays captured as
operands need no check: kernels read them anew at each run.

Libraries (NumPy, SciPy, the standard library, autodiff itself) count as constant.
"""

from __future__ import annotations

import functools
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

_ABSENT = object()
_LIBRARIES = tuple(
    str(Path(p)) for p in {sysconfig.get_paths()[k] for k in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_OWN = __name__.split(".")[0]
LIMIT = 10_000  # entries; a container larger than this is a data set, not configuration
DEPTH = 6
SCALARS = (int, float, str, bytes, bool, complex, type(None), np.generic)


class Fingerprint:
    """The outside world of a function, as it was when the function was traced.

    `names` are (dictionary, key, value) triples and `cells` (cell, value) pairs, checked by
    identity; `arrays` are (array, checksum) pairs; `lists` are (list, copy of it) pairs.
    """

    def __init__(self, function: Any, captured: list[Any]) -> None:
        self.names: list[tuple[dict[Any, Any], Any, Any]] = []
        self.cells: list[tuple[Any, Any]] = []
        self.lists: list[tuple[Any, tuple[Any, ...]]] = []
        self.arrays: list[tuple[np.ndarray, tuple[Any, ...]]] = []
        self._captured = {id(c) for c in captured}
        self._seen: dict[int, Any] = {}
        self._visit(function, 0)
        del self._captured, self._seen

    def holds(self) -> bool:
        """Whether everything is as it was."""
        for place, key, value in self.names:
            now = place.get(key, _ABSENT)
            if now is not value and not _same(now, value):
                return False
        for cell, value in self.cells:
            now = _content(cell)
            if now is not value and not _same(now, value):
                return False
        for sequence, items in self.lists:
            if len(sequence) != len(items) or any(a is not b and not _same(a, b) for a, b in zip(sequence, items, strict=True)):
                return False
        return all(_checksum(array) == known for array, known in self.arrays)

    # ---- collecting -----------------------------------------------------------------------

    def _visit(self, value: Any, depth: int) -> None:
        if isinstance(value, SCALARS) or depth > DEPTH or id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, np.ndarray):
            if id(value) not in self._captured and value.dtype.kind in "fiubc":
                self.arrays.append((value, _checksum(value)))
        elif isinstance(value, types.FunctionType):
            self._visit_function(value, depth)
        elif isinstance(value, types.MethodType):
            self._visit(value.__func__, depth)
            self._visit(value.__self__, depth + 1)
        elif isinstance(value, functools.partial):
            self._visit_all((value.func, *value.args, *value.keywords.values()), depth)
        elif isinstance(value, dict | list | tuple | set):
            self._visit_container(value, depth)
        elif not isinstance(value, types.ModuleType | type | types.BuiltinFunctionType):
            self._visit_object(value, depth)

    def _visit_all(self, values: Any, depth: int) -> None:
        for value in values:
            self._visit(value, depth + 1)

    def _visit_container(self, value: Any, depth: int) -> None:
        if len(value) > LIMIT:
            return
        if isinstance(value, dict):
            self._add_names(value, list(value), depth)
            self.lists.append((value, tuple(value)))
        elif isinstance(value, list):
            self.lists.append((value, tuple(value)))
            self._visit_all(value, depth)
        else:
            self._visit_all(value, depth)

    def _visit_object(self, value: Any, depth: int) -> None:
        """An instance of a user's class: what its attributes are, by name."""
        inner = getattr(value, "__wrapped__", None) or getattr(value, "py_func", None)
        if inner is not None:
            self._visit(inner, depth)
        if _is_library(sys.modules.get(type(value).__module__)):
            return
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict) and len(attributes) <= LIMIT:
            self._add_names(attributes, list(attributes), depth)
        for method in vars(type(value)).values():
            if isinstance(method, types.FunctionType):
                self._visit(method, depth + 1)

    def _visit_function(self, function: types.FunctionType, depth: int) -> None:
        if _is_library(sys.modules.get(function.__module__ or "")):
            return
        self._visit_all(function.__defaults__ or (), depth)
        self._visit_all((function.__kwdefaults__ or {}).values(), depth)
        for cell in function.__closure__ or ():
            content = _content(cell)
            self.cells.append((cell, content))
            self._visit(content, depth + 1)
        names = list(dict.fromkeys(_names(function.__code__)))
        self._add_names(function.__globals__, [n for n in names if n in function.__globals__], depth)
        for name in names:
            module = function.__globals__.get(name)
            if isinstance(module, types.ModuleType) and not _is_library(module):
                self._add_names(vars(module), [n for n in names if n in vars(module)], depth)

    def _add_names(self, place: dict[Any, Any], keys: list[Any], depth: int) -> None:
        for key in keys:
            value = place[key]
            if isinstance(value, types.ModuleType) and _is_library(value):
                continue
            self.names.append((place, key, value))
            self._visit(value, depth + 1)


def _names(code: types.CodeType) -> Iterator[str]:
    """Every name a function may look up, nested functions included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


@functools.lru_cache(maxsize=4096)
def _library_name(name: str, file: str | None) -> bool:
    root = name.split(".")[0]
    if root == _OWN or root in sys.builtin_module_names or root in sys.stdlib_module_names:
        return root != "__main__"
    return file is not None and file.startswith(_LIBRARIES)


def _is_library(module: types.ModuleType | None) -> bool:
    if module is None:
        return False
    return _library_name(module.__name__, getattr(module, "__file__", None))


def _content(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return _ABSENT


def _same(a: Any, b: Any) -> bool:
    """Equal numbers or strings of one type; anything else is compared by identity."""
    return type(a) is type(b) and isinstance(a, SCALARS) and (a == b or (a != a and b != b)) and repr(a) == repr(b)


def _checksum(array: np.ndarray) -> tuple[Any, ...]:
    flat = np.ascontiguousarray(array)
    return array.shape, array.dtype, crc32(flat.view(np.uint8).reshape(-1).data if flat.size else b"")
