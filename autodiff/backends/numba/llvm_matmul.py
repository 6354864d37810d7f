"""Matrix products in kernels: calls of BLAS, by the addresses SciPy gives.

BLAS is column-major and ours is row-major: a row-major matrix is its own transpose there, so
C = A B is computed as C' = B' A'. A side with one row or column is a matrix-vector product.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.llvm_function import FunctionPrinter
from autodiff.backends.numba.llvm_loops import count, each
from autodiff.backends.numba.llvm_scalar import constant
from autodiff.backends.numba.llvm_step import poll
from autodiff.backends.numba.native import register_routines
from autodiff.backends.numba.nest import Buffer, NativeCall, Order

WORD, INT, CHAR = ir.IntType(64), ir.IntType(32), ir.IntType(8)
ROUTINES = {np.dtype("f8"): "d", np.dtype("f4"): "s"}

# In multiplications. Signals are looked for after a product of the first; one of the second, 0.2 s on one core, is
# divided into parts of so many rows, and of so much of the inner size.
LONG_PRODUCT, LARGE_PRODUCT = 1 << 20, 1 << 32
ROWS, INNER = 1024, 768


class Blas:
    """Calls of one dtype's routines, of LAPACK too; everything goes by pointer, as in Fortran."""

    def __init__(self, printer: Any, dtype: np.dtype) -> None:
        register_routines()
        self.p, self.b, self.dtype = printer, printer.b, dtype
        self.prefix = ROUTINES[dtype]
        self.real: ir.Type = constant(0, dtype).ir.type
        self.one, self.zero = self.kept(self.real(1.0)), self.kept(self.real(0.0))

    def kept(self, value: ir.Value) -> ir.Value:
        """A value in memory, to point at."""
        slot = self.p.entry.alloca(value.type)
        self.b.store(value, slot)
        return slot

    def size(self, value: ir.Value) -> ir.Value:
        return self.kept(self.b.trunc(value, INT))

    def stride(self, value: ir.Value) -> ir.Value:
        """A leading dimension: BLAS refuses 0, even for empty matrices."""
        return self.size(self.b.select(self.b.icmp_signed(">", value, WORD(1)), value, WORD(1)))

    def number(self, value: int) -> ir.Value:
        return self.kept(INT(value))

    def letter(self, character: str) -> ir.Value:
        return self.kept(CHAR(ord(character)))

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

    def at(self, b: ir.IRBuilder, row: ir.Value, column: ir.Value) -> ir.Value:
        """Where an element is."""
        return b.gep(self.pointer, [b.add(b.mul(row, self.row), b.mul(column, self.column))])

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
        _emit_product(blas, (m, n, k), matrices)


def _emit_product(blas: Blas, sizes: tuple[str, str, str], matrices: tuple[Matrix, Matrix, Matrix]) -> None:
    """gemm, by a function that all products of a kernel share."""
    p, b = blas.p, blas.b
    arguments = [p.size(s) for s in sizes]
    for x in matrices:
        arguments += [x.pointer, x.row, x.column, x.leading]
    arguments += [CHAR(ord("T" if x.flipped else "N")) for x in matrices[:2]]
    name = f"product_{blas.prefix}"
    p.check(b.call(b.module.globals.get(name) or _product(b.module, name, blas), arguments))


def _product(module: ir.Module, name: str, model: Blas) -> ir.Function:
    """gemm in parts if it is large; signals are looked for after each that takes a while.

    Parts along the inner size add to what is there, as BLAS itself does from block to block, so that they cost
    nothing; those of rows are long enough to make up for `right` being read anew.
    """
    matrix = [model.real.as_pointer(), WORD, WORD, WORD]
    f = FunctionPrinter(module, name, [WORD, WORD, WORD, *matrix, *matrix, *matrix, CHAR, CHAR])
    f.body.attributes.add("optnone")  # nothing here is worth the time that loops and conditions take LLVM
    b, blas = f.b, Blas(f, model.dtype)
    rows, columns, inner, *rest = f.body.args
    left, right, out = (Matrix(*rest[k : k + 3], flipped=False) for k in (0, 4, 8))
    leading = [blas.stride(rest[k]) for k in (3, 7, 11)]
    letters = [blas.kept(x) for x in rest[12:]]
    work = b.mul(b.mul(rows, columns), inner)
    large = b.icmp_signed(">", work, WORD(LARGE_PRODUCT))
    beta, width = f.entry.alloca(blas.real), blas.size(columns)
    with _parts(f, rows, ROWS, large) as (row, height), _parts(f, inner, INNER, large) as (k, depth):
        first = b.icmp_signed("==", k, WORD(0))
        b.store(b.select(first, blas.real(0.0), blas.real(1.0)), beta)
        # BLAS takes columns for rows, so all is transposed for it: c' = b' a'.
        parts = [right.at(b, k, WORD(0)), leading[1], left.at(b, row, k), leading[0]]
        sizes = [width, blas.size(height), blas.size(depth)]
        result = [beta, out.at(b, row, WORD(0)), leading[2]]
        blas.call("gemm", letters[1], letters[0], *sizes, blas.one, *parts, *result)
        with b.if_then(b.icmp_signed(">", work, WORD(LONG_PRODUCT)), likely=False):
            f.check(b.call(poll(module), []))
    return f.finish()


@contextmanager
def _parts(printer: Any, size: ir.Value, part: int, cut: ir.Value) -> Iterator[tuple[ir.Value, ir.Value]]:
    """The start and the length of each part; the whole is the only one if it is not `cut`, or has no elements."""
    b = printer.b
    count = b.select(cut, b.sdiv(b.add(size, WORD(part - 1)), WORD(part)), WORD(1))
    with printer.loop(WORD(0), count) as i:
        start = b.mul(i, WORD(part), flags=("nsw",))
        yield start, b.select(cut, printer.smaller(WORD(part), b.sub(size, start)), size)


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
