"""Kernels for callers that are compiled themselves: Numba's functions, C libraries.

There are no Python objects and no lock. A *record* holds what one program fixes: the kernel, its
words, the places of its intermediates; a call is given one *value* per argument and per result:

    value   address of an array's elements, bits of a float64, or an integer; address of the memory for a result

    int64 call(record, values)          0: done
    int64 find(records, shape, out)     the record for these sizes, 0 when there is none; sizes of its results in `out`

`Records` is the list of those of one function, for as many shapes as are asked for. Who misses asks
Python, which traces the function for the new shape and adds a record. Records are never removed, and
added in one store, so nobody who reads needs a lock. Intermediates are in memory of each call's own.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.c_code import WORD, CFunction, register_symbols
from autodiff.backends.numba.dispatcher import Bound
from autodiff.backends.numba.layout import check_layout
from autodiff.backends.numba.native import MachineCode, kept, straight
from autodiff.backends.numba.recipe import ALIGNMENT

FIELDS = (
    "next",
    "kernel",
    "words",
    "words_count",
    "targets",  # for each value, its word; UNUSED when nobody reads it
    "targets_count",
    "places",  # pairs: a word, an offset
    "places_count",
    "bytes",
    "shape",
    "shape_count",
    "sizes",
    "sizes_count",
)
FIELD = {name: 8 * k for k, name in enumerate(FIELDS)}
FIRST, ASK = 0, 8  # the words of a list of records
_ASK = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


class Record:
    """The record of one program; alive as long as this object.

    Parameters
    ----------
    bound : the kernel
    given : words for some of the program's parameters, by number: those that are no arguments
    """

    def __init__(self, bound: Bound, given: dict[int, int]) -> None:
        words = list(bound.words)
        for k, value in given.items():
            if bound.positions[k] >= 0:
                words[bound.positions[k]] = value
        arguments = [k for k in range(len(bound.params)) if k not in given]
        targets = [*(bound.positions[k] for k in arguments), *bound.written]
        lists = {
            "words": words,
            "targets": targets,
            "places": [n for place in bound.places for n in place],
            "shape": [n for k in arguments for n in bound.params[k].shape],
            "sizes": [n for aval in bound.results for n in aval.shape],
        }
        self._alive = [bound, *(np.array(numbers, np.int64) for numbers in lists.values())]
        self._fields = np.zeros(len(FIELDS), np.int64)
        self._set("kernel", bound.address)
        self._set("bytes", bound.arena_bytes)
        for (name, numbers), array in zip(lists.items(), self._alive[1:], strict=True):
            self._set(name, array.ctypes.data)
            self._set(f"{name}_count", len(numbers) // (2 if name == "places" else 1))
        self.address = self._fields.ctypes.data

    def _set(self, name: str, value: int) -> None:
        self._fields[FIELDS.index(name)] = value

    def follow(self, other: int) -> None:
        """Be in front of another record."""
        self._set("next", other)


class Records:
    """The records of one function, found by shape; `ask(shape)` makes one, or raises."""

    def __init__(self, ask: Callable[[list[int]], Record], rank: int) -> None:
        self._records: list[Record] = []
        self._head = np.zeros(2, np.int64)

        def asked(shape: int) -> int:
            try:
                self.add(ask([*(ctypes.c_int64 * rank).from_address(shape)]))
            except Exception:  # compiled code cannot let it pass; it raises one of its own
                return 0
            return 1

        self._ask = _ASK(asked)
        self._head[1] = ctypes.cast(self._ask, ctypes.c_void_p).value
        self.address = self._head.ctypes.data

    def add(self, record: Record) -> None:
        record.follow(int(self._head[0]))
        self._records.append(record)
        self._head[0] = record.address


# ---- machine code --------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def functions() -> dict[str, int]:
    """Addresses of `find` and `call`."""
    check_layout()
    register_symbols()
    code = {name: MachineCode(kept("caller", lambda: straight(_module(), level=1)), name) for name in ("find", "call")}
    _alive.extend(code.values())
    return {name: c.address for name, c in code.items()}


_alive: list[MachineCode] = []


def _module() -> str:
    module = ir.Module("caller")
    _emit_call(module)
    _emit_same(module)
    _emit_find(module)
    return str(module)


def _field(c: CFunction, record: ir.Value, name: str) -> ir.Value:
    return c.load(record, FIELD[name])


def _emit_call(module: ir.Module) -> None:
    c = CFunction(module, "call", 2, internal=False)
    record, values = c.arguments
    words, fixed = c.stack(_field(c, record, "words_count")), _field(c, record, "words")
    with c.loop(_field(c, record, "words_count")) as k:
        c.store(c.load(c.at(fixed, k)), c.at(words, k))
    targets = _field(c, record, "targets")
    with c.loop(_field(c, record, "targets_count")) as k:
        word = c.load(c.at(targets, k))
        with c.when(c.b.icmp_signed(">=", word, WORD(0))):
            c.store(c.load(c.at(values, k)), c.at(words, word))
    kernel, count = _field(c, record, "kernel"), _field(c, record, "bytes")
    with c.when(c.equal(count, WORD(0))):
        c.leave(c.call_address(kernel, words))
    block = c.call("PyMem_RawMalloc", count)  # needs no lock
    c.leave_if(c.equal(block, WORD(0)), 1)
    start = c.b.and_(c.b.add(block, WORD(ALIGNMENT - 1)), WORD(-ALIGNMENT))
    places = _field(c, record, "places")
    with c.loop(_field(c, record, "places_count")) as k:
        place = c.at(places, k, 16)
        c.store(c.b.add(start, c.load(place, 8)), c.at(words, c.load(place)))
    status = c.call_address(kernel, words)
    c.call("PyMem_RawFree", block)
    c.leave(status)


def _emit_same(module: ir.Module) -> None:
    """Whether so many words are the same."""
    c = CFunction(module, "same", 3)
    one, other, count = c.arguments
    with c.loop(count) as k:
        c.leave_if(c.differ(c.load(c.at(one, k)), c.load(c.at(other, k))))
    c.leave(1)


def _emit_find(module: ir.Module) -> None:
    c = CFunction(module, "find_known", 3)
    records, shape, out = c.arguments
    current = c.slot()
    c.put(c.load(records, FIRST), current)
    with c.while_set(current) as record:
        same = c.call("same", shape, _field(c, record, "shape"), _field(c, record, "shape_count"))
        with c.when(c.differ(same, WORD(0))):
            sizes = _field(c, record, "sizes")
            with c.loop(_field(c, record, "sizes_count")) as k:
                c.store(c.load(c.at(sizes, k)), c.at(out, k))
            c.leave(record)
        c.put(_field(c, record, "next"), current)
    c.leave(0)

    c = CFunction(module, "find", 3, internal=False)
    records, shape, out = c.arguments
    found = c.call("find_known", records, shape, out)
    with c.when(c.differ(found, WORD(0))):
        c.leave(found)
    kind = ir.FunctionType(WORD, [WORD]).as_pointer()
    known = c.b.call(c.b.inttoptr(c.load(records, ASK), kind), [shape])
    c.leave_if(c.equal(known, WORD(0)))
    c.leave(c.call("find_known", records, shape, out))


# ---- functions of C signatures -------------------------------------------------------------------


class CFunctionOf:
    """One program as a C function; `address` is valid as long as this object lives.

    Parameters
    ----------
    signature : which one
        "values": `int64 f(int64 *values)`; "number": `double f(double)`; "numbers": `double f(int n, double *x)`
        of n numbers; "array": the same of one array of n numbers.
    size : n
    """

    def __init__(self, record: Record, signature: str, size: int) -> None:
        module = ir.Module("c_function")
        _emit_call(module)
        if signature == "values":
            _emit_of_values(module, record)
        elif signature == "number":
            _emit_of_number(module, record)
        else:
            _emit_of_numbers(module, record, size, as_array=signature == "array")
        functions()  # registers what the text refers to
        self._alive = record, MachineCode(straight(str(module)), "f")
        self.address = self._alive[1].address


def _emit_of_values(module: ir.Module, record: Record) -> None:
    c = CFunction(module, "f", 1, internal=False)
    c.leave(c.call("call", WORD(record.address), c.arguments[0]))


def _emit_of_number(module: ir.Module, record: Record) -> None:
    c = CFunction(module, "f", 1, internal=False, signature="dd")
    values = c.stack(WORD(3))
    c.store(c.arguments[0], values)
    _answer(c, record, values, 1)


def _emit_of_numbers(module: ir.Module, record: Record, size: int, as_array: bool) -> None:
    c = CFunction(module, "f", 2, internal=False, signature="diw")
    count, numbers = c.arguments
    values = c.stack(WORD(size + 2))
    with c.when(c.b.icmp_signed("!=", count, ir.IntType(32)(size))):
        c.b.ret(ir.Constant(ir.DoubleType(), float("nan")))
    if as_array:
        c.store(numbers, values)
    else:
        with c.loop(WORD(size)) as k:
            c.store(c.load(c.at(numbers, k)), c.at(values, k))
    _answer(c, record, values, 1 if as_array else size)


def _answer(c: CFunction, record: Record, values: ir.Value, given: int) -> None:
    """Call, with the cell of the result behind the last value; NaN when it fails."""
    cell = c.at(values, WORD(given + 1))
    c.store(cell, values, 8 * given)
    status = c.call("call", WORD(record.address), values)
    nan = ir.Constant(ir.DoubleType(), float("nan"))
    c.b.ret(c.b.select(c.equal(status, WORD(0)), c.load(cell, 0, ir.DoubleType()), nan))


def value_of(array: np.ndarray) -> int:
    """The value of an array that is given once and for all."""
    return int(array.ctypes.data)


def shape_of(ranks: Sequence[int], sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Sizes, one array behind the other, as shapes."""
    rest = iter(sizes)
    return [tuple(next(rest) for _ in range(rank)) for rank in ranks]
