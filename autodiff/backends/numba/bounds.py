"""Checks of every place in memory that a kernel reads or writes, for `config.bounds`.

A place that is not there is replaced by a spare element, so nothing is ever read or written outside of
an array; what was wrong first is remembered in the module, and raised as RuntimeError when the kernel ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

if TYPE_CHECKING:
    from autodiff.backends.numba.nest import Buffer

FOUND = "out_of_bounds"  # the message of what was wrong; null as long as all is well
TEXT = ir.IntType(8).as_pointer()
FLAG = ir.IntType(1)


def found(module: ir.Module) -> ir.GlobalVariable:
    """Where the message is kept."""
    known = module.globals.get(FOUND)
    if known is None:
        known = ir.GlobalVariable(module, TEXT, FOUND)
        known.initializer, known.linkage = ir.Constant(TEXT, None), "internal"
    return known


def text_of(b: ir.IRBuilder, message: str) -> ir.Value:
    """A text in the module."""
    encoded = bytearray(message.encode() + b"\0")
    name = b.module.get_unique_name("message")
    holder = ir.GlobalVariable(b.module, ir.ArrayType(ir.IntType(8), len(encoded)), name)
    holder.initializer, holder.linkage = ir.Constant(holder.value_type, encoded), "internal"
    holder.global_constant = True
    return b.bitcast(holder, TEXT)


def require(b: ir.IRBuilder, condition: ir.Value, message: str) -> None:
    """Remember this message if something does not hold."""
    with b.if_then(b.not_(condition), likely=False):
        b.store(text_of(b, message), found(b.module))


def below(b: ir.IRBuilder, place: ir.Value, size: ir.Value) -> ir.Value:
    """0 <= place < size: as unsigned numbers, what is below 0 is above any size."""
    return b.icmp_unsigned("<", place, size)


def element(printer: Any, buffer: Buffer, address: ir.Value, inside: list[tuple[str, ir.Value]]) -> ir.Value:
    """The address, or a spare element's if one of the named conditions does not hold."""
    b, good = printer.b, FLAG(1)
    for name, condition in inside:
        require(b, condition, f"{name} of {buffer.name}{list(buffer.shape)}: a position out of bounds")
        good = b.and_(good, condition)
    return b.select(good, address, printer.entry.alloca(address.type.pointee))
