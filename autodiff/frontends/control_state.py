"""Places that user code may change while a loop or a branch is traced: what they hold, before and after.

A `Slot` is one place: a variable (the closure cell of its name), an entry of a list or a dictionary, an attribute.
`Surroundings` finds the places that a piece of code can reach, so that what it changed can be found out and undone.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from autodiff.frontends.array import ArrayMethods
from autodiff.frontends.callees import names
from autodiff.frontends.control_watch import Watch
from autodiff.frontends.syntax_jumps import CONTROL
from autodiff.frontends.world import is_library, is_library_file

LIMIT = 4000  # objects looked at for one loop
ITEMS = 1000  # entries of a container; one with more is data, not state
_PLAIN = (int, float, complex, str, bytes, type(None), np.ndarray, np.generic, range, slice)


class _Unset:
    """In place of a variable without a value."""

    def __repr__(self) -> str:
        return "nothing"


UNSET: Any = _Unset()


class Slot:
    """A place with a value; `label` is what messages call it."""

    __slots__ = ("label",)

    def __init__(self, label: str) -> None:
        self.label = label

    def key(self) -> Any:
        raise NotImplementedError

    def get(self) -> Any:
        raise NotImplementedError

    def set(self, value: Any) -> None:
        """Put a value there; UNSET empties it."""
        raise NotImplementedError


class Variable(Slot):
    """The closure cell of a name."""

    __slots__ = ("_cell",)

    def __init__(self, label: str, cell: types.CellType) -> None:
        super().__init__(label)
        self._cell = cell

    def key(self) -> Any:
        return id(self._cell)

    def get(self) -> Any:
        try:
            return self._cell.cell_contents
        except ValueError:
            return UNSET

    def set(self, value: Any) -> None:
        if value is not UNSET:
            self._cell.cell_contents = value
        elif self.get() is not UNSET:
            del self._cell.cell_contents


class Entry(Slot):
    """An entry of a list, a dictionary, or the attributes of an object."""

    __slots__ = ("_at", "_container")

    def __init__(self, label: str, container: Any, at: Any) -> None:
        super().__init__(label)
        self._container = container
        self._at = at

    def key(self) -> Any:
        return id(self._container), self._at

    def get(self) -> Any:
        if isinstance(self._container, dict):
            return self._container.get(self._at, UNSET)
        return self._container[self._at]

    def set(self, value: Any) -> None:
        if value is not UNSET:
            self._container[self._at] = value
        elif isinstance(self._container, dict):
            self._container.pop(self._at, None)


class Grown(Exception):
    """A container got more or fewer entries; the argument is what messages call it."""


def cells_of(*functions: Callable[..., Any] | None) -> dict[str, types.CellType]:
    """The closure cells of some functions, by name."""
    found: dict[str, types.CellType] = {}
    for f in functions:
        if isinstance(f, types.FunctionType):
            found.update(zip(f.__code__.co_freevars, f.__closure__ or (), strict=True))
    return found


class Surroundings:
    """What some functions can reach: variables of functions around, containers, attributes of the user's objects.

    Attributes
    ----------
    traced : whether any of it is an array that is traced
    """

    def __init__(self, functions: Iterable[Callable[..., Any] | None], *others: Any) -> None:
        self.traced = False
        self._cells: dict[int, tuple[Variable, Any]] = {}
        self._containers: dict[int, tuple[str, Any, Any]] = {}
        self._globals: dict[tuple[int, str], tuple[dict[str, Any], str, Any]] = {}
        self._watch = Watch()
        self._seen: dict[int, Any] = {}
        self.shared: set[int] = set()  # ids of containers that are found by several ways
        stack: list[tuple[str, Any]] = [("", f) for f in functions] + [("", x) for x in others]
        while stack and len(self._seen) < LIMIT:
            label, value = stack.pop()
            if isinstance(value, ArrayMethods):
                self.traced = True
            elif id(value) in self._seen:
                self.shared.add(id(value))
            elif isinstance(value, np.ndarray) or not isinstance(value, _PLAIN):
                self._seen[id(value)] = value
                stack += self._within(label, value)

    def _within(self, label: str, value: Any) -> Iterator[tuple[str, Any]]:
        if self._watch.add(label, value):
            return
        if isinstance(value, types.FunctionType):
            yield from self._of_function(value)
        elif isinstance(value, types.MethodType):
            yield from ((label, value.__self__), (label, value.__func__))
        elif isinstance(value, functools.partial):
            yield from ((label, part) for part in (value.func, *value.args, *value.keywords.values()))
        elif isinstance(value, tuple) and len(value) <= ITEMS:
            yield from ((f"{label}[{k}]", v) for k, v in enumerate(value))
        elif isinstance(value, list | dict | set):
            yield from self._of_container(label, value)
        elif not isinstance(value, type | types.ModuleType | types.BuiltinFunctionType | types.CellType):
            yield from self._of_object(label, value)

    def _of_function(self, f: types.FunctionType) -> Iterator[tuple[str, Any]]:
        if is_library_file(f.__code__.co_filename):
            return
        if f.__dict__:
            self._containers[id(f.__dict__)] = f"{f.__name__}.__dict__", f.__dict__, dict(f.__dict__)
        for name, cell in zip(f.__code__.co_freevars, f.__closure__ or (), strict=True):
            if name != CONTROL:
                variable = Variable(name, cell)
                self._cells[id(cell)] = variable, variable.get()
                yield name, variable.get()
        for name in names(f.__code__):
            found = f.__globals__.get(name)
            if found is not None and not isinstance(found, types.ModuleType):
                self._globals[id(f.__globals__), name] = f.__globals__, name, found
                yield name, found
        yield from (("", d) for d in f.__defaults__ or ())

    def _of_container(self, label: str, value: Any) -> Iterator[tuple[str, Any]]:
        if len(value) > ITEMS:
            return
        kept = dict(value) if isinstance(value, dict) else list(value) if isinstance(value, list) else set(value)
        self._containers[id(value)] = label, value, kept
        items = value.items() if isinstance(value, dict) else enumerate(value)
        yield from ((f"{label}[{k!r}]", v) for k, v in items)

    def _of_object(self, label: str, value: Any) -> Iterator[tuple[str, Any]]:
        attributes = getattr(value, "__dict__", None)
        wrapped = getattr(value, "py_func", None)
        if wrapped is not None:
            yield label, wrapped
        if is_library(type(value)):
            return
        self._watch.add_slots(label, value)
        if isinstance(attributes, dict) and len(attributes) <= ITEMS:
            self._containers[id(attributes)] = f"{label}.__dict__", attributes, dict(attributes)
            yield from ((f"{label}.{k}", v) for k, v in attributes.items())
            yield from ((label, m) for m in vars(type(value)).values() if isinstance(m, types.FunctionType))

    def check_before(self) -> None:
        """Raise `Hidden` for what could not be put back after a trace."""
        self._watch.check_before()

    def protected(self) -> AbstractContextManager[None]:
        """Writing to what could not be put back raises an error within."""
        return self._watch.protected()

    # ---- changes --------------------------------------------------------------------------

    def changed(self) -> list[Slot]:
        """The places that hold something else than at first.

        Raises
        ------
        Grown
            When a container has other entries than at first.
        Hidden
            When something was changed that has no place among the state.
        """
        self._watch.check()
        found: list[Slot] = [v for v, value in self._cells.values() if v.get() is not value]
        found += [
            Entry(name, names, name) for names, name, value in self._globals.values() if names.get(name) is not value
        ]
        for label, container, kept in self._containers.values():
            found += _changed_entries(label, container, kept)
        return found

    def restore(self) -> None:
        """Put everything back as it was."""
        for variable, value in self._cells.values():
            if variable.get() is not value:
                variable.set(value)
        for found, name, value in self._globals.values():
            found[name] = value
        self._watch.restore()
        for _, container, kept in self._containers.values():
            if isinstance(container, list):
                if len(container) != len(kept) or any(a is not b for a, b in zip(container, kept, strict=True)):
                    container[:] = kept
            elif container != kept if isinstance(container, set) else not _same_items(container, kept):
                container.clear()
                container.update(kept)


def _same_items(a: dict[Any, Any], b: dict[Any, Any]) -> bool:
    return len(a) == len(b) and all(k in b and b[k] is v for k, v in a.items())


def _changed_entries(label: str, container: Any, kept: Any) -> list[Slot]:
    if isinstance(container, set):
        if len(container) != len(kept):
            raise Grown(label)
        return []
    if isinstance(container, list):
        if len(container) != len(kept):
            raise Grown(label)
        pairs = enumerate(zip(container, kept, strict=True))
        return [Entry(f"{label}[{k}]", container, k) for k, (a, b) in pairs if a is not b]
    if _same_items(container, kept):
        return []
    new = [k for k in container if k not in kept]
    if len(container) - len(new) < len(kept) or not all(isinstance(k, str) for k in new):
        raise Grown(label)
    changed = [k for k, v in container.items() if kept.get(k, UNSET) is not v]
    prefix = label.removesuffix("__dict__")
    labels = [prefix + k if prefix != label else f"{label}[{k!r}]" for k in changed]
    return [Entry(name, container, k) for name, k in zip(labels, changed, strict=True)]
