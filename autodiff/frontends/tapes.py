"""Which tapes are recording, per thread, and how an instruction reaches them.

Tapes form a set, not a stack: each keeps its own watched values, and may start and stop in
any order. A tape is anything with `offer(instr)`, which says whether it took the instruction.
"""

from __future__ import annotations

import threading
from typing import Any

from autodiff.ir.core import Instr


class _Recording(threading.local):
    def __init__(self) -> None:
        self.tapes: list[Any] = []


_recording = _Recording()


class _Busy:
    """How many tapes and traces are at work, in any thread: 0 opens the short cut of calls."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


busy = _Busy()


def active() -> list[Any]:
    """The tapes recording in this thread."""
    return _recording.tapes


def start(tape: Any) -> None:
    _recording.tapes.append(tape)
    busy.count += 1


def stop(tape: Any) -> None:
    if tape in _recording.tapes:
        _recording.tapes.remove(tape)
        busy.count -= 1


def note(instr: Instr) -> bool:
    """Offer an instruction to the recording tapes; whether any took it."""
    taken = False
    for tape in _recording.tapes:
        taken = tape.offer(instr) or taken
    return taken
