"""What a function can look up besides its arguments: a walk through names and cells.

`World(function)` starts at a function (or any object) and follows globals, closure cells,
defaults, helpers, user modules, classes, attributes and containers. It notes where everything
was found, and decides nothing: `frontends/fingerprint.py` does.

Libraries (NumPy, SciPy, the standard library, autodiff itself, installed packages) count as
constant, and so does a container of more than `LIMIT` entries.
"""

from __future__ import annotations

import builtins
import dis
import functools
import os
import sys
import types
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from autodiff.frontends.variable import Variable

ABSENT = object()
LIMIT = 10_000  # entries; a container larger than this is a data set, not configuration
DEPTH = 12  # of containers and objects within one another; functions do not count
SCALARS = (int, float, str, bytes, bool, complex, type(None), np.generic)
_HEAP_TYPE = 1 << 9  # Py_TPFLAGS_HEAPTYPE: made by a class statement
_UNTRACKED = {"__dict__", "__weakref__", "__doc__", "__module__", "__qualname__", "__annotations__"}
_IDLE = (types.BuiltinFunctionType, types.CodeType, types.GetSetDescriptorType, types.MemberDescriptorType)


class Attributes:
    """Attributes kept in slots, looked up like entries of a dictionary."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Any) -> None:
        self._owner = owner

    def get(self, name: str, default: Any = None) -> Any:
        return getattr(self._owner, name, default)


class World:
    """Everything reachable from some roots.

    Attributes
    ----------
    names : (dictionary, key, value) triples
    cells : (closure cell, value) pairs
    codes : (function, code, defaults) of the helpers
    lists : (container, its items) pairs
    arrays : id -> (array, the names it was found by; "" for none)
    variables, generators : objects found
    loads : name -> how often it is read at each (code, line)
    """

    def __init__(self, *roots: Any) -> None:
        self.names: list[tuple[Any, Any, Any]] = []
        self.cells: list[tuple[Any, Any]] = []
        self.codes: list[tuple[Any, Any, Any]] = []
        self.lists: list[tuple[Any, tuple[Any, ...]]] = []
        self.arrays: dict[int, tuple[np.ndarray, set[str]]] = {}
        self.variables: list[Variable] = []
        self.generators: list[Any] = []
        self.loads: dict[str, Counter[tuple[types.CodeType, int]]] = {}
        self._seen: dict[int, Any] = {}
        self._roots = roots
        # A worklist: chains of helpers may be longer than Python's stack.
        self._todo = deque((root, 0, "") for root in roots)
        while self._todo:
            self._visit(*self._todo.popleft())
        del self._seen, self._todo

    def _visit(self, value: Any, depth: int, name: str) -> None:
        if isinstance(value, SCALARS) or depth > DEPTH:
            return
        if isinstance(value, np.ndarray):
            self.arrays.setdefault(id(value), (value, set()))[1].add(name)
            return
        if id(value) in self._seen or isinstance(value, _IDLE):
            return
        self._seen[id(value)] = value
        if isinstance(value, types.FunctionType):
            self._visit_function(value, depth)
        elif isinstance(value, types.MethodType):
            self._add((value.__func__, value.__self__), depth)
        elif isinstance(value, functools.partial):
            self._add((value.func, *value.args, *value.keywords.values()), depth)
        elif isinstance(value, dict | list | tuple | set | frozenset | deque):
            self._visit_container(value, depth)
        elif isinstance(value, Variable):
            self.variables.append(value)
        elif is_generator(value):
            self.generators.append(value)
        elif isinstance(value, type):
            self._visit_class(value, depth)
        elif not isinstance(value, types.ModuleType):
            self._visit_object(value, depth)

    def _add(self, values: Iterable[Any], depth: int) -> None:
        self._todo.extend((value, depth, "") for value in values)

    def _add_names(self, place: Any, keys: Iterable[Any], depth: int) -> None:
        for key in keys:
            value = place.get(key, ABSENT)
            if value is ABSENT or (isinstance(value, types.ModuleType) and is_library(value)):
                continue
            self.names.append((place, key, value))
            self._todo.append((value, depth, key if isinstance(key, str) else ""))

    # ---- data -----------------------------------------------------------------------------

    def _visit_container(self, value: Any, depth: int) -> None:
        if len(value) > LIMIT:
            return
        if not isinstance(value, tuple | frozenset):
            self.lists.append((value, tuple(value)))
        if isinstance(value, dict):
            for key, item in list(value.items()):
                self.names.append((value, key, item))
                self._add((item,), depth + 1)
        else:
            self._add(value, depth + 1)

    def _visit_object(self, value: Any, depth: int) -> None:
        """An instance: what it wraps and, for a user's class, its attributes."""
        for attribute in ("__wrapped__", "__func__", "py_func", "fget"):
            inner = getattr(type(value), attribute, None) and getattr(value, attribute, None)
            inner = inner or getattr(value, "__dict__", {}).get(attribute)
            if inner is not None:
                self._add((inner,), depth)
        if is_library(type(value)) and type(value).__name__ not in ("SimpleNamespace", "Namespace"):
            return
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict) and len(attributes) <= LIMIT:
            # An attribute that appears later may hide one of the class.
            self.lists.append((attributes, tuple(attributes)))
            self._add_names(attributes, list(attributes), depth + 1)
        slots = [name for c in type(value).__mro__ for name in _slots(c)]
        self._add_names(Attributes(value), slots, depth + 1)
        self._add((type(value),), depth)

    def _visit_class(self, value: type, depth: int) -> None:
        if not is_library(value):
            self._add_names(vars(value), [k for k in vars(value) if k not in _UNTRACKED], depth)
            self._add(value.__bases__, depth)

    # ---- code -----------------------------------------------------------------------------

    def _visit_function(self, function: types.FunctionType, depth: int) -> None:
        contents = [(cell, cell_content(cell)) for cell in function.__closure__ or ()]
        if function.__code__.co_filename.startswith(_libraries()):
            # A library's decorator or wrapper: what it wraps is the user's.
            wrapped = (function.__dict__.get("__wrapped__"), *(c for _, c in contents if callable(c)))
            self._add(wrapped, depth)
            return
        if not any(function is root for root in self._roots):
            self.codes.append((function, function.__code__, function.__defaults__))
        self._add(function.__defaults__ or (), depth)
        self._add((function.__kwdefaults__,), depth)
        self.cells += contents
        for name, (_, inside) in zip(function.__code__.co_freevars, contents, strict=True):
            self._todo.append((inside, depth, name))
        names = list(dict.fromkeys(self._read(function.__code__)))
        self._add_names(function.__globals__, names, depth)
        modules = [function.__globals__.get(n, sys.modules.get(n)) for n in names]
        self._visit_modules([*modules, *(c for _, c in contents)], names, depth)

    def _visit_modules(self, modules: list[Any], names: list[str], depth: int) -> None:
        """In modules of the user, the names that a function may look up."""
        seen: set[int] = set()
        while modules:
            module = modules.pop()
            if isinstance(module, types.ModuleType) and not is_library(module) and id(module) not in seen:
                seen.add(id(module))
                self._add_names(vars(module), names, depth)
                modules += [vars(module).get(name) for name in names]

    def _read(self, code: types.CodeType) -> Iterator[str]:
        """Every name a function may look up, nested functions included; notes where they are read."""
        yield from code.co_names
        instructions = [*dis.get_instructions(code)]
        for instruction, following in zip(instructions, [*instructions[1:], None], strict=True):
            kind = instruction.opname
            if kind.startswith("LOAD_") and not kind.startswith(("LOAD_FAST", "LOAD_CONST", "LOAD_CLOSURE")):
                line = instruction.positions.lineno if instruction.positions else None
                copied = following is not None and following.opname == "COPY"
                self.loads.setdefault(str(instruction.argval), Counter())[code, line or 0] += 2 if copied else 1
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                yield from self._read(constant)


