"""Linear algebra in kernels: LAPACK's and BLAS's routines, by the addresses SciPy gives.

They are column-major and overwrite what they are given. Where that matters, the matrix is copied to
memory of the step's own, transposed, so that they do what NumPy has them do, pivot for pivot. A
triangle is taken as it lies: a lower one is, to them, the upper one of the transpose.

What a routine complains of, such as a singular matrix, is left to the host to say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.backends.numba.host import emit_host_call, native_if
from autodiff.backends.numba.llvm_loops import WORD, at, count, each, offset
from autodiff.backends.numba.llvm_matmul import INT, Blas
from autodiff.backends.numba.llvm_scalar import BOOL, TYPES
from autodiff.backends.numba.nest import NativeCall

if TYPE_CHECKING:
    from llvmlite import ir

PIVOT = np.dtype("i4")
TRUE = TYPES[BOOL](1)

Work = list[tuple[tuple[str, ...], np.dtype]]


def solve_work(step: NativeCall) -> Work:
    (out,), n, k = step.outs, *step.outs[0].shape[-2:]
    # One column lies as LAPACK wants it.
    columns: Work = [] if k == "1" else [((k, n), out.dtype)]
    return [((n, n), out.dtype), ((n,), PIVOT), *columns]


def inv_work(step: NativeCall) -> Work:
    (out,), n = step.outs, step.outs[0].shape[-1]
    return [((n, n), out.dtype), ((n,), PIVOT), ((n, n), out.dtype)]


def emit_solve(printer: Any, step: NativeCall) -> None:
    """a @ out = b, for each matrix of a stack."""
    (out,), (a, b) = step.outs, (x for x, _ in step.operands)
    n, k = out.shape[-2:]
    matrix, pivots, *columns = (printer.pointers[w] for w in step.work)

    def one(blas: Blas, i: ir.Value) -> ir.Value:
        _transpose(printer, matrix, _matrix(printer, a, i), n, n)
        target, source = _matrix(printer, out, i), _matrix(printer, b, i)
        if not columns:
            _copy(printer, target, source, n)
            return _gesv(blas, n, k, matrix, pivots, target)
        _transpose(printer, columns[0], source, n, k)
        info = _gesv(blas, n, k, matrix, pivots, columns[0])
        _transpose(printer, target, columns[0], k, n)
        return info

    _stack(printer, step, one)


def emit_inv(printer: Any, step: NativeCall) -> None:
    """The solution of a @ out = 1, as NumPy has it."""
    (out,), (a, _), n = step.outs, step.operands[0], step.outs[0].shape[-1]
    matrix, pivots, unit = (printer.pointers[w] for w in step.work)
    size = printer.size(n)

    def one(blas: Blas, i: ir.Value) -> ir.Value:
        _transpose(printer, matrix, _matrix(printer, a, i), n, n)
        with each(printer, n) as row:
            start = printer.b.mul(row, size, flags=("nsw",))
            with each(printer, n) as column:
                _put(printer, unit, printer.b.add(start, column), blas.real(0.0))
            _put(printer, unit, printer.b.add(start, row), blas.real(1.0))
        info = _gesv(blas, n, n, matrix, pivots, unit)
        _transpose(printer, _matrix(printer, out, i), unit, n, n)
        return info

    _stack(printer, step, one)


def emit_cholesky(printer: Any, step: NativeCall) -> None:
    """The lower factor, by the lower triangle of a."""
    (out,), (a, _), n = step.outs, step.operands[0], step.outs[0].shape[-1]
    size = printer.size(n)

    def one(blas: Blas, i: ir.Value) -> ir.Value:
        target = _matrix(printer, out, i)
        _copy(printer, target, _matrix(printer, a, i), count((n, n)))
        info = blas.number(0)
        blas.call("potrf", blas.letter("U"), blas.size(size), target, blas.stride(size), info)
        with each(printer, n) as row:
            start = printer.b.mul(row, size, flags=("nsw",))
            with printer.loop(printer.b.add(row, WORD(1)), size) as column:
                _put(printer, target, printer.b.add(start, column), blas.real(0.0))
        return info

    _stack(printer, step, one)


def emit_triangular_solve(printer: Any, step: NativeCall) -> None:
    """tri(a) @ out = b, or tri(a).T @ out = b: out.T @ tri(a).T = b.T to BLAS."""
    (out,), (a, b), params = step.outs, (x for x, _ in step.operands), step.instr.params
    n, k = out.shape[-2:]
    size, columns = printer.size(n), printer.size(k)
    lower, transposed = params["is_lower"], params["transposed"]
    regular = TRUE if params["unit"] else _no_zero_on_diagonals(printer, step)
    with native_if(printer, step, regular):
        blas = Blas(printer, out.dtype)
        triangle, diagonal = blas.letter("U" if lower else "L"), blas.letter("U" if params["unit"] else "N")
        stride, one_column = blas.stride(size), k == "1"
        turned = blas.letter("T" if transposed != one_column else "N")
        with each(printer, count(out.shape[:-2])) as i:
            target, matrix = _matrix(printer, out, i), _matrix(printer, a, i)
            _copy(printer, target, _matrix(printer, b, i), count((n, k)))
            kind = triangle, turned, diagonal
            if one_column:
                blas.call("trsv", *kind, blas.size(size), matrix, stride, target, blas.number(1))
            else:
                shape = blas.size(columns), blas.size(size), blas.one
                blas.call("trsm", blas.letter("R"), *kind, *shape, matrix, stride, target, blas.stride(columns))


def _no_zero_on_diagonals(p: Any, step: NativeCall) -> ir.Value:
    (a, _), found = step.operands[0], p.slot(BOOL)
    n = a.shape[-1]
    p.b.store(TRUE, found)
    with each(p, count(a.shape[:-2])) as i, each(p, n) as j:
        where = p.b.add(offset(p, (i, p.size(n)), (j, p.size(n))), j)
        good = p.scalar.expression("({0} != 0)", (at(p, a, where),))
        p.b.store(p.b.and_(p.b.load(found), good.ir), found)
    return p.b.load(found)


# ---- parts ---------------------------------------------------------------------------------------


def _stack(p: Any, step: NativeCall, one: Callable[[Blas, ir.Value], ir.Value]) -> None:
    """`one` for each matrix of the stack; where a routine complains of one, the host runs the step."""
    blas, bad = Blas(p, step.outs[0].dtype), p.slot(PIVOT)
    p.b.store(INT(0), bad)
    with each(p, count(step.outs[0].shape[:-2])) as i:
        info = one(blas, i)
        p.b.store(p.b.or_(p.b.load(bad), p.b.load(info)), bad)
    with p.b.if_then(p.b.icmp_signed("!=", p.b.load(bad), INT(0)), likely=False):
        emit_host_call(p, step)


def _gesv(blas: Blas, n: str, k: str, matrix: ir.Value, pivots: ir.Value, columns: ir.Value) -> ir.Value:
    """Overwrite the columns by the solution; gives the address of LAPACK's complaint, 0 for none."""
    size, info = blas.p.size(n), blas.number(0)
    stride = blas.stride(size)
    sizes = blas.size(size), blas.size(blas.p.size(k))
    blas.call("gesv", *sizes, matrix, stride, pivots, columns, stride, info)
    return info


def _matrix(p: Any, buffer: Any, i: ir.Value) -> ir.Value:
    """The i-th matrix of a stack."""
    return p.b.gep(p.pointers[buffer], [p.b.mul(i, p.size(count(buffer.shape[-2:])), flags=("nsw",))])


def _put(p: Any, pointer: ir.Value, where: ir.Value, value: ir.Value) -> None:
    p.b.store(value, p.b.gep(pointer, [where]))


def _copy(p: Any, target: ir.Value, source: ir.Value, size: str) -> None:
    with each(p, size) as i:
        _put(p, target, i, p.b.load(p.b.gep(source, [i])))


def _transpose(p: Any, target: ir.Value, source: ir.Value, rows: str, columns: str) -> None:
    """target[j, i] = source[i, j]."""
    with each(p, rows) as i, each(p, columns) as j:
        here = p.b.add(p.b.mul(i, p.size(columns), flags=("nsw",)), j, flags=("nsw",))
        there = p.b.add(p.b.mul(j, p.size(rows), flags=("nsw",)), i, flags=("nsw",))
        _put(p, target, there, p.b.load(p.b.gep(source, [here])))
