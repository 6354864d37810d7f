"""One LLVM function under construction: its memory, its sizes, its loops.

Whatever is written into a kernel, a loop nest or a native call, is written with this: `values` holds
scalars by name, `pointers` buffers, `sizes` the sizes that were passed in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

from llvmlite import ir

from autodiff.backends.numba.llvm_scalar import BOOL, TYPES, Scalar, ScalarPrinter, constant
from autodiff.backends.numba.llvm_written import call_written
from autodiff.backends.numba.native import OWN
from autodiff.backends.numba.nest import Access, Buffer, Constant, Guard, Guarded, Index, NativeCall, Source
from autodiff.backends.numba.outline import Outline

if TYPE_CHECKING:
    import numpy as np

WORD = ir.IntType(64)
WORDS = WORD.as_pointer()
REFUSED = "Integers to negative integer powers are not allowed."
STATUS = ir.IntType(32)  # 0; 1: an exception is pending in this thread; 2: the host has one


def memory_type(dtype: np.dtype) -> ir.Type:
    """How one element lies in memory: a bool is a byte."""
    return ir.IntType(8) if dtype == BOOL else TYPES[dtype]


def raise_error(b: ir.IRBuilder, kind: str, message: str) -> None:
    """Set an exception of CPython's, with its lock or without."""
    module, byte = b.module, ir.IntType(8)
    text = bytearray(message.encode() + b"\0")
    holder = ir.GlobalVariable(module, ir.ArrayType(byte, len(text)), module.get_unique_name("message"))
    holder.initializer, holder.global_constant, holder.linkage = ir.Constant(holder.value_type, text), True, "internal"
    found = module.globals.get(kind) or ir.GlobalVariable(module, byte.as_pointer(), kind)
    pointer = byte.as_pointer()
    set_string = _c_function(module, "PyErr_SetString", ir.VoidType(), pointer, pointer)
    held = b.call(_c_function(module, "PyGILState_Ensure", STATUS), [])
    b.call(set_string, [b.load(found), b.bitcast(holder, pointer)])
    b.call(_c_function(module, "PyGILState_Release", ir.VoidType(), STATUS), [held])


def _c_function(module: ir.Module, name: str, result: ir.Type, *arguments: ir.Type) -> ir.Function:
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)


@lru_cache(maxsize=4096)
def parsed_size(text: str) -> ast.expr:
    """A size expression."""
    return ast.parse(text, mode="eval").body


