"""Where kernels find the pool of threads: a table that is empty until somebody expects large work.

Small kernels never need the pool, and do not pay for loading it. A kernel looks into the table
where a loop is long, and runs the loop itself when there is nothing.
"""

from __future__ import annotations

import ctypes
import importlib

from autodiff.backends.numba import native

TABLE = "autodiff_pool_table"
ENTRIES = ("autodiff_run", "autodiff_poll")
LARGE = 50_000  # nanoseconds of estimated work, from which a kernel gives up Python's lock, and a loop is divided

_table = (ctypes.c_int64 * len(ENTRIES))()
native.register(TABLE, ctypes.addressof(_table))


def expect_large_work() -> None:
    """Load the pool."""
    if not _table[0]:
        addresses = importlib.import_module("autodiff.backends.numba.pool").addresses()
        for k, name in enumerate(ENTRIES):
            _table[k] = addresses[name]
