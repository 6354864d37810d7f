"""Small C functions, written with llvmlite.

All values are 64-bit words: integers, and addresses that are loaded from and stored to. Functions
of the interpreter and of NumPy are found by symbol, so the text of a module holds no address of
this process.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from llvmlite import ir

from autodiff.backends.numba.native import OWN, register

WORD, INT, BYTE = ir.IntType(64), ir.IntType(32), ir.IntType(8)

# What is called, with its C signature: the result, then the arguments; `w` is a word, `i` an int, `d` a double.
PYTHON = {
    "PyCell_Get": "ww",
    "PyDict_GetItemWithError": "www",
    "PyDict_New": "w",
    "PyDict_Next": "iwwww",
    "PyDict_SetItem": "iwww",
    "PyDict_Size": "ww",
    "PyErr_Clear": "i",
    "PyErr_NoMemory": "w",
    "PyErr_Occurred": "w",
    "PyErr_SetString": "iww",
    "PyEval_RestoreThread": "iw",
    "PyEval_SaveThread": "w",
    "PyFloat_AsDouble": "dw",
    "PyFunction_GetCode": "ww",
    "PyFunction_GetDefaults": "ww",
    "PyList_GetItem": "www",
    "PyList_New": "ww",
    "PyList_SetItem": "iwww",
    "PyList_Size": "ww",
    "PyLong_AsLongLong": "ww",
    "PyLong_AsUnsignedLongLongMask": "ww",
    "PyMem_RawFree": "iw",
    "PyMem_RawMalloc": "ww",
    "PyObject_CallNoArgs": "ww",
    "PyObject_IsTrue": "iw",
    "PyObject_Vectorcall": "wwwww",
    "PyTuple_GetItem": "www",
    "PyTuple_New": "ww",
    "PyTuple_SetItem": "iwww",
    "PyTuple_Size": "ww",
    "Py_DecRef": "iw",
    "Py_IncRef": "iw",
}
# NumPy's, with their places in its table.
NUMPY = {"PyArray_Scalar": (60, "wwww"), "PyArray_NewFromDescr": (94, "wwwiwwwiw")}
TYPES = {"w": WORD, "i": INT, "d": ir.DoubleType()}
# Under a name of our own: Numba has told LLVM that `PyExc_TypeError` is the address of the class itself.
TYPE_ERROR = "autodiff_PyExc_TypeError"


def register_symbols() -> None:
    """Make the functions above known to machine code that is loaded from now on."""
    for name in (*PYTHON, TYPE_ERROR):
        function = getattr(ctypes.pythonapi, name.removeprefix(OWN))
        register(name, ctypes.cast(function, ctypes.c_void_p).value or 0)
    capsule = importlib.import_module("numpy._core._multiarray_umath")._ARRAY_API
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    table = ctypes.cast(get(capsule, None), ctypes.POINTER(ctypes.c_void_p))
    for name, (place, _) in NUMPY.items():
        register(name, table[place] or 0)


class CFunction:
    """One function in the making: `c = CFunction(module, "name", 2)` has `c.arguments`."""

    def __init__(self, module: ir.Module, name: str, count: int, internal: bool = True, signature: str = "") -> None:
        self.module = module
        result, *kinds = [TYPES[letter] for letter in signature or "w" * (count + 1)]
        self.function = ir.Function(module, ir.FunctionType(result, kinds), name)
        if internal:
            self.function.linkage = "internal"
        self.arguments: Sequence[ir.Value] = self.function.args
        self.b = ir.IRBuilder(self.function.append_basic_block("entry"))

    # ---- memory -------------------------------------------------------------------------------

    def load(self, address: ir.Value, offset: int = 0, kind: ir.Type = WORD) -> ir.Value:
        """The word `offset` bytes behind an address; smaller kinds of memory as they are."""
        return self.b.load(self._pointer(address, offset, kind))

    def store(self, value: ir.Value, address: ir.Value, offset: int = 0) -> None:
        self.b.store(value, self._pointer(address, offset, value.type))

    def _pointer(self, address: ir.Value, offset: int, kind: ir.Type) -> ir.Value:
        place = address if offset == 0 else self.b.add(address, WORD(offset))
        return self.b.inttoptr(place, kind.as_pointer())

    def at(self, array: ir.Value, k: ir.Value, size: int = 8) -> ir.Value:
        """The address of entry `k` of an array of words, or of records of `size` bytes."""
        return self.b.add(array, self.b.mul(k, WORD(size)))

    def stack(self, count: ir.Value) -> ir.Value:
        """Memory for so many words, until the function returns."""
        memory = self.b.alloca(WORD, count)
        memory.align = 16
        return self.b.ptrtoint(memory, WORD)

    def slot(self) -> ir.Value:
        """A word that changes; `get` and `put` it."""
        with self.b.goto_entry_block():
            return self.b.alloca(WORD)

    def get(self, slot: ir.Value) -> ir.Value:
        return self.b.load(slot)

    def put(self, value: ir.Value, slot: ir.Value) -> None:
        self.b.store(value if value.type == WORD else self.b.bitcast(value, WORD), slot)

    def text(self, message: str) -> ir.Value:
        """The address of a text."""
        data = bytearray(message.encode() + b"\0")
        found = ir.GlobalVariable(self.module, ir.ArrayType(BYTE, len(data)), self.module.get_unique_name("text"))
        found.initializer, found.linkage, found.global_constant = ir.Constant(found.value_type, data), "internal", True
        return self.b.ptrtoint(found, WORD)

    def symbol(self, name: str) -> ir.Value:
        """What is stored at a symbol."""
        found = self.module.globals.get(name) or ir.GlobalVariable(self.module, WORD, name)
        return self.b.load(found)

    # ---- calls --------------------------------------------------------------------------------

    def call(self, name: str, *arguments: ir.Value) -> ir.Value:
        """A function of this module, or one of those listed above."""
        function = self.module.globals.get(name) or self._declared(name)
        given = [
            self.b.trunc(a, INT) if wanted == INT else a
            for a, wanted in zip(arguments, function.function_type.args, strict=True)
        ]
        result = self.b.call(function, given)
        return self.b.sext(result, WORD) if result.type == INT else result

    def _declared(self, name: str) -> ir.Function:
        signature = PYTHON[name] if name in PYTHON else NUMPY[name][1]
        result, *arguments = (TYPES[letter] for letter in signature)
        return ir.Function(self.module, ir.FunctionType(result, arguments), name)

    def call_address(self, address: ir.Value, *arguments: ir.Value) -> ir.Value:
        """A function `int f(...)` of words, by its address."""
        kind = ir.FunctionType(INT, [WORD] * len(arguments)).as_pointer()
        return self.b.sext(self.b.call(self.b.inttoptr(address, kind), arguments), WORD)

    # ---- control ------------------------------------------------------------------------------

    def equal(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.b.icmp_signed("==", a, b)

    def differ(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.b.icmp_signed("!=", a, b)

    @contextmanager
    def when(self, condition: ir.Value) -> Iterator[None]:
        with self.b.if_then(condition):
            yield

    def leave_if(self, condition: ir.Value, result: int = 0) -> None:
        """return result, if ..."""
        with self.b.if_then(condition, likely=False):
            self.b.ret(WORD(result))

    def leave(self, result: ir.Value | int) -> None:
        self.b.ret(WORD(result) if isinstance(result, int) else result)

    @contextmanager
    def loop(self, count: ir.Value) -> Iterator[ir.Value]:
        """for k in range(count)."""
        before = self.b.block
        head, body, done = (self.function.append_basic_block(n) for n in ("head", "body", "done"))
        self.b.branch(head)
        self.b.position_at_end(head)
        k = self.b.phi(WORD)
        k.add_incoming(WORD(0), before)
        self.b.cbranch(self.b.icmp_signed("<", k, count), body, done)
        self.b.position_at_end(body)
        yield k
        k.add_incoming(self.b.add(k, WORD(1)), self.b.block)
        self.b.branch(head)
        self.b.position_at_end(done)

    @contextmanager
    def while_set(self, slot: ir.Value) -> Iterator[ir.Value]:
        """while slot != 0; the body changes it."""
        head, body, done = (self.function.append_basic_block(n) for n in ("head", "body", "done"))
        self.b.branch(head)
        self.b.position_at_end(head)
        value = self.get(slot)
        self.b.cbranch(self.differ(value, WORD(0)), body, done)
        self.b.position_at_end(body)
        yield value
        self.b.branch(head)
        self.b.position_at_end(done)

    @contextmanager
    def cases(self, value: ir.Value, count: int) -> Iterator[list[ir.Block]]:
        """A switch over 0..count - 1: position at each block in turn; all that do not leave join behind it."""
        blocks = [self.function.append_basic_block(f"case{k}") for k in range(count)]
        done = self.function.append_basic_block("joined")
        switch = self.b.switch(value, done)
        for k, block in enumerate(blocks):
            switch.add_case(WORD(k), block)
        self._done = done
        yield blocks
        self.b.position_at_end(done)

    def case(self, block: ir.Block) -> None:
        """Write the case that starts here."""
        self.b.position_at_end(block)

    def end_case(self) -> None:
        if not self.b.block.is_terminated:
            self.b.branch(self._done)
