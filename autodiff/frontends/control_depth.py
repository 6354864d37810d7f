"""How many loops Python is running while it traces, in this thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Depth(threading.local):
    def __init__(self) -> None:
        self.loops = 0


_depth = _Depth()


@contextmanager
def within_loop() -> Iterator[None]:
    """Trips of a loop that Python runs while tracing: branches in it do not become guards, one for every trip."""
    _depth.loops += 1
    try:
        yield
    finally:
        _depth.loops -= 1


def in_loop() -> bool:
    return _depth.loops > 0
