"""Calling machine code from Python, in about a hundred nanoseconds.

`invoke(address, *arguments)` calls `int f(int64 *words)`: one word per argument, the data
pointer of an array, the bits of a float, or an int; 1 means that it set an exception. It is a C function of Python's own calling
convention (METH_FASTCALL), generated once; ctypes needs ten times as long, most of it to get at
the pointers.

It reads two fields of NumPy's array object, data and flags, whose places are checked when the
thunk is made. An array that is not C-contiguous and aligned, or an argument of another type,
raises TypeError before anything runs. Interpreters with another object layout have no thunk.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.native import MachineCode, register

WORD, BYTE, INT = ir.IntType(64), ir.IntType(8), ir.IntType(32)
POINTER = BYTE.as_pointer()
TYPE, DATA, FLAGS = 8, 16, 64  # offsets in the objects: CPython's header, then NumPy's array
READABLE = 0x0001 | 0x0100  # C-contiguous and aligned
METH_FASTCALL = 0x0080
MESSAGE = b"a kernel takes C-contiguous arrays, floats and ints\0"


class ThunkError(RuntimeError):
    """This interpreter has another object layout: kernels cannot be called natively."""


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


@lru_cache(maxsize=1)
def invoke() -> Callable[..., None]:
    """The function `invoke(address, *arguments)`.

    Raises
    ------
    ThunkError
        Where the layout of objects is not the expected one.
    """
    _check_layout()
    code = MachineCode(str(_module()), "invoke")
    method = _MethodDef(b"invoke", code.address, METH_FASTCALL, None)
    create = ctypes.pythonapi.PyCFunction_NewEx
    create.restype, create.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    function = create(ctypes.addressof(method), None, None)
    _alive.append((code, method))
    return function  # type: ignore[no-any-return]


_alive: list[Any] = []  # what the C function points to


def _check_layout() -> None:
    if sys.implementation.name != "cpython" or sys.maxsize < 2**62 or sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise ThunkError("kernels are called natively on 64-bit CPython with a lock only")
    whole, strided = np.zeros((3, 4)), np.zeros((3, 4)).T
    for array, readable in ((whole, True), (strided, False)):
        data = ctypes.c_int64.from_address(id(array) + DATA).value
        flags = ctypes.c_int32.from_address(id(array) + FLAGS).value
        if data != array.__array_interface__["data"][0] or ((flags & READABLE) == READABLE) != readable:
            raise ThunkError("NumPy's array object has another layout")
    numbers = 1.25, np.float64(1.25)
    if any(ctypes.c_double.from_address(id(x) + DATA).value != 1.25 for x in numbers):
        raise ThunkError("Python's float object has another layout")


def _module() -> ir.Module:
    """PyObject *invoke(PyObject *self, PyObject **args, Py_ssize_t n)."""
    module = ir.Module("thunk")
    function = ir.Function(module, ir.FunctionType(POINTER, [POINTER, POINTER.as_pointer(), WORD]), "invoke")
    _, args, count = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    words = b.alloca(WORD, count)
    entry, head, body, call, bad = b.block, *(function.append_basic_block(n) for n in ("head", "body", "call", "bad"))
    b.branch(head)
    b.position_at_end(head)
    k = b.phi(WORD)
    k.add_incoming(WORD(1), entry)
    b.cbranch(b.icmp_signed("<", k, count), body, call)
    b.position_at_end(body)
    word = _word(b, b.load(b.gep(args, [k])), bad)
    b.store(word, b.gep(words, [k]))
    k.add_incoming(b.add(k, WORD(1)), b.block)
    b.branch(head)
    b.position_at_end(call)
    address = b.call(_python(b, "PyLong_AsLongLong", WORD, POINTER), [b.load(args)])
    kernel = b.inttoptr(address, ir.FunctionType(INT, [WORD.as_pointer()]).as_pointer())
    status = b.call(kernel, [b.gep(words, [WORD(1)])])
    with b.if_then(b.icmp_signed("==", status, INT(1)), likely=False):
        b.ret(POINTER(None))
    none = _constant(id(None))
    b.call(_python(b, "Py_IncRef", ir.VoidType(), POINTER), [none])
    b.ret(none)
    b.position_at_end(bad)
    message = ctypes.create_string_buffer(MESSAGE)
    _alive.append(message)
    b.call(
        _python(b, "PyErr_SetString", ir.VoidType(), POINTER, POINTER),
        [_constant(id(TypeError)), _constant(ctypes.addressof(message))],
    )
    b.ret(POINTER(None))
    return module


def _word(b: ir.IRBuilder, obj: ir.Value, bad: ir.Block) -> ir.Value:
    """The word of one argument; branches to `bad` for what cannot be passed."""
    function = b.function
    kind = b.load(b.bitcast(b.gep(obj, [WORD(TYPE)]), POINTER.as_pointer()))
    array, number, integer, done = (function.append_basic_block(n) for n in ("array", "number", "integer", "done"))
    payload = b.bitcast(b.gep(obj, [WORD(DATA)]), WORD.as_pointer())
    b.cbranch(b.icmp_unsigned("==", kind, _constant(id(np.ndarray))), array, number)
    b.position_at_end(array)
    data = b.load(payload)
    flags = b.load(b.bitcast(b.gep(obj, [WORD(FLAGS)]), INT.as_pointer()))
    b.cbranch(b.icmp_unsigned("==", b.and_(flags, INT(READABLE)), INT(READABLE)), done, bad)
    b.position_at_end(number)
    is_float = function.append_basic_block("is_float")
    # NumPy's float64 is a float, its number in the same place.
    real = [b.icmp_unsigned("==", kind, _constant(id(t))) for t in (float, np.float64)]
    b.cbranch(b.or_(*real), is_float, integer)
    b.position_at_end(is_float)
    bits = b.load(payload)
    b.branch(done)
    b.position_at_end(integer)
    is_int = function.append_basic_block("is_int")
    b.cbranch(b.icmp_unsigned("==", kind, _constant(id(int))), is_int, bad)
    b.position_at_end(is_int)
    value = b.call(_python(b, "PyLong_AsLongLong", WORD, POINTER), [obj])
    b.branch(done)
    b.position_at_end(done)
    word = b.phi(WORD)
    for found, block in ((data, array), (bits, is_float), (value, is_int)):
        word.add_incoming(found, block)
    return word


def _constant(address: int) -> ir.Value:
    return WORD(address).inttoptr(POINTER)


def _python(b: ir.IRBuilder, name: str, result: ir.Type, *arguments: ir.Type) -> ir.Function:
    """A function of the interpreter's C interface."""
    module = b.module
    if name not in module.globals:
        register(name, ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0)
        ir.Function(module, ir.FunctionType(result, list(arguments)), name)
    return module.globals[name]
