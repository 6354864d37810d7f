"""Settings, read once from the environment and changeable at run time.

| setting | environment | meaning | default |
|---|---|---|---|
| `jit` | `AUTODIFF_JIT` | 0: interpret everything, compile nothing | 1 |
| `eager` | `AUTODIFF_EAGER` | 1: compute every recorded op at once (debugging) | 0 |
| `native` | `AUTODIFF_NATIVE` | 0: kernels from source, by Numba (it has no `Call` ops: those are interpreted) | 1 |
| `hot_after` | `AUTODIFF_HOT_AFTER` | runs of one tape program before it is compiled | 2 |
| `cache_size` | `AUTODIFF_CACHE_SIZE` | kernels kept in memory (least recently used go first) | 256 |
| `num_threads` | `AUTODIFF_NUM_THREADS` | threads of a kernel, the calling one included; 0: one per usable CPU | 0 |
| `cache` | `AUTODIFF_CACHE` | 0: keep no kernels on disk | 1 |
| `cache_dir` | `AUTODIFF_CACHE_DIR` | where kernels are kept on disk | the user's folder for caches |
| `cache_limit` | `AUTODIFF_CACHE_LIMIT` | how much they may take, in MiB (least recently used go first) | 512 |
| `math` | `AUTODIFF_MATH` | exp, sin, ...: "vector", by formulas, or "libm", by the C library, one by one | "vector" |
| `memory` | `AUTODIFF_MEMORY` | MiB that one loop may keep for its gradient | half of the memory there is |
| `background` | `AUTODIFF_BACKGROUND` | 1: a thread makes tapes' kernels; until then they are interpreted | 0 |
| `bounds` | `AUTODIFF_BOUNDS` | 1: kernels check every place they read or write (slow; finds errors in kernels) | 0 |
| `logs` | `AUTODIFF_LOGS` | what is explained (`logs.py`): any of cache, fusion, compile | nothing |
| `verify` | `AUTODIFF_VERIFY` | 1: verify every block that is built (slow; on in the tests) | 0 |

Those that change machine code (`math`, `memory`, `bounds`) hold for kernels made from then on.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

from autodiff.cpus import total_memory, usable_cpus

STARTED = time.time_ns()  # when this process began to read the package
MOST_THREADS = 1024  # the pool has room for so many


def _number(name: str, default: int) -> int:
    return int(os.environ.get(f"AUTODIFF_{name}", default))


def _text(name: str, default: str) -> str:
    return os.environ.get(f"AUTODIFF_{name}", default)


def _threads() -> int:
    asked = _number("NUM_THREADS", 0)
    return min(asked, MOST_THREADS) if asked > 0 else usable_cpus()


# Called with the new value of a setting that is also kept elsewhere: in machine code, for one.
_watchers: dict[str, Callable[[int], None]] = {}


def watch(name: str, told: Callable[[int], None]) -> None:
    """Have `told(value)` called whenever the setting `name` is assigned; one watcher a setting."""
    _watchers[name] = told


CHOICES = {"math": ("vector", "libm"), "logs": ("cache", "fusion", "compile")}


class Config:
    """The settings of this process; change a field and it holds from the next call on.

    Raises
    ------
    ValueError
        When a setting that is one of several words is given another.
    """

    __slots__ = (
        *("jit", "native", "eager", "hot_after", "cache_size", "num_threads", "cache", "cache_dir", "cache_limit"),
        *("math", "memory", "bounds", "background", "logs", "verify"),
    )

    def __init__(self) -> None:
        self.jit = bool(_number("JIT", 1))
        self.native = bool(_number("NATIVE", 1))
        self.memory = _number("MEMORY", 0) or total_memory() // 2
        self.eager = bool(_number("EAGER", 0))
        self.hot_after = _number("HOT_AFTER", 2)
        self.cache_size = _number("CACHE_SIZE", 256)
        self.num_threads = _threads()
        self.cache = bool(_number("CACHE", 1))
        self.cache_dir = _text("CACHE_DIR", "")
        self.cache_limit = _number("CACHE_LIMIT", 512)
        self.math = _text("MATH", "vector")
        self.bounds = bool(_number("BOUNDS", 0))
        self.background = bool(_number("BACKGROUND", 0))
        self.logs = _text("LOGS", "")
        self.verify = bool(_number("VERIFY", 0))

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{name}={getattr(self, name)!r}' for name in self.__slots__)})"

    def __setattr__(self, name: str, value: Any) -> None:
        allowed = CHOICES.get(name)
        if allowed and not set(str(value).replace(",", " ").split()) <= set(allowed):
            raise ValueError(f"config.{name} is {value!r}; it can be {', '.join(allowed)}")
        object.__setattr__(self, name, value)
        if name in _watchers:
            _watchers[name](value)


config = Config()
