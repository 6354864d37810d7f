"""The machine code of the dispatcher: from the arguments of a call to its result.

    PyObject *dispatch(PyObject *table, PyObject **args, Py_ssize_t n, PyObject *names)

It reads the table of one program (`call_table.py`) and does what its `FIELDS` say, in this order:

1. `fits`: the arguments are as many and of the same names; the outside world is as it was (`watched`);
   the containers hold what they held (`opened`); every leaf has its type, dtype, shape and layout
   (`leaves`). What does not fit goes to the table's `fallback`, before anything has happened.
2. `run`: results are allocated, intermediates get memory in the arena, the kernel is called: without the
   interpreter's lock, if it has `large` work to do. The leaves are held meanwhile.
3. The result is built: scalars and containers.

A kernel's status is 0, 1 (an exception is pending) or 2 (the host has one: `reraise` raises it).
"""

from __future__ import annotations

from llvmlite import ir

from autodiff.backends.numba.arena import emit_arena
from autodiff.backends.numba.blocks_code import emit_blocks
from autodiff.backends.numba.c_code import BYTE, INT, TYPE_ERROR, WORD, CFunction
from autodiff.backends.numba.call_table import (
    ADDRESS,
    ARRAY,
    ARRAY_NUMBER,
    BUILD,
    CELL,
    CODE,
    CODINGS,
    CONTAINER,
    DEFAULTS,
    DICT,
    FIELD,
    INTEGER,
    ITEM,
    ITEMS,
    KEYS,
    LEAF,
    LIST,
    MASKED,
    NUMBER,
    PLACE,
    REAL,
    RESULT,
    SAME,
    TUPLE,
    UNUSED,
    WATCH,
)
from autodiff.backends.numba.layout import (
    DATA,
    DESCR,
    DESCR_NUMBER,
    DESCR_ORDER,
    FLAGS,
    RANK,
    READABLE,
    SHAPE,
    TYPE,
)
from autodiff.backends.numba.recipe import ALIGNMENT

MESSAGE = "a kernel takes C-contiguous arrays of the shapes and dtypes it was bound for, floats and ints"
RAISED = 2  # the status of a kernel whose host has an exception


def dispatcher_module() -> str:
    """The text of the module; its entry point is `dispatch`."""
    module = ir.Module("dispatcher")
    emit_arena(module)
    for emit in (
        _emit_unsure,
        _emit_watched,
        _emit_opened,
        _emit_coded,
        _emit_is_array,
        _emit_leaves,
        _emit_fits,
        _emit_allocated,
        _emit_hold,
        _emit_drop,
        _emit_called,
        _emit_started,
        _emit_built,
        _emit_run,
        _emit_missed,
        _emit_dispatch,
    ):
        emit(module)
    emit_blocks(module)
    return str(module)


def field(c: CFunction, table: ir.Value, name: str) -> ir.Value:
    return c.load(table, 8 * FIELD[name])


class _Records:
    """The records of one kind in a table."""

    def __init__(self, c: CFunction, table: ir.Value, kind: str, columns: tuple[str, ...]) -> None:
        self.c, self.columns = c, columns
        self.start, self.count = field(c, table, kind), field(c, table, f"{kind}_count")

    def read(self, k: ir.Value, *names: str) -> list[ir.Value]:
        """Columns of record `k`."""
        record = self.c.at(self.start, k, 8 * len(self.columns))
        return [self.c.load(record, 8 * self.columns.index(name)) for name in names]


# ---- 1. whether it fits --------------------------------------------------------------------------


def _emit_unsure(module: ir.Module) -> None:
    """Ask Python whether the outside world is as it was: equal numbers need not be the same object."""
    c = CFunction(module, "unsure", 1)
    c.call("PyErr_Clear")  # of a look-up that raised
    holds = field(c, c.arguments[0], "holds")
    c.leave_if(c.equal(holds, WORD(0)))
    answer = c.call("PyObject_CallNoArgs", holds)
    with c.when(c.equal(answer, WORD(0))):
        c.call("PyErr_Clear")  # the full path asks again, and raises
        c.leave(0)
    true = c.call("PyObject_IsTrue", answer)
    c.call("Py_DecRef", answer)
    c.leave(true)