def is_generator(value: Any) -> bool:
    """Whether drawing from it would change it; numpy.random is not imported (10 ms) to find that out."""
    numbers, python = sys.modules.get("numpy.random"), sys.modules.get("random")
    kinds = () if numbers is None else (numbers.Generator, numbers.RandomState)
    return isinstance(value, kinds if python is None else (python.Random, *kinds))


def _slots(cls: type) -> Iterable[str]:
    slots = vars(cls).get("__slots__", ())
    return (slots,) if isinstance(slots, str) else slots


def cell_content(cell: Any) -> Any:
    """What a closure cell holds; `ABSENT` while it is empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return ABSENT


@functools.cache
def _libraries() -> tuple[str, ...]:
    """How the names of files begin that come with Python, with an installed package or with this one."""
    import sysconfig
    from pathlib import Path

    folders = {Path(sysconfig.get_paths()[k]) for k in ("stdlib", "platstdlib", "purelib", "platlib")}
    return (*(str(p) + os.sep for p in folders | {Path(__file__).parents[1]}), "<frozen ")


@functools.lru_cache(maxsize=4096)
def is_library_file(file: str) -> bool:
    """Whether a file comes with Python, with an installed package or with this one."""
    return file.startswith(_libraries())


@functools.lru_cache(maxsize=4096)
def _library_name(name: str, file: str | None) -> bool:
    if file is not None:
        return file.startswith(_libraries())
    return name.split(".")[0] in {*sys.builtin_module_names, *sys.stdlib_module_names} - {"__main__"}


def is_library(value: types.ModuleType | type) -> bool:
    """Whether a module or a class comes with an installed package."""
    if isinstance(value, types.ModuleType):
        return _library_name(value.__name__, getattr(value, "__file__", None))
    module = sys.modules.get(value.__module__)
    if module is builtins:
        return not value.__flags__ & _HEAP_TYPE  # a class made by exec() without a module name
    return module is not None and is_library(module)
