"""Which backend runs a program: the interpreter at first, a kernel once it is worth it.

A `Program` is an optimised block with its literals and sizes taken out. A tape's program is
interpreted until it is hot, so that the first gradient answers in milliseconds; a decorated
function's program is compiled at once. A program whose kernel exists already (the same graph
with another batch size or learning rate) uses it from its first run.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.backends import numba as backend  # its attributes are imported when they are needed
from autodiff.backends.interpreter import Interpreter
from autodiff.config import config
from autodiff.ir.aval import ArrayAval
from autodiff.ir.core import Block
from autodiff.ir.signature import Signature, signature
from autodiff.ops.paired import as_complex, as_pairs
from autodiff.passes.canonicalize import Order, canonicalize
from autodiff.passes.generalize import generalize
from autodiff.passes.pipeline import lowerable
from autodiff.runtime.kernels import KERNELS, CacheInfo

if TYPE_CHECKING:
    from autodiff.backends.numba.compile import CompiledKernel, Run

# Straight-line programs of 5,000 instructions compile in a few seconds, and it grows linearly.
SIZE_LIMIT = 20_000
# Looking for the kernel of a program (its signature) costs 0.1 ms an operation: on the first
# runs of a large one that is more than the interpreter takes.
LOOKUP_LIMIT = 400


class Program:
    """A block that can be run, on whichever tier.

    Called with one array (NumPy or Python scalar for shape ()) per parameter, of exactly the
    parameter's shape and dtype; returns one fresh array or NumPy scalar per result.
    """

    def __init__(self, block: Block, infos: tuple[CacheInfo, ...] = (), compile_after: int = 0) -> None:
        self.block = block
        self.infos = (KERNELS.info, *infos)
        self.compile_after = compile_after
        self.run: Run | None = None
        self.native: Any = None  # the kernel as bound to this program (`Bound`), when it is a native one
        self.reason = ""  # why there is no kernel
        self._interpreter: Interpreter | None = None
        self._maker: threading.Thread | None = None
        self._runs = 0
        self._generalized: Any = None
        self._order: Order = ()
        self._places: Order = ()
        self._avals = [p.aval for p in block.params]

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        if self.run is None and not self.reason:
            self._consider()
        self._runs += 1
        if self.run is None:
            for info in self.infos:
                info.interpreted_runs += 1
            self._interpreter = self._interpreter or Interpreter(self.block)
            return self._interpreter(*args)
        for info in self.infos:
            info.counter.value += 1
        return self.run(*args)

    def ready(self) -> Any:
        """The native kernel, compiled if need be; None when there is none, for a `reason` perhaps."""
        if self.run is None and not self.reason:
            self._consider()
        return self.native

    def generalized(self) -> Any:
        """(block, literals, signature) of the kernel; computed once."""
        if self._generalized is None:
            block, literals = generalize(lowerable(self.block))
            block, self._order, self._places = canonicalize(block)
            self._generalized = block, literals, signature(block)
        return self._generalized

    def _consider(self) -> None:
        """Bind the kernel if it exists already, or if this program is hot."""
        if not config.jit:
            self.reason = "compilation is switched off (AUTODIFF_JIT=0)"
            return
        if not self.block.results:
            self.reason = "nothing to compute"
            return
        size, cold = len(self.block.instrs), self._runs < self.compile_after
        if size > SIZE_LIMIT:
            self.reason = f"{size} operations are too many for one kernel (limit: {SIZE_LIMIT})"
            return
        if cold and size > LOOKUP_LIMIT:
            return
        block, literals, sig = self.generalized()
        if cold and not KERNELS.has(block, sig):
            return
        if config.background and self.compile_after and self._is_being_made(block, sig):
            return
        try:
            kernel = KERNELS.get(block, sig, self.infos)
        except backend.NoKernel as why:
            self.reason = str(why)
            return
        values = [lit.aval.dtype.type(lit.value) for lit in literals]
        self.run = self._native(kernel, values, sig.sizes.values) or self._python(kernel, values, sig.sizes.values)

    def _is_being_made(self, block: Block, sig: Signature) -> bool:
        """Whether a thread of its own is at the kernel; the first time one is started."""
        if self._maker is None:
            if sig in KERNELS:
                return False
            # Not a daemon: LLVM cannot be left in the midst of its work when the process ends.
            self._maker = threading.Thread(target=KERNELS.prepare, args=(block, sig, self.infos), name="autodiff")
            self._maker.start()
        return self._maker.is_alive()

    def _native(self, kernel: CompiledKernel, values: list[Any], sizes: dict[str, int]) -> Run | None:
        """A native kernel, given the program's arguments and writing its results where they are wanted."""
        bound = getattr(kernel, "bound", None)  # what only native kernels have
        if bound is None:
            return None
        count, words = len(self._avals), {k: word for word, k in enumerate(self._order)}
        self.native = bound(
            sizes,
            positions=[words.get(k, backend.UNUSED) for k in range(count)],
            fixed={word: values[k - count] for k, word in words.items() if k >= count},
            params=self._avals,
            results=[r.aval for r in self.block.results],
            order=[self._places.index(k) for k in range(len(self._places))],
        )
        strict, avals = self.native.function(), self._avals
        return self.native.function(lambda *args: strict(*map(as_kernel_argument, args, avals)))  # type: ignore[no-any-return]

    def _python(self, kernel: CompiledKernel, values: list[Any], sizes: dict[str, int]) -> Run:
        """A kernel of Numba's, its arguments and results rearranged by Python."""
        run = _rearranged(kernel, values, sizes, len(self._avals), self._order, self._places)
        run, avals = _in_pairs(_writable(run), self._avals, [r.aval for r in self.block.results]), self._avals
        return lambda *args: run(*map(as_kernel_argument, args, avals))

    def explained(self) -> str:
        """What became of the program, in words: its loop nests, its calls and the memory between them."""
        block, _, sig = self.generalized()
        try:
            return backend.explained(backend.plan_kernel(block, sig.sizes), sig.sizes.values)
        except backend.NoKernel as why:
            return f"no kernel, NumPy runs it: {why}"

    def source(self) -> str:
        """The source of the kernel, compiled or not; the reason when there is none."""
        block, _, sig = self.generalized()
        try:
            return backend.print_source(backend.plan_kernel(block, sig.sizes))
        except backend.NoKernel as why:
            return f"# no kernel: {why}\n"