class FunctionPrinter:
    """Emits one function. What is emitted at `entry` runs first, and once."""

    def __init__(
        self, module: ir.Module, name: str, kinds: Sequence[ir.Type], called: bool = False, public: bool = False
    ) -> None:
        self.module = module
        self.body = ir.Function(module, ir.FunctionType(STATUS, kinds), module.get_unique_name(name))
        if not public:
            self.body.linkage = "internal"
            self.body.attributes.add("noinline")
        self.entry = ir.IRBuilder(self.body.append_basic_block("entry"))
        self._start = self.body.append_basic_block("start")
        self.b = ir.IRBuilder(self._start)
        self.scalar = ScalarPrinter(self.b, called=called)
        self.scalar.refuse, self.scalar.written = self.refuse, call_written
        self._refused: ir.Value | None = None
        self.values: dict[str, Scalar] = {}
        self.assumed: dict[Guard, bool] = {}  # conditions that are known where code is being emitted
        self.sizes: dict[str, ir.Value] = {}
        self.pointers: dict[Buffer, ir.Value] = {}
        self.calls: Sequence[NativeCall] = ()  # of the kernel: the host knows them by their numbers

    @property
    def may_refuse(self) -> bool:
        """Whether some operands have no result: the function then returns 1 for them, without an exception."""
        return self._refused is not None

    def refuse(self, condition: Scalar) -> None:
        """Remember that this was true once."""
        if self._refused is None:
            self._refused = self.entry.alloca(STATUS)
            self.entry.store(STATUS(0), self._refused)
        found = self.b.zext(condition.ir, STATUS)
        self.b.store(self.b.or_(self.b.load(self._refused), found), self._refused)

    def raise_refused(self) -> None:
        """Return with an exception if anything was refused."""
        if self._refused is None:
            return
        refused = self.b.icmp_signed("!=", self.b.load(self._refused), STATUS(0))
        with self.b.if_then(refused, likely=False):
            raise_error(self.b, f"{OWN}PyExc_ValueError", REFUSED)
            self.b.ret(STATUS(1))
        self._refused = None

    def finish(self, status: int = 0) -> ir.Function:
        """End the function."""
        self.b.ret(STATUS(status) if self._refused is None else self.b.load(self._refused))
        self.entry.branch(self._start)
        return self.body

    # ---- memory -----------------------------------------------------------------------------

    def bind(self, outline: Outline) -> list[ir.Value]:
        """Give names to the arguments: pointers that nobody else writes through, then sizes; returns the others."""
        rest = list(self.body.args)
        for buffer in outline.buffers:
            self.pointers[buffer] = rest.pop(0)
            self.pointers[buffer].add_attribute("noalias")
        for alias, buffer in outline.aliases:
            self.pointers[alias] = self.pointers[buffer]
        for name in outline.sizes:
            self.sizes[name] = rest.pop(0)
        return rest

    def fill(self, buffer: Buffer, value: Scalar) -> None:
        """Set every element."""
        with self.loop(WORD(0), self.size(" * ".join(buffer.shape))) as i:
            self.b.store(self.stored(value), self.b.gep(self.pointers[buffer], [i]))

    def address(self, access: Access, loops: Sequence[ir.Value]) -> ir.Value:
        """Where an element lies."""
        shape, offset = access.buffer.shape, None
        for k, index in enumerate(access.index):
            inner = " * ".join(n for n in shape[k + 1 :] if n != "1")
            place = self._position(index, loops)
            term = place if not inner else self.b.mul(place, self.size(inner), flags=("nsw",))
            offset = term if offset is None else self.b.add(offset, term, flags=("nsw",))
        return self.b.gep(self.pointers[access.buffer], [WORD(0) if offset is None else offset])

    def _position(self, index: Index, loops: Sequence[ir.Value]) -> ir.Value:
        start = self.size(index.start)
        if index.axis is None:
            return start
        i = loops[index.axis]
        moving = i if index.step == 1 else self.b.mul(i, WORD(index.step), flags=("nsw",))
        return moving if index.start == "0" else self.b.add(start, moving, flags=("nsw",))

    def read(self, source: Source, loops: Sequence[ir.Value]) -> Scalar:
        if isinstance(source, str):
            return self.values[source]
        if isinstance(source, Constant):
            return constant(source.value, source.dtype)
        if isinstance(source, Guarded):
            return self._guarded(source, loops)
        return self.load(self.address(source, loops), source.buffer.dtype)

    def _guarded(self, guarded: Guarded, loops: Sequence[ir.Value]) -> Scalar:
        """A read under a condition, which becomes a mask when the loop is vectorised."""
        b, inside = self.b, None
        zero = constant(guarded.zero.value, guarded.zero.dtype)
        for guard in guarded.guards:
            if guard in self.assumed:
                if not self.assumed[guard]:
                    return zero
                continue
            # As unsigned numbers, what is below 0 is above any size.
            one = b.icmp_unsigned("<", self._position(guard.index, loops), self.size(guard.size))
            inside = one if inside is None else b.and_(inside, one)
        if inside is None:
            return self.read(guarded.source, loops)
        before = b.block
        with b.if_then(inside):
            value = self.read(guarded.source, loops)
            read = b.block
        found = b.phi(value.ir.type)
        found.add_incoming(value.ir, read)
        found.add_incoming(zero.ir, before)
        return Scalar(found, zero.dtype)

    def load(self, address: ir.Value, dtype: np.dtype) -> Scalar:
        value = self.b.load(address)
        return Scalar(self.b.icmp_unsigned("!=", value, value.type(0)) if dtype == BOOL else value, dtype)

    def write(self, target: Access, value: Scalar, loops: Sequence[ir.Value]) -> None:
        if target.buffer.shape:
            self.b.store(self.stored(value), self.address(target, loops))
        else:
            self.values[target.buffer.name] = value

    def stored(self, value: Scalar) -> ir.Value:
        return self.b.zext(value.ir, ir.IntType(8)) if value.dtype == BOOL else value.ir

    def slot(self, dtype: np.dtype) -> ir.Value:
        """A register that changes: LLVM turns it into one."""
        return self.entry.alloca(TYPES[dtype])

    # ---- sizes and control --------------------------------------------------------------------

    def size(self, text: str) -> ir.Value:
        """A size expression, computed once, at the entry of the function."""
        if text not in self.sizes:
            self.sizes[text] = self._size(parsed_size(text or "1"))
        return self.sizes[text]

    def _size(self, node: ast.expr) -> ir.Value:
        if isinstance(node, ast.Constant):
            return WORD(int(node.value))
        if isinstance(node, ast.Name):
            return self.sizes[node.id]
        if isinstance(node, ast.UnaryOp):
            return self.entry.neg(self._size(node.operand))
        assert isinstance(node, ast.BinOp)
        emit = {ast.Add: self.entry.add, ast.Sub: self.entry.sub, ast.Mult: self.entry.mul}[type(node.op)]
        return emit(self._size(node.left), self._size(node.right))

    @contextmanager
    def loop(self, start: ir.Value, stop: ir.Value, step: int = 1) -> Iterator[ir.Value]:
        """for i in range(start, stop, step)."""
        b, before = self.b, self.b.block
        head, body, done = (self.body.append_basic_block(n) for n in ("head", "body", "done"))
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(WORD)
        i.add_incoming(start, before)
        b.cbranch(b.icmp_signed("<", i, stop), body, done)
        b.position_at_end(body)
        yield i
        i.add_incoming(b.add(i, WORD(step), flags=("nsw",)), b.block)
        b.branch(head)
        b.position_at_end(done)

    def larger(self, x: ir.Value, y: ir.Value) -> ir.Value:
        return self.b.select(self.b.icmp_signed(">", x, y), x, y)

    def smaller(self, x: ir.Value, y: ir.Value) -> ir.Value:
        return self.b.select(self.b.icmp_signed("<", x, y), x, y)

    def check(self, status: ir.Value) -> None:
        """Leave with a status that is not 0."""
        with self.b.if_then(self.b.icmp_signed("!=", status, STATUS(0)), likely=False):
            self.b.ret(status)
