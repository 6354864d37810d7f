"""Arrays that move while a loop runs: what a trip has made is the state of the next one without being copied.

Where an array is stands in a word of the kernel's; who moves it writes that word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from llvmlite import ir

from autodiff.backends.numba.llvm_function import WORD, FunctionPrinter
from autodiff.backends.numba.nest import Buffer, Cycle, Kept

WordOf = Callable[[Buffer], ir.Value]  # the address of the word that says where an array is
BYTES = ir.IntType(8).as_pointer()


@contextmanager
def exchanged(
    f: FunctionPrinter, swaps: Sequence[tuple[Buffer, Buffer]], word_of: WordOf
) -> Iterator[Callable[[], None]]:
    """Memory that changes places while a loop runs, and is where it was when the loop is over.

    Yields what emits the exchange.
    """
    b = f.b
    first = [b.load(word_of(held)) for held, _ in swaps]

    def exchange() -> None:
        for held, made in swaps:
            one, other = b.load(word_of(held)), b.load(word_of(made))
            b.store(other, word_of(held))
            b.store(one, word_of(made))

    yield exchange
    for (held, made), address in zip(swaps, first, strict=True):
        now = b.load(word_of(held))
        with b.if_then(b.icmp_signed("!=", now, address)):
            _copy(f, address, now, _bytes(f, held))
            b.store(address, word_of(held))
            b.store(now, word_of(made))


@contextmanager
def in_items(f: FunctionPrinter, cycle: Cycle, word_of: WordOf) -> Iterator[Callable[[], None]]:
    """States that are items of arrays while a loop runs, and are in their own memory when it is over.

    Yields what emits the step to the next item.
    """
    walks = [_Walk(f, cycle, kept, word_of) for kept in cycle.kept]

    def step() -> None:
        for walk in walks:
            walk.step()

    yield step
    for walk in walks:
        walk.end()


class _Walk:
    """One state on its way from item to item."""

    def __init__(self, f: FunctionPrinter, cycle: Cycle, kept: Kept, word_of: WordOf) -> None:
        assert cycle.trips is not None
        self.f, self.cycle, self.kept, self.word_of = f, cycle, kept, word_of
        b, self.trips = f.b, f.read(cycle.trips, ()).ir
        self.items, self.held, self.made = (b.load(word_of(x)) for x in (kept.items, kept.held, kept.made))
        self.size = _bytes(f, kept.held)
        first = b.sub(self.trips, WORD(1)) if cycle.reverse else WORD(0)
        with b.if_then(b.icmp_signed(">", self.trips, WORD(0))):
            _copy(f, self._item(first), self.held, self.size)
            b.store(self._item(first), word_of(kept.held))
            b.store(self._after(first, 1), word_of(kept.made))

    def _item(self, number: ir.Value) -> ir.Value:
        return self.f.b.add(self.items, self.f.b.mul(number, self.size))

    def _after(self, number: ir.Value, trips: int) -> ir.Value:
        """Where the state is so many trips later; beyond the last one in its own memory."""
        b = self.f.b
        later = b.add(number, WORD(-trips if self.cycle.reverse else trips))
        return b.select(b.icmp_unsigned("<", later, self.trips), self._item(later), self.held)

    def step(self) -> None:
        b, number = self.f.b, self.f.values[self.cycle.number].ir
        b.store(self._after(number, 1), self.word_of(self.kept.held))
        b.store(self._after(number, 2), self.word_of(self.kept.made))

    def end(self) -> None:
        self.f.b.store(self.held, self.word_of(self.kept.held))
        self.f.b.store(self.made, self.word_of(self.kept.made))


def _bytes(f: FunctionPrinter, buffer: Buffer) -> ir.Value:
    return f.b.mul(f.size(" * ".join(n for n in buffer.shape if n != "1") or "1"), WORD(buffer.dtype.itemsize))


def _copy(f: FunctionPrinter, target: ir.Value, source: ir.Value, size: ir.Value) -> None:
    copy = f.module.declare_intrinsic("llvm.memcpy", [BYTES, BYTES, WORD])
    f.b.call(copy, [f.b.inttoptr(target, BYTES), f.b.inttoptr(source, BYTES), size, ir.IntType(1)(False)])
