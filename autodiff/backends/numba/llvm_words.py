"""The words that a kernel is given: which stands for what, and loading them.

A call of a step loads what it passes on just before, so that nothing is carried along through a
long kernel; straight-line code of the kernel itself finds its operands in lazily filled tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llvmlite import ir

from autodiff.backends.numba.host import HOST
from autodiff.backends.numba.llvm_function import WORD, FunctionPrinter, Lazy, memory_type
from autodiff.backends.numba.llvm_scalar import TYPES, Scalar
from autodiff.backends.numba.llvm_stack import Stacks
from autodiff.backends.numba.nest import Buffer, KernelPlan

if TYPE_CHECKING:
    import numpy as np


class Pointers(dict[Buffer, ir.Value]):
    """Where arrays are: loaded once, at the entry, but for those that move while the kernel runs."""

    def __init__(self, words: Words) -> None:
        super().__init__()
        self.words = words

    def __missing__(self, buffer: Buffer) -> ir.Value:
        words = self.words
        if buffer.stack or words.roots.get(buffer, buffer) in words.moving:
            return words.pointer(buffer, words.f.b)
        found = self[buffer] = words.pointer(buffer, words.f.entry)
        return found


class Words:
    """The words of a kernel, by what they stand for: buffers, and names of sizes and of scalars."""

    def __init__(self, f: FunctionPrinter, plan: KernelPlan, roots: dict[Buffer, Buffer], hosted: bool) -> None:
        self.f, self.roots = f, roots
        scalars = [b for b in plan.results if not b.shape]
        keys = [p if p.shape else p.name for p in plan.params]
        keys += [*plan.sizes, *((HOST,) if hosted else ()), *plan.allocated]
        self.places: dict[Any, int] = {key: k for k, key in enumerate(keys)}
        self.results = range(len(keys), len(keys) + len(scalars))
        self.dtypes: dict[str, np.dtype] = {p.name: p.dtype for p in plan.params if not p.shape}
        words = f.body.args[0]
        whole = {n: d for n, d in self.dtypes.items() if d in ("f8", "i8")}  # whose words are what they stand for
        f.inputs = {name: (words, self.places[name], dtype) for name, dtype in whole.items()}
        f.pointers = Pointers(self)
        f.is_local = lambda name: name not in self.places
        self.stacks: Stacks | None = None
        self.moving: set[Buffer] = set()  # memory that loops exchange
        f.sizes = Lazy(lambda name: self.word(self.places[name], f.entry))
        f.values = Lazy(lambda name: self.scalar(name, f.entry))

    def word(self, place: int, b: ir.IRBuilder) -> ir.Value:
        return b.load(b.gep(self.f.body.args[0], [WORD(place)]))

    def address(self, buffer: Buffer) -> ir.Value:
        """Where the word of an array is."""
        return self.f.b.gep(self.f.body.args[0], [WORD(self.places[self.roots.get(buffer, buffer)])])

    def pointer(self, buffer: Buffer, b: ir.IRBuilder) -> ir.Value:
        root = self.roots.get(buffer, buffer)
        if root.stack:
            assert self.stacks is not None
            return self.stacks.pointer(root)
        return b.inttoptr(self.word(self.places[root], b), memory_type(root.dtype).as_pointer())

    def size(self, name: str) -> ir.Value:
        """Here and now."""
        return self.word(self.places[name], self.f.b) if name in self.places else self.f.values[name].ir

    def value(self, name: str) -> ir.Value:
        """A scalar, here and now if it is one that was passed in."""
        return self.scalar(name, self.f.b).ir if name in self.dtypes else self.f.values[name].ir

    def dtype(self, name: str) -> np.dtype:
        found: np.dtype = self.dtypes[name] if name in self.dtypes else self.f.values[name].dtype
        return found

    def scalar(self, name: str, b: ir.IRBuilder) -> Scalar:
        dtype, word = self.dtypes[name], self.word(self.places[name], b)
        kind = TYPES[dtype]
        if isinstance(kind, ir.IntType):
            return Scalar(word if kind.width == 64 else b.trunc(word, kind), dtype)
        number = b.bitcast(word, ir.DoubleType())  # Python's numbers are double
        return Scalar(number if isinstance(kind, ir.DoubleType) else b.fptrunc(number, kind), dtype)
