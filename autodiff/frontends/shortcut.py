"""The short cut of a decorated function: from the arguments of a call to the kernel, past all Python.

It serves one traced program. What a call must look like is written into a table that a native
function reads (`backends/numba/dispatcher.py`): number and names of the arguments, structure of the containers,
types, dtypes and shapes of the leaves, and the outside world as the fingerprint knows it. Whatever
does not fit (another shape, a tape at work, a changed global) falls back to the full path in
`frontends/function.py`, which decides.

Where the table has no word for something (a namedtuple, a Variable that the function captured), a
few lines of Python stand before or behind the native function.
"""

from __future__ import annotations

import ctypes
import gc
import sys
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.backends.numba import call_table as t
from autodiff.backends.numba.call_table import CallTable
from autodiff.frontends import tapes
from autodiff.frontends import trees as optree
from autodiff.frontends.call import Call, Self
from autodiff.frontends.fingerprint import Fingerprint
from autodiff.frontends.tensor import Tensor
from autodiff.frontends.variable import Variable
from autodiff.frontends.world import ABSENT
from autodiff.ir.aval import ArrayAval
from autodiff.runtime.tiers import Program

MISSED: Any = object()
Shortcut = Callable[..., Any]
_CONTAINERS = {tuple: t.TUPLE, list: t.LIST, dict: t.DICT}


class _Unknown(Exception):
    """The table has no word for this."""


def shortcut(
    call: Call, program: Program, spec: Any, captured: Sequence[Any], fingerprint: Fingerprint, fallback: Shortcut
) -> Shortcut | None:
    """A function that answers calls like this one, and leaves others to `fallback`.

    None when the program is interpreted or compiled by Numba, or when an argument cannot be handed to a
    kernel as it is.
    """
    if program.native is None:
        return None
    avals = [p.aval for p in program.block.params]
    try:
        plain = all(type(c) is np.ndarray for c in captured)
        structure = _structure(spec) if plain else None
        if structure is not None:
            table = _table(program, fingerprint, fallback)
            _Arguments(table, call, captured).describe(avals, program.native.positions)
            _build(table, structure, spec.num_leaves)
            return _finished(program, table, call)
        return _from_leaves(call, program, spec, captured, fingerprint, fallback)
    except _Unknown:
        pass
    try:
        return _from_leaves(call, program, spec, captured, fingerprint, fallback)
    except _Unknown:
        return None


def _table(program: Program, fingerprint: Fingerprint, fallback: Any) -> CallTable:
    """What all tables of a function have in common."""
    table = program.native.table()
    total, own = program.infos
    table.alive += [program, own, total, fingerprint]
    table.fields.update(
        fallback=table.address(fallback),
        busy=ctypes.addressof(tapes.busy),
        runs=ctypes.addressof(own.counter),
        total_runs=ctypes.addressof(total.counter),
    )
    _watch(table, fingerprint)
    return table


def _finished(program: Program, table: CallTable, call: Call) -> Shortcut:
    """The native function, which stops answering when the instance it is a method of is gone."""
    function = program.native.native_function(table)
    words: Any = function.__self__
    for _, kind, value in call.key[2]:
        if kind is Self:
            value.when_gone(lambda: words.__setitem__(t.FIELD["positional"], -1))
    return function


# ---- arguments -----------------------------------------------------------------------------------


