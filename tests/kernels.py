"""Run a block the four ways it can be run, and compare."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.backends.interpreter import run
from autodiff.backends.numba.compile import compile_kernel, plan_kernel, python_kernel
from autodiff.backends.numba.source import size_origins
from autodiff.ir.core import Block
from autodiff.ir.signature import signature
from autodiff.passes.generalize import generalize
from autodiff.passes.pipeline import lowerable, optimize


class Kernel:
    """The kernel of a block: its source, run as Python or compiled."""

    def __init__(self, block: Block) -> None:
        self.block, self.literals = generalize(lowerable(optimize(block)))
        self.signature = signature(self.block)
        self.plan, self.source = plan_kernel(self.block, self.signature.sizes)
        self._compiled: Any = None

    def extra(self) -> list[Any]:
        """What is passed behind the block's own arguments: literals, then sizes."""
        sizes = self.signature.sizes.values
        literals = [lit.aval.dtype.type(lit.value) for lit in self.literals]
        return [*literals, *(sizes[name] for name in size_origins(self.plan)[1])]

    def python(self, args: Sequence[Any]) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):
            return self._results(python_kernel(self.source)(*_copied(args), *self.extra()))

    def compiled(self, args: Sequence[Any], extra: list[Any] | None = None) -> tuple[Any, ...]:
        if self._compiled is None:
            self._compiled = compile_kernel(self.block, self.signature.sizes)
        return self._results(self._compiled.call(*_copied(args), *(self.extra() if extra is None else extra)))

    def _results(self, out: Any) -> tuple[Any, ...]:
        outs = out if len(self.block.results) > 1 else (out,)
        # Compiled scalars come back as Python's; an un-jitted one must have the right dtype by itself.
        return tuple(
            r.aval.dtype.type(o) if isinstance(o, bool | int | float) and not isinstance(o, np.generic) else o
            for o, r in zip(outs, self.block.results, strict=True)
        )


def _copied(args: Sequence[Any]) -> list[Any]:
    return [np.array(a, order="C") if np.ndim(a) else a for a in args]


def close(found: Sequence[Any], expected: Sequence[Any], note: str = "", rtol: float | None = None) -> None:
    """Same number of results, same shapes and dtypes, same values up to rounding."""
    assert len(found) == len(expected), note
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"{note} result {k}"
        if a.dtype.kind != "f":
            np.testing.assert_array_equal(a, b, err_msg=f"{note} result {k}")
            continue
        tolerance = rtol or (1e-13 if a.dtype == np.float64 else 1e-5)
        finite = np.abs(b[np.isfinite(b)])
        scale = tolerance * float(finite.max()) if finite.size else 0.0
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=scale, err_msg=f"{note} result {k}")


def agree(block: Block, args: Sequence[Any], note: str = "", compiled: bool = False) -> Kernel:
    """Interpreter (raw and optimised), kernel source as Python, and the compiled kernel if asked."""
    expected = run(block, args)
    close(run(optimize(block), args), expected, f"{note} optimised")
    kernel = Kernel(block)
    close(kernel.python(args), expected, f"{note} source\n{kernel.source}\n")
    if compiled:
        close(kernel.compiled(args), expected, f"{note} compiled\n{kernel.source}\n")
    return kernel
