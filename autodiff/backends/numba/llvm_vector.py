"""The innermost loop of a nest, written as vector code.

LLVM's vectoriser has to find out what is known here: that no two buffers meet, that trips are independent, which
accesses move along with the loop. With the passes before and after it that takes 30 to 60 ms a nest; written as vectors
from the start, a loop needs none of them (`native.compiled`).

The loop comes twice: for whole vectors, and under a mask for the trips that are left, or for those where guards change
(`llvm_segments.py`). Where the CPU has masks in every instruction (AVX-512), a long body without guards comes once,
under the mask. Every element is thus computed by the same instructions, wherever it lies. A loop that cannot be written
so (`llvm_lanes.py`) is written for single numbers and left to LLVM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from llvmlite import ir

from autodiff.backends.numba.formula_code import vector_bytes
from autodiff.backends.numba.llvm_elements import INT32, PLACE, Elements, numbers
from autodiff.backends.numba.llvm_function import WORD
from autodiff.backends.numba.llvm_lanes import weight
from autodiff.backends.numba.llvm_number import BOOL, Scalar, spread
from autodiff.backends.numba.llvm_segments import Segments, seam_of
from autodiff.backends.numba.nest import Access, Accumulate, Statement, Store

if TYPE_CHECKING:
    from autodiff.backends.numba.llvm_nest import Accumulator, NestPrinter

LONG = 40  # instructions of a body from which it is written once, where masks cost nothing


class VectorLoop(Elements):
    """Emits one run over a range."""

    def __init__(self, nest: NestPrinter, masked: bool) -> None:
        super().__init__(nest)
        self.masked = masked or (weight(nest.nest) > LONG and vector_bytes() == 64)
        self.segments = None if masked else nest.segments

    def emit(self, start: ir.Value, stop: ir.Value) -> None:
        b = self.b
        with b.if_then(b.icmp_signed("<", start, stop)):
            before, first = b.block, b.append_basic_block("vectors")
            b.branch(first)
            b.position_at_end(first)
            ahead = ir.IRBuilder(before)
            ahead.position_before(before.terminator)
            self.place(ahead)
            if self.segments is not None:
                self._in_segments(self.segments, start, stop)
            else:
                self._under_mask(start if self.masked else self._whole(start, stop), stop)

    def _in_segments(self, segments: Segments, start: ir.Value, stop: ir.Value) -> None:
        """The segments in this range, and between them what is left."""
        f, b, done = self.f, self.b, self.f.slot(PLACE)
        b.store(start, done)
        with f.loop(WORD(0), b.add(segments.count, WORD(1))) as number:
            first, last = segments.bounds(b, number)
            first = f.smaller(f.larger(first, b.load(done)), stop)
            length = f.larger(b.sub(f.smaller(last, stop), first), WORD(0))
            last = b.add(first, b.and_(length, WORD(-self.lanes)))
            self._under_mask(b.load(done), first)
            known = dict(f.assumed)
            f.assumed.update(segments.known)
            self.chosen = self._choose(first)
            self._single(self._whole(first, last), last)
            f.assumed, self.chosen = known, {}
            b.store(last, done)

    def _under_mask(self, start: ir.Value, stop: ir.Value) -> None:
        with self.f.loop(start, stop, self.lanes) as i:
            rest = spread(self.b, Scalar(self.b.sub(stop, i), PLACE), self.lanes)
            self._trip(i, self.b.icmp_signed(">", rest.ir, numbers(self.lanes)))

    def _single(self, start: ir.Value, stop: ir.Value) -> None:
        """The whole vectors that are left."""
        if self.nest.copies > 1:
            with self.f.loop(start, stop, self.lanes) as i:
                self._trip(i, None)

    def _whole(self, start: ir.Value, stop: ir.Value) -> ir.Value:
        """The loop over whole vectors; where it ends."""
        b, copies = self.b, self.nest.copies
        step = self.lanes * copies
        end = b.add(start, b.and_(b.sub(stop, start), WORD(-step)))
        with self.f.loop(start, end, step) as i:
            for k in range(copies):
                self._trip(b.add(i, WORD(k * self.lanes)) if k else i, None, k)
        return end

    def _trip(self, i: ir.Value, mask: ir.Value | None, copy: int = 0) -> None:
        self.begin(i, mask)
        self.copy = copy
        for item in self.nest.nest.body:
            self._item(item)

    def _item(self, item: Statement | Store | Accumulate) -> None:
        if isinstance(item, Statement):
            self.f.values[item.target] = self._statement(item)
        elif isinstance(item, Store):
            self._write(item.target, self._read(item.value))
        else:
            self._accumulate(self.nest.accumulators[id(item)], self._read(item.value))

    def _statement(self, item: Statement) -> Scalar:
        seam = seam_of(item)
        if seam is not None:
            return self._joined(seam)
        operands = tuple(map(self._read, item.operands))
        if any(o.lanes for o in operands):
            return self.nest.computed(item, tuple(map(self._spread, operands)))
        found: Scalar = self._ahead(id(item), lambda: self.nest.computed(item, operands))
        return found

    def _accumulate(self, a: Accumulator, value: Scalar) -> None:
        f, b = self.f, self.b
        value = f.scalar.cast(self._spread(value), a.dtype)
        if a.depth < 0:
            access = Access(a.item.buffer, a.item.kept)
            self._write(access, self.nest.combined(a, self._load(access, self.mask, None), value))
            return
        old = Scalar(b.load(a.parts[self.copy]), a.dtype)
        new = self.nest.combined(a, old, value)
        if self.mask is not None:
            new = f.scalar.select(Scalar(self.mask, BOOL), new, old)
        b.store(new.ir, a.parts[self.copy])


def halves(b: ir.IRBuilder, x: Scalar) -> tuple[Scalar, Scalar]:
    """The lower lanes of a vector, and the upper ones."""
    if x.lanes == 2:
        return Scalar(b.extract_element(x.ir, INT32(0)), x.dtype), Scalar(b.extract_element(x.ir, INT32(1)), x.dtype)
    half = x.lanes // 2
    kind = ir.VectorType(INT32, half)
    places = ir.Constant(kind, list(range(half))), ir.Constant(kind, list(range(half, x.lanes)))
    low, high = (Scalar(b.shuffle_vector(x.ir, x.ir, p), x.dtype) for p in places)
    return low, high
