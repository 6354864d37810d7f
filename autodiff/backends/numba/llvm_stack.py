"""Stacks of a kernel: memory that grows while it runs, and is freed when it returns.

Each has two words: where its items are, and for how many there is room.
"""

from __future__ import annotations

from llvmlite import ir

from autodiff.backends.numba import bounds
from autodiff.backends.numba.llvm_function import (
    STATUS,
    WORD,
    WORDS,
    FunctionPrinter,
    c_function,
    exception_of,
    memory_type,
)
from autodiff.backends.numba.nest import Begin, Buffer, Reserve
from autodiff.config import config

BYTE = ir.IntType(8).as_pointer()
FIRST = 64  # items that there is room for at first


class Stacks:
    """The stacks of one kernel, and the words that describe them."""

    def __init__(self, f: FunctionPrinter, words: ir.Value) -> None:
        self.f, self.words = f, words
        self.numbers: dict[Buffer, int] = {}

    def word(self, stack: Buffer, which: int) -> ir.Value:
        """The address of a word: 0 says where the items are, 1 how many there is room for."""
        number = self.numbers.setdefault(stack, len(self.numbers))
        return self.f.b.gep(self.words, [WORD(2 * number + which)])

    def pointer(self, stack: Buffer) -> ir.Value:
        """Where the items are now."""
        b = self.f.b
        return b.inttoptr(b.load(self.word(stack, 0)), memory_type(stack.dtype).as_pointer())

    def _item(self, stack: Buffer) -> ir.Value:
        size = self.f.size(" * ".join(n for n in stack.shape if n != "1") or "1")
        return self.f.b.mul(size, WORD(stack.dtype.itemsize))

    def reserve(self, step: Reserve) -> None:
        """Room for one more."""
        b, f = self.f.b, self.f
        at = f.read(step.at, ()).ir
        room = b.load(self.word(step.stack, 1))
        with b.if_then(b.icmp_signed(">=", at, room), likely=False):
            f.check(b.call(_grow(f.module), [self.word(step.stack, 0), b.add(at, WORD(1)), self._item(step.stack)]))

    def begin(self, step: Begin) -> None:
        """So many zeros."""
        b, f = self.f.b, self.f
        count = f.read(step.count, ()).ir
        room = b.load(self.word(step.stack, 1))
        item = self._item(step.stack)
        with b.if_then(b.icmp_signed(">", count, WORD(0))):
            with b.if_then(b.icmp_signed(">", count, room)):
                f.check(b.call(_grow(f.module), [self.word(step.stack, 0), count, item]))
            fill = f.module.declare_intrinsic("llvm.memset", [BYTE, WORD])
            start = b.inttoptr(b.load(self.word(step.stack, 0)), BYTE)
            b.call(fill, [start, ir.IntType(8)(0), b.mul(count, item), ir.IntType(1)(False)])


def wrapped(module: ir.Module, body: ir.Function, count: int) -> None:
    """The entry point of a kernel with stacks: it gives them their words, and frees them."""
    kernel = ir.Function(module, ir.FunctionType(STATUS, [WORDS]), "kernel")
    b = ir.IRBuilder(kernel.append_basic_block("entry"))
    words = b.alloca(WORD, WORD(2 * count))
    for k in range(2 * count):
        b.store(WORD(0), b.gep(words, [WORD(k)]))
    status = b.call(body, [kernel.args[0], words])
    free = c_function(module, "PyMem_RawFree", ir.VoidType(), BYTE)
    for k in range(count):
        b.call(free, [b.inttoptr(b.load(b.gep(words, [WORD(2 * k)])), BYTE)])
    b.ret(status)


def _grow(module: ir.Module) -> ir.Function:
    """int grow(words, count, item): room for so many items of so many bytes, and for more soon."""
    known = module.globals.get("grow")
    if known is not None:
        return known
    grow = ir.Function(module, ir.FunctionType(STATUS, [WORDS, WORD, WORD]), "grow")
    grow.linkage = "internal"
    grow.attributes.add("noinline")
    words, count, item = grow.args
    b = ir.IRBuilder(grow.append_basic_block("entry"))
    room_at = b.gep(words, [WORD(1)])
    twice = b.shl(b.load(room_at), WORD(1))
    for least in (count, WORD(FIRST)):
        twice = b.select(b.icmp_signed(">", twice, least), twice, least)
    size = b.mul(twice, item)
    with b.if_then(b.icmp_unsigned(">", size, WORD(config.memory << 20)), likely=False):
        text = "a loop or a recursion keeps %lld items of %lld bytes, more than AUTODIFF_MEMORY allows"
        exception_of(
            b,
            "autodiff_PyExc_MemoryError",
            bounds.text_of(b, f"{text}; wrap the body of a loop in autodiff.checkpoint"),
            [count, item],
        )
        b.ret(STATUS(1))
    resize = c_function(module, "PyMem_RawRealloc", BYTE, BYTE, WORD)
    found = b.call(resize, [b.inttoptr(b.load(words), BYTE), size])
    with b.if_then(b.icmp_unsigned("==", found, BYTE(None)), likely=False):
        exception_of(
            b, "autodiff_PyExc_MemoryError", bounds.text_of(b, "no memory for %lld items of %lld bytes"), [count, item]
        )
        b.ret(STATUS(1))
    b.store(b.ptrtoint(found, WORD), words)
    b.store(twice, room_at)
    b.ret(STATUS(0))
    return grow
