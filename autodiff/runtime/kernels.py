"""The kernels of this process, by signature, least recently used ones dropped first."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from autodiff.backends import numba as backend  # its attributes are imported when they are needed
from autodiff.backends.numba.call_table import Counter
from autodiff.config import config
from autodiff.ir.core import Block
from autodiff.ir.signature import Signature
from autodiff.logs import say, summary
from autodiff.runtime.disk import Place, is_near

if TYPE_CHECKING:
    from autodiff.backends.numba.compile import CompiledKernel
    from autodiff.backends.numba.fuse import NoKernel

Key = tuple[str, str, bool]


class CacheInfo:
    """Counts since the start of the process (or of one function).

    `compiled`: kernels compiled. `loaded`: kernels from disk. `hits`: programs that found their kernel
    already there. `interpreted`: programs that no kernel can run. `evicted`: kernels dropped again.
    `runs`: calls answered by kernels. `interpreted_runs`: calls answered by the interpreter.
    """

    __slots__ = ("compiled", "counter", "evicted", "hits", "interpreted", "interpreted_runs", "loaded")

    def __init__(self) -> None:
        self.compiled = self.loaded = self.hits = self.interpreted = self.evicted = self.interpreted_runs = 0
        self.counter = Counter()  # of the runs: kernels count them

    @property
    def runs(self) -> int:
        """Calls answered by kernels."""
        return int(self.counter.value)

    def __repr__(self) -> str:
        shown = ("compiled", "loaded", "hits", "interpreted", "evicted", "interpreted_runs")
        return f"CacheInfo({', '.join(f'{name}={getattr(self, name)}' for name in shown)})"

    def __str__(self) -> str:
        made = f"{_counted(self.compiled, 'kernel')} compiled"
        made += f", {self.loaded} loaded from disk" if self.loaded else ""
        parts = [f"{made}, found again {_counted(self.hits, 'time')}"]
        parts.append(f"{_counted(self.runs, 'run')} by kernels, {self.interpreted_runs} interpreted")
        return "; ".join(parts + ([f"{_counted(self.evicted, 'kernel')} evicted"] if self.evicted else []))


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


class _Making:
    """A kernel that some thread is at."""

    def __init__(self) -> None:
        self.maker = threading.get_ident()
        self.done = threading.Event()


class KernelCache:
    """Makes each kernel once: who asks for one that another thread is making waits for it, and for no other."""

    def __init__(self) -> None:
        self.info = CacheInfo()
        self._kernels: OrderedDict[Key, CompiledKernel | NoKernel] = OrderedDict()
        self._renew()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)  # the threads that were making kernels are not there

    def _renew(self) -> None:
        self._lock = threading.RLock()
        self._making: dict[Key, _Making] = {}

    def __contains__(self, signature: Signature) -> bool:
        return _key(signature) in self._kernels

    def has(self, block: Block, signature: Signature) -> bool:
        """Whether the kernel is there, or quickly loaded."""
        return signature in self or (is_near() and Place(block, signature).has())

    def get(self, block: Block, signature: Signature, infos: tuple[CacheInfo, ...]) -> CompiledKernel:
        """The kernel of a generalised block: from memory, from disk, or compiled.

        Raises
        ------
        NoKernel
            When the block has none; remembered, so the question is asked once.
        """
        key = _key(signature)
        while True:
            with self._lock:
                kernel = self._kernels.get(key)
                if kernel is not None:
                    self._kernels.move_to_end(key)
                    if not isinstance(kernel, Exception):
                        self._count(infos, "hits")
                    break
                other = self._making.get(key)
                if other is None:
                    own = self._making[key] = _Making()
            if other is None:
                kernel = self._make(key, own, block, signature, infos)
                break
            if other.maker == threading.get_ident():  # a signal's handler, in the midst of that
                kernel = self._made(block, signature, infos)
                break
            other.done.wait()
        if isinstance(kernel, Exception):
            raise kernel
        return kernel

    def prepare(self, block: Block, signature: Signature, infos: tuple[CacheInfo, ...]) -> None:
        """Have the kernel there, or the reason why there is none."""
        with contextlib.suppress(backend.NoKernel):
            self.get(block, signature, infos)

    def _make(
        self, key: Key, own: _Making, block: Block, signature: Signature, infos: tuple[CacheInfo, ...]
    ) -> CompiledKernel | NoKernel:
        try:
            kernel = self._made(block, signature, infos)
            with self._lock:
                self._kernels[key] = kernel
                while len(self._kernels) > config.cache_size:
                    (text, *_), _ = self._kernels.popitem(last=False)
                    self._count(infos, "evicted")
                    if "cache" in config.logs:
                        say("cache", "%s: evicted from memory", summary(text))
            return kernel
        finally:  # whatever happened: the others try again
            with self._lock:
                self._making.pop(key, None)
            own.done.set()

    def _made(self, block: Block, signature: Signature, infos: tuple[CacheInfo, ...]) -> CompiledKernel | NoKernel:
        place = Place(block, signature)
        kernel = place.load()
        if kernel is not None:
            self._count(infos, "loaded")
            return kernel
        try:
            kernel = backend.compile_kernel(block, signature.sizes, place.keep)
        except backend.NoKernel as reason:
            self._count(infos, "interpreted")
            if "compile" in config.logs:
                say("compile", "%s: interpreted, %s", summary(signature.text), reason)
            return reason  # type: ignore[no-any-return]
        self._count(infos, "compiled")
        return kernel  # type: ignore[no-any-return]

    def _count(self, infos: tuple[CacheInfo, ...], name: str) -> None:
        with self._lock:
            for info in infos:
                setattr(info, name, getattr(info, name) + 1)

    def clear(self) -> None:
        """Forget every kernel."""
        with self._lock:
            self._kernels.clear()


def _key(signature: Signature) -> Key:
    return signature.text, config.math, config.memory, config.bounds, config.native


KERNELS = KernelCache()
