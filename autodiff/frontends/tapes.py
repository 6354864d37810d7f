"""Which tapes are recording, per thread, and how an instruction reaches them.

Tapes form a set, not a stack: each keeps its own watched values, and may start and stop in
any order. A tape is anything with `offer(instr)`, which says whether it took the instruction, and with `follow`, its
short cut (`frontends/recording.py`).
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

from autodiff.ir.core import Instr


class _Recording(threading.local):
    def __init__(self) -> None:
        self.tapes: list[Any] = []


RECORDING = _Recording()


class _Busy(ctypes.Structure):
    """How many tapes and traces are at work, in any thread: 0 opens the short cut of calls, which reads it natively."""

    _fields_ = (("count", ctypes.c_int64),)


busy = _Busy(0)


class _Clock:
    """Counts the uses of unwatched values, so that a tape can tell a late `watch`."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = 0


clock = _Clock()


def active() -> list[Any]:
    """The tapes recording in this thread."""
    return RECORDING.tapes


def start(tape: Any) -> list[Any]:
    """Let a tape record in this thread; returns where it is listed, for `stop`."""
    RECORDING.tapes.append(tape)
    busy.count += 1
    return RECORDING.tapes


def stop(tape: Any, among: list[Any]) -> None:
    """End the recording, from whichever thread."""
    if tape in among:
        among.remove(tape)
        busy.count -= 1


def note(instr: Instr) -> bool:
    """Offer an instruction to the recording tapes; whether any took it."""
    taken = False
    for tape in RECORDING.tapes:
        taken = tape.offer(instr) or taken
    return taken
