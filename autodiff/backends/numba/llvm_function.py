"""One LLVM function under construction: its memory, its sizes, its loops.

Whatever is written into a kernel, a loop nest or a native call, is written with this: `values` holds
scalars by name, `pointers` buffers, `sizes` the sizes that were passed in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.llvm_scalar import BOOL, TYPES, Scalar, ScalarPrinter, constant
from autodiff.backends.numba.nest import Access, Buffer, Constant, Index, NativeCall, Source
from autodiff.backends.numba.outline import Outline

WORD = ir.IntType(64)
WORDS = WORD.as_pointer()
STATUS = ir.IntType(32)  # 0; 1: an exception is pending in this thread; 2: the host has one


def memory_type(dtype: np.dtype) -> ir.Type:
    """How one element lies in memory: a bool is a byte."""
    return ir.IntType(8) if dtype == BOOL else TYPES[dtype]


@lru_cache(maxsize=4096)
def parsed_size(text: str) -> ast.expr:
    """A size expression."""
    return ast.parse(text, mode="eval").body


class FunctionPrinter:
    """Emits one function. What is emitted at `entry` runs first, and once."""

    def __init__(
        self, module: ir.Module, name: str, kinds: Sequence[ir.Type], outlined: bool = False, public: bool = False
    ) -> None:
        self.module = module
        self.body = ir.Function(module, ir.FunctionType(STATUS, kinds), module.get_unique_name(name))
        if not public:
            self.body.linkage = "internal"
            self.body.attributes.add("noinline")
        self.entry = ir.IRBuilder(self.body.append_basic_block("entry"))
        self._start = self.body.append_basic_block("start")
        self.b = ir.IRBuilder(self._start)
        self.scalar = ScalarPrinter(self.b, outlined=outlined)
        self.values: dict[str, Scalar] = {}
        self.sizes: dict[str, ir.Value] = {}
        self.pointers: dict[Buffer, ir.Value] = {}
        self.calls: Sequence[NativeCall] = ()  # of the kernel: the host knows them by their numbers

    def finish(self, status: int = 0) -> ir.Function:
        """End the function."""
        self.b.ret(STATUS(status))
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
        return self.load(self.address(source, loops), source.buffer.dtype)

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

    def smaller(self, x: ir.Value, y: ir.Value) -> ir.Value:
        return self.b.select(self.b.icmp_signed("<", x, y), x, y)

    def check(self, status: ir.Value) -> None:
        """Leave with a status that is not 0."""
        with self.b.if_then(self.b.icmp_signed("!=", status, STATUS(0)), likely=False):
            self.b.ret(status)
