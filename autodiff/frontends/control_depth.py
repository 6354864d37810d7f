"""How many loops Python is running while it traces, in this thread, and how many copies of a body they make."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Depth(threading.local):
    def __init__(self) -> None:
        self.loops = 0
        self.copies = 1


_depth = _Depth()


@contextmanager
def within_loop(copies: int = 1) -> Iterator[None]:
    """Trips of a loop that Python runs while tracing: branches in it do not become guards, one for every trip.

    `copies` is the number of trips of a loop that is unrolled.
    """
    before = _depth.copies
    _depth.loops += 1
    _depth.copies *= max(copies, 1)
    try:
        yield
    finally:
        _depth.loops -= 1
        _depth.copies = before


def copies() -> int:
    """How often the unrolled loops around write down what they contain."""
    return _depth.copies


def in_loop() -> bool:
    return _depth.loops > 0
