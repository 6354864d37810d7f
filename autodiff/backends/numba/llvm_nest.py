"""A loop nest as LLVM: the loops, its statements, its reductions.

Its outermost loop runs over a range of blocks, so that threads can share them; a reduction over
everything leaves one partial result per block, and these are combined in order: what comes out
depends on the blocks, which are fixed by the sizes, never on who computed them.

The structure is that of `source._NestPrinter`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from autodiff.backends.numba.llvm_function import WORD, WORDS, FunctionPrinter, memory_type
from autodiff.backends.numba.llvm_lanes import copies_of, lanes_of
from autodiff.backends.numba.llvm_scalar import BOOL, TYPES, Scalar, constant, spread
from autodiff.backends.numba.llvm_segments import (
    assumptions,
    guards_by_loop,
    holds_widely,
    inner_part,
    segments_of,
    span,
)
from autodiff.backends.numba.llvm_vector import VectorLoop, halves
from autodiff.backends.numba.nest import Access, Accumulate, LoopNest, Statement, Store
from autodiff.backends.numba.outline import Outline, many, outline
from autodiff.backends.numba.source import CHUNK
from autodiff.backends.numba.strips import COUNT, FIRST, OUTER, Strips, strips
from autodiff.backends.numba.vector_value import Value
from autodiff.ops.families import Elementwise, Reduction
from autodiff.ops.op import Cast

if TYPE_CHECKING:
    from llvmlite import ir

# LLVM's own: nan wins, as in NumPy, and loops over them vectorise, which they do not over comparisons.
ORDERLESS = ("maximum", "minimum")


@dataclass(frozen=True, slots=True)
class Blocks:
    """Which of the outermost trips to run: blocks `low` to `high` of `rows` trips each.

    `parts` is where each reduction over everything leaves its partial results, by block.
    """

    low: ir.Value
    high: ir.Value
    rows: ir.Value
    parts: Sequence[ir.Value]


class Accumulator:
    """One reduction of a nest: its place in the loops, its total and its part."""

    def __init__(self, f: FunctionPrinter, item: Accumulate, rank: int, lanes: int, copies: int) -> None:
        self.item = item
        assert isinstance(item.instr.op, Reduction)
        self.op = item.instr.op
        self.depth = item.depth(rank)
        self.dtype = item.buffer.dtype
        self.wide = wide(item)
        self.total = f.slot(self.wide)
        self.parts = [f.slot(self.dtype, lanes) for _ in range(copies)]
        self.lanes = lanes


def wide(item: Accumulate) -> np.dtype:
    """The dtype of totals: those of float32 sums are kept in float64 and rounded once, as in `source.py`."""
    op, dtype = item.instr.op, item.buffer.dtype
    return np.dtype("f8") if isinstance(op, Reduction) and op.additive and dtype == np.float32 else dtype


def combined(f: FunctionPrinter, op: Reduction, acc: Scalar, value: Scalar, free: bool = False) -> Scalar:
    """Two partial results as one; `free` additions may be reordered."""
    if free and op.additive and acc.is_float:
        return f.scalar.plus(acc, value)
    name = op.combine.partition("(")[0]
    if free and name in ORDERLESS and acc.is_float:
        return Scalar(Value(f.b, acc.ir).intrinsic(name, Value(f.b, value.ir)).ir, acc.dtype)
    return f.scalar.expression(op.combine.format(acc="{0}", x="{1}"), (acc, value))


def whole_reductions(nest: LoopNest) -> list[Accumulate]:
    """The reductions over all axes: their results are scalars, made of one part per block."""
    rank = len(nest.domain)
    return [s for s in nest.body if isinstance(s, Accumulate) and rank and s.depth(rank) == 0]


def memory_reductions(nest: LoopNest) -> list[Accumulate]:
    """The reductions that add up in memory."""
    return [s for s in nest.body if isinstance(s, Accumulate) and s.depth(len(nest.domain)) == -1]


class NestPrinter:
    """Emits one loop nest."""

    def __init__(self, f: FunctionPrinter, nest: LoopNest) -> None:
        self.f, self.b, self.nest = f, f.b, nest
        self.rank = len(nest.domain)
        self.loops: list[ir.Value] = []
        self.strips = strips(nest)
        self.lanes = lanes_of(nest, f.pointers.__getitem__) if self.strips is None else 0
        self.copies = copies_of(nest) if self.lanes else 1
        found = [s for s in nest.body if isinstance(s, Accumulate)]
        self.accumulators = {id(s): Accumulator(f, s, self.rank, self.lanes, self.copies) for s in found}
        self.guards = guards_by_loop(nest, seams=self.lanes > 0) if self.strips is None else {}
        self.segments = segments_of(nest, self.lanes) if self.lanes and self.strips is None else None
        self.bordered = False  # in a border of an outer loop: inner ones are not worth cutting

    def emit_once(self) -> None:
        """A nest without loops."""
        for item in memory_reductions(self.nest):  # over no axes: what they add up is one number
            assert isinstance(item.instr.op, Reduction)
            self.f.values[item.buffer.name] = constant(item.instr.op.identity(item.buffer.dtype), item.buffer.dtype)
        self._loop(0)

    def emit(self, blocks: Blocks) -> None:
        """The blocks of the outermost loop."""
        if self.segments is not None:
            self.segments.emit(self.f)
        trips = self.f.size(self.nest.domain[0])
        whole = [a for a in self.accumulators.values() if a.depth == 0]
        if not whole:
            start, stop = (self.b.mul(k, blocks.rows, flags=("nsw",)) for k in (blocks.low, blocks.high))
            self._outermost(start, self.f.smaller(stop, trips))
            return
        with self.f.loop(blocks.low, blocks.high) as block:
            start = self.b.mul(block, blocks.rows, flags=("nsw",))
            stop = self.f.smaller(self.b.add(start, blocks.rows, flags=("nsw",)), trips)
            self._begin(whole)
            self._outermost(start, stop)
            for a, parts in zip(whole, blocks.parts, strict=True):
                self.b.store(self.f.stored(Scalar(self.b.load(a.total), a.wide)), self.b.gep(parts, [block]))

    def _begin(self, accumulators: Sequence[Accumulator]) -> None:
        for a in accumulators:
            self.b.store(constant(a.op.identity(a.wide), a.wide).ir, a.total)

    def _outermost(self, start: ir.Value, stop: ir.Value) -> None:
        if self.rank == 1:
            self._chunks(start, stop)
        else:
            self._outer(0, start, stop)

    def _outer(self, depth: int, start: ir.Value, stop: ir.Value) -> None:
        for begin, end in self._parts(depth, start, stop):
            with self.f.loop(begin, end) as i:
                self.loops.append(i)
                self._loop(depth + 1)
                self.loops.pop()

    def _parts(self, depth: int, start: ir.Value, stop: ir.Value) -> Iterator[tuple[ir.Value, ir.Value]]:
        """The parts of a loop's range: its inner part, where guards need not be asked, and the borders.

        In the inner part all guards hold, but those of a single position, which do not. Code is emitted
        for each part that is yielded, the second time for two borders in turn.
        """
        guards = self.guards.get(depth)
        if not guards or self.bordered or depth < self.rank - 2:
            yield start, stop
            return
        f, b = self.f, self.b
        low, high = inner_part(f, guards, start, stop)
        good = b.icmp_signed("<", low, high)
        for guard in guards:
            if not holds_widely(guard):
                first, beyond = span(f, guard)
                outside = b.or_(b.icmp_signed("<=", high, first), b.icmp_signed(">=", low, beyond))
                good = b.and_(good, outside)
        low, high = b.select(good, low, start), b.select(good, high, start)
        known = dict(f.assumed)
        f.assumed.update(assumptions(guards))
        yield low, high
        f.assumed = known
        self.bordered = True
        with f.loop(WORD(0), WORD(2)) as side:
            left = b.icmp_signed("==", side, WORD(0))
            yield b.select(left, start, high), b.select(left, low, stop)
        self.bordered = False

    def _loop(self, depth: int) -> None:
        """The loops from `depth` inwards, whole."""
        if depth == self.rank:
            for item in self.nest.body:
                self._body(item)
            return
        here = [a for a in self.accumulators.values() if a.depth == depth]
        self._begin(here)
        size = self.f.size(self.nest.domain[depth])
        if depth < self.rank - 1:
            self._outer(depth, WORD(0), size)
        else:
            self._chunks(WORD(0), size)
        for a in here:
            self._finish(a)

    def _chunks(self, start: ir.Value, stop: ir.Value) -> None:
        """The innermost loop, cut where it is reduced over."""
        if any(a.depth == self.rank - 1 for a in self.accumulators.values()):
            with self.f.loop(start, stop, CHUNK) as chunk:
                self._innermost(chunk, self.f.smaller(self.b.add(chunk, WORD(CHUNK), flags=("nsw",)), stop))
        else:
            self._innermost(start, stop)

    def _innermost(self, start: ir.Value, stop: ir.Value) -> None:
        """The loop that is vectorised: parts are its own, totals are beyond it."""
        open_ = [a for a in self.accumulators.values() if a.depth >= 0]
        for a in open_:
            identity = constant(a.op.identity(a.dtype), a.dtype)
            for part in a.parts:
                self.b.store(spread(self.b, identity, a.lanes).ir if a.lanes else identity.ir, part)
        if self.strips is not None:
            self._by_strips(self.strips, start, stop)
        else:
            self._trips(start, stop)
        for a in open_ if self.strips is None else ():
            part = self.f.scalar.cast(self._part(a), a.wide)
            total = combined(self.f, a.op, Scalar(self.b.load(a.total), a.wide), part)
            self.b.store(total.ir, a.total)

    def _trips(self, start: ir.Value, stop: ir.Value) -> None:
        """The innermost loop in one piece."""
        if self.lanes:
            VectorLoop(self, masked=self.bordered).emit(start, stop)
            return
        for begin, end in self._parts(self.rank - 1, start, stop):
            with self.f.loop(begin, end) as i:
                self.loops.append(i)
                self._loop(self.rank)
                self.loops.pop()

    def _part(self, a: Accumulator) -> Scalar:
        """What the innermost loop has added up; of vectors always in the same order."""
        found = [Scalar(self.b.load(part), a.dtype) for part in a.parts]
        while len(found) > 1:
            found = [self.combined(a, *found[k : k + 2]) for k in range(0, len(found), 2)]
        (one,) = found
        while one.lanes:
            one = self.combined(a, *halves(self.b, one))
        return one

    def combined(self, a: Accumulator, acc: Scalar, value: Scalar) -> Scalar:
        """Two vectors of partial results, or two numbers."""
        return combined(self.f, a.op, acc, value, free=not a.op.additive)

    def _by_strips(self, strips: Strips, start: ir.Value, stop: ir.Value) -> None:
        """The innermost loop in strips, over each of which one piece of the body runs after the other."""
        f, b, length = self.f, self.b, WORD(strips.length)
        for strip in strips.memory:
            f.pointers[strip] = f.entry.alloca(memory_type(strip.dtype), length)
        totals = {total: self.accumulators[id(item)] for item, total in strips.sums}
        places = {total: f.entry.alloca(memory_type(a.wide)) for total, a in totals.items()}
        with f.loop(start, stop, strips.length) as first:
            count = f.smaller(length, b.sub(stop, first))
            here = {FIRST: first, COUNT: count} | {OUTER.format(k): i for k, i in enumerate(self.loops)}
            for piece in strips.pieces:
                o = outline(piece, f.aliases)
                function = f.functions.get(o.key) or self._piece(piece, o)
                sizes = [here[n] if n in here else f.size(n) for n in o.sizes]
                inputs = [f.input_block(o.inputs)] if many(o) else [f.scalar_now(n).ir for n in o.inputs]
                status = b.call(
                    function, [*(f.pointers[x] for x in o.buffers), *sizes, *inputs, *(places[t] for t in o.outputs)]
                )
                if id(function) in f.refusing:
                    f.refuse(Scalar(b.icmp_signed("!=", status, status.type(0)), BOOL))
                for total in o.outputs:
                    a = totals[total]
                    found = combined(f, a.op, Scalar(b.load(a.total), a.wide), f.load(places[total], a.wide))
                    b.store(found.ir, a.total)

    def _piece(self, piece: LoopNest, o: Outline) -> ir.Function:
        """The function of one piece."""
        f = self.f
        dtypes = {n: f.inputs[n][2] if n in f.inputs else f.values[n].dtype for n in o.inputs}
        totals = {s.buffer: wide(s) for s in piece.body if isinstance(s, Accumulate) and not s.buffer.shape}
        kinds = [memory_type(x.dtype).as_pointer() for x in o.buffers] + [WORD] * len(o.sizes)
        kinds += [WORDS] if many(o) else [TYPES[dtypes[n]] for n in o.inputs]
        kinds += [memory_type(totals[t]).as_pointer() for t in o.outputs]
        inner = FunctionPrinter(f.module, "piece", kinds, f.scalar.called)
        rest = inner.bind(o, inner.body.args)
        if many(o):
            inner.take_inputs(rest.pop(0), dtypes)
        for name in () if many(o) else o.inputs:
            inner.values[name] = Scalar(rest.pop(0), dtypes[name])
        printer = NestPrinter(inner, piece)
        printer.strips, printer.guards, printer.segments = None, {}, None  # a piece is not cut again
        printer.emit(Blocks(WORD(0), WORD(1), inner.size(COUNT), rest))
        if inner.may_refuse:
            f.refusing.add(id(inner.body))
        f.functions[o.key] = inner.finish()
        return inner.body

    def _finish(self, a: Accumulator) -> None:
        total = self.f.scalar.cast(Scalar(self.b.load(a.total), a.wide), a.dtype)
        self.f.write(Access(a.item.buffer, a.item.kept), total, self.loops)

    def _body(self, item: Statement | Store | Accumulate) -> None:
        if isinstance(item, Statement):
            self.f.values[item.target] = self._statement(item)
        elif isinstance(item, Store):
            self.f.write(item.target, self.f.read(item.value, self.loops), self.loops)
        else:
            self._accumulate(self.accumulators[id(item)], self.f.read(item.value, self.loops))

    def _statement(self, item: Statement) -> Scalar:
        return self.computed(item, tuple(self.f.read(o, self.loops) for o in item.operands))

    def computed(self, item: Statement, operands: tuple[Scalar, ...]) -> Scalar:
        """A statement of operands that have been read."""
        assert item.instr is not None
        op, result = item.instr.op, item.instr.results[0].aval.dtype
        if isinstance(op, Cast):
            return self.f.scalar.cast(operands[0], result)
        assert isinstance(op, Elementwise)
        template = op.variants.get(operands[0].dtype.kind, op.scalar)
        return self.f.scalar.cast(self.f.scalar.expression(template, operands), result)

    def _accumulate(self, a: Accumulator, value: Scalar) -> None:
        value = self.f.scalar.cast(value, a.dtype)
        if a.depth >= 0:
            part = combined(self.f, a.op, Scalar(self.b.load(a.parts[0]), a.dtype), value, free=True)
            self.b.store(part.ir, a.parts[0])
            return
        buffer = a.item.buffer
        if not buffer.shape:
            self.f.values[buffer.name] = combined(self.f, a.op, self.f.values[buffer.name], value)
            return
        address = self.f.address(Access(buffer, a.item.kept), self.loops)
        total = combined(self.f, a.op, self.f.load(address, buffer.dtype), value)
        self.b.store(self.f.stored(total), address)
