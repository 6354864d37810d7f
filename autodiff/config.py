"""Settings, read once from the environment and changeable at run time.

| setting | environment | meaning | default |
|---|---|---|---|
| `jit` | `AUTODIFF_JIT` | 0: interpret everything, compile nothing | 1 |
| `eager` | `AUTODIFF_EAGER` | 1: compute every recorded op at once (debugging) | 0 |
| `native` | `AUTODIFF_NATIVE` | 0: kernels from source, by Numba (it has no `Call` ops: those are interpreted) | 1 |
| `hot_after` | `AUTODIFF_HOT_AFTER` | runs of one tape program before it is compiled | 2 |
| `cache_size` | `AUTODIFF_CACHE_SIZE` | kernels kept in memory (least recently used go first) | 256 |
| `verify` | `AUTODIFF_VERIFY` | 1: verify every block that is built (slow; on in the tests) | 0 |
"""

from __future__ import annotations

import os
from dataclasses import dataclass


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"AUTODIFF_{name}", default))


@dataclass(slots=True)
class Config:
    """The settings of this process; change a field and it holds from the next call on."""

    jit: bool = bool(_number("JIT", 1))
    native: bool = bool(_number("NATIVE", 1))
    eager: bool = bool(_number("EAGER", 0))
    hot_after: int = _number("HOT_AFTER", 2)
    cache_size: int = _number("CACHE_SIZE", 256)
    verify: bool = bool(_number("VERIFY", 0))


config = Config()
