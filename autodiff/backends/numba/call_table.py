"""What the native dispatcher knows of one program: a table of 64-bit words.

A table says which arguments a call must have, what else must be as it was, what the kernel is
given and what is made of its results. `dispatcher_code.py` holds the machine code that reads it;
this file says where everything stands, and writes it.

    fields      one word each (`FIELDS`)
    records     rows of equal length, one list per kind: `CONTAINER`, `WATCH`, `LEAF`, `PLACE`, `RESULT`, `BUILD`
    lists       words that a field or a record points into: keys, shapes, children, the kernel's words

*Objects* are numbered in the order in which the dispatcher meets them: the arguments, the constants, then
what is in the containers, container by container. *Made* objects are numbered likewise: the kernel's
results, then the containers built of them, the last of which is the result of the call.

Objects appear as addresses, so whoever owns a table keeps them alive (`alive`).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.ir.aval import ArrayAval

FIELDS = (
    "kernel", "large", "fallback", "holds", "reraise",
    "busy", "runs", "total_runs",
    "positional", "named", "names",
    "constants", "constants_count",
    "objects_count", "made_count", "cells_count",
    "words", "words_count",
    "containers", "containers_count",
    "watches", "watches_count", "unwatched",
    "leaves", "leaves_count",
    "places", "places_count", "arena", "arena_bytes",
    "results", "results_count",
    "builds", "builds_count",
)  # fmt: skip
FIELD = {name: k for k, name in enumerate(FIELDS)}

# Columns of the records.
CONTAINER = ("object", "type", "kind", "count", "keys")
WATCH = ("kind", "object", "key", "value")
LEAF = ("object", "type", "kind", "word", "descr", "number", "rank", "shape", "coding")
PLACE = ("word", "offset")
RESULT = ("word", "descr", "rank", "shape", "scalar", "array_type")
BUILD = ("kind", "count", "children", "keys")

TUPLE, LIST, DICT, SAME = range(4)  # kinds of containers; SAME is the object `keys` itself, whatever it is
ITEM, CELL, CODE, DEFAULTS, ITEMS, KEYS = range(6)  # kinds of watches
ARRAY, ARRAY_NUMBER, NUMBER, INTEGER, MASKED, REAL, ADDRESS = range(7)  # kinds of leaves
UNUSED = -1  # the word of a leaf that the kernel does not read

# How a number lies in memory. All become a word: the bits of a float64, or an integer.
CODINGS = ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "b1")
CODING = {np.dtype(name): k for k, name in enumerate(CODINGS)}


class CallTable:
    """A table in the making."""

    def __init__(self) -> None:
        self.fields: dict[str, int] = dict.fromkeys(FIELDS, 0)
        self.alive: list[Any] = []
        self._records: dict[str, list[list[int]]] = {}
        self._tail: list[int] = []  # all lists, one behind the other

    def address(self, obj: Any) -> int:
        """The address of an object, which lives as long as the table."""
        self.alive.append(obj)
        return id(obj)

    def listed(self, words: Sequence[int]) -> int:
        """Where in the table these words will stand: bytes from the start of the lists."""
        start = 8 * len(self._tail)
        self._tail += words
        return start

    def add(self, section: str, columns: tuple[str, ...], **values: int) -> None:
        """One more record."""
        assert set(values) == set(columns), (section, values)
        self._records.setdefault(section, []).append([values[c] for c in columns])

    def add_array_leaf(self, object: int, word: int, aval: ArrayAval, kind: int) -> None:
        """A leaf that is an array of exactly this dtype and shape."""
        self.add(
            "leaves",
            LEAF,
            object=object,
            type=id(np.ndarray),
            kind=kind,
            word=word,
            descr=self.address(aval.dtype),
            number=aval.dtype.num,
            rank=aval.ndim,
            shape=self.listed(aval.shape),
            coding=CODING.get(aval.dtype, 0),
        )

    def add_number_leaf(self, object: int, word: int, kind_of: type | None, kind: int, coding: int = 0) -> None:
        """A leaf that is a number of exactly this type (None: any that converts)."""
        known = 0 if kind_of is None else self.address(kind_of)
        nothing = dict.fromkeys(("descr", "number", "rank", "shape"), 0)
        self.add("leaves", LEAF, object=object, type=known, kind=kind, word=word, coding=coding, **nothing)

    def array(self) -> np.ndarray:
        """The table. Places within it are addresses now."""
        sizes = {kind: len(rows) * len(rows[0]) for kind, rows in self._records.items()}
        table = np.zeros(len(FIELDS) + sum(sizes.values()) + len(self._tail), np.int64)
        start, position = table.ctypes.data, len(FIELDS)
        lists = start + 8 * (table.size - len(self._tail))
        for kind, rows in self._records.items():
            self.fields[kind], self.fields[f"{kind}_count"] = start + 8 * position, len(rows)
            for row in rows:
                table[position : position + len(row)] = row
                position += len(row)
        table[position:] = self._tail
        for name in ("names", "constants", "words"):
            self.fields[name] += lists
        for k, name in enumerate(FIELDS):
            table[k] = self.fields[name]
        self._relocate(table, lists)
        return table

    def _relocate(self, table: np.ndarray, lists: int) -> None:
        """Turn the records' places in the lists into addresses."""
        for kind, columns, pointers in _POINTERS:
            rows = self._records.get(kind, [])
            first = (self.fields[kind] - table.ctypes.data) // 8 if rows else 0
            for k, row in enumerate(rows):
                for name in pointers:
                    if not (kind == "containers" and row[columns.index("kind")] == SAME):
                        table[first + k * len(columns) + columns.index(name)] += lists


_POINTERS = (
    ("containers", CONTAINER, ("keys",)),
    ("leaves", LEAF, ("shape",)),
    ("results", RESULT, ("shape",)),
    ("builds", BUILD, ("children", "keys")),
)


class Counter(ctypes.Structure):
    """A number that machine code counts up."""

    _fields_ = (("value", ctypes.c_int64),)