class _Arguments:
    """Describes the arguments of one call: its containers, and their leaves in the order of the program."""

    def __init__(self, table: CallTable, call: Call, captured: Sequence[Any]) -> None:
        self.table, self.call, self.captured = table, call, captured
        names = [sys.intern(name) for name in call.kwargs]
        self.given = len(call.args) + len(names)
        table.fields.update(
            positional=len(call.args),
            named=len(names),
            names=table.listed([table.address(name) for name in names]),
            constants=table.listed([table.address(c) for c in captured]),
            constants_count=len(captured),
        )
        self.free = self.given + len(captured)
        self.leaves: list[tuple[int, Any]] = []  # the number of each leaf among the objects

    def describe(self, avals: Sequence[ArrayAval], words: Sequence[int]) -> None:
        kwargs, count = self.call.kwargs, len(self.call.args)
        numbers = {name: count + k for k, name in enumerate(kwargs)}
        for k, x in enumerate(self.call.args):
            self._visit(k, k, x)
        for name in sorted(kwargs):  # as optree sorts the keys of a dictionary
            self._visit(name, numbers[name], kwargs[name])
        given = [leaf for _, leaf in self.leaves]
        if [*map(id, given)] != [*map(id, _leaves(self.call))]:
            raise _Unknown  # optree sees containers where there is none for the table
        self.leaves += [(self.given + k, c) for k, c in enumerate(self.captured)]
        for (number, x), aval, word in zip(self.leaves, avals, words, strict=True):
            add_leaf(self.table, number, word, x, aval)
        self.table.fields["objects_count"] = self.free

    def _visit(self, place: int | str | None, number: int, x: Any) -> None:
        if x is None or place in self.call.statics:
            weak = any(kind is Self and place == where for where, kind, _ in self.call.key[2])
            address = id(x) if weak else self.table.address(x)
            self.table.add("containers", t.CONTAINER, object=number, type=0, kind=t.SAME, count=0, keys=address)
        elif type(x) in _CONTAINERS:
            self._open(number, x)
        else:
            self.leaves.append((number, x))

    def _open(self, number: int, x: Any) -> None:
        keys = sorted(x) if type(x) is dict and all(type(k) is str for k in x) else []
        if len(keys) != len(x) and type(x) is dict:
            raise _Unknown
        self.table.add(
            "containers",
            t.CONTAINER,
            object=number,
            type=id(type(x)),
            kind=_CONTAINERS[type(x)],
            count=len(x),
            keys=self.table.listed([self.table.address(key) for key in keys]),
        )
        first = self.free
        self.free += len(x)
        for k, item in enumerate([x[key] for key in keys] if keys else x):
            self._visit(None, first + k, item)


def _leaves(call: Call) -> list[Any]:
    """The leaves of a call as they were given."""
    fixed = call.statics
    args = tuple([None if k in fixed else a for k, a in enumerate(call.args)])
    given: Any = (args, {n: a for n, a in call.kwargs.items() if n not in fixed})
    return optree.tree_flatten(given)[0]


def add_leaf(table: CallTable, number: int, word: int, x: Any, aval: ArrayAval) -> None:
    """A leaf that is of the type, dtype and shape of `x`, as it was traced."""
    kind, shared, known = type(x), {"object": number, "word": word}, aval.dtype in t.CODING
    if kind is np.ndarray and not x.dtype.isnative:
        raise _Unknown
    if kind is np.ndarray and (known or aval.dtype.kind == "c"):
        how = t.ARRAY if aval.shape else t.ARRAY_NUMBER if known else t.ARRAY
        table.add_array_leaf(**shared, aval=aval, kind=how)
    elif kind is float:
        table.add_number_leaf(**shared, kind_of=float, kind=t.NUMBER, coding=t.CODING[np.dtype("f8")])
    elif kind in (int, bool):
        table.add_number_leaf(**shared, kind_of=kind, kind=t.INTEGER)
    elif kind is complex or isinstance(x, np.complexfloating):
        table.add_number_leaf(**shared, kind_of=kind, kind=t.ADDRESS)
    elif isinstance(x, np.generic) and x.dtype in t.CODING:
        table.add_number_leaf(**shared, kind_of=kind, kind=t.NUMBER, coding=t.CODING[x.dtype])
    else:
        raise _Unknown


# ---- the outside world ---------------------------------------------------------------------------


