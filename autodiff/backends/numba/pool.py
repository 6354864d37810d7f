"""The pool of threads that kernels share their large loops with: loading it, its size, processes.

Kernels call `autodiff_run`, `autodiff_poll`, `autodiff_release` and `autodiff_restore` by name, once `register` has
been called (`pool_code.py` says what they do). Loading compiles for 40 ms, so the first kernel that has a large loop
does it; the first job that is worth it starts the workers.

No worker is alive across a fork: they are stopped before, and a child starts its own. At exit they are stopped too,
and what runs afterwards runs in its own thread.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from collections.abc import Iterable

from autodiff.backends.numba import native
from autodiff.backends.numba.pool_code import CONTROLS, EXPORTS, POSIX, PYTHON, serial, threaded
from autodiff.config import config, watch

# Held while the pool is loaded, stopped or resized, and over forks: no child inherits one of these half done.
# Reentrant, since a signal's handler may fork or resize in the midst of them.
_lock = threading.RLock()
_loaded: list[Pool] = []


def register() -> None:
    """Make the pool's functions known to machine code that is loaded from now on."""
    if _loaded:
        return
    with _lock:
        if not _loaded:
            _loaded.append(Pool(_addresses(POSIX)))


def addresses() -> dict[str, int]:
    """Where the pool's functions are, by name; loads the pool."""
    register()
    return _loaded[0].addresses


def _addresses(names: Iterable[str]) -> dict[str, int]:
    """Where the C library has these functions; empty when one of them is missing."""
    try:
        return _of_library(ctypes.CDLL(None), names)
    except (AttributeError, OSError, TypeError):  # TypeError: Windows has no library of everything loaded
        return {}


def _of_library(library: ctypes.CDLL, names: Iterable[str]) -> dict[str, int]:
    return {name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value or 0 for name in names}


class Pool:
    """The loaded code, `addresses` of its functions by name, and this process' workers.

    Without the POSIX functions (an empty `posix`) there are none, and all runs are in the calling thread.
    """

    def __init__(self, posix: dict[str, int]) -> None:
        for name, address in {**_of_library(ctypes.pythonapi, PYTHON), **posix}.items():
            native.register(name, address)
        name, text = ("pool", threaded) if posix else ("serial pool", serial)
        code = native.MachineCode(native.kept(name, lambda: native.straight(text(), level=0)), "autodiff_pool")
        # Sleeping workers stand in this code until the process is gone: its memory is never given back.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(code))
        names = (*EXPORTS, *CONTROLS)
        table = (ctypes.c_int64 * len(names))()
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(code.address)(table)
        self.addresses = dict(zip(names, table, strict=True))
        self.control("reset", threading.main_thread().ident or 0)
        self.control("resize", config.num_threads)
        for name in EXPORTS:
            native.register(name, self.addresses[name])

    def control(self, name: str, *args: int) -> None:
        """Call a control; it gives up Python's lock, since workers may take a while to stop."""
        ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * len(args))(self.addresses[name])(*args)


def _resize(count: int) -> None:
    """Use that many threads, the calling one included."""
    with _lock:
        _stop()  # of those there are, some may be too many
        for pool in _loaded:
            pool.control("resize", count)
            pool.control("resume")


def _stop() -> None:
    with _lock:
        for pool in _loaded:
            pool.control("stop")


def _before_fork() -> None:
    _lock.acquire()
    _stop()


def _after_fork() -> None:
    for pool in _loaded:
        pool.control("resume")
    _lock.release()


def _in_child() -> None:
    for pool in _loaded:
        pool.control("reset", threading.get_ident())  # who forks is the main thread of the child
    _lock.release()


watch("num_threads", _resize)
atexit.register(_stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_child)


__all__ = ["Pool", "register"]
