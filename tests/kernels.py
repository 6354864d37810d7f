"""Run a block the four ways it can be run, and compare."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from autodiff.backends.interpreter import run
from autodiff.backends.numba.compile import CompiledKernel, NumbaKernel, compile_kernel, plan_kernel, python_kernel
from autodiff.backends.numba.source import print_source, size_origins
from autodiff.ir.core import Block
from autodiff.ir.signature import signature
from autodiff.ops.paired import as_complex, as_pairs
from autodiff.passes.generalize import generalize
from autodiff.passes.pipeline import lowerable, optimize


class Kernel:
    """The kernel of a block: its source run as Python, its machine code from LLVM IR and from Numba."""

    def __init__(self, block: Block) -> None:
        self.block, self.literals = generalize(lowerable(optimize(block)))
        self.signature = signature(self.block)
        self.plan = plan_kernel(self.block, self.signature.sizes)
        self.source = print_source(self.plan)
        self._machines: dict[str, CompiledKernel] = {}
        self._complex = [r.aval.dtype.kind == "c" for r in block.results]

    def python(self, args: Sequence[Any]) -> tuple[Any, ...]:
        sizes = [self.signature.sizes.values[name] for name in size_origins(self.plan)[1]]
        with np.errstate(all="ignore"):
            out = python_kernel(self.source)(*_copied(args), *self._literals(), *sizes)
        outs = out if len(self.block.results) > 1 else (out,)
        # A result that is a number of the program text has Python's type; others have the right one by themselves.
        return self._results(
            r.aval.dtype.type(o) if isinstance(o, bool | int | float) and not isinstance(o, np.generic) else o
            for o, r in zip(outs, self.block.results, strict=True)
        )

    def _results(self, outs: Iterable[Any]) -> tuple[Any, ...]:
        """Pairs as the complex numbers they stand for."""
        flagged = zip(outs, self._complex, strict=True)
        return tuple(as_complex(np.ascontiguousarray(o)) if is_pairs else o for o, is_pairs in flagged)

    def compiled(self, args: Sequence[Any], program: "Kernel | None" = None, by: str = "native") -> tuple[Any, ...]:
        """Run this machine code, for another program of the same signature if one is given."""
        if by not in self._machines:
            self._machines[by] = self._compile(by)
        program = program or self
        call = self._machines[by].bind(program._literals(), program.signature.sizes.values)
        return self._results(call(*(as_number(a) if isinstance(a, np.generic) else a for a in _copied(args))))

    def _compile(self, by: str) -> CompiledKernel:
        if by == "numba":
            return NumbaKernel(self.plan)
        return compile_kernel(self.block, self.signature.sizes)

    def _literals(self) -> list[Any]:
        return [lit.aval.dtype.type(lit.value) for lit in self.literals]


def as_number(x: np.generic) -> float | int:
    """A NumPy scalar as kernels take it: a float or an int."""
    return float(x) if x.dtype.kind == "f" else int(x)


def _copied(args: Sequence[Any]) -> list[Any]:
    """The arguments as kernels take them: contiguous, complex numbers as pairs."""
    pairs = [as_pairs(a) if np.iscomplexobj(a) else a for a in args]
    return [np.array(a, order="C") if np.ndim(a) else a for a in pairs]


def close(found: Sequence[Any], expected: Sequence[Any], note: str = "", rtol: float | None = None) -> None:
    """Same number of results, same shapes and dtypes, same values up to rounding."""
    assert len(found) == len(expected), note
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"{note} result {k}"
        if a.dtype.kind not in "fc":
            np.testing.assert_array_equal(a, b, err_msg=f"{note} result {k}")
            continue
        tolerance = rtol or (1e-13 if a.dtype in (np.float64, np.complex128) else 1e-5)
        finite = np.abs(b[np.isfinite(b)])
        scale = tolerance * float(finite.max()) if finite.size else 0.0
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=scale, err_msg=f"{note} result {k}")


def agree(block: Block, args: Sequence[Any], note: str = "") -> Kernel:
    """Interpreter (raw and optimised) and kernel source as Python."""
    expected = run(block, args)
    close(run(optimize(block), args), expected, f"{note} optimised")
    kernel = Kernel(block)
    close(kernel.python(args), expected, f"{note} source\n{kernel.source}\n")
    return kernel