def _emit_watched(module: ir.Module) -> None:
    """Whether every name, cell, function and container outside holds the objects it held."""
    _emit_same_items(module)
    _emit_same_keys(module)
    c = CFunction(module, "watched", 1)
    (table,) = c.arguments
    watches, now = _Records(c, table, "watches", WATCH), c.slot()
    with c.loop(watches.count) as k:
        kind, obj, key, value = watches.read(k, *WATCH)
        with c.cases(kind, 6) as blocks:
            c.case(blocks[ITEM])
            c.put(c.call("PyDict_GetItemWithError", obj, key), now)
            c.end_case()
            c.case(blocks[CELL])
            content = c.call("PyCell_Get", obj)
            with c.when(c.differ(content, WORD(0))):
                c.call("Py_DecRef", content)  # the cell has it
            c.put(content, now)
            c.end_case()
            c.case(blocks[CODE])
            c.put(c.call("PyFunction_GetCode", obj), now)
            c.end_case()
            c.case(blocks[DEFAULTS])
            c.put(c.call("PyFunction_GetDefaults", obj), now)
            c.end_case()
            for case, function in ((ITEMS, "same_items"), (KEYS, "same_keys")):
                c.case(blocks[case])
                same = c.call(function, obj, value)
                c.put(c.b.select(c.equal(same, WORD(0)), WORD(0), value), now)
                c.end_case()
        with c.when(c.differ(c.get(now), value)):
            c.leave(c.call("unsure", table))
    with c.when(c.differ(field(c, table, "unwatched"), WORD(0))):
        c.leave(c.call("unsure", table))
    c.leave(1)


def _emit_same_items(module: ir.Module) -> None:
    """Whether a list holds the objects of a tuple."""
    c = CFunction(module, "same_items", 2)
    found, known = c.arguments
    count = c.call("PyTuple_Size", known)
    c.leave_if(c.differ(c.call("PyList_Size", found), count))
    with c.loop(count) as k:
        c.leave_if(c.differ(c.call("PyList_GetItem", found, k), c.call("PyTuple_GetItem", known, k)))
    c.leave(1)


def _emit_same_keys(module: ir.Module) -> None:
    """Whether a dictionary has the keys of a tuple, in its order."""
    c = CFunction(module, "same_keys", 2)
    found, known = c.arguments
    count = c.call("PyTuple_Size", known)
    state = c.stack(WORD(2))  # a position, a key
    c.store(WORD(0), state)
    c.leave_if(c.differ(c.call("PyDict_Size", found), count))
    with c.loop(count) as k:
        more = c.call("PyDict_Next", found, state, c.b.add(state, WORD(8)), WORD(0))
        c.leave_if(c.equal(more, WORD(0)))
        c.leave_if(c.differ(c.load(state, 8), c.call("PyTuple_GetItem", known, k)))
    c.leave(1)


def _emit_opened(module: ir.Module) -> None:
    """Take the containers apart; whether they are those that were traced."""
    c = CFunction(module, "opened", 3)  # table, objects, how many there are so far
    table, objects, first = c.arguments
    containers = _Records(c, table, "containers", CONTAINER)
    free = c.slot()
    c.put(first, free)
    with c.loop(containers.count) as k:
        number, kind_of, kind, count, keys = containers.read(k, *CONTAINER)
        obj = c.load(c.at(objects, number))
        with c.when(c.equal(kind, WORD(SAME))):
            c.leave_if(c.differ(obj, keys))
        with c.when(c.differ(kind, WORD(SAME))):
            c.leave_if(c.differ(c.load(obj, TYPE), kind_of))
            start = c.get(free)
            with c.cases(kind, 3) as blocks:
                for case, size, item in (
                    (TUPLE, "PyTuple_Size", "PyTuple_GetItem"),
                    (LIST, "PyList_Size", "PyList_GetItem"),
                    (DICT, "PyDict_Size", "PyDict_GetItemWithError"),
                ):
                    c.case(blocks[case])
                    c.leave_if(c.differ(c.call(size, obj), count))
                    with c.loop(count) as i:
                        found = c.call(item, obj, c.load(c.at(keys, i)) if case == DICT else i)
                        with c.when(c.equal(found, WORD(0))):
                            c.call("PyErr_Clear")
                            c.leave(0)
                        c.store(found, c.at(objects, c.b.add(start, i)))
                    c.end_case()
            c.put(c.b.add(start, count), free)
    c.leave(1)


