"""Sparse matrices in compressed rows: their numbers are an operand, where they stand is a parameter.

`csr_matmul` multiplies with dense columns, `csr_products` takes the products of rows of two dense matrices at the
places of the pattern, `csr_solve` solves. Each is linear in each operand, or a solve, and these three are
closed under differentiation.
"""

from __future__ import annotations

import importlib
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import LinearAlgebraError, ShapeError
from autodiff.ir.aval import ArrayAval
from autodiff.ops.arithmetic import sub
from autodiff.ops.batching import leading
from autodiff.ops.families import neg
from autodiff.ops.matrices import general, matrix_types, plus
from autodiff.ops.op import Active, BadExample, Call, Example


class Pattern(str):
    """Where the entries of a sparse matrix stand: SciPy's `indices` and `indptr`, and the shape.

    A string, so that it can be a parameter in a program's text: the size and a digest of the places. The arrays must
    not change afterwards.
    """

    indices: np.ndarray
    indptr: np.ndarray
    shape: tuple[int, int]

    def __new__(cls, indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]) -> Pattern:
        import hashlib

        digest = hashlib.sha1(np.ascontiguousarray(indices, np.int64).data, usedforsecurity=False)
        digest.update(np.ascontiguousarray(indptr, np.int64).data)
        made = super().__new__(cls, f"{shape[0]}x{shape[1]} {digest.hexdigest()}")
        made.indices, made.indptr, made.shape = indices, indptr, shape
        return _known.setdefault(str(made), made)

    @property
    def entries(self) -> int:
        return len(self.indices)

    @property
    def rows(self) -> np.ndarray:
        """The row of each entry."""
        return np.repeat(np.arange(self.shape[0]), np.diff(self.indptr))

    def filled(self, data: Any) -> Any:
        """SciPy's array with these numbers."""
        sparse = importlib.import_module("scipy.sparse")
        return sparse.csr_array((data, self.indices, self.indptr), shape=self.shape)


_known: weakref.WeakValueDictionary[str, Pattern] = weakref.WeakValueDictionary()


def _found(pattern: str) -> Pattern:
    """The pattern; from the source of a kernel comes its text alone."""
    return pattern if isinstance(pattern, Pattern) else _known[pattern]


def _each(data: Any, x: Any, function: Any, shape: tuple[int, int]) -> Any:
    """`function` of the numbers and the dense matrix of each entry of the stack."""
    lead = data.shape[:-1]
    out = np.empty((*lead, *shape), np.result_type(data, x))
    for place in np.ndindex(*lead):
        out[place] = function(data[place], x[place])
    return out


def _check(name: str, pattern: Pattern, data: ArrayAval, x: ArrayAval, rows: int) -> None:
    if data.shape[-1:] != (pattern.entries,):
        raise ShapeError(f"{name}: {pattern.entries} places, and numbers of shape {data.shape}", "one number a place")
    if x.shape[:-2] != data.shape[:-1] or x.shape[-2] != rows:
        raise ShapeError(f"{name}: {rows} columns of the matrix, and an array of shape {x.shape}")


# ---- products ------------------------------------------------------------------------------------


def _sides(pattern: Pattern, transposed: bool) -> tuple[int, int]:
    return pattern.shape[::-1] if transposed else pattern.shape


def _matmul_shape(data: ArrayAval, x: ArrayAval, *, pattern: Pattern, transposed: bool) -> ArrayAval:
    rows, columns = _sides(pattern, transposed)
    _check("csr_matmul", pattern, data, x, columns)
    return ArrayAval((*x.shape[:-2], rows, x.shape[-1]), data.dtype)


def _matmul_numpy(data: Any, x: Any, *, pattern: Pattern, transposed: bool) -> Any:
    places = _found(pattern)

    def product(numbers: Any, columns: Any) -> Any:
        a = places.filled(numbers)
        return (a.T if transposed else a) @ columns

    return _each(data, x, product, (_sides(places, transposed)[0], x.shape[-1]))


def _matmul_rule(
    ct: Any, y: Any, operands: Sequence[Any], active: Active, *, pattern: Pattern, transposed: bool
) -> list[Any]:
    data, x = operands
    rows, columns = (x, ct) if transposed else (ct, x)
    return [
        csr_products(rows, columns, pattern=pattern) if active[0] else None,
        csr_matmul(data, ct, pattern=pattern, transposed=not transposed) if active[1] else None,
    ]


def _matmul_tangent(
    tangents: Sequence[Any], y: Any, operands: Sequence[Any], *, pattern: Pattern, transposed: bool
) -> Any:
    (data, x), (t_data, t_x) = operands, tangents
    return plus(
        None if t_data is None else csr_matmul(t_data, x, pattern=pattern, transposed=transposed),
        None if t_x is None else csr_matmul(data, t_x, pattern=pattern, transposed=transposed),
    )


def _products_shape(a: ArrayAval, b: ArrayAval, *, pattern: Pattern) -> ArrayAval:
    if a.shape[:-2] != b.shape[:-2] or a.shape[-1] != b.shape[-1] or (a.shape[-2], b.shape[-2]) != pattern.shape:
        raise ShapeError(f"csr_products: shapes {a.shape} and {b.shape} do not fit a pattern of shape {pattern.shape}")
    return ArrayAval((*a.shape[:-2], pattern.entries), a.dtype)


def _products_numpy(a: Any, b: Any, *, pattern: Pattern) -> Any:
    places = _found(pattern)
    return np.einsum("...pk,...pk->...p", a[..., places.rows, :], b[..., places.indices, :])


