"""What tracers, tensors and variables have in common: the look of a NumPy array.

Everything here goes through `frontends/surface`, so a method, a function and an operator are
one piece of code.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autodiff.errors import AxisError, DTypeError
from autodiff.frontends.surface import (
    assembly,
    complex_parts,
    elementwise,
    indexing,
    ordering,
    outputs,
    products,
    queries,
    reductions,
    shapes,
    sparse,
    table,
    views,
    writes,
)
from autodiff.frontends.surface.common import as_dtype, lift
from autodiff.frontends.surface.storage import copied
from autodiff.ir.aval import ArrayAval
from autodiff.ir.core import Operand
from autodiff.ops.arithmetic import identity
from autodiff.ops.families import equal, not_equal


def squares(aval: ArrayAval, exponent: Any) -> bool:
    """Whether NumPy's `**` is a product: of complex arrays with an int 2, which `np.power` rounds in another way."""
    return type(exponent) is int and exponent == 2 and aval.dtype.kind == "c" and bool(aval.shape)


class ArrayMethods(Operand):
    """NumPy's attributes, operators, methods and dispatch protocols."""

    __slots__ = ()
    __array_priority__ = 1000
    aval: ArrayAval

    # ---- attributes ---------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def dtype(self) -> np.dtype:
        return self.aval.dtype

    @property
    def ndim(self) -> int:
        return len(self.aval.shape)

    @property
    def size(self) -> int:
        return self.aval.size

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def T(self) -> Any:
        return _transpose(self)

    @property
    def mT(self) -> Any:
        return _swapaxes(self, -1, -2)

    @property
    def at(self) -> At:
        return At(self)

    @property
    def real(self) -> Any:
        return table.FUNCTIONS[np.real](self) if self.aval.dtype.kind == "c" else self

    @property
    def imag(self) -> Any:
        return table.FUNCTIONS[np.imag](self)

    # ---- what Python asks of numbers ------------------------------------------------------

    def __round__(self, ndigits: Any = None) -> Any:
        """To the next integer, as a Python int; to a number of digits, as an array."""
        return int(table.FUNCTIONS[np.round](self)) if ndigits is None else table.FUNCTIONS[np.round](self, ndigits)

    def __divmod__(self, other: Any) -> tuple[Any, Any]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Any, Any]:
        return other // self, other % self

    # ---- dispatch -----------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "at" or "out" in kwargs or "where" in kwargs:
            return outputs.call_ufunc(ufunc, method, inputs, kwargs)
        return table.call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if "out" in kwargs:
            return outputs.call_function(func, args, kwargs)
        return table.call_function(func, args, kwargs)

    # ---- operators beyond those of every operand ------------------------------------------

    def __matmul__(self, other: Any) -> Any:
        return sparse.times_sparse(self, other) if sparse.is_sparse(other) else products.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return sparse.sparse_times(other, self) if sparse.is_sparse(other) else products.matmul(other, self)

    def __pow__(self, other: Any) -> Any:
        return self * self if squares(self.aval, other) else super().__pow__(other)

    def __eq__(self, other: object) -> Any:
        return equal(self, other)

    def __ne__(self, other: object) -> Any:
        return not_equal(self, other)

    __hash__ = object.__hash__

    def __getitem__(self, index: Any) -> Any:
        return views.getitem(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        writes.setitem(self, index, value)

    def __len__(self) -> int:
        if not self.shape:
            raise DTypeError("len() of an array of shape ()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        if not self.shape:
            raise DTypeError("iteration over an array of shape ()")
        return iter([self[k] for k in range(self.shape[0])])

    # ---- methods --------------------------------------------------------------------------

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        y = as_dtype(lift(self), dtype)
        return y if y.aval.dtype != self.aval.dtype else copied(self) if copy else self

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        return _reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def transpose(self, *axes: Any) -> Any:
        wanted = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return _transpose(self, wanted)

    def ravel(self, order: str = "C") -> Any:
        return _ravel(self, order)

    def flatten(self, order: str = "C") -> Any:
        y = shapes.ravel(self, order)
        return copied(self) if y is lift(self) else y

    def squeeze(self, axis: Any = None) -> Any:
        return _squeeze(self, axis)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return _swapaxes(self, axis1, axis2)

    def repeat(self, repeats: Any, axis: Any = None) -> Any:
        return shapes.repeat(self, repeats, axis)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return _diagonal(self, offset, axis1, axis2)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return shapes.trace(self, offset, axis1, axis2)

    def sum(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.sum, self, args, kwargs)

    def mean(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.mean, self, args, kwargs)

    def prod(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.prod, self, args, kwargs)

    def var(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.var, self, args, kwargs)

    def std(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.std, self, args, kwargs)

    def max(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.max, self, args, kwargs)

    def min(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.min, self, args, kwargs)

    def any(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.any, self, args, kwargs)

    def all(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.all, self, args, kwargs)

    def argmax(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.argmax, self, args, kwargs)

    def argmin(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.argmin, self, args, kwargs)

    def cumsum(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.cumsum, self, args, kwargs)

    def cumprod(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.cumprod, self, args, kwargs)

    def ptp(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(reductions.ptp, self, args, kwargs)

    def clip(self, *args: Any, **kwargs: Any) -> Any:
        return outputs.method(elementwise.clip, self, args, kwargs)

    def round(self, decimals: int = 0, out: Any = None) -> Any:
        return elementwise.round_(self, decimals, out)

    def argsort(self, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
        return ordering.argsort(self, axis, kind, order, stable=stable)

    def argpartition(self, kth: Any, axis: Any = -1, kind: str = "introselect", order: Any = None) -> Any:
        return ordering.argpartition(self, kth, axis, kind, order)

    def searchsorted(self, v: Any, side: str = "left", sorter: Any = None) -> Any:
        return ordering.searchsorted(self, v, side, sorter)

    def nonzero(self) -> Any:
        return queries.nonzero(self)

    def compress(self, condition: Any, axis: Any = None, out: Any = None) -> Any:
        return indexing.compress(condition, self, axis, out)

    def choose(self, choices: Any, out: Any = None, mode: str = "raise") -> Any:
        return assembly.choose(self, choices, out, mode)

    def dot(self, other: Any) -> Any:
        return products.dot(self, other)

    def take(self, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
        return indexing.take(self, indices, axis, out, mode)

    def conj(self) -> Any:
        return complex_parts.conj(self) if self.aval.dtype.kind == "c" else self

    def conjugate(self) -> Any:
        return self.conj()

    def copy(self, order: str = "C") -> Any:
        return identity(self)

    # ---- methods that write into the array ------------------------------------------------

    def fill(self, value: Any) -> None:
        writes.fill(self, value)

    def put(self, indices: Any, values: Any, mode: str = "raise") -> None:
        writes.put(self, indices, values, mode)

    def sort(self, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> None:
        writes.sort(self, axis)

    def partition(self, kth: Any, axis: int = -1, kind: str = "introselect", order: Any = None) -> None:
        writes.partition(self, kth, axis)


# The functions of the table: those of `shapes`, which know that the result shares its elements.
_transpose, _swapaxes, _reshape = (table.FUNCTIONS[f] for f in (np.transpose, np.swapaxes, np.reshape))
_ravel, _squeeze, _diagonal = (table.FUNCTIONS[f] for f in (np.ravel, np.squeeze, np.diagonal))


class At:
    """`x.at[index].set(v)`, `.add(v)`: functional updates, connected to both x and v."""

    __slots__ = ("_array", "_index")

    def __init__(self, array: Any, index: Any = None) -> None:
        self._array = array
        self._index = index

    def __getitem__(self, index: Any) -> At:
        return At(self._array, index)

    def add(self, updates: Any) -> Any:
        """x with `updates` added at the index; repeated places add up."""
        return indexing.index_add(self._array, self._index, updates)

    def set(self, values: Any) -> Any:
        """x with `values` at the index; of repeated places the last one wins, as in NumPy."""
        return indexing.index_set(self._array, self._index, values)

    def get(self) -> Any:
        """x[index]."""
        return self._array[self._index]


def stacked(nested: Any) -> Any:
    """A nested list that holds recorded values, as one array."""
    if isinstance(nested, list | tuple):
        if not nested:
            raise AxisError("an empty list has no dtype to be an operand with")
        return shapes.stack([stacked(part) for part in nested])
    return lift(nested)


def holds_arrays(nested: Any) -> bool:
    """Whether a nested list holds a recorded value anywhere."""
    if isinstance(nested, list | tuple):
        return any(map(holds_arrays, nested))
    return isinstance(nested, ArrayMethods)


def plain_array(x: Any) -> np.ndarray:
    """A number, list or array-like as an array of numbers, or a `DTypeError` that names it."""
    array = np.asarray(x)
    if array.dtype.kind not in "fiubc":
        kind = f"an array of dtype {array.dtype}" if isinstance(x, np.ndarray) else f"{type(x).__name__} ({x!r:.60})"
        raise DTypeError(f"cannot compute with {kind}", "pass numbers, or arrays of float, int or bool")
    return array.astype(array.dtype.newbyteorder("=")) if not array.dtype.isnative else array