def _rearranged(
    kernel: CompiledKernel, literals: list[Any], sizes: dict[str, int], count: int, order: Order, places: Order
) -> Run:
    """The kernel with its parameters and results where the program has them.

    `order` numbers the kernel's parameters among the program's `count` and its literals, `places`
    the kernel's results among the program's.
    """
    given = [k for k in order if k < count]
    taken = [literals[k - count] for k in order if k >= count]
    if order == (*given, *(k for k in order if k >= count)):
        inner = kernel.bind(taken, sizes)
        run = inner if given == list(range(count)) else lambda *args: inner(*[args[k] for k in given])
    else:
        inner = kernel.bind((), sizes)
        numbers = [float(x) if x.dtype.kind == "f" else int(x) for x in literals]

        def run(*args: Any) -> tuple[Any, ...]:
            every = (*args, *numbers)
            return inner(*[every[k] for k in order])

    if places == tuple(range(len(places))):
        return run
    found = [places.index(k) for k in range(len(places))]

    def reordered(*args: Any) -> tuple[Any, ...]:
        results = run(*args)
        return tuple([results[k] for k in found])

    return reordered


def _writable(run: Run) -> Run:
    """The kernel for arrays that may be read-only: Numba tells them from others."""

    def writable_run(*args: Any) -> tuple[Any, ...]:
        return run(*[a.copy() if isinstance(a, np.ndarray) and not a.flags.writeable else a for a in args])

    return writable_run


def _in_pairs(run: Run, params: list[ArrayAval], results: list[ArrayAval]) -> Run:
    """The kernel of a complex program, which takes and gives pairs of real numbers, for complex arrays."""
    given = [k for k, aval in enumerate(params) if aval.dtype.kind == "c"]
    found = [k for k, aval in enumerate(results) if aval.dtype.kind == "c"]
    if not given and not found:
        return run

    def complex_run(*args: Any) -> tuple[Any, ...]:
        pairs = list(args)
        for k in given:
            pairs[k] = as_pairs(pairs[k])
        outs = list(run(*pairs))
        for k in found:
            outs[k] = as_complex(outs[k])
        return tuple(outs)

    return complex_run


def as_kernel_argument(x: Any, aval: ArrayAval) -> Any:
    """`x` as kernels take it: C-contiguous, aligned, in the machine's byte order; a number for shape ()."""
    dtype = aval.dtype
    if aval.shape:
        flags = x.flags
        fits = type(x) is np.ndarray and x.dtype == dtype and flags.c_contiguous and flags.aligned
        return x if fits else np.array(x, dtype, order="C", subok=False)
    if dtype.kind == "f":
        return float(x)
    return dtype.type(x) if dtype.kind == "c" else int(x)
