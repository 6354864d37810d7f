"""The innermost loop of a nest, written as vector code.

LLVM's vectoriser has to find out what is known here: that no two buffers meet, that trips are independent, which
accesses move along with the loop. With the passes before and after it that takes 30 to 60 ms a nest; written as vectors
from the start, a loop needs none of them (`native.compiled`).

The loop comes twice: for whole vectors, and under a mask for the trips that are left. Where the CPU has masks in every
instruction (AVX-512), a long body comes once, under the mask. Every element is thus computed by the same instructions,
wherever it lies. A loop that cannot be written so (`llvm_lanes.py`) is written for single numbers and left to LLVM.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.formula_code import vector_bytes
from autodiff.backends.numba.llvm_function import WORD, memory_type
from autodiff.backends.numba.llvm_lanes import moves, place_of, weight
from autodiff.backends.numba.llvm_number import BOOL, Scalar, constant, spread
from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Constant,
    Guarded,
    Index,
    Source,
    Statement,
    Store,
)

if TYPE_CHECKING:
    from autodiff.backends.numba.llvm_nest import Accumulator, NestPrinter

BYTE, INT32, DOUBLE = ir.IntType(8), ir.IntType(32), ir.DoubleType()
PLACE = np.dtype("i8")  # of positions
LONG = 40  # instructions of a body from which it is written once, where masks cost nothing


class VectorLoop:
    """Emits one run over a range. `fixed` is what does not change in it, computed ahead of the loop."""

    def __init__(self, nest: NestPrinter, masked: bool) -> None:
        self.nest, self.f, self.b = nest, nest.f, nest.f.b
        self.lanes, self.inner = nest.lanes, nest.rank - 1
        self.masked = masked or (weight(nest.nest) > LONG and vector_bytes() == 64)
        self.fixed: dict[Any, Any] = {}
        self.loops = [*nest.loops, WORD(0)]

    def emit(self, start: ir.Value, stop: ir.Value) -> None:
        f, b = self.f, self.b
        with b.if_then(b.icmp_signed("<", start, stop)):
            before, self.first = b.block, b.append_basic_block("vectors")
            b.branch(self.first)
            b.position_at_end(self.first)
            self.ahead = ir.IRBuilder(before)
            self.ahead.position_before(before.terminator)
            left = start if self.masked else self._whole(start, stop)
            with f.loop(left, stop, self.lanes) as i:
                rest = spread(b, Scalar(b.sub(stop, i), PLACE), self.lanes)
                self._trip(i, b.icmp_signed(">", rest.ir, _numbers(self.lanes)))

    def _whole(self, start: ir.Value, stop: ir.Value) -> ir.Value:
        """The loop over whole vectors; where it ends."""
        copies = self.nest.copies
        step = self.lanes * copies
        end = self.ahead.add(start, self.ahead.and_(self.ahead.sub(stop, start), WORD(-step)))
        with self.f.loop(start, end, step) as i:
            for k in range(copies):
                self._trip(self.b.add(i, WORD(k * self.lanes)) if k else i, None, k)
        return end

    def _trip(self, i: ir.Value, mask: ir.Value | None, copy: int = 0) -> None:
        self.i, self.mask, self.copy = i, mask, copy
        self.found: dict[Any, Scalar] = {}  # what was read and written
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
        operands = tuple(map(self._read, item.operands))
        if any(o.lanes for o in operands):
            return self.nest.computed(item, tuple(map(self._spread, operands)))
        found: Scalar = self._ahead(id(item), lambda: self.nest.computed(item, operands))
        return found

    def _ahead(self, key: Any, make: Any) -> Any:
        """What is the same on all trips, computed once, before the first."""
        if key not in self.fixed:
            with self._before():
                self.fixed[key] = make()
        return self.fixed[key]

    @contextmanager
    def _before(self) -> Iterator[None]:
        f, here = self.f, self.f.b
        f.b = f.scalar.b = self.ahead
        yield
        f.b = f.scalar.b = here

    def _spread(self, x: Scalar) -> Scalar:
        """In every lane; what has none is known ahead of the loop."""
        if x.lanes or isinstance(x.ir, ir.Constant):
            return spread(self.b, x, self.lanes)
        found: Scalar = self._ahead((id(x.ir), "lanes"), lambda: spread(self.f.b, x, self.lanes))
        return found

    # ---- memory ------------------------------------------------------------------------------------

    def _read(self, source: Source) -> Scalar:
        if isinstance(source, str):
            return self.f.values[source]
        if isinstance(source, Constant):
            return constant(source.value, source.dtype)
        if isinstance(source, Guarded):
            return self._guarded(source)
        return self._load(source, self.mask, None)

    def _load(self, access: Access, mask: ir.Value | None, otherwise: Scalar | None) -> Scalar:
        key, dtype = self._key(access), access.buffer.dtype
        if moves(access, self.inner) == 0:
            one: Scalar = self._ahead((key, "element"), lambda: self.f.load(self.f.address(access, self.loops), dtype))
            return one
        if key in self.found and otherwise is None:
            return self.found[key]
        value = self._elements(access, mask, self._in_memory(otherwise or constant(0, dtype)))
        if dtype == BOOL:
            value = self.b.icmp_unsigned("!=", value, self._in_memory(constant(0, dtype)))
        found = Scalar(value, dtype)
        if otherwise is None:
            self.found[key] = found
        return found

    def _elements(self, access: Access, mask: ir.Value | None, missing: ir.Value) -> ir.Value:
        """What lies in memory; `missing` in the lanes that are not read."""
        b, size = self.b, INT32(access.buffer.dtype.itemsize)
        if moves(access, self.inner) == 1:
            pointer, kind = self._pointer(access)
            if mask is None:
                return b.load(pointer, align=access.buffer.dtype.itemsize)
            return b.call(self._masked("load", kind), [pointer, size, mask, missing])
        places, kind = self._places(access)
        return b.call(self._masked("gather", kind), [places, size, mask or self._every(), missing])

    def _places(self, access: Access) -> tuple[ir.Value, ir.Type]:
        """The address of each lane's element."""
        b = self.b
        first, step, steps = self._ahead((self._key(access), "steps"), lambda: self._steps(access))
        here = spread(b, Scalar(b.add(first, b.mul(self.i, step)), PLACE), self.lanes)
        kind = ir.VectorType(memory_type(access.buffer.dtype), self.lanes)
        return b.inttoptr(b.add(here.ir, steps), ir.VectorType(kind.element.as_pointer(), self.lanes)), kind

    def _every(self) -> ir.Constant:
        return ir.Constant(ir.VectorType(ir.IntType(1), self.lanes), [1] * self.lanes)

    def _steps(self, access: Access) -> tuple[ir.Value, ir.Value, ir.Value]:
        """Where the first element lies, how far the next one is from there, and the one of each lane; in bytes."""
        b = self.f.b
        first, second = (b.ptrtoint(self.f.address(access, [*self.nest.loops, WORD(k)]), WORD) for k in (0, 1))
        step = b.sub(second, first)
        return first, step, b.mul(spread(b, Scalar(step, PLACE), self.lanes).ir, _numbers(self.lanes))

    def _pointer(self, access: Access) -> tuple[ir.Value, ir.Type]:
        base = self._ahead((self._key(access), "base"), lambda: self.f.address(access, self.loops))
        kind = ir.VectorType(memory_type(access.buffer.dtype), self.lanes)
        return self.b.bitcast(self.b.gep(base, [self.i]), kind.as_pointer()), kind

    def _key(self, access: Access) -> tuple[Any, ...]:
        return id(self.f.pointers[access.buffer]), *place_of(access)

    def _in_memory(self, x: Scalar) -> ir.Value:
        """As a vector in memory: a bool is a byte."""
        if x.dtype != BOOL:
            return self._spread(x).ir
        if isinstance(x.ir, ir.Constant):
            return self._spread(Scalar(BYTE(int(x.ir.constant)), x.dtype)).ir
        return self.b.zext(self._spread(x).ir, ir.VectorType(BYTE, self.lanes))

    def _write(self, access: Access, value: Scalar) -> None:
        stored, size = self._in_memory(value), access.buffer.dtype.itemsize
        beside = moves(access, self.inner) == 1
        pointer, kind = self._pointer(access) if beside else self._places(access)
        if not beside:
            mask = self.mask or self._every()
            self.b.call(self._masked("scatter", kind), [stored, pointer, INT32(size), mask])
        elif self.mask is None:
            self.b.store(stored, pointer, align=size)
        else:
            self.b.call(self._masked("store", kind), [stored, pointer, INT32(size), self.mask])
        self.found[self._key(access)] = value

    def _masked(self, what: str, kind: ir.VectorType) -> ir.Function:
        """LLVM's load, gather, store or scatter of some lanes."""
        element = kind.element
        letter = f"i{element.width}" if isinstance(element, ir.IntType) else f"f{64 if element == DOUBLE else 32}"
        apart, mask = what in ("gather", "scatter"), ir.VectorType(ir.IntType(1), kind.count)
        pointer = ir.VectorType(element.as_pointer(), kind.count) if apart else kind.as_pointer()
        name = f"llvm.masked.{what}.v{kind.count}{letter}.{f'v{kind.count}p0' if apart else 'p0'}"
        writes = what in ("store", "scatter")
        kinds = [kind, pointer, INT32, mask] if writes else [pointer, INT32, mask, kind]
        result = ir.VoidType() if writes else kind
        return self.f.module.globals.get(name) or ir.Function(self.f.module, ir.FunctionType(result, kinds), name)

    def _guarded(self, guarded: Guarded) -> Scalar:
        f, b, inside = self.f, self.b, None
        zero = constant(guarded.zero.value, guarded.zero.dtype)
        if guarded in self.found:
            return self.found[guarded]
        for guard in guarded.guards:
            if guard in f.assumed:
                if not f.assumed[guard]:
                    return zero
                continue
            one = self._holds(guard.index, guard.size)
            inside = one if inside is None else b.and_(inside, one)
        if inside is None:
            return self._read(guarded.source)
        if isinstance(guarded.source, Access):
            mask = inside if self.mask is None else b.and_(inside, self.mask)
            found = self._load(guarded.source, mask, zero)
        else:
            found = f.scalar.select(Scalar(inside, BOOL), self._read(guarded.source), zero)
        self.found[guarded] = found
        return found

    def _holds(self, index: Index, size: str) -> ir.Value:
        """Where 0 <= position < size; as unsigned numbers, what is below 0 is above any size."""
        f, b = self.f, self.b
        if index.axis != self.inner:
            return self._spread(
                self._ahead(
                    (index, size),
                    lambda: Scalar(f.b.icmp_unsigned("<", f.position(index, self.loops), f.size(size)), BOOL),
                )
            ).ir
        first = f.position(index, [*self.loops[:-1], self.i])
        place = spread(b, Scalar(first, PLACE), self.lanes).ir
        place = b.add(place, _numbers(self.lanes, index.step))
        return b.icmp_unsigned("<", place, self._spread(Scalar(f.size(size), PLACE)).ir)

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


def _numbers(lanes: int, step: int = 1) -> ir.Constant:
    """The numbers of the lanes, times a step."""
    return ir.Constant(ir.VectorType(WORD, lanes), [k * step for k in range(lanes)])


def halves(b: ir.IRBuilder, x: Scalar) -> tuple[Scalar, Scalar]:
    """The lower lanes of a vector, and the upper ones."""
    if x.lanes == 2:
        return Scalar(b.extract_element(x.ir, INT32(0)), x.dtype), Scalar(b.extract_element(x.ir, INT32(1)), x.dtype)
    half = x.lanes // 2
    kind = ir.VectorType(INT32, half)
    places = ir.Constant(kind, list(range(half))), ir.Constant(kind, list(range(half, x.lanes)))
    low, high = (Scalar(b.shuffle_vector(x.ir, x.ir, p), x.dtype) for p in places)
    return low, high
