"""One LLVM function under construction: its memory, its sizes, its loops.

Whatever is written into a kernel, a loop nest or a native call, is written with this: `values` holds
scalars by name, `pointers` buffers, `sizes` the sizes that were passed in.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from llvmlite import ir

from autodiff.backends.numba import bounds
from autodiff.backends.numba.llvm_scalar import BOOL, TYPES, Scalar, ScalarPrinter, constant
from autodiff.backends.numba.llvm_written import call_written
from autodiff.backends.numba.native import OWN
from autodiff.backends.numba.nest import Access, Buffer, Constant, Guard, Guarded, Index, NativeCall, Source
from autodiff.backends.numba.outline import NAME, Outline
from autodiff.config import config

if TYPE_CHECKING:
    import numpy as np

WORD = ir.IntType(64)
WORDS = WORD.as_pointer()
REFUSED = "Integers to negative integer powers are not allowed."
STATUS = ir.IntType(32)  # 0; 1: an exception is pending in this thread; 2: the host has one


def memory_type(dtype: np.dtype) -> ir.Type:
    """How one element lies in memory: a bool is a byte."""
    return ir.IntType(8) if dtype == BOOL else TYPES[dtype]


def raise_error(b: ir.IRBuilder, kind: str, text: ir.Value) -> None:
    """Set an exception of CPython's, with its lock or without."""
    exception_of(b, kind, text, ())


def exception_of(b: ir.IRBuilder, kind: str, text: ir.Value, numbers: Sequence[ir.Value]) -> None:
    """The same, with numbers (%lld) in the text."""
    module, byte = b.module, ir.IntType(8)
    found = module.globals.get(kind) or ir.GlobalVariable(module, byte.as_pointer(), kind)
    pointer = byte.as_pointer()
    held = b.call(c_function(module, "PyGILState_Ensure", STATUS), [])
    if numbers:
        kinds = ir.FunctionType(pointer, [pointer, pointer], var_arg=True)
        set_text = module.globals.get("PyErr_Format") or ir.Function(module, kinds, "PyErr_Format")
    else:
        set_text = c_function(module, "PyErr_SetString", ir.VoidType(), pointer, pointer)
    b.call(set_text, [b.load(found), text, *numbers])
    b.call(c_function(module, "PyGILState_Release", ir.VoidType(), STATUS), [held])


def c_function(module: ir.Module, name: str, result: ir.Type, *arguments: ir.Type) -> ir.Function:
    return module.globals.get(name) or ir.Function(module, ir.FunctionType(result, arguments), name)


@lru_cache(maxsize=4096)
def parsed_size(text: str) -> ast.expr:
    """A size expression."""
    return ast.parse(text, mode="eval").body