def _emit_coded(module: ir.Module) -> None:
    """The word of a number in memory, by its coding."""
    c = CFunction(module, "coded", 2)
    address, coding = c.arguments
    with c.cases(coding, len(CODINGS)) as blocks:
        for block, name in zip(blocks, CODINGS, strict=True):
            c.case(block)
            bits = 8 * int(name[1])
            if name == "f4":
                wide = c.b.fpext(c.load(address, 0, ir.FloatType()), ir.DoubleType())
                c.leave(c.b.bitcast(wide, WORD))
                continue
            value = c.load(address, 0, ir.IntType(bits))
            extend = c.b.sext if name[0] == "i" else c.b.zext
            c.leave(value if bits == 64 else extend(value, WORD))
    c.leave(0)


def _emit_is_array(module: ir.Module) -> None:
    """Whether an array has this dtype, rank and shape, and lies in memory as kernels read it."""
    c = CFunction(module, "is_array", 5)
    array, descr, number, rank, shape = c.arguments
    flags = c.b.zext(c.load(array, FLAGS, INT), WORD)
    c.leave_if(c.differ(c.b.and_(flags, WORD(READABLE)), WORD(READABLE)))
    own = c.load(array, DESCR)
    with c.when(c.differ(own, descr)):
        # Another object for the same dtype: of the same number, and in the machine's order ("=", or "|" for bytes).
        c.leave_if(c.differ(c.b.sext(c.load(own, DESCR_NUMBER, INT), WORD), number))
        order = c.load(own, DESCR_ORDER, BYTE)
        known = [c.b.icmp_signed("==", order, BYTE(ord(letter))) for letter in "=|"]
        c.leave_if(c.b.not_(c.b.or_(*known)))
    c.leave_if(c.differ(c.b.sext(c.load(array, RANK, INT), WORD), rank))
    sizes = c.load(array, SHAPE)
    with c.loop(rank) as k:
        c.leave_if(c.differ(c.load(c.at(sizes, k)), c.load(c.at(shape, k))))
    c.leave(1)


def _emit_leaves(module: ir.Module) -> None:
    """Write the words of the leaves; whether they are what the kernel takes."""
    c = CFunction(module, "leaves", 3)
    table, objects, words = c.arguments
    leaves, value = _Records(c, table, "leaves", LEAF), c.slot()
    with c.loop(leaves.count) as k:
        number, kind_of, kind, word, coding = leaves.read(k, "object", "type", "kind", "word", "coding")
        obj = c.load(c.at(objects, number))
        wrong_type = c.b.and_(c.differ(c.load(obj, TYPE), kind_of), c.differ(kind_of, WORD(0)))
        c.leave_if(wrong_type)
        with c.when(c.b.icmp_signed("<=", kind, WORD(ARRAY_NUMBER))):
            is_array = c.call("is_array", obj, *leaves.read(k, "descr", "number", "rank", "shape"))
            c.leave_if(c.equal(is_array, WORD(0)))
        with c.cases(kind, 7) as blocks:
            c.case(blocks[ARRAY])
            c.put(c.load(obj, DATA), value)
            c.end_case()
            c.case(blocks[ARRAY_NUMBER])
            c.put(c.call("coded", c.load(obj, DATA), coding), value)
            c.end_case()
            c.case(blocks[NUMBER])
            c.put(c.call("coded", c.b.add(obj, WORD(DATA)), coding), value)
            c.end_case()
            c.case(blocks[ADDRESS])
            c.put(c.b.add(obj, WORD(DATA)), value)
            c.end_case()
            for case, function in _CONVERSIONS.items():
                c.case(blocks[case])
                c.put(c.call(function, obj), value)
                _clear_and_leave(c)
                c.end_case()
        with c.when(c.differ(word, WORD(UNUSED))):
            c.store(c.get(value), c.at(words, word))
    c.leave(1)


_CONVERSIONS = {INTEGER: "PyLong_AsLongLong", MASKED: "PyLong_AsUnsignedLongLongMask", REAL: "PyFloat_AsDouble"}


def _clear_and_leave(c: CFunction) -> None:
    """return 0, if an exception is pending: it does not concern the caller."""
    with c.when(c.differ(c.call("PyErr_Occurred"), WORD(0))):
        c.call("PyErr_Clear")
        c.leave(0)


