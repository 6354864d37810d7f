"""Kernels on disk: found by signature, so that loading one needs no plan, no printing and no LLVM passes.

The name of a kernel's file is a digest of its program (the signature's text, and what its ops mean to kernels) and of
everything else that its code depends on (`backends/numba/versions.py`). How files are written and trusted is told in
`backends/store.py`.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from autodiff import backends  # the store is imported when it is needed
from autodiff.backends import numba as backend  # its attributes are imported when they are needed
from autodiff.config import config
from autodiff.ir.core import Block
from autodiff.ir.signature import Signature
from autodiff.logs import say, summary

if TYPE_CHECKING:
    from autodiff.backends.numba.compile import CompiledKernel
    from autodiff.backends.store import Store

PACKAGE = __name__.partition(".")[0]
MEANING = ("scalar", "variants", "combine")  # attributes of ops that say what a kernel computes


class Place:
    """Where the kernel of one program is kept, or would be."""

    def __init__(self, block: Block, signature: Signature) -> None:
        self._block, self._signature = block, signature
        self._store, self._name = _found(block, signature)

    def has(self) -> bool:
        """Whether there is a file; it need not be a good one."""
        return self._store is not None and self._store.has(self._name)

    def load(self) -> CompiledKernel | None:
        """The kernel, when it is there and can be used here."""
        if self._store is None:
            return None
        entry = self._store.read(self._name)
        if entry is None:
            self._say("not on disk")
            return None
        try:
            kernel = backend.load_kernel(entry, self._block, self._signature.sizes)
        except backend.Useless as reason:
            self._say(f"on disk, but of no use here: {reason}")
            return None
        self._say("from disk")
        return kernel  # type: ignore[no-any-return]

    def keep(self, code: Any) -> None:
        """Store a kernel's code (`KernelCode`)."""
        if self._store is None:
            return
        if not backend.is_current():
            self._say("not stored: files of the package changed since it was imported")
        elif self._store.write(self._name, code.entry()):
            self._say("stored on disk")

    def _say(self, what: str) -> None:
        if "cache" in config.logs:
            say("cache", "%s: %s (%s)", summary(self._signature.text), what, self._name[:12])


def is_near() -> bool:
    """Whether this process has loaded LLVM already: before that, looking for kernels costs 50 ms."""
    return "llvmlite.binding" in sys.modules


def _found(block: Block, signature: Signature) -> tuple[Store | None, str]:
    """The store, and the name of the kernel's file in it."""
    disk = backends.store.store() if config.native else None
    why = "switched off" if disk is None else ""
    if disk is not None:
        meanings = _meanings(block)
        name = None if meanings is None else backend.name_of("kernel", f"{meanings}\n{signature.text}")
        if name is not None:
            return disk, name
        why = (
            "it holds an op defined elsewhere"
            if meanings is None
            else "files of the package changed, or are in an archive"
        )
    if "cache" in config.logs:
        say("cache", "%s: not kept on disk (%s)", summary(signature.text), why)
    return None, ""


def _meanings(block: Block) -> str | None:
    """What the program's ops mean to kernels; None when that is for others to say, in files that we do not watch."""
    ops = {instr.op.name: instr.op for instr in block.instrs}
    if any(type(op).__module__.partition(".")[0] != PACKAGE for op in ops.values()):
        return None
    return "\n".join(f"{name} {[getattr(op, a, '') for a in MEANING]}" for name, op in sorted(ops.items()))
