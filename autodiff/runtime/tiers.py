"""Which backend runs a program: the interpreter at first, a kernel once it is worth it.

A `Program` is an optimised block with its literals and sizes taken out. A tape's program is
interpreted until it is hot, so that the first gradient answers in milliseconds; a decorated
function's program is compiled at once. A program whose kernel exists already (the same graph
with another batch size or learning rate) uses it from its first run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.backends.interpreter import Interpreter
from autodiff.backends.numba.compile import CompiledKernel, Run, plan_kernel
from autodiff.backends.numba.fuse import NoKernel
from autodiff.backends.numba.source import print_source
from autodiff.config import config
from autodiff.ir.aval import ArrayAval
from autodiff.ir.core import Block
from autodiff.ir.signature import signature
from autodiff.ops.paired import as_complex, as_pairs
from autodiff.passes.canonicalize import Order, canonicalize
from autodiff.passes.generalize import generalize
from autodiff.passes.pipeline import lowerable
from autodiff.runtime.kernels import KERNELS, CacheInfo

# Straight-line programs of 3,000 instructions compile in about 4 s, and it grows faster than that.
SIZE_LIMIT = 5000
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
        self.reason = ""  # why there is no kernel
        self._interpreter: Interpreter | None = None
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
            info.runs += 1
        return self.run(*[as_kernel_argument(a, aval) for a, aval in zip(args, self._avals, strict=True)])

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
        if cold and sig not in KERNELS:
            return
        try:
            kernel = KERNELS.get(block, sig, self.infos)
        except NoKernel as why:
            self.reason = str(why)
            return
        values = [lit.aval.dtype.type(lit.value) for lit in literals]
        run = _rearranged(kernel, values, sig.sizes.values, len(self._avals), self._order, self._places)
        self.run = _in_pairs(run, self._avals, [r.aval for r in self.block.results])

    def source(self) -> str:
        """The source of the kernel, compiled or not; the reason when there is none."""
        block, _, sig = self.generalized()
        try:
            return print_source(plan_kernel(block, sig.sizes))
        except NoKernel as why:
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
    """`x` as kernels take it: C-contiguous, aligned, writable, native; a Python number for shape ()."""
    if not aval.shape:
        return float(x) if aval.dtype.kind == "f" else x if aval.dtype.kind == "c" else int(x)
    flags = x.flags
    if flags.c_contiguous and flags.aligned and flags.writeable:
        return x
    return np.array(x, aval.dtype, order="C")