def _watch(table: CallTable, fingerprint: Fingerprint) -> None:
    """Have the native function look whether everything is the object it was.

    What it cannot look at is asked of the fingerprint at every call; what is another object now,
    too, for equal numbers will do.
    """
    unwatched = bool(fingerprint.arrays)
    for place, key, value in fingerprint.names:
        found = _dictionary(place)
        if found is None or type(key) is not str:
            unwatched = True
            continue
        table.add("watches", t.WATCH, kind=t.ITEM, object=table.address(found), key=id(key), value=id(value))
    for cell, value in fingerprint.cells:
        content = 0 if value is ABSENT else id(value)
        table.add("watches", t.WATCH, kind=t.CELL, object=id(cell), key=0, value=content)
    for function, code, defaults in fingerprint.codes:
        known = 0 if defaults is None else id(defaults)
        table.add("watches", t.WATCH, kind=t.CODE, object=id(function), key=0, value=id(code))
        table.add("watches", t.WATCH, kind=t.DEFAULTS, object=id(function), key=0, value=known)
    for container, items in fingerprint.lists:
        if type(container) not in (list, dict):
            unwatched = True
            continue
        kind = t.ITEMS if type(container) is list else t.KEYS
        table.add("watches", t.WATCH, kind=kind, object=id(container), key=0, value=id(items))
    table.fields.update(unwatched=unwatched, holds=table.address(fingerprint.holds))


def _dictionary(place: Any) -> dict[str, Any] | None:
    """The dictionary in which names are looked up, that of a class too; None when it is none."""
    if type(place) is types.MappingProxyType:
        (place,) = gc.get_referents(place)
    return place if type(place) is dict else None


# ---- results -------------------------------------------------------------------------------------


def _structure(spec: Any) -> Any:
    """What is built of the results: numbers of results in tuples, lists and dictionaries; None for others."""
    built = optree.tree_unflatten(spec, range(spec.num_leaves))

    def known(x: Any) -> bool:
        if type(x) is dict:
            return all(type(key) is str for key in x) and all(map(known, x.values()))
        return type(x) is int or (type(x) in (tuple, list) and all(map(known, x)))

    return built if known(built) else None


def _build(table: CallTable, structure: Any, count: int) -> None:
    """Containers in the order in which they can be made."""
    made = count

    def add(x: Any) -> int:
        nonlocal made
        if type(x) is int:
            return x
        keys = list(x) if type(x) is dict else []
        children = [add(item) for item in (x.values() if keys else x)]
        table.add(
            "builds",
            t.BUILD,
            kind=_CONTAINERS[type(x)],
            count=len(children),
            children=table.listed(children),
            keys=table.listed([table.address(key) for key in keys]),
        )
        made += 1
        return made - 1

    add(structure)
    table.fields["made_count"] = made


# ---- with Python before and behind ---------------------------------------------------------------


def _from_leaves(
    call: Call, program: Program, spec: Any, captured: Sequence[Any], fingerprint: Fingerprint, fallback: Shortcut
) -> Shortcut:
    """optree takes the arguments apart and puts the result together; the native function does the rest."""
    if call.statics:
        raise _Unknown
    leaves = _leaves(call)
    table = _table(program, fingerprint, missed)
    every = [*leaves, *map(current, captured)]
    avals = [p.aval for p in program.block.params]
    for k, (x, aval, word) in enumerate(zip(every, avals, program.native.positions, strict=True)):
        add_leaf(table, k, word, x, aval)
    table.fields.update(positional=len(every), objects_count=len(every))
    _build(table, tuple(range(spec.num_leaves)), spec.num_leaves)
    run = program.native.native_function(table)
    known, flatten, unflatten = call.key[0], optree.tree_flatten, spec.unflatten

    def answered(*args: Any, **kwargs: Any) -> Any:
        given: Any = (args, kwargs)
        leaves, found = flatten(given)
        out = run(*leaves, *map(current, captured)) if found == known else MISSED
        return fallback(*args, **kwargs) if out is MISSED else unflatten(out)

    return answered


def missed(*args: Any, **kwargs: Any) -> Any:  # noqa: ARG001 - whatever was given
    """A fallback that only says that there was need of one."""
    return MISSED


def current(captured: Any) -> Any:
    """The value of a captured object now."""
    return captured.value() if isinstance(captured, Tensor | Variable) else captured
