"""Where NumPy and the interpreter keep what the dispatcher reads: offsets in their objects, checked once.

NumPy's are part of its binary interface (`ndarraytypes.h`); a number's own bytes follow the header
of its object. Interpreters with another layout, or without a lock, have no native calls.
"""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from functools import lru_cache

import numpy as np

TYPE = 8  # of every object
DATA = 16  # of an array: where its elements are; of a number: the number
RANK, SHAPE, DESCR, FLAGS = 24, 32, 56, 64  # of an array
DESCR_ORDER, DESCR_NUMBER = 26, 28  # of a dtype
READABLE = 0x0001 | 0x0100  # flags: C-contiguous and aligned


class LayoutError(RuntimeError):
    """This interpreter has another object layout: kernels cannot be called natively."""


@lru_cache(maxsize=1)
def check_layout() -> None:
    """Raise `LayoutError` unless the offsets above are right."""
    if sys.implementation.name != "cpython" or sys.maxsize < 2**62 or sysconfig.get_config_var("Py_GIL_DISABLED"):
        raise LayoutError("kernels are called natively on 64-bit CPython with a lock only")
    for array in (np.zeros((3, 4)), np.zeros((3, 4)).T, np.zeros((2, 5), np.int32), np.zeros(6, ">f4")[::2]):
        _check_array(array)
    # Numbers of every width: the first bytes behind the header.
    for number in (1.25, np.float64(1.25), np.float32(1.25), np.int64(-3), np.int8(-3), np.bool_(True), 1.5 + 2j):
        bytes_ = np.asarray(number).tobytes()
        if ctypes.string_at(id(number) + DATA, len(bytes_)) != bytes_:
            raise LayoutError(f"objects of {type(number).__name__} have another layout")


def _check_array(array: np.ndarray) -> None:
    def word(offset: int) -> int:
        return ctypes.c_int64.from_address(id(array) + offset).value

    def integer(address: int) -> int:
        return ctypes.c_int32.from_address(address).value

    shape = [ctypes.c_int64.from_address(word(SHAPE) + 8 * k).value for k in range(array.ndim)]
    readable = array.flags.c_contiguous and array.flags.aligned
    descr = array.dtype
    good = (
        word(TYPE) == id(np.ndarray)
        and word(DATA) == array.__array_interface__["data"][0]
        and integer(id(array) + RANK) == array.ndim
        and shape == list(array.shape)
        and word(DESCR) == id(descr)
        and ((integer(id(array) + FLAGS) & READABLE) == READABLE) == readable
        and integer(id(descr) + DESCR_NUMBER) == descr.num
        and ctypes.string_at(id(descr) + DESCR_ORDER, 1) == descr.byteorder.encode()
    )
    if not good:
        raise LayoutError("NumPy's arrays have another layout")
