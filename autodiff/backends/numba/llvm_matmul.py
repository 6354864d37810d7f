"""Matrix products in kernels: calls of BLAS, by the addresses SciPy gives.

BLAS is column-major and ours is row-major: a row-major matrix is its own transpose there, so
C = A B is computed as C' = B' A'. A side with one row or column is a matrix-vector product.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.llvm_loops import count, each
from autodiff.backends.numba.llvm_scalar import constant
from autodiff.backends.numba.native import register_routines
from autodiff.backends.numba.nest import Buffer, NativeCall, Order

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


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix in memory: where, and how far apart rows and columns are; one of the two is 1."""

    pointer: ir.Value
    row: ir.Value
    column: ir.Value
    flipped: bool  # it is the columns that lie one after the other: neighbours in a row are `column` apart

    @property
    def transposed(self) -> Matrix:
        return Matrix(self.pointer, self.column, self.row, not self.flipped)

    @property
    def leading(self) -> ir.Value:
        return self.column if self.flipped else self.row


def emit_matmul(printer: Any, step: NativeCall) -> None:
    """out = a @ b; the leading axes of a batch are looped over."""
    (out,) = step.outs
    blas, loops = Blas(printer, out.dtype), list[ir.Value]()
    left, right = step.operands
    with ExitStack() as stack:
        for size in out.shape[:-2]:
            loops.append(stack.enter_context(each(printer, size)))
        natural = tuple(range(len(out.shape)))
        a, b, c = (_matrix(printer, *x, loops) for x in (left, right, (out, natural)))
        buffer, order = left
        inner = buffer.shape[order.index(len(order) - 1)]
        _emit_one(blas, (*out.shape[-2:], inner), (a, b, c))


def _matrix(printer: Any, buffer: Buffer, order: Order, loops: list[ir.Value]) -> Matrix:
    """One matrix of a batch; axis k of the buffer is axis order[k] of the batch."""
    b, rank, place = printer.b, len(order), WORD(0)
    strides = {axis: printer.size(count(buffer.shape[k + 1 :])) for k, axis in enumerate(order)}
    for axis, i in enumerate(loops):
        place = b.add(place, b.mul(i, strides[axis], flags=("nsw",)), flags=("nsw",))
    pointer = b.gep(printer.pointers[buffer], [place])
    return Matrix(pointer, strides[rank - 2], strides[rank - 1], flipped=order[-1] == rank - 2)


def _emit_one(blas: Blas, sizes: tuple[str, str, str], matrices: tuple[Matrix, Matrix, Matrix]) -> None:
    """c (m, n) = a (m, k) @ b (k, n)."""
    (m, n, k), (a, b, c) = sizes, matrices
    if n == "1":
        _emit_vector(blas, (m, k), a, (b.pointer, b.row), (c.pointer, c.row))
    elif m == "1":
        _emit_vector(blas, (n, k), b.transposed, (a.pointer, a.column), (c.pointer, c.column))
    else:
        # BLAS takes columns for rows, so all is transposed for it: c' = b' a'.
        rows, columns, inner = (blas.p.size(s) for s in (m, n, k))
        blas.call(
            "gemm",
            blas.letter_of(b.flipped),
            blas.letter_of(a.flipped),
            blas.size(columns),
            blas.size(rows),
            blas.size(inner),
            blas.one,
            b.pointer,
            blas.stride(b.leading),
            a.pointer,
            blas.stride(a.leading),
            blas.zero,
            c.pointer,
            blas.stride(c.leading),
        )


Vector = tuple[ir.Value, ir.Value]  # where it is, and how far apart its elements are


def _emit_vector(blas: Blas, sizes: tuple[str, str], matrix: Matrix, x: Vector, out: Vector) -> None:
    """out (m) = matrix (m, k) @ x (k)."""
    m, k = (blas.p.size(s) for s in sizes)
    first, second = (m, k) if matrix.flipped else (k, m)  # the shape as BLAS sees it
    b = blas.b
    # With nothing to add up, BLAS returns without writing the zeros.
    with blas.p.loop(WORD(0), b.select(b.icmp_signed("==", k, WORD(0)), m, WORD(0))) as i:
        b.store(blas.real(0.0), b.gep(out[0], [b.mul(i, out[1])]))
    blas.call(
        "gemv",
        blas.letter_of(not matrix.flipped),
        blas.size(first),
        blas.size(second),
        blas.one,
        matrix.pointer,
        blas.stride(matrix.leading),
        x[0],
        blas.stride(x[1]),
        blas.zero,
        out[0],
        blas.stride(out[1]),
    )