def _emit_fits(module: ir.Module) -> None:
    """Write objects and words; whether the call is one of this program."""
    c = CFunction(module, "fits", 6)
    table, args, count, names, objects, words = c.arguments
    positional, named = field(c, table, "positional"), field(c, table, "named")
    c.leave_if(c.differ(c.load(field(c, table, "busy")), WORD(0)))
    c.leave_if(c.differ(count, positional))
    c.leave_if(c.differ(c.equal(names, WORD(0)), c.equal(named, WORD(0))))
    with c.when(c.differ(named, WORD(0))):
        c.leave_if(c.differ(c.call("PyTuple_Size", names), named))
        known = field(c, table, "names")
        with c.loop(named) as k:  # names in code are interned
            c.leave_if(c.differ(c.call("PyTuple_GetItem", names, k), c.load(c.at(known, k))))
    c.leave_if(c.equal(c.call("watched", table), WORD(0)))
    given = c.b.add(positional, named)
    with c.loop(given) as k:
        c.store(c.load(c.at(args, k)), c.at(objects, k))
    constants, n_constants = field(c, table, "constants"), field(c, table, "constants_count")
    with c.loop(n_constants) as k:
        c.store(c.load(c.at(constants, k)), c.at(objects, c.b.add(given, k)))
    c.leave_if(c.equal(c.call("opened", table, objects, c.b.add(given, n_constants)), WORD(0)))
    fixed = field(c, table, "words")
    with c.loop(field(c, table, "words_count")) as k:
        c.store(c.load(c.at(fixed, k)), c.at(words, k))
    c.leave(c.call("leaves", table, objects, words))


# ---- 2. running ----------------------------------------------------------------------------------


def _emit_allocated(module: ir.Module) -> None:
    """Make the results that are arrays, and find memory for those that are scalars; whether it was possible."""
    c = CFunction(module, "allocated", 4)
    table, words, made, cells = c.arguments
    results, address = _Records(c, table, "results", RESULT), c.slot()
    with c.loop(results.count) as k:
        word, descr, rank, shape, scalar, array_type = results.read(k, *RESULT)
        with c.b.if_else(c.b.icmp_signed(">=", scalar, WORD(0))) as (is_scalar, is_array):
            with is_scalar:
                c.put(c.at(cells, scalar, 16), address)
            with is_array:
                c.call("Py_IncRef", descr)  # the array takes a reference
                nothing = [WORD(0)] * 4
                array = c.call("PyArray_NewFromDescr", array_type, descr, rank, shape, *nothing)
                c.leave_if(c.equal(array, WORD(0)))
                c.store(array, c.at(made, k))
                c.put(c.load(array, DATA), address)
        c.store(c.get(address), c.at(words, word))
    c.leave(1)


def _emit_hold(module: ir.Module) -> None:
    """Take a reference to every leaf (and to its container's other entries: none is lost), or give it back."""
    for name, function in (("hold", "Py_IncRef"), ("release", "Py_DecRef")):
        c = CFunction(module, name, 2)
        table, objects = c.arguments
        leaves = _Records(c, table, "leaves", LEAF)
        with c.loop(leaves.count) as k:
            c.call(function, c.load(c.at(objects, leaves.read(k, "object")[0])))
        c.leave(0)


def _emit_drop(module: ir.Module) -> None:
    """Give back what was made."""
    c = CFunction(module, "drop", 2)
    table, made = c.arguments
    with c.loop(field(c, table, "made_count")) as k:
        c.call("Py_DecRef", c.load(c.at(made, k)))  # takes 0 too
    c.leave(0)


def _emit_called(module: ir.Module) -> None:
    """Call the kernel; others may have the interpreter's lock while it does large work."""
    c = CFunction(module, "called", 2)
    table, words = c.arguments
    kernel = field(c, table, "kernel")
    with c.when(c.differ(field(c, table, "large"), WORD(0))):
        state = c.call("PyEval_SaveThread")
        status = c.call_address(kernel, words)
        c.call("PyEval_RestoreThread", state)
        c.leave(status)
    c.leave(c.call_address(kernel, words))


def _emit_started(module: ir.Module) -> None:
    """Run the kernel in memory of its own; its status."""
    c = CFunction(module, "started", 2)
    table, words = c.arguments
    count, arena = field(c, table, "arena_bytes"), field(c, table, "arena")
    with c.when(c.equal(count, WORD(0))):
        c.leave(c.call("called", table, words))
    block = c.call("take", arena, count)
    with c.when(c.equal(block, WORD(0))):
        c.call("PyErr_NoMemory")
        c.leave(1)
    start = c.b.and_(c.b.add(block, WORD(ALIGNMENT - 1)), WORD(-ALIGNMENT))
    places = _Records(c, table, "places", PLACE)
    with c.loop(places.count) as k:
        word, offset = places.read(k, *PLACE)
        c.store(c.b.add(start, offset), c.at(words, word))
    status = c.call("called", table, words)
    c.call("give", arena, block)
    c.leave(status)


