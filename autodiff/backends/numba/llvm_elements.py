"""Elements of memory as vectors: what one trip of a vector loop reads and writes.

What changes from trip to trip is read side by side, or gathered; under a mask where a guard holds in some lanes only.
A seam is read from the one side or the other (`llvm_segments.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.llvm_function import WORD, memory_type
from autodiff.backends.numba.llvm_lanes import moves, place_of
from autodiff.backends.numba.llvm_number import BOOL, Scalar, constant, spread
from autodiff.backends.numba.llvm_segments import Seam, seam_of
from autodiff.backends.numba.nest import Access, Constant, Guard, Guarded, Index, Source

if TYPE_CHECKING:
    from autodiff.backends.numba.llvm_nest import NestPrinter

BYTE, INT32, DOUBLE = ir.IntType(8), ir.IntType(32), ir.DoubleType()
PLACE = np.dtype("i8")  # of positions


class Elements:
    """Emits reads and writes for trip `i`. `fixed` is what does not change on all trips, computed `ahead` of them.

    `found` is what this trip has read and written. `chosen` says where seams along the loop are read from, where that
    is the same on all trips.
    """

    def __init__(self, nest: NestPrinter) -> None:
        self.nest, self.f, self.b = nest, nest.f, nest.f.b
        self.lanes, self.inner = nest.lanes, nest.rank - 1
        self.loops = [*nest.loops, WORD(0)]
        self.fixed: dict[Any, Any] = {}
        self.chosen: dict[Seam, ir.Value] = {}

    def place(self, ahead: ir.IRBuilder) -> None:
        """Where what is fixed is computed."""
        self.ahead = ahead

    def begin(self, i: ir.Value, mask: ir.Value | None) -> None:
        """Another trip, in the lanes of the mask."""
        self.i, self.mask = i, mask
        self.found: dict[Any, Scalar] = {}

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

    # ---- memory -------------------------------------------------------------------------------------

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
        if moves(access, self.inner) == 1:
            return self._beside(self._base(access), access.buffer.dtype, mask, missing)
        size = INT32(access.buffer.dtype.itemsize)
        places, kind = self._places(access)
        return self.b.call(self._masked("gather", kind), [places, size, mask or self._every(), missing])

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
        return first, step, b.mul(spread(b, Scalar(step, PLACE), self.lanes).ir, numbers(self.lanes))

    def _beside(self, base: ir.Value, dtype: np.dtype, mask: ir.Value | None, missing: ir.Value) -> ir.Value:
        """Elements that lie side by side; `missing` in the lanes that are not read."""
        pointer, kind = self._pointer(base, dtype)
        if mask is None:
            return self.b.load(pointer, align=dtype.itemsize)
        return self.b.call(self._masked("load", kind), [pointer, INT32(dtype.itemsize), mask, missing])

    def _base(self, access: Access) -> ir.Value:
        """Where the element at position 0 of the loop lies."""
        found: ir.Value = self._ahead((self._key(access), "base"), lambda: self.f.address(access, self.loops))
        return found

    def _pointer(self, base: ir.Value, dtype: np.dtype) -> tuple[ir.Value, ir.Type]:
        kind = ir.VectorType(memory_type(dtype), self.lanes)
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
        pointer, kind = self._pointer(self._base(access), access.buffer.dtype) if beside else self._places(access)
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
        if guarded in self.found:
            return self.found[guarded]
        zero = constant(guarded.zero.value, guarded.zero.dtype)
        if self._fails(guarded.guards):
            return zero
        inside = self._all_hold(guarded.guards)
        if inside is None:
            return self._read(guarded.source)
        if isinstance(guarded.source, Access):
            found = self._load(guarded.source, self._masked_too(inside), zero)
        else:
            found = self.f.scalar.select(Scalar(inside, BOOL), self._read(guarded.source), zero)
        self.found[guarded] = found
        return found

    # ---- seams --------------------------------------------------------------------------------------

    def _joined(self, seam: Seam) -> Scalar:
        """One side of a seam or the other."""
        assumed = self.f.assumed
        if self._fails(seam.common):
            return constant(seam.zero.value, seam.zero.dtype)
        if seam.guard in assumed:
            side = seam.one if assumed[seam.guard] else seam.other
            return self._read(Guarded(side, seam.common, seam.zero) if seam.common else side)
        if seam not in self.found:
            self.found[seam] = Scalar(self._from_sides(seam), seam.one.buffer.dtype)
        return self.found[seam]

    def _from_sides(self, seam: Seam) -> ir.Value:
        """Read at an address that was chosen ahead of the loop, or in some lanes here and in the others there."""
        inside = self._all_hold(seam.common)
        mask = self.mask if inside is None else self._masked_too(inside)
        missing = self._in_memory(constant(seam.zero.value, seam.zero.dtype))
        base = self._chosen(seam)
        if base is not None:
            return self._beside(base, seam.one.buffer.dtype, mask, missing)
        there = self._holds(seam.guard.index, seam.guard.size)
        for access, lanes in ((seam.other, self.b.not_(there)), (seam.one, there)):
            missing = self._elements(access, lanes if mask is None else self.b.and_(lanes, mask), missing)
        return missing

    def _chosen(self, seam: Seam) -> ir.Value | None:
        """Where a seam is read from on all trips; None where that changes."""
        if seam.guard.index.axis == self.inner or not self._is_beside(seam):
            return self.chosen.get(seam)
        key = seam, "base"
        if key not in self.fixed:
            sides = self._base(seam.one), self._base(seam.other)
            self._ahead(key, lambda: self._choice(seam.guard, sides, self.loops))
        return self.fixed[key]

    def _choice(self, guard: Guard, sides: tuple[ir.Value, ir.Value], loops: Sequence[ir.Value]) -> ir.Value:
        return self.f.b.select(self._is_inside(guard.index, guard.size, loops), *sides)

    def _is_beside(self, seam: Seam) -> bool:
        return moves(seam.one, self.inner) == moves(seam.other, self.inner) == 1

    def _choose(self, first: ir.Value) -> dict[Seam, ir.Value]:
        """Where seams along this loop are read from in the segment that begins here."""
        loops, found = [*self.nest.loops, first], {}
        for seam in filter(None, map(seam_of, self.nest.nest.body)):
            if seam.guard.index.axis == self.inner and seam.guard not in self.f.assumed and self._is_beside(seam):
                found[seam] = self._choice(seam.guard, (self._base(seam.one), self._base(seam.other)), loops)
        return found

    # ---- guards -------------------------------------------------------------------------------------

    def _is_inside(self, index: Index, size: str, loops: Sequence[ir.Value]) -> ir.Value:
        """0 <= position < size; as unsigned numbers, what is below 0 is above any size."""
        return self.f.b.icmp_unsigned("<", self.f.position(index, loops), self.f.size(size))

    def _fails(self, guards: Sequence[Guard]) -> bool:
        """Whether one of these is known not to hold."""
        return not all(self.f.assumed.get(guard, True) for guard in guards)

    def _all_hold(self, guards: Sequence[Guard]) -> ir.Value | None:
        """The lanes in which these hold; None where they are known to."""
        inside = None
        for guard in guards:
            if guard not in self.f.assumed:
                one = self._holds(guard.index, guard.size)
                inside = one if inside is None else self.b.and_(inside, one)
        return inside

    def _masked_too(self, lanes: ir.Value) -> ir.Value:
        return lanes if self.mask is None else self.b.and_(lanes, self.mask)

    def _holds(self, index: Index, size: str) -> ir.Value:
        """The lanes in which 0 <= position < size."""
        f, b = self.f, self.b
        if index.axis != self.inner:
            return self._spread(
                self._ahead((index, size), lambda: Scalar(self._is_inside(index, size, self.loops), BOOL))
            ).ir
        first = f.position(index, [*self.loops[:-1], self.i])
        place = spread(b, Scalar(first, PLACE), self.lanes).ir
        place = b.add(place, numbers(self.lanes, index.step))
        return b.icmp_unsigned("<", place, self._spread(Scalar(f.size(size), PLACE)).ir)


def numbers(lanes: int, step: int = 1) -> ir.Constant:
    """The numbers of the lanes, times a step."""
    return ir.Constant(ir.VectorType(WORD, lanes), [k * step for k in range(lanes)])