def _products_tangent(tangents: Sequence[Any], y: Any, operands: Sequence[Any], *, pattern: Pattern) -> Any:
    (a, b), (t_a, t_b) = operands, tangents
    return plus(
        None if t_a is None else csr_products(t_a, b, pattern=pattern),
        None if t_b is None else csr_products(a, t_b, pattern=pattern),
    )


_PATTERN = Pattern(np.array([0, 2, 1, 0]), np.array([0, 2, 2, 4]), (3, 4))
_LONG = Pattern(
    np.array([0, 5, 11, 3, 3, 7, 9, 1, 2, 4, 6, 8]), np.array([0, 3, 4, 6, 6, 8, 9, 10, 11, 12, 12, 12, 12]), (12, 12)
)
_PLAIN, _FLIPPED = {"pattern": _PATTERN, "transposed": False}, {"pattern": _PATTERN, "transposed": True}

csr_matmul = Call(
    "csr_matmul",
    _matmul_numpy,
    _matmul_shape,
    rule=_matmul_rule,
    tangent=_matmul_tangent,
    types=matrix_types,
    batching=leading,
    examples=(
        Example((general(4), general(4, 2)), _PLAIN),
        Example((general(4), general(3, 2)), _FLIPPED),
        Example((general(2, 4), general(2, 4, 1)), _PLAIN),
        Example((general(12), general(12, 2)), {"pattern": _LONG, "transposed": False}),
    ),
    errors=(
        BadExample(((3,), (4, 2)), _PLAIN, ShapeError, ("4 places", "(3,)")),
        BadExample(((4,), (3, 2)), _PLAIN, ShapeError, ("(3, 2)",)),
    ),
)
csr_products = Call(
    "csr_products",
    _products_numpy,
    _products_shape,
    rule=lambda ct, y, operands, active, *, pattern: [
        csr_matmul(ct, operands[1], pattern=pattern, transposed=False) if active[0] else None,
        csr_matmul(ct, operands[0], pattern=pattern, transposed=True) if active[1] else None,
    ],
    tangent=_products_tangent,
    types=matrix_types,
    batching=leading,
    examples=(
        Example((general(3, 2), general(4, 2)), {"pattern": _PATTERN}),
        Example((general(2, 3, 1), general(2, 4, 1)), {"pattern": _PATTERN}),
        Example((general(12, 2), general(12, 2)), {"pattern": _LONG}),
    ),
    errors=(BadExample(((3, 2), (3, 2)), {"pattern": _PATTERN}, ShapeError, ("(3, 2)",)),),
)

# ---- solve ---------------------------------------------------------------------------------------


def _solve_shape(data: ArrayAval, b: ArrayAval, *, pattern: Pattern, transposed: bool) -> ArrayAval:
    rows, columns = pattern.shape
    if rows != columns:
        raise LinearAlgebraError(f"csr_solve: a sparse matrix of shape {pattern.shape} is not square")
    _check("csr_solve", pattern, data, b, rows)
    return ArrayAval(b.shape, data.dtype)


def _solve_numpy(data: Any, b: Any, *, pattern: Pattern, transposed: bool) -> Any:
    linalg = importlib.import_module("scipy.sparse.linalg")

    places = _found(pattern)

    def solution(numbers: Any, columns: Any) -> Any:
        try:
            # The rows of the matrix are the columns of its transpose, which is what SuperLU takes.
            # A copy: SuperLU sorts the entries where they are, those of the pattern and of the caller.
            factors = linalg.splu(places.filled(numbers).copy().T)
        except RuntimeError as error:
            raise LinearAlgebraError(
                f"csr_solve: {str(error).lower()}, for a matrix of shape {pattern.shape}"
            ) from None
        return factors.solve(columns, "N" if transposed else "T")

    return _each(data, b, solution, b.shape[-2:])


def _solve_rule(
    ct: Any, y: Any, operands: Sequence[Any], active: Active, *, pattern: Pattern, transposed: bool
) -> list[Any]:
    ct_b = csr_solve(operands[0], ct, pattern=pattern, transposed=not transposed)
    rows, columns = (y, ct_b) if transposed else (ct_b, y)
    return [neg(csr_products(rows, columns, pattern=pattern)) if active[0] else None, ct_b]


def _solve_tangent(
    tangents: Sequence[Any], y: Any, operands: Sequence[Any], *, pattern: Pattern, transposed: bool
) -> Any:
    t_data, t_b = tangents
    if t_data is not None:
        moved = csr_matmul(t_data, y, pattern=pattern, transposed=transposed)
        t_b = neg(moved) if t_b is None else sub(t_b, moved)
    return csr_solve(operands[0], t_b, pattern=pattern, transposed=transposed)


_BAND = Pattern(np.array([0, 1, 0, 1, 2, 2, 1]), np.array([0, 2, 5, 7]), (3, 3))
_LONG_BAND = Pattern(np.arange(12), np.arange(13), (12, 12))
_NUMBERS = np.array([2.0, -0.5, 0.3, 3.0, 0.7, 1.5, -0.2])

csr_solve = Call(
    "csr_solve",
    _solve_numpy,
    _solve_shape,
    rule=_solve_rule,
    tangent=_solve_tangent,
    types=matrix_types,
    batching=leading,
    examples=(
        Example((_NUMBERS, general(3, 2)), {"pattern": _BAND, "transposed": False}),
        Example((_NUMBERS, general(3, 2)), {"pattern": _BAND, "transposed": True}),
        Example((general(12) + 2.0, general(12, 2)), {"pattern": _LONG_BAND, "transposed": False}),
    ),
    errors=(
        BadExample(((4,), (3, 2)), _PLAIN, LinearAlgebraError, ("(3, 4)",)),
        BadExample(((7,), (2, 2)), {"pattern": _BAND, "transposed": False}, ShapeError, ("(2, 2)",)),
    ),
)
