"""What structured ops are handed: the transforms themselves, which need one another here."""

from __future__ import annotations

import importlib
from functools import lru_cache

from autodiff.ops.region import Workers


@lru_cache(maxsize=1)
def workers() -> Workers:
    """The three transforms. Looked up when a loop is first met: each of them imports this file."""
    reverse, forward, batch = (
        importlib.import_module(f"autodiff.transforms.{n}") for n in ("reverse", "forward", "batch")
    )
    return Workers(reverse.pullback, forward.pushforward, batch.vectorized)
