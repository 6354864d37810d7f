"""The formulas' machine code in this process: loaded when the first kernel that calls them is.

It is on disk as kernels are, so the formulas themselves (`vector_library.py`, and all that it imports) are needed
only when one has to be compiled.
"""

from __future__ import annotations

import importlib
import os
import re
import threading
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import llvmlite.binding as llvm

from autodiff.backends.numba import native

PREFIX = native.FORMULA
SYMBOL = re.compile(f"({PREFIX}" + r"\w+_f(32|64))")  # what stands behind it counts the lanes
_lock = threading.RLock()  # a formula may call another
_provided: set[str] = set()
if hasattr(os, "register_at_fork"):  # no child inherits the lock of a thread that it does not have
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


@lru_cache(maxsize=1)
def vector_bytes() -> int:
    """The width of this CPU's vectors, as kernels use them."""
    features = llvm.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


def lanes(bits: int) -> tuple[int, ...]:
    """The vectors that loops use for numbers of this width: full ones, and float32 beside float64."""
    full = vector_bytes() // 8
    return (full,) if bits == 64 else (2 * full, full)


@lru_cache(maxsize=1)
def _engine() -> Any:
    """All formulas' code, for as long as the process lives."""
    return llvm.create_mcjit_compiler(llvm.parse_assembly(""), native.target_machine())


def provide(symbols: Iterable[str]) -> None:
    """Load the formulas among these symbols, in all versions, unless that was done before."""
    with _lock:
        found = {m[1]: int(m[2]) for m in map(SYMBOL.match, sorted(symbols)) if m and m[1] not in _provided}
        if not found:
            return
        codes = [native.kept(plain, lambda plain=plain: native.straight(_text(plain))) for plain in found]
        native.provide({name for code in codes for name in code.needs})
        engine = _engine()
        for code in codes:
            engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code.data))
        # All at once: code that is finished alone begins a page of its own, and more of them than the first cache
        # has ways, all at the start of a page, drive each other out of it; that has cost a factor of three.
        engine.finalize_object()
        for plain, bits in found.items():
            for version in (plain, *(f"{plain}_{n}" for n in lanes(bits))):
                native.register(version, engine.get_function_address(version))
            _provided.add(plain)


def _text(plain: str) -> str:
    return importlib.import_module("autodiff.backends.numba.vector_library").text_of(plain)  # type: ignore[no-any-return]
