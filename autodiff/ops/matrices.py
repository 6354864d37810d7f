"""What the ops of linear algebra share: checks, dtypes, triangles and diagonals of stacks of matrices.

All ops of linear algebra take stacks: axes in front of the last two are a batch, equal for all
operands. Shape rules come first, then helpers of `numpy` functions, then what derivative rules emit.

The derivative rules are written with the adjoint (conjugate transpose) in place of the transpose,
so that they hold for complex matrices too.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from functools import lru_cache, wraps
from typing import Any

import numpy as np

from autodiff.errors import DTypeError, LinearAlgebraError
from autodiff.ir.aval import ArrayAval, Shape
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.arithmetic import greater, greater_equal
from autodiff.ops.batching import resting
from autodiff.ops.complex_numbers import part_dtype
from autodiff.ops.contraction import matmul, swap
from autodiff.ops.families import add, broadcast, broadcast_to, conjugate, equal, full, mul, reduce_sum, reshape, select
from autodiff.ops.op import Batched
from autodiff.ops.promotion import Kinds, common
from autodiff.ops.reduction import recurrence

_FLOAT64 = np.dtype(np.float64)
_TAKEN = tuple(map(np.dtype, ("f4", "f8", "c8", "c16")))  # the dtypes LAPACK has routines for


# ---- dtypes and shapes -----------------------------------------------------------------------


@lru_cache(maxsize=4096)
def matrix_types(kinds: Kinds) -> tuple[tuple[np.dtype, ...], np.dtype]:
    """One common dtype that LAPACK has; integers and booleans become float64, as in `numpy.linalg`."""
    dtype = common(kinds)
    if dtype.kind in "biu":
        dtype = _FLOAT64
    if dtype not in _TAKEN:
        raise DTypeError(f"does not take dtype {dtype}", "convert before: x.astype(np.float64)")
    return tuple(dtype for _ in kinds), dtype


def real_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of singular values, and of the eigenvalues of Hermitian matrices."""
    return part_dtype(dtype) if dtype.kind == "c" else dtype


def check_matrices(name: str, a: ArrayAval) -> None:
    if a.ndim < 2:
        raise LinearAlgebraError(f"{name}: shape {a.shape} has no two axes", "pass a matrix, or a stack of matrices")


def check_square(name: str, a: ArrayAval) -> None:
    check_matrices(name, a)
    if a.shape[-1] != a.shape[-2]:
        raise LinearAlgebraError(
            f"{name}: the last two axes of shape {a.shape} are not equal", "pass a square matrix, or a stack of them"
        )


def check_stacks(name: str, *avals: ArrayAval) -> None:
    """The leading axes are those of the first operand."""
    if any(a.shape[:-2] != avals[0].shape[:-2] for a in avals):
        listed = " and ".join(str(a.shape) for a in avals)
        raise LinearAlgebraError(f"{name}: shapes {listed} have different leading axes", "np.broadcast_to the stacks")


def same_square(name: str) -> Callable[..., ArrayAval]:
    """The shape rule of a function of a square matrix that gives one of the same size."""

    def shape(a: ArrayAval, **params: Any) -> ArrayAval:
        check_square(name, a)
        return a

    return shape


def square_axes(d: Dims, operands: Sequence[DimShape], result: Shape, **params: Any) -> DimShape:
    """All operands and the result have the axes of one square matrix."""
    axes = d.join_all(operands)
    d.join(axes[-1], axes[-2])
    return axes


# ---- for `numpy` functions -------------------------------------------------------------------


def guarded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, whose complaints about a matrix name the op."""

    @wraps(function)
    def guard(*args: Any, **params: Any) -> Any:
        try:
            return function(*args, **params)
        except np.linalg.LinAlgError as error:
            if isinstance(error, LinearAlgebraError):
                raise
            reason = str(error).rstrip(".").lower()
            raise LinearAlgebraError(f"{name}: {reason}, in a matrix of shape {np.shape(args[0])}") from None

    return guard


def lapack(name: str, *arrays: Any) -> Any:
    """LAPACK's routine of this name for the dtype of the arrays. SciPy is slow to import, so not before."""
    return importlib.import_module("scipy.linalg").get_lapack_funcs(name, arrays)


def one_by_one(function: Callable[..., Any], *stacks: Any) -> list[tuple[Any, ...]]:
    """`function` of each matrix of the stacks; one list entry each, in order."""
    lead = stacks[0].shape[:-2]
    return [function(*(np.asarray(s)[place] for s in stacks)) for place in np.ndindex(*lead)]


def restacked(found: Sequence[Any], lead: Shape, shape: Shape, dtype: np.dtype) -> Any:
    """Results of `one_by_one` as one array."""
    return np.array(found, dtype).reshape((*lead, *shape)) if found else np.zeros((*lead, *shape), dtype)


