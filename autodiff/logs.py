"""Explanations: what became of a program, and why.

`AUTODIFF_LOGS=cache,fusion,compile` (or `config.logs`) chooses the topics; each is a logger of the standard library,
`autodiff.cache` and so on, with messages of level INFO. Where logging is not configured they go to the standard error.

| topic | says |
|---|---|
| `cache` | which kernels were found in memory or on disk, which not and why, what was evicted |
| `fusion` | how many loop nests and calls a program became, and what is stored between them |
| `compile` | how long each stage took, and how large the machine code is |

Who has something to say asks first, which costs nothing: `if "cache" in config.logs: say("cache", ...)`.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from autodiff.config import config


def say(topic: str, message: str, *args: Any) -> None:
    """Write a message to the logger of a topic."""
    logger(topic).info(message, *args)


@lru_cache(maxsize=8)
def logger(topic: str) -> Any:
    """The logger of a topic, with somewhere to write to."""
    logging = importlib.import_module("logging")  # 6 ms, which most programs need not spend
    root = logging.getLogger("autodiff")
    if not root.hasHandlers():
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        root.addHandler(handler)
    if root.level == logging.NOTSET:
        root.setLevel(logging.INFO)
    return root.getChild(topic)


@contextmanager
def timed(stage: str) -> Iterator[None]:
    """Say how long a stage of compilation took."""
    start = time.perf_counter()
    yield
    if "compile" in config.logs:
        say("compile", "%s in %.1f ms", stage, 1e3 * (time.perf_counter() - start))


def summary(signature: str) -> str:
    """A program in a few words, to tell it from others: its first parameters and its last operations."""
    lines = signature.splitlines()
    return f"{lines[0][:40]} ... {len(lines) - 2} operations"
