"""The pool of threads that kernels share their large loops with: loading it, its size, processes.

Kernels call `autodiff_run`, `autodiff_poll`, `autodiff_release` and `autodiff_restore` by name, once `register` has
been called (`pool_code.py` says what they do). Loading takes a few milliseconds, so the first kernel that has a
large loop does it. Workers are started by the first job that is worth it.

No worker is alive across a fork: they are stopped before, and a child starts its own. At exit they are stopped too,
and what runs afterwards runs in its own thread.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from functools import lru_cache
from typing import Any

from autodiff.backends.numba import native
from autodiff.backends.numba.pool_code import CONTROLS, EXPORTS, POSIX, PYTHON, pool_module
from autodiff.config import config, watch

_loading = threading.Lock()


def register() -> None:
    """Make the pool's functions known to machine code that is loaded from now on."""
    with _loading:
        _pool()


def addresses() -> dict[str, int]:
    """Where the pool's functions are, by name."""
    with _loading:
        return _pool().addresses


@lru_cache(maxsize=1)
def _pool() -> Pool:
    return Pool(_addresses(POSIX))


def _addresses(names: Any) -> dict[str, int]:
    """Where the C library has these functions; empty when one of them is missing."""
    try:
        library = ctypes.CDLL(None)
        return {name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in names}
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no library of everything loaded
        return {}


class Pool:
    """The loaded code, `addresses` of its functions by name, and this process' workers.

    Without the POSIX functions (an empty `posix`) there are none, and all runs are in the calling thread.
    """

    def __init__(self, posix: dict[str, int]) -> None:
        python = {name: ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value or 0 for name in PYTHON}
        for name, address in {**python, **posix}.items():
            native.register(name, address)
        self._code = native.MachineCode(str(pool_module(bool(posix))), "autodiff_pool", quick=True)
        # Sleeping workers stand in this code until the process is gone: its memory is never given back.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._code))
        names = (*EXPORTS, *CONTROLS)
        table = (ctypes.c_int64 * len(names))()
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._code.address)(table)
        self.addresses = dict(zip(names, table, strict=True))
        for name in EXPORTS:
            native.register(name, self.addresses[name])
        self._changing = threading.RLock()  # reentrant: a signal's handler may fork, or resize
        self._reset(threading.main_thread().ident)
        self._control("resize")(config.num_threads)
        watch("num_threads", self.resize)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(
                before=self._before_fork, after_in_parent=self._after_fork, after_in_child=self._in_child
            )
        atexit.register(self._stop)

    def resize(self, count: int) -> None:
        """Use that many threads, the calling one included."""
        with self._changing:
            self._stop()  # of those there are, some may be too many
            self._control("resize")(count)
            self._control("resume")()

    def _control(self, name: str) -> Any:
        """A control as a Python function; it gives up Python's lock, since workers may take a while to stop."""
        kinds = (ctypes.c_int64,) if name in ("resize", "reset") else ()
        return ctypes.CFUNCTYPE(None, *kinds)(self.addresses[name])

    def _stop(self) -> None:
        with self._changing:
            self._control("stop")()

    def _reset(self, main: int | None) -> None:
        self._control("reset")(main or 0)

    def _before_fork(self) -> None:
        self._changing.acquire()  # nobody reopens the pool until the fork is over
        self._stop()

    def _after_fork(self) -> None:
        self._control("resume")()
        self._changing.release()

    def _in_child(self) -> None:
        self._changing = threading.RLock()
        self._reset(threading.get_ident())  # who forks is the main thread of the child


__all__ = ["Pool", "addresses", "register"]
