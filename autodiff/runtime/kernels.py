"""The kernels of this process, by signature, least recently used ones dropped first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from autodiff.backends.numba.compile import CompiledKernel, compile_kernel
from autodiff.backends.numba.fuse import NoKernel
from autodiff.config import config
from autodiff.ir.core import Block
from autodiff.ir.signature import Signature


@dataclass(slots=True)
class CacheInfo:
    """Counts since the start of the process (or of one function).

    `compiled`: kernels compiled. `hits`: programs that found their kernel already there.
    `interpreted`: programs that no kernel can run. `evicted`: kernels dropped again.
    `runs`: calls answered by kernels. `interpreted_runs`: calls answered by the interpreter.
    """

    compiled: int = 0
    hits: int = 0
    interpreted: int = 0
    evicted: int = 0
    runs: int = 0
    interpreted_runs: int = 0

    def __str__(self) -> str:
        parts = [f"{_counted(self.compiled, 'kernel')} compiled, found again {_counted(self.hits, 'time')}"]
        parts.append(f"{_counted(self.runs, 'run')} by kernels, {self.interpreted_runs} interpreted")
        return "; ".join(parts + ([f"{_counted(self.evicted, 'kernel')} evicted"] if self.evicted else []))


def _counted(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


class KernelCache:
    """Compiles each signature once; two threads asking for one wait for one compilation."""

    def __init__(self) -> None:
        self.info = CacheInfo()
        self._kernels: OrderedDict[str, CompiledKernel | NoKernel] = OrderedDict()
        self._lock = threading.RLock()

    def __contains__(self, signature: Signature) -> bool:
        return signature.text in self._kernels

    def get(self, block: Block, signature: Signature, infos: tuple[CacheInfo, ...]) -> CompiledKernel:
        """The kernel of a generalised block.

        Raises
        ------
        NoKernel
            When the block has none; remembered, so the question is asked once.
        """
        with self._lock:
            kernel = self._kernels.get(signature.text)
            if kernel is None:
                kernel = self._compile(block, signature, infos)
            elif not isinstance(kernel, NoKernel):
                _count(infos, "hits")
            self._kernels.move_to_end(signature.text)
        if isinstance(kernel, NoKernel):
            raise kernel
        return kernel

    def _compile(self, block: Block, signature: Signature, infos: tuple[CacheInfo, ...]) -> CompiledKernel | NoKernel:
        kernel: CompiledKernel | NoKernel
        try:
            kernel = compile_kernel(block, signature.sizes)
            _count(infos, "compiled")
        except NoKernel as reason:
            kernel = reason
            _count(infos, "interpreted")
        self._kernels[signature.text] = kernel
        while len(self._kernels) > config.cache_size:
            self._kernels.popitem(last=False)
            _count(infos, "evicted")
        return kernel

    def clear(self) -> None:
        """Forget every kernel."""
        with self._lock:
            self._kernels.clear()


def _count(infos: tuple[CacheInfo, ...], name: str) -> None:
    for info in infos:
        setattr(info, name, getattr(info, name) + 1)


KERNELS = KernelCache()
