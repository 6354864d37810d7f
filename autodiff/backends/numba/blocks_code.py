"""The machine code that runs the blocks of a nest: shared by all kernels, a part of the dispatcher's module.

    int64 autodiff_blocks(nest, ctx, trips, elements, least, unit, units, large, serial)

`nest(ctx, low, high)` runs some blocks; how many rows a block has stands in the first word of `ctx`: `unit` or a
multiple, and no fewer than make `least` elements. Work is `elements` times `units`, 1/16 nanosecond each. From `large`
on it is divided among threads, or, where blocks add up in the same memory (`serial`), done block by block with looks
for signals in between. Gives the number of blocks; minus the status, where an exception is pending.
"""

from __future__ import annotations

from llvmlite import ir

from autodiff.backends.numba.cost import MOST_BLOCKS
from autodiff.backends.numba.large import ENTRIES, TABLE

NAME = "autodiff_blocks"
WORD, STATUS = ir.IntType(64), ir.IntType(32)
WORDS = WORD.as_pointer()
LOOP = ir.FunctionType(STATUS, [WORDS, WORD, WORD]).as_pointer()
KIND = ir.FunctionType(WORD, [LOOP, WORDS, *[WORD] * 7])
ROWS, REFUSED, PASSED = range(3)  # the words of `ctx`; from the last one on, what the nest is given
FIXED = 16  # units of work per nanosecond


def emit_blocks(module: ir.Module) -> None:
    """Add the function to a module."""
    function = ir.Function(module, KIND, NAME)
    nest, ctx, trips, elements, least, unit, units, large, serial = function.args
    b = ir.IRBuilder(function.append_basic_block("entry"))
    rows, count = _cut(b, trips, elements, least, unit)
    b.store(rows, b.gep(ctx, [WORD(ROWS)]))
    work = b.sdiv(b.mul(elements, units), WORD(FIXED))
    table = module.globals.get(TABLE) or ir.GlobalVariable(module, ir.ArrayType(WORD, len(ENTRIES)), TABLE)
    entry = b.load(b.gep(table.bitcast(WORDS), [serial]))
    divided = b.and_(b.icmp_signed(">", work, large), b.icmp_signed("!=", entry, WORD(0)))
    with b.if_then(divided, likely=False):
        with b.if_then(b.icmp_signed("==", serial, WORD(0))):
            run = b.inttoptr(entry, ir.FunctionType(STATUS, [LOOP, WORDS, WORD, WORD]).as_pointer())
            _leave_if(b, b.call(run, [nest, ctx, count, work]))
            b.ret(count)
        _one_by_one(b, nest, ctx, count, b.inttoptr(entry, ir.FunctionType(STATUS, []).as_pointer()))
        b.ret(count)
    b.call(nest, [ctx, WORD(0), count])
    b.ret(count)


def _cut(
    b: ir.IRBuilder, trips: ir.Value, elements: ir.Value, least: ir.Value, unit: ir.Value
) -> tuple[ir.Value, ir.Value]:
    """Rows of a block, and the number of blocks: one where the nest is small."""
    before = b.block
    with b.if_then(b.icmp_signed(">", elements, least), likely=False):
        inner = b.sdiv(elements, trips)
        at_least = b.sdiv(b.sub(least, WORD(1)), inner), b.sdiv(trips, WORD(MOST_BLOCKS))
        rows = b.select(b.icmp_signed(">", *at_least), *at_least)
        rows = b.mul(b.add(b.sdiv(rows, unit), WORD(1)), unit)
        count = b.sdiv(b.sub(b.add(trips, rows), WORD(1)), rows)
        cut = b.block
    found = b.phi(WORD), b.phi(WORD)
    for phi, small, large in zip(found, (trips, WORD(1)), (rows, count), strict=True):
        phi.add_incoming(small, before)
        phi.add_incoming(large, cut)
    return found


def _one_by_one(b: ir.IRBuilder, nest: ir.Value, ctx: ir.Value, count: ir.Value, poll: ir.Value) -> None:
    before, trip, done = b.block, b.append_basic_block("block"), b.append_basic_block("done")
    b.branch(trip)
    b.position_at_end(trip)
    k = b.phi(WORD)
    k.add_incoming(WORD(0), before)
    following = b.add(k, WORD(1))
    b.call(nest, [ctx, k, following])
    _leave_if(b, b.call(poll, []))
    k.add_incoming(following, b.block)
    b.cbranch(b.icmp_signed("<", following, count), trip, done)
    b.position_at_end(done)


def _leave_if(b: ir.IRBuilder, status: ir.Value) -> None:
    with b.if_then(b.icmp_signed("!=", status, STATUS(0)), likely=False):
        b.ret(b.neg(b.zext(status, WORD)))
