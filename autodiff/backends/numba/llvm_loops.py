"""What native code of whole-array steps is made of: loops over sizes, and elements by offset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from llvmlite import ir

from autodiff.backends.numba.llvm_scalar import Scalar
from autodiff.backends.numba.nest import Buffer

WORD = ir.IntType(64)


def count(shape: Sequence[str]) -> str:
    """The number of elements, as the text of a size."""
    return " * ".join(n for n in shape if n != "1") or "1"


@contextmanager
def each(printer: Any, size: str) -> Iterator[ir.Value]:
    """A loop over a size; none at all over a size of 1."""
    if size == "1":
        yield WORD(0)
        return
    with printer.loop(WORD(0), printer.size(size)) as i:
        yield i


def offset(printer: Any, *terms: tuple[ir.Value, ir.Value]) -> ir.Value:
    """Horner's scheme: ((o, n), (j, length)) is (o * n + j) * length, `o` counting blocks of n."""
    b, (first, *rest) = printer.b, terms
    place, size = first
    for index, following in rest:
        place = b.add(b.mul(place, size, flags=("nsw",)), index, flags=("nsw",))
        size = following
    return b.mul(place, size, flags=("nsw",))


def at(printer: Any, buffer: Buffer, where: ir.Value) -> Scalar:
    """The element at an offset."""
    found: Scalar = printer.load(printer.element(buffer, where), buffer.dtype)
    return found


def store(printer: Any, buffer: Buffer, where: ir.Value, value: Scalar) -> None:
    printer.b.store(printer.stored(value), printer.element(buffer, where))