class Lazy(dict[Any, Any]):
    """Made when it is first asked for."""

    def __init__(self, make: Callable[[Any], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, key: Any) -> Any:
        value = self[key] = self.make(key)
        return value


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
        self.is_local: Callable[[str], bool] | None = None  # whether a name in a size is a number computed here
        self.pointers: dict[Buffer, ir.Value] = {}
        self.aliases: dict[Buffer, Buffer] = {}
        self.inputs: dict[str, tuple[ir.Value, int, np.dtype]] = {}  # scalars in memory: where, number, dtype
        self.functions: dict[str, ir.Function] = {}  # of the module, by what they do
        self.refusing: set[int] = set()  # which of them may refuse
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

    def refused(self) -> ir.Value:
        """Whether anything was refused."""
        return self.b.icmp_signed("!=", self.b.load(self._refused), STATUS(0))

    def raise_refused(self) -> None:
        """Return with an exception if anything was refused."""
        if self._refused is None:
            return
        with self.b.if_then(self.refused(), likely=False):
            raise_error(self.b, f"{OWN}PyExc_ValueError", bounds.text_of(self.b, REFUSED))
            self.b.ret(STATUS(1))
        self._refused = None

    def raise_out_of_bounds(self) -> None:
        """Return with an exception if an access was out of bounds, here or in another function of the module."""
        if not config.bounds:
            return
        place = bounds.found(self.module)
        message = self.b.load(place)
        with self.b.if_then(self.b.icmp_unsigned("!=", message, message.type(None)), likely=False):
            self.b.store(message.type(None), place)
            raise_error(self.b, f"{OWN}PyExc_RuntimeError", message)
            self.b.ret(STATUS(1))

    def finish(self, status: int = 0) -> ir.Function:
        """End the function."""
        self.b.ret(STATUS(status) if self._refused is None else self.b.load(self._refused))
        self.entry.branch(self._start)
        return self.body

    # ---- scalars in memory ------------------------------------------------------------------

    def take_inputs(self, block: ir.Value, dtypes: dict[str, np.dtype]) -> None:
        """Scalars that are passed in memory, one word each, in this order."""
        if isinstance(block, ir.Argument):
            block.add_attribute("noalias")
        self.inputs = {name: (block, k, dtype) for k, (name, dtype) in enumerate(dtypes.items())}
        self.values = Lazy(lambda name: self._input(name, self.entry))

    def _input(self, name: str, b: ir.IRBuilder) -> Scalar:
        block, k, dtype = self.inputs[name]
        return Scalar(from_word(b, b.load(b.gep(block, [WORD(k)])), TYPES[dtype]), dtype)

    def input_block(self, names: Sequence[str]) -> ir.Value:
        """Scalars in memory, for `take_inputs`: where they are, if they lie there one after the other, or copied."""
        places = [self.inputs.get(name, (None, 0, None))[:2] for name in names]
        block, first = places[0]
        if block is not None and places == [(block, first + k) for k in range(len(names))]:
            return self.b.gep(block, [WORD(first)])
        copy = self.entry.alloca(WORD, WORD(len(names)))
        for k, name in enumerate(names):
            self.b.store(as_word(self.b, self.scalar_now(name).ir), self.b.gep(copy, [WORD(k)]))
        return copy

    def scalar_now(self, name: str) -> Scalar:
        """A scalar, loaded here if it lies in memory: nothing is kept in a register until it is needed."""
        return self._input(name, self.b) if name in self.inputs else self.values[name]

    # ---- memory -----------------------------------------------------------------------------

    def bind(self, outline: Outline, given: Sequence[ir.Value]) -> list[ir.Value]:
        """Give names to arguments: pointers that nobody else writes through, then sizes; returns the others."""
        rest = list(given)
        for buffer in outline.buffers:
            self.pointers[buffer] = rest.pop(0)
            if isinstance(self.pointers[buffer], ir.Argument):
                self.pointers[buffer].add_attribute("noalias")
        self.aliases = dict(outline.aliases)
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
        shape, offset, inside = access.buffer.shape, None, []
        for k, index in enumerate(access.index):
            inner = " * ".join(n for n in shape[k + 1 :] if n != "1")
            place = self.position(index, loops)
            if config.bounds:
                inside.append((f"axis {k}", bounds.below(self.b, place, self.size(shape[k]))))
            term = place if not inner else self.b.mul(place, self.size(inner), flags=("nsw",))
            offset = term if offset is None else self.b.add(offset, term, flags=("nsw",))
        address = self.b.gep(self.pointers[access.buffer], [WORD(0) if offset is None else offset])
        return bounds.element(self, access.buffer, address, inside) if config.bounds else address

    def element(self, buffer: Buffer, where: ir.Value) -> ir.Value:
        """Where the element at an offset lies."""
        address = self.b.gep(self.pointers[buffer], [where])
        if not config.bounds:
            return address
        size = self.size(" * ".join(n for n in buffer.shape if n != "1"))
        return bounds.element(self, buffer, address, [("the offset", bounds.below(self.b, where, size))])

    def position(self, index: Index, loops: Sequence[ir.Value]) -> ir.Value:
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
                if config.bounds:
                    one = bounds.below(b, self.position(guard.index, loops), self.size(guard.size))
                    good = one if self.assumed[guard] else b.not_(one)
                    bounds.require(b, good, f"a guard of size {guard.size} was taken to be {self.assumed[guard]}")
                if not self.assumed[guard]:
                    return zero
                continue
            # As unsigned numbers, what is below 0 is above any size.
            one = b.icmp_unsigned("<", self.position(guard.index, loops), self.size(guard.size))
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

    def slot(self, dtype: np.dtype, lanes: int = 0) -> ir.Value:
        """A register that changes, or a vector of them: LLVM turns it into one."""
        return self.entry.alloca(ir.VectorType(TYPES[dtype], lanes) if lanes else TYPES[dtype])

    # ---- sizes and control --------------------------------------------------------------------

    def size(self, text: str) -> ir.Value:
        """A size expression, computed once, at the entry of the function."""
        if self.is_local is not None and any(map(self.is_local, NAME.findall(text))):
            return self._local_size(parsed_size(text))
        if text not in self.sizes:
            self.sizes[text] = self._size(parsed_size(text or "1"))
        return self.sizes[text]

    def _local_size(self, node: ast.expr) -> ir.Value:
        """The same, computed here: it depends on numbers that the function itself computes."""
        if isinstance(node, ast.Name) and self.is_local is not None and self.is_local(node.id):
            return self.values[node.id].ir
        if isinstance(node, ast.Constant | ast.Name):
            return self._size(node)
        if isinstance(node, ast.UnaryOp):
            return self.b.neg(self._local_size(node.operand))
        assert isinstance(node, ast.BinOp)
        emit = {ast.Add: self.b.add, ast.Sub: self.b.sub, ast.Mult: self.b.mul}[type(node.op)]
        return emit(self._local_size(node.left), self._local_size(node.right), flags=("nsw",))

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


def as_word(b: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """Any argument as 64 bits."""
    kind = value.type
    if isinstance(kind, ir.PointerType):
        return b.ptrtoint(value, WORD)
    if isinstance(kind, ir.DoubleType):
        return b.bitcast(value, WORD)
    if isinstance(kind, ir.FloatType):
        return b.zext(b.bitcast(value, ir.IntType(32)), WORD)
    return value if kind.width == 64 else b.zext(value, WORD)


def from_word(b: ir.IRBuilder, word: ir.Value, kind: ir.Type) -> ir.Value:
    """The argument of this type."""
    if isinstance(kind, ir.PointerType):
        return b.inttoptr(word, kind)
    if isinstance(kind, ir.DoubleType):
        return b.bitcast(word, kind)
    if isinstance(kind, ir.FloatType):
        return b.bitcast(b.trunc(word, ir.IntType(32)), kind)
    return word if kind.width == 64 else b.trunc(word, kind)
