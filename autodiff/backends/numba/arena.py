"""The memory in which kernels keep their intermediates: one block that the kernels of a process share.

* It is used by one running kernel at a time. Who finds it in use (a kernel gave the interpreter's
  lock away, or called the host, which called another one) gets a block of its own for the time of the run.
* It grows to what the largest program needs. Above `KEPT` bytes it shrinks again: when `PATIENCE` runs in a
  row needed less than a quarter of it, it becomes as large as the last of them needed.

All of it happens with the interpreter's lock held, so its words need no lock of their own.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from autodiff.backends.numba.c_code import WORD, CFunction

if TYPE_CHECKING:
    from llvmlite import ir

KEPT = 64 << 20  # bytes that a process may keep for good
PATIENCE = 100  # runs
USED, START, SIZE, IDLE = 0, 8, 16, 24  # offsets of the words


class Arena(ctypes.Structure):
    """`used`: by a kernel that runs now. `idle`: runs in a row that needed much less than `size`."""

    _fields_ = (
        ("used", ctypes.c_int64),
        ("start", ctypes.c_int64),
        ("size", ctypes.c_int64),
        ("idle", ctypes.c_int64),
    )


ARENA = Arena()


def emit_arena(module: ir.Module) -> None:
    """`take(arena, bytes)` is the address of a block, 0 without memory; `give(arena, block)` returns it."""
    _emit_take(module)
    _emit_give(module)


def _emit_take(module: ir.Module) -> None:
    c = CFunction(module, "take", 2)
    arena, count = c.arguments
    with c.when(c.differ(c.load(arena, USED), WORD(0))):
        c.leave(c.call("PyMem_RawMalloc", count))
    size = c.load(arena, SIZE)
    small = c.b.icmp_signed("<", c.b.mul(count, WORD(4)), size)
    wasted = c.b.and_(small, c.b.icmp_signed(">", size, WORD(KEPT)))
    idle = c.b.select(wasted, c.b.add(c.load(arena, IDLE), WORD(1)), WORD(0))
    c.store(idle, arena, IDLE)
    exchange = c.b.or_(c.b.icmp_signed("<", size, count), c.b.icmp_signed(">=", idle, WORD(PATIENCE)))
    with c.when(exchange):
        c.call("PyMem_RawFree", c.load(arena, START))
        start = c.call("PyMem_RawMalloc", count)
        c.store(start, arena, START)
        c.store(c.b.select(c.equal(start, WORD(0)), WORD(0), count), arena, SIZE)
        c.store(WORD(0), arena, IDLE)
        c.leave_if(c.equal(start, WORD(0)))
    c.store(WORD(1), arena, USED)
    c.leave(c.load(arena, START))


def _emit_give(module: ir.Module) -> None:
    c = CFunction(module, "give", 2)
    arena, block = c.arguments
    with c.when(c.equal(block, c.load(arena, START))):
        c.store(WORD(0), arena, USED)
        c.leave(0)
    c.call("PyMem_RawFree", block)
    c.leave(0)
