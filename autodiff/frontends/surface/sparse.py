"""SciPy's sparse matrices as constants: products with recorded values.

A sparse matrix of SciPy on the left of `@` tries to make an array of its partner first. Recorded values answer
that question with an object it does not understand, so it gives way, and Python asks `__rmatmul__`
(`frontends/array.py`).
"""

from __future__ import annotations

import sys
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff import ops  # `ops.sparse` is imported when it is needed
from autodiff.errors import DTypeError, ShapeError
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.shapes import reshape, swapaxes

if TYPE_CHECKING:
    from autodiff.ops.sparse import Pattern

_patterns: dict[int, tuple[Any, Any, Pattern]] = {}  # id of indices -> (weak reference, indptr, pattern)


def is_sparse(x: Any) -> bool:
    """Whether this is a sparse matrix or array of SciPy, which is not imported for the question."""
    return type(x).__module__.startswith("scipy.sparse")


def asked_by_sparse() -> bool:
    """Whether a product of a sparse matrix asks the caller's caller for an array."""
    frame = sys._getframe(2)
    return frame.f_code.co_name == "_matmul_dispatch" and frame.f_globals.get("__name__", "").startswith("scipy.sparse")


def opaque(x: Any) -> np.ndarray:
    """An array that a sparse matrix does not take for numbers."""
    found = np.empty((), object)
    found[()] = x
    return found


def pattern_of(indices: np.ndarray, indptr: np.ndarray, shape: tuple[int, int]) -> Pattern:
    """The pattern of these arrays; that of arrays seen before is remembered."""
    known = _patterns.get(id(indices))
    if known is not None and known[0]() is indices and known[1] is indptr and known[2].shape == shape:
        return known[2]
    pattern = ops.sparse.Pattern(indices, indptr, shape)
    key = id(indices)
    _patterns[key] = (weakref.ref(indices, lambda _: _patterns.pop(key, None)), indptr, pattern)
    return pattern


def parts(a: Any) -> tuple[Any, Pattern, bool]:
    """(data, pattern, transposed) of a sparse matrix of SciPy in csr or csc format."""
    if a.format not in ("csr", "csc") or a.ndim != 2:
        raise DTypeError(
            f"a sparse matrix in {a.format} format, of shape {a.shape}, in a product", "a.tocsr(), once, before"
        )
    rows, columns = a.shape if a.format == "csr" else a.shape[::-1]
    return a.data, pattern_of(a.indices, a.indptr, (int(rows), int(columns))), a.format == "csc"


def product(data: Any, pattern: Pattern, transposed: bool, x: Any) -> Any:
    """The sparse matrix times a vector or a matrix."""
    y = lift(x)
    columns = pattern.shape[0] if transposed else pattern.shape[1]
    if y.aval.ndim not in (1, 2) or y.aval.shape[0] != columns:
        raise ShapeError(f"matmul: a sparse matrix with {columns} columns and an array of shape {y.aval.shape}")
    flat = reshape(y, (columns, 1)) if y.aval.ndim == 1 else y
    found = ops.sparse.csr_matmul(lift(data), flat, pattern=pattern, transposed=transposed)
    return reshape(found, (found.aval.shape[0],)) if y.aval.ndim == 1 else found


def sparse_times(a: Any, x: Any) -> Any:
    """a @ x for a sparse matrix of SciPy."""
    return product(*parts(a), x)


def times_sparse(x: Any, a: Any) -> Any:
    """x @ a for a sparse matrix of SciPy."""
    data, pattern, transposed = parts(a)
    y = lift(x)
    found = product(data, pattern, not transposed, swapaxes(y, 0, 1) if y.aval.ndim == 2 else y)
    return swapaxes(found, 0, 1) if y.aval.ndim == 2 else found