def resting_at_identity(operands: Sequence[Any], batched: Batched, active: Any) -> list[Any]:
    """`Op.harmless` of ops that refuse some matrices as their first operand."""
    matrix, *rest = operands
    return [resting(active, matrix, batched[0], identity(ArrayAval(matrix.aval.shape[-2:], matrix.aval.dtype))), *rest]


# ---- for derivative rules ----------------------------------------------------------------------


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    return conjugate(swap(x))


def product(first: Any, *rest: Any) -> Any:
    """The matrix product, from the left."""
    for x in rest:
        first = matmul(first, x)
    return first


def plus(x: Any, y: Any) -> Any:
    """The sum of two cotangents or tangents, of which None is zero."""
    return y if x is None else x if y is None else add(x, y)


def counted(n: int) -> Any:
    """1, 2, ..., n."""
    ones = full(ArrayAval((n,), _FLOAT64), 1)
    return recurrence(ones, ones, axis=0)


def _compared(compare: Callable[..., Any], shape: Shape) -> Any:
    """`compare(row, column)` for each place of a matrix."""
    rows, columns = shape[-2:]
    row = broadcast(counted(rows), shape=(rows, columns), dims=(0,))
    column = broadcast(counted(columns), shape=(rows, columns), dims=(1,))
    return broadcast_to(compare(row, column), shape)


def lower(x: Any, strict: bool = False) -> Any:
    """The lower triangle, without the diagonal where `strict`."""
    return select(_compared(greater if strict else greater_equal, x.aval.shape), x, 0.0)


def upper(x: Any, strict: bool = False) -> Any:
    """The upper triangle, without the diagonal where `strict`."""
    return select(_compared(greater_equal if strict else greater, x.aval.shape), 0.0, x)


def diagonal(x: Any) -> Any:
    """The diagonals of square matrices."""
    return reduce_sum(select(on_diagonal(x), x, 0.0), axes=(x.aval.ndim - 1,))


def on_diagonal(x: Any) -> Any:
    return _compared(equal, x.aval.shape)


def identity(aval: ArrayAval) -> Any:
    """Unit matrices."""
    return select(_compared(equal, aval.shape), full(aval, 1), full(aval, 0))


def as_row(d: Any) -> Any:
    """[..., n] -> [..., 1, n]: a factor for each column."""
    return reshape(d, shape=(*d.aval.shape[:-1], 1, d.aval.shape[-1]))


def as_column(d: Any) -> Any:
    """[..., n] -> [..., n, 1]: a factor for each row."""
    return reshape(d, shape=(*d.aval.shape, 1))


def embedded(d: Any) -> Any:
    """Matrices with the given diagonals."""
    n = d.aval.shape[-1]
    wide = broadcast_to(as_row(d), (*d.aval.shape[:-1], n, n))
    return select(on_diagonal(wide), wide, 0.0)


def trace(x: Any) -> Any:
    """The sum of the diagonals, with two axes of length 1 in place of the matrix."""
    n = x.aval.ndim
    return reshape(reduce_sum(select(on_diagonal(x), x, 0.0), axes=(n - 2, n - 1)), shape=(*x.aval.shape[:-2], 1, 1))


def hermitian(x: Any) -> Any:
    """The symmetric (Hermitian) part."""
    return mul(add(x, adjoint(x)), 0.5)


def reciprocal_unless(tiny: Any, x: Any) -> Any:
    """1 / x, and 0 where `tiny`."""
    return select(tiny, 0.0, 1.0 / select(tiny, 1.0, x))


# ---- examples ------------------------------------------------------------------------------------


def _scattered(shape: tuple[int, ...], seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Numbers between -1 and 1 without a pattern; numpy.random takes 10 ms to import."""
    places = np.arange(1, int(np.prod(shape)) + 1).reshape(shape)
    found: np.ndarray[Any, np.dtype[np.float64]] = np.sin(places * 12.9898 + seed * 78.233) * 43758.5453 % 2.0 - 1.0
    return found


def regular(*shape: int, seed: int = 0) -> np.ndarray:
    """Square matrices far from singular ones."""
    x = _scattered(shape, seed + sum(shape))
    return x + 1.5 * np.sqrt(shape[-1]) * np.eye(shape[-1]) if shape[-1] else x


def definite(*shape: int) -> np.ndarray:
    """Symmetric positive definite matrices, of well separated eigenvalues."""
    x = _scattered(shape, sum(shape))
    n = shape[-1]
    symmetric = 0.4 * (x + np.swapaxes(x, -1, -2))
    return symmetric + np.diag(np.arange(n) + 1.5)


def general(*shape: int) -> np.ndarray:
    """Matrices of any shape, of full rank."""
    return _scattered(shape, sum(shape) + 7)
