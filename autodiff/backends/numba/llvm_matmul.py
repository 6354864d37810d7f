"""Matrix products in kernels: calls of BLAS, by the addresses SciPy gives.

BLAS is column-major and ours is row-major: a row-major matrix is its own transpose there, so
C = A B is computed as C' = B' A'. A side with one row or column is a matrix-vector product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.llvm_scalar import constant
from autodiff.backends.numba.native import register_routines
from autodiff.backends.numba.nest import Buffer, NativeCall

WORD, INT, CHAR = ir.IntType(64), ir.IntType(32), ir.IntType(8)
ROUTINES = {np.dtype("f8"): "d", np.dtype("f4"): "s"}


class Blas:
    """Calls of one dtype's routines, of LAPACK too; everything goes by pointer, as in Fortran."""

    def __init__(self, printer: Any, dtype: np.dtype) -> None:
        register_routines()
        self.p, self.b = printer, printer.b
        self.prefix = ROUTINES[dtype]
        self.real: ir.Type = constant(0, dtype).ir.type
        self.one, self.zero = self._kept(self.real(1.0)), self._kept(self.real(0.0))

    def _kept(self, value: ir.Value) -> ir.Value:
        """A value in memory, to point at."""
        slot = self.p.entry.alloca(value.type)
        self.b.store(value, slot)
        return slot

    def size(self, value: ir.Value) -> ir.Value:
        return self._kept(self.b.trunc(value, INT))

    def stride(self, value: ir.Value) -> ir.Value:
        """A leading dimension: BLAS refuses 0, even for empty matrices."""
        return self.size(self.b.select(self.b.icmp_signed(">", value, WORD(1)), value, WORD(1)))

    def number(self, value: int) -> ir.Value:
        return self._kept(INT(value))

    def letter(self, character: str) -> ir.Value:
        return self._kept(CHAR(ord(character)))

    def letter_of(self, transposed: bool) -> ir.Value:
        return self.letter("T" if transposed else "N")

    def call(self, routine: str, *arguments: ir.Value) -> None:
        name = f"autodiff_{self.prefix}{routine}"
        module = self.b.module
        if name not in module.globals:
            ir.Function(module, ir.FunctionType(ir.VoidType(), [a.type for a in arguments]), name)
        self.b.call(module.globals[name], arguments)


def emit_matmul(printer: Any, step: NativeCall) -> None:
    """out = a @ b; the leading axes of a batch are looped over."""
    (out,) = step.outs
    blas = Blas(printer, out.dtype)
    (left, a_swapped), (right, b_swapped) = step.operands
    batch = " * ".join(out.shape[:-2]) or "1"
    if batch == "1":
        pointers = [printer.pointers[x] for x in (out, left, right)]
        _emit_one(blas, step, pointers, a_swapped, b_swapped)
        return
    with printer.loop(WORD(0), printer.size(batch)) as i:
        pointers = [_matrix(printer, x, i) for x in (out, left, right)]
        _emit_one(blas, step, pointers, a_swapped, b_swapped)


def _matrix(printer: Any, buffer: Buffer, i: ir.Value) -> ir.Value:
    """The i-th matrix of a batch."""
    b = printer.b
    return b.gep(printer.pointers[buffer], [b.mul(i, printer.size(" * ".join(buffer.shape[-2:])))])


def _emit_one(blas: Blas, step: NativeCall, pointers: list[ir.Value], a_swapped: bool, b_swapped: bool) -> None:
    out, a, b = pointers
    (left, _), _ = step.operands
    m, n = step.outs[0].shape[-2:]
    k = left.shape[-2] if a_swapped else left.shape[-1]
    if n == "1":
        _emit_vector(blas, (out, a, b), (m, k), a_swapped)
    elif m == "1":
        _emit_vector(blas, (out, b, a), (n, k), not b_swapped)
    else:
        rows, columns, inner = (blas.p.size(s) for s in (m, n, k))
        blas.call(
            "gemm",
            blas.letter_of(b_swapped),
            blas.letter_of(a_swapped),
            blas.size(columns),
            blas.size(rows),
            blas.size(inner),
            blas.one,
            b,
            blas.stride(inner if b_swapped else columns),
            a,
            blas.stride(rows if a_swapped else inner),
            blas.zero,
            out,
            blas.stride(columns),
        )


def _emit_vector(blas: Blas, pointers: tuple[ir.Value, ...], sizes: tuple[str, str], swapped: bool) -> None:
    """out (m) = M (m, k) @ x (k); `swapped`: M lies in memory as (k, m)."""
    out, matrix, x = pointers
    m, k = (blas.p.size(s) for s in sizes)
    first, second = (m, k) if swapped else (k, m)  # the shape as BLAS sees it
    unit = blas.size(WORD(1))
    # With nothing to add up, BLAS returns without writing the zeros.
    with blas.p.loop(WORD(0), blas.b.select(blas.b.icmp_signed("==", k, WORD(0)), m, WORD(0))) as i:
        blas.b.store(blas.real(0.0), blas.b.gep(out, [i]))
    blas.call(
        "gemv",
        blas.letter_of(not swapped),
        blas.size(first),
        blas.size(second),
        blas.one,
        matrix,
        blas.stride(first),
        x,
        unit,
        blas.zero,
        out,
        unit,
    )
