"""A loop nest as functions: the step as a whole, and blocks of its outermost loop.

    int step(pointers, sizes, inputs, outputs)      all of it, by threads if it is long
    int nest(the same but outputs, parts, low, high, rows)       the blocks low to high
    void range(int64 *ctx, int64 low, int64 high)   the same, as the pool of threads calls it

A nest over small sizes that never change is one function, without blocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from llvmlite import ir

from autodiff.backends.numba.bounds import require
from autodiff.backends.numba.cost import BLOCK, MOST_BLOCKS, nanoseconds
from autodiff.backends.numba.large import ENTRIES, LARGE, TABLE
from autodiff.backends.numba.llvm_function import (
    STATUS,
    WORD,
    WORDS,
    FunctionPrinter,
    as_word,
    from_word,
    memory_type,
)
from autodiff.backends.numba.llvm_nest import (
    Blocks,
    NestPrinter,
    combined,
    memory_reductions,
    whole_reductions,
    wide,
)
from autodiff.backends.numba.llvm_scalar import BOOL, TYPES, Scalar, constant
from autodiff.backends.numba.nest import LoopNest
from autodiff.backends.numba.outline import Outline, many
from autodiff.backends.numba.source import CHUNK
from autodiff.config import config
from autodiff.ops.families import Reduction

if TYPE_CHECKING:
    import numpy as np

POLL = "poll"
FIXED = 16  # units of work per nanosecond


@dataclass(frozen=True, slots=True)
class Run:
    """What it takes to run a nest: its function, what that is passed, how many blocks of how many rows there are."""

    nest: ir.Function
    passed: list[ir.Value]
    count: ir.Value
    rows: ir.Value


class StepPrinter:
    """Emits the functions of one nest.

    `inputs` are the dtypes of its scalars; `called` is that of `ScalarPrinter`.
    """

    def __init__(
        self, module: ir.Module, nest: LoopNest, outline: Outline, inputs: dict[str, np.dtype], called: bool
    ) -> None:
        self.module, self.nest, self.outline, self.inputs = module, nest, outline, inputs
        self.called = called
        self.may_refuse = False
        self.whole = whole_reductions(nest)
        self.shared = [memory_type(b.dtype).as_pointer() for b in outline.buffers]
        self.shared += [WORD] * len(outline.sizes)
        self.shared += [WORDS] if many(outline) else [TYPES[dtype] for dtype in inputs.values()]
        self.parts = [memory_type(wide(a)).as_pointer() for a in self.whole]

    def function(self) -> ir.Function:
        """The step."""
        outputs = [memory_type(b.dtype).as_pointer() for b in self.outline.outputs]
        f = FunctionPrinter(self.module, "step", [*self.shared, *outputs], self.called)
        rest = self._bind(f)
        for item in memory_reductions(self.nest):
            assert isinstance(item.instr.op, Reduction)
            f.fill(item.buffer, constant(item.instr.op.identity(item.buffer.dtype), item.buffer.dtype))
        if all(n.isdigit() for n in self.nest.domain):
            parts, count = [f.entry.alloca(kind.pointee) for kind in self.parts], WORD(1)
            NestPrinter(f, self.nest).emit(Blocks(WORD(0), count, f.size(self.nest.domain[0]), parts))
        else:
            parts, count = self._blocks(f, list(f.body.args)[: len(self.shared)])
        f.raise_refused()
        self._combine(f, parts, count, rest)
        return f.finish()

    def _bind(self, f: FunctionPrinter) -> list[ir.Value]:
        """Name the arguments that all functions share; the others."""
        rest = f.bind(self.outline)
        if many(self.outline):
            f.take_inputs(rest.pop(0), self.inputs)
        for name, dtype in self.inputs.items() if not many(self.outline) else ():
            f.values[name] = Scalar(rest.pop(0), dtype)
        return rest

    # ---- blocks ---------------------------------------------------------------------------------

    def _blocks(self, f: FunctionPrinter, args: list[ir.Value]) -> tuple[list[ir.Value], ir.Value]:
        """Run all blocks; the partial results, and how many."""
        b, trips = f.b, f.size(self.nest.domain[0])
        parts = [f.entry.alloca(kind.pointee, MOST_BLOCKS) for kind in self.parts]
        elements = f.size(" * ".join(n for n in self.nest.domain if n != "1") or "1")
        rows, count = self._cut(f, trips, elements)
        if config.bounds:
            require(b, b.icmp_signed("<=", count, WORD(MOST_BLOCKS)), "a loop has more blocks than partial results")
        run = Run(self._nest(), [*args, *parts], count, rows)
        serial = any(0 in a.axes for a in memory_reductions(self.nest))
        units = max(1, round(nanoseconds(self.nest) * FIXED))
        work = b.sdiv(b.mul(elements, WORD(units)), WORD(FIXED))
        entry = b.load(b.gep(table(self.module), [WORD(1 if serial else 0)]))
        divided = b.and_(b.icmp_signed(">", work, WORD(LARGE)), b.icmp_signed("!=", entry, WORD(0)))
        with b.if_else(divided, likely=False) as (long, short):
            with long:
                if serial:
                    self._one_by_one(f, run, poll=entry)
                else:
                    self._by_threads(f, run, pool=entry, work=work)
            with short:
                self._heed(f, b.call(run.nest, [*run.passed, WORD(0), count, rows]))
        return parts, count

    def _cut(self, f: FunctionPrinter, trips: ir.Value, elements: ir.Value) -> tuple[ir.Value, ir.Value]:
        """Rows of a block, and the number of blocks: one where the nest is small."""
        b = f.b
        before = b.block
        with b.if_then(b.icmp_signed(">", elements, WORD(BLOCK)), likely=False):
            inner = b.sdiv(elements, trips)
            at_least = b.sdiv(WORD(BLOCK - 1), inner), b.sdiv(trips, WORD(MOST_BLOCKS))
            rows = b.select(b.icmp_signed(">", *at_least), *at_least)
            unit = WORD(CHUNK if len(self.nest.domain) == 1 else 1)
            rows = b.mul(b.add(b.sdiv(rows, unit), WORD(1)), unit)
            count = b.sdiv(b.sub(b.add(trips, rows), WORD(1)), rows)
            cut = b.block
        found = b.phi(WORD), b.phi(WORD)
        for phi, small, large in zip(found, (trips, WORD(1)), (rows, count), strict=True):
            phi.add_incoming(small, before)
            phi.add_incoming(large, cut)
        return found

    def _nest(self) -> ir.Function:
        f = FunctionPrinter(self.module, "nest", [*self.shared, *self.parts, WORD, WORD, WORD], self.called)
        rest = self._bind(f)
        *parts, low, high, rows = rest
        for pointer in parts:
            pointer.add_attribute("noalias")
        NestPrinter(f, self.nest).emit(Blocks(low, high, rows, parts))
        self.may_refuse = f.may_refuse
        return f.finish()

    def _heed(self, f: FunctionPrinter, status: ir.Value) -> None:
        """Refuse what the nest, or one of the threads in it, refused."""
        if self.may_refuse:
            f.refuse(Scalar(f.b.icmp_unsigned("!=", status, status.type(0)), BOOL))

    def _one_by_one(self, f: FunctionPrinter, run: Run, poll: ir.Value) -> None:
        """Blocks that add up in the same memory, in order; signals are looked for in between."""
        b = f.b
        function = b.inttoptr(poll, ir.FunctionType(STATUS, []).as_pointer())
        with f.loop(WORD(0), run.count) as block:
            self._heed(f, b.call(run.nest, [*run.passed, block, b.add(block, WORD(1)), run.rows]))
            f.check(b.call(function, []))

    def _by_threads(self, f: FunctionPrinter, run: Run, pool: ir.Value, work: ir.Value) -> None:
        """Leave it to the pool, which calls `range`."""
        b = f.b
        passed = [*run.passed, run.rows, WORD(0)]  # the last is where a thread says what it refused
        ctx = f.entry.alloca(WORD, WORD(len(passed)))
        for k, value in enumerate(passed):
            b.store(as_word(b, value), b.gep(ctx, [WORD(k)]))
        range_ = self._range(run.nest)
        kinds = [range_.type, WORDS, WORD, WORD]
        divide = b.inttoptr(pool, ir.FunctionType(STATUS, kinds).as_pointer())
        f.check(b.call(divide, [range_, ctx, run.count, work]))
        self._heed(f, b.load(b.gep(ctx, [WORD(len(passed) - 1)])))

    def _range(self, nest: ir.Function) -> ir.Function:
        kind = ir.FunctionType(ir.VoidType(), [WORDS, WORD, WORD])
        function = ir.Function(self.module, kind, self.module.get_unique_name("range"))
        function.linkage = "internal"
        b = ir.IRBuilder(function.append_basic_block())
        ctx, low, high = function.args
        kinds = [*self.shared, *self.parts, WORD]
        *args, rows = [from_word(b, b.load(b.gep(ctx, [WORD(k)])), kind) for k, kind in enumerate(kinds)]
        status = b.call(nest, [*args, low, high, rows])
        if self.may_refuse:
            with b.if_then(b.icmp_unsigned("!=", status, STATUS(0)), likely=False):
                b.store(WORD(1), b.gep(ctx, [WORD(len(kinds))]))
        b.ret_void()
        return function

    # ---- results ----------------------------------------------------------------------------------

    def _combine(self, f: FunctionPrinter, parts: list[ir.Value], count: ir.Value, outputs: list[ir.Value]) -> None:
        """The partial results of all blocks as one, in order."""
        for item, part in zip(self.whole, parts, strict=True):
            op, dtype = item.instr.op, wide(item)
            assert isinstance(op, Reduction)
            total = f.slot(dtype)
            f.b.store(constant(op.identity(dtype), dtype).ir, total)
            with f.loop(WORD(0), count) as k:
                value = f.load(f.b.gep(part, [k]), dtype)
                f.b.store(combined(f, op, Scalar(f.b.load(total), dtype), value).ir, total)
            found = f.scalar.cast(Scalar(f.b.load(total), dtype), item.buffer.dtype)
            place = outputs[self.outline.outputs.index(item.buffer)]
            f.b.store(f.stored(found), place)


def table(module: ir.Module) -> ir.GlobalVariable:
    """The words of `large.TABLE`."""
    found = module.globals.get(TABLE)
    if found is None:
        found = ir.GlobalVariable(module, ir.ArrayType(WORD, len(ENTRIES)), TABLE)
    return found.bitcast(WORDS)


def poll(module: ir.Module) -> ir.Function:
    """A look for signals, for use between steps that may be long; none where nobody expects large work."""
    known = module.globals.get(POLL)
    if known is not None:
        return known
    f = FunctionPrinter(module, POLL, [])
    entry = f.b.load(f.b.gep(table(module), [WORD(ENTRIES.index("autodiff_poll"))]))
    with f.b.if_then(f.b.icmp_signed("!=", entry, WORD(0)), likely=False):
        f.b.ret(f.b.call(f.b.inttoptr(entry, ir.FunctionType(STATUS, []).as_pointer()), []))
    return f.finish()
