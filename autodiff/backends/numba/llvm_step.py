"""A loop nest as functions: the step as a whole, and blocks of its outermost loop.

    int step(pointers, sizes, inputs, outputs)      all of it, by threads if it is long (`blocks_code.py`)
    int nest(int64 *ctx, int64 low, int64 high)     the blocks low to high

A nest over small sizes that never change is one function, without blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from llvmlite import ir

from autodiff.backends.numba import blocks_code
from autodiff.backends.numba.blocks_code import FIXED, PASSED, REFUSED, ROWS
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


class StepPrinter:
    """Emits the functions of one nest.

    `inputs` are the dtypes of its scalars; `called` is that of `ScalarPrinter`; a `straight` nest needs no optimising.
    """

    def __init__(
        self,
        module: ir.Module,
        nest: LoopNest,
        outline: Outline,
        inputs: dict[str, np.dtype],
        called: bool,
        straight: bool,
    ) -> None:
        self.module, self.nest, self.outline, self.inputs = module, nest, outline, inputs
        self.called, self.straight = called, straight
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
        rest = self._bind(f, f.body.args)
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

    def _bind(self, f: FunctionPrinter, passed: Sequence[ir.Value]) -> list[ir.Value]:
        """Name what all functions are given; the others."""
        rest = f.bind(self.outline, passed)
        if many(self.outline):
            f.take_inputs(rest.pop(0), self.inputs)
        for name, dtype in self.inputs.items() if not many(self.outline) else ():
            f.values[name] = Scalar(rest.pop(0), dtype)
        return rest

    # ---- blocks ---------------------------------------------------------------------------------

    def _blocks(self, f: FunctionPrinter, args: list[ir.Value]) -> tuple[list[ir.Value], ir.Value]:
        """Run all blocks; the partial results, and how many."""
        b, domain = f.b, self.nest.domain
        parts = [f.entry.alloca(kind.pointee, MOST_BLOCKS) for kind in self.parts]
        passed = [*args, *parts]
        ctx = f.entry.alloca(WORD, WORD(PASSED + len(passed)))
        b.store(WORD(0), b.gep(ctx, [WORD(REFUSED)]))
        for k, value in enumerate(passed):
            b.store(as_word(b, value), b.gep(ctx, [WORD(PASSED + k)]))
        nest = self._by_words() if self.straight else self._range(self._nest())
        elements = f.size(" * ".join(n for n in domain if n != "1") or "1")
        serial = any(0 in a.axes for a in memory_reductions(self.nest))
        units = max(1, round(nanoseconds(self.nest) * FIXED))
        fixed = BLOCK, CHUNK if len(domain) == 1 else 1, units, LARGE, int(serial)
        count = b.call(_blocks(self.module), [nest, ctx, f.size(domain[0]), elements, *map(WORD, fixed)])
        with b.if_then(b.icmp_signed("<", count, WORD(0)), likely=False):
            b.ret(b.trunc(b.neg(count), STATUS))
        if config.bounds:
            require(b, b.icmp_signed("<=", count, WORD(MOST_BLOCKS)), "a loop has more blocks than partial results")
        if self.may_refuse:
            refused = b.load(b.gep(ctx, [WORD(REFUSED)]))
            f.refuse(Scalar(b.icmp_unsigned("!=", refused, WORD(0)), BOOL))
        return parts, count

    def _by_words(self) -> ir.Function:
        """The nest as the pool calls it; what it is given lies in memory."""
        f = FunctionPrinter(self.module, "nest", [WORDS, WORD, WORD], self.called)
        ctx, low, high = f.body.args
        *passed, rows = self._words(f.entry, ctx)
        parts = self._bind(f, passed)
        NestPrinter(f, self.nest).emit(Blocks(low, high, rows, parts))
        self.may_refuse = f.may_refuse
        if f.may_refuse:
            with f.b.if_then(f.refused(), likely=False):
                f.b.store(WORD(1), f.b.gep(ctx, [WORD(REFUSED)]))
        return f.finish()

    def _words(self, b: ir.IRBuilder, ctx: ir.Value) -> list[ir.Value]:
        """What a nest is given, and the rows of a block, from the words of `ctx`."""
        kinds = [*((PASSED + k, kind) for k, kind in enumerate([*self.shared, *self.parts])), (ROWS, WORD)]
        return [from_word(b, b.load(b.gep(ctx, [WORD(k)])), kind) for k, kind in kinds]

    def _nest(self) -> ir.Function:
        """The nest, which is told that no two pointers meet: LLVM has to know to vectorise it."""
        f = FunctionPrinter(self.module, "nest", [*self.shared, *self.parts, WORD, WORD, WORD], self.called)
        *parts, low, high, rows = self._bind(f, f.body.args)
        for pointer in parts:
            pointer.add_attribute("noalias")
        NestPrinter(f, self.nest).emit(Blocks(low, high, rows, parts))
        self.may_refuse = f.may_refuse
        return f.finish()

    def _range(self, nest: ir.Function) -> ir.Function:
        """The same, as the pool calls it."""
        kind = ir.FunctionType(STATUS, [WORDS, WORD, WORD])
        function = ir.Function(self.module, kind, self.module.get_unique_name("range"))
        function.linkage = "internal"
        b = ir.IRBuilder(function.append_basic_block())
        ctx, low, high = function.args
        *passed, rows = self._words(b, ctx)
        status = b.call(nest, [*passed, low, high, rows])
        if self.may_refuse:
            with b.if_then(b.icmp_unsigned("!=", status, STATUS(0)), likely=False):
                b.store(WORD(1), b.gep(ctx, [WORD(REFUSED)]))
        b.ret(status)
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


def _blocks(module: ir.Module) -> ir.Function:
    return module.globals.get(blocks_code.NAME) or ir.Function(module, blocks_code.KIND, blocks_code.NAME)


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