# ---- 3. the result -------------------------------------------------------------------------------


def _emit_built(module: ir.Module) -> None:
    """Make scalars of the cells and containers of it all; whether it was possible."""
    c = CFunction(module, "built", 3)
    table, made, cells = c.arguments
    results = _Records(c, table, "results", RESULT)
    with c.loop(results.count) as k:
        descr, scalar = results.read(k, "descr", "scalar")
        with c.when(c.b.icmp_signed(">=", scalar, WORD(0))):
            number = c.call("PyArray_Scalar", c.at(cells, scalar, 16), descr, WORD(0))
            c.leave_if(c.equal(number, WORD(0)))
            c.store(number, c.at(made, k))
    builds = _Records(c, table, "builds", BUILD)
    with c.loop(builds.count) as k:
        kind, count, children, keys = builds.read(k, *BUILD)
        place = c.at(made, c.b.add(results.count, k))
        with c.cases(kind, 3) as blocks:
            for case, new, put in (
                (TUPLE, "PyTuple_New", "PyTuple_SetItem"),
                (LIST, "PyList_New", "PyList_SetItem"),
                (DICT, "PyDict_New", "PyDict_SetItem"),
            ):
                c.case(blocks[case])
                container = c.call(new, *([] if case == DICT else [count]))
                c.leave_if(c.equal(container, WORD(0)))
                c.store(container, place)
                with c.loop(count) as i:
                    child = c.load(c.at(made, c.load(c.at(children, i))))
                    if case != DICT:
                        c.call("Py_IncRef", child)  # which the container takes
                    failed = c.call(put, container, c.load(c.at(keys, i)) if case == DICT else i, child)
                    c.leave_if(c.differ(failed, WORD(0)))
                c.end_case()
    c.leave(1)


def _emit_run(module: ir.Module) -> None:
    c = CFunction(module, "run", 3)
    table, objects, words = c.arguments
    count = field(c, table, "made_count")
    made, cells = c.stack(count), c.stack(c.b.mul(field(c, table, "cells_count"), WORD(2)))
    with c.loop(count) as k:
        c.store(WORD(0), c.at(made, k))
    with c.when(c.equal(c.call("allocated", table, words, made, cells), WORD(0))):
        c.call("drop", table, made)
        c.leave(0)
    c.call("hold", table, objects)
    status = c.call("started", table, words)
    c.call("release", table, objects)
    with c.when(c.differ(status, WORD(0))):
        c.call("drop", table, made)
        with c.when(c.equal(status, WORD(RAISED))):
            c.call("PyObject_CallNoArgs", field(c, table, "reraise"))
        c.leave(0)
    for name in ("runs", "total_runs"):
        counter = field(c, table, name)
        c.store(c.b.add(c.load(counter), WORD(1)), counter)
    with c.when(c.equal(c.call("built", table, made, cells), WORD(0))):
        c.call("drop", table, made)
        c.leave(0)
    result = c.load(c.at(made, c.b.sub(count, WORD(1))))
    c.call("Py_IncRef", result)
    c.call("drop", table, made)
    c.leave(result)


def _emit_missed(module: ir.Module) -> None:
    """The call, by who can answer it."""
    c = CFunction(module, "missed", 4)
    table, args, count, names = c.arguments
    fallback = field(c, table, "fallback")
    with c.when(c.equal(fallback, WORD(0))):
        c.call("PyErr_SetString", c.symbol(TYPE_ERROR), c.text(MESSAGE))
        c.leave(0)
    c.leave(c.call("PyObject_Vectorcall", fallback, args, count, names))


def _emit_dispatch(module: ir.Module) -> None:
    c = CFunction(module, "dispatch", 4, internal=False)
    owner, args, count, names = c.arguments
    table = c.load(owner, DATA)  # the table is an array of NumPy's
    objects, words = c.stack(field(c, table, "objects_count")), c.stack(field(c, table, "words_count"))
    fits = c.call("fits", table, args, count, names, objects, words)
    with c.when(c.equal(fits, WORD(0))):
        c.leave(c.call("missed", table, args, count, names))
    c.leave(c.call("run", table, objects, words))
