"""A kernel plan as LLVM IR: the second printer of loop nests, beside `source.py`.

    int kernel(int64 *words)        one word per parameter, size, buffer and scalar result
    int body(...)                   the same, typed; pointers are `noalias`, so loops vectorise

Who calls it gives all memory: results are fresh arrays, intermediates live in an arena. The two
printers are held together by tests; what this one cannot say (`NoKernel`) is compiled from
source by Numba instead.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.host import HOST
from autodiff.backends.numba.llvm_calls import asks_host, emit_call
from autodiff.backends.numba.llvm_scalar import BOOL, TYPES, Scalar, ScalarPrinter, constant
from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Alias,
    Buffer,
    Constant,
    Index,
    KernelPlan,
    LoopNest,
    NativeCall,
    Source,
    Statement,
    Store,
)
from autodiff.backends.numba.source import CHUNK
from autodiff.backends.numba.vector_formulas import FORMULAS
from autodiff.ops.families import Elementwise, Reduction
from autodiff.ops.op import Cast

# Each formula written out costs 10 to 30 ms of compilation; a kernel with more of them than this
# calls them instead, element by element.
INLINED = 64
WORD = ir.IntType(64)
STATUS = ir.IntType(32)  # 0; 1: an exception is pending in this thread; 2: the host has one


def memory_type(dtype: np.dtype) -> ir.Type:
    """How one element lies in memory: a bool is a byte."""
    return ir.IntType(8) if dtype == BOOL else TYPES[dtype]


def print_llvm(plan: KernelPlan) -> str:
    """The kernel as LLVM IR text, its entry point called `kernel`.

    Raises
    ------
    NoKernel
        When the plan holds something that only the source printer can say.
    """
    return str(KernelPrinter(plan).module)


def is_large(plan: KernelPlan) -> bool:
    """Whether the kernel calls its formulas, in loops that then do not vectorise."""
    return _formulas(plan) > INLINED


def scalar_results(plan: KernelPlan) -> list[Buffer]:
    """Results of shape (), which the kernel writes through pointers."""
    return [b for b in plan.results if not b.shape]


class KernelPrinter:
    """Emits one kernel. `values` holds scalars by name, `pointers` buffers."""

    def __init__(self, plan: KernelPlan) -> None:
        self.plan = plan
        self.module = ir.Module("kernel")
        self.values: dict[str, Scalar] = {}
        self.sizes: dict[str, ir.Value] = {}
        self.pointers: dict[Buffer, ir.Value] = {}
        self.calls = [s for s in plan.steps if isinstance(s, NativeCall)]
        self.size_names = (*plan.sizes, *((HOST,) if any(map(asks_host, plan.steps)) else ()))
        outputs = scalar_results(plan)
        kinds = [self._parameter_type(p) for p in plan.params]
        kinds += [WORD] * len(self.size_names)
        kinds += [memory_type(b.dtype).as_pointer() for b in (*plan.allocated, *outputs)]
        self.body = ir.Function(self.module, ir.FunctionType(STATUS, kinds), "body")
        self.body.linkage = "internal"
        self.body.attributes.add("noinline")
        self.entry = ir.IRBuilder(self.body.append_basic_block("entry"))
        self.b = ir.IRBuilder(self.body.append_basic_block("start"))
        start = self.b.block
        self.scalar = ScalarPrinter(self.b, outlined=is_large(plan))
        results = self._bind_parameters(len(outputs))
        self._steps()
        for buffer, pointer in zip(outputs, results, strict=True):
            self.b.store(self.stored(self.values[buffer.name]), pointer)
        self.b.ret(STATUS(0))
        self.entry.branch(start)
        self._wrapper(kinds)

    # ---- the outside ----------------------------------------------------------------------

    def _parameter_type(self, p: Buffer) -> ir.Type:
        return memory_type(p.dtype).as_pointer() if p.shape else TYPES[p.dtype]

    def _bind_parameters(self, n_outputs: int) -> list[ir.Value]:
        args = list(self.body.args)
        for arg in args:
            if isinstance(arg.type, ir.PointerType):
                arg.add_attribute("noalias")
        for p in self.plan.params:
            arg = args.pop(0)
            if p.shape:
                self.pointers[p] = arg
            else:
                self.values[p.name] = Scalar(arg, p.dtype)
        for name in self.size_names:
            self.sizes[name] = args.pop(0)
        for buffer in self.plan.allocated:
            self.pointers[buffer] = args.pop(0)
        assert len(args) == n_outputs
        return args

    def _wrapper(self, kinds: Sequence[ir.Type]) -> None:
        """Unpack the words."""
        function = ir.Function(self.module, ir.FunctionType(STATUS, [WORD.as_pointer()]), "kernel")
        b = ir.IRBuilder(function.append_basic_block())
        arguments = []
        for k, kind in enumerate(kinds):
            word = b.load(b.gep(function.args[0], [WORD(k)]))
            if isinstance(kind, ir.PointerType):
                arguments.append(b.inttoptr(word, kind))
            elif isinstance(kind, ir.IntType):
                arguments.append(word if kind.width == 64 else b.trunc(word, kind))
            else:
                number = b.bitcast(word, ir.DoubleType())
                arguments.append(number if isinstance(kind, ir.DoubleType) else b.fptrunc(number, kind))
        b.ret(b.call(self.body, arguments))

    # ---- steps ------------------------------------------------------------------------------

    def _steps(self) -> None:
        for buffer in self.plan.allocated:
            if buffer.zeroed:
                self.fill(buffer, constant(0, buffer.dtype))
        for step in self.plan.steps:
            if isinstance(step, LoopNest):
                _Nest(self, step).emit()
            elif isinstance(step, Alias):
                self.pointers[step.buffer] = self.pointers[step.base]
            else:
                emit_call(self, step)

    def fill(self, buffer: Buffer, value: Scalar) -> None:
        """Set every element."""
        with self.loop(WORD(0), self.size(" * ".join(buffer.shape))) as i:
            self.b.store(self.stored(value), self.b.gep(self.pointers[buffer], [i]))

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

    # ---- sizes and memory -------------------------------------------------------------------

    def size(self, text: str) -> ir.Value:
        """A size expression, computed once, at the entry of the function."""
        if text not in self.sizes:
            self.sizes[text] = self._size(ast.parse(text, mode="eval").body)
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


def _formulas(plan: KernelPlan) -> int:
    """How many vector formulas a kernel uses."""
    statements = [s for step in plan.steps if isinstance(step, LoopNest) for s in step.body if isinstance(s, Statement)]
    templates = [s.instr.op.scalar for s in statements if s.instr is not None and isinstance(s.instr.op, Elementwise)]
    return sum(any(f"{name}(" in t for name in FORMULAS) for t in templates)


class _Accumulator:
    """One reduction of a nest: its place in the loops, its total and its part."""

    def __init__(self, printer: KernelPrinter, item: Accumulate, rank: int) -> None:
        self.item = item
        assert isinstance(item.instr.op, Reduction)
        self.op = item.instr.op
        self.depth = item.depth(rank)
        self.dtype = item.buffer.dtype
        # Totals of float32 sums are kept in float64 and rounded once, as in `source.py`.
        self.wide = np.dtype("f8") if self.op.additive and self.dtype == np.float32 else self.dtype
        self.total = printer.slot(self.wide)
        self.part = printer.slot(self.dtype)


class _Nest:
    """Emits one loop nest; the structure is that of `source._NestPrinter`."""

    def __init__(self, printer: KernelPrinter, nest: LoopNest) -> None:
        self.p, self.b, self.nest = printer, printer.b, nest
        self.rank = len(nest.domain)
        self.loops: list[ir.Value] = []
        found = [s for s in nest.body if isinstance(s, Accumulate)]
        self.accumulators = {id(s): _Accumulator(printer, s, self.rank) for s in found}

    def emit(self) -> None:
        for a in self.accumulators.values():
            if a.depth == -1:
                identity = constant(a.op.identity(a.dtype), a.dtype)
                if a.item.buffer.shape:
                    self.p.fill(a.item.buffer, identity)
                else:
                    self.p.values[a.item.buffer.name] = identity
        self._loop(0)

    def _loop(self, depth: int) -> None:
        if depth == self.rank:
            for item in self.nest.body:
                self._body(item)
            return
        here = [a for a in self.accumulators.values() if a.depth == depth]
        for a in here:
            self.b.store(constant(a.op.identity(a.wide), a.wide).ir, a.total)
        size = self.p.size(self.nest.domain[depth])
        if depth < self.rank - 1:
            with self.p.loop(WORD(0), size) as i:
                self.loops.append(i)
                self._loop(depth + 1)
                self.loops.pop()
        elif any(a.depth == depth for a in self.accumulators.values()):
            with self.p.loop(WORD(0), size, CHUNK) as chunk:
                end = self.b.add(chunk, WORD(CHUNK), flags=("nsw",))
                end = self.b.select(self.b.icmp_signed("<", end, size), end, size)
                self._innermost(chunk, end)
        else:
            self._innermost(WORD(0), size)
        for a in here:
            self._finish(a)

    def _innermost(self, start: ir.Value, stop: ir.Value) -> None:
        """The loop that is vectorised: parts are its own, totals are beyond it."""
        open_ = [a for a in self.accumulators.values() if a.depth >= 0]
        for a in open_:
            self.b.store(constant(a.op.identity(a.dtype), a.dtype).ir, a.part)
        with self.p.loop(start, stop) as i:
            self.loops.append(i)
            self._loop(self.rank)
            self.loops.pop()
        for a in open_:
            part = self.p.scalar.cast(Scalar(self.b.load(a.part), a.dtype), a.wide)
            self._combine(a, a.total, Scalar(self.b.load(a.total), a.wide), part, free=False)

    def _finish(self, a: _Accumulator) -> None:
        total = self.p.scalar.cast(Scalar(self.b.load(a.total), a.wide), a.dtype)
        kept = tuple(Index(k) for k in range(a.depth))
        self.p.write(Access(a.item.buffer, kept), total, self.loops)

    def _combine(self, a: _Accumulator, slot: ir.Value, acc: Scalar, value: Scalar, free: bool) -> None:
        if free and a.op.additive and acc.is_float:
            combined = self.p.scalar.plus(acc, value)
        else:
            combined = self.p.scalar.expression(a.op.combine.format(acc="{0}", x="{1}"), (acc, value))
        self.b.store(combined.ir, slot)

    def _body(self, item: Statement | Store | Accumulate) -> None:
        if isinstance(item, Statement):
            self.p.values[item.target] = self._statement(item)
        elif isinstance(item, Store):
            self.p.write(item.target, self.p.read(item.value, self.loops), self.loops)
        else:
            self._accumulate(self.accumulators[id(item)], self.p.read(item.value, self.loops))

    def _statement(self, item: Statement) -> Scalar:
        operands = tuple(self.p.read(o, self.loops) for o in item.operands)
        assert item.instr is not None
        op, result = item.instr.op, item.instr.results[0].aval.dtype
        if isinstance(op, Cast):
            return self.p.scalar.cast(operands[0], result)
        assert isinstance(op, Elementwise)
        template = op.variants.get(operands[0].dtype.kind, op.scalar)
        value = self.p.scalar.expression(template, operands)
        return self.p.scalar.cast(value, result)

    def _accumulate(self, a: _Accumulator, value: Scalar) -> None:
        value = self.p.scalar.cast(value, a.dtype)
        if a.depth >= 0:
            self._combine(a, a.part, Scalar(self.b.load(a.part), a.dtype), value, free=True)
            return
        buffer = a.item.buffer
        combine = a.op.combine.format(acc="{0}", x="{1}")
        if not buffer.shape:
            acc = self.p.values[buffer.name]
            self.p.values[buffer.name] = self.p.scalar.expression(combine, (acc, value))
            return
        kept = tuple(Index(k) for k in range(self.rank) if k not in a.item.axes)
        address = self.p.address(Access(buffer, kept), self.loops)
        acc = self.p.load(address, buffer.dtype)
        self.b.store(self.p.stored(self.p.scalar.expression(combine, (acc, value))), address)
