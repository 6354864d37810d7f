"""Reading and writing at positions that are computed: `x[i]`, `x[i:i + 3]`, `x[i, j] = v` with traced `i` and `j`.

A window is a box of elements. Along `axes` it begins at given starts; where it is `kept`, the axis stays, with
the size that the result (or the part) says, elsewhere it has one element and the axis goes. In a kernel a start
is an index like that of a loop: reading one element costs one load, writing one costs one store, for the array
that nobody else reads afterwards is written in place.

Starts are not negative and the window lies within the array: `extents.bounded` sees to that, once for every index.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import AxisError, DTypeError, InternalError
from autodiff.ir.aval import ArrayAval, Shape
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.batching import all_batched, repeated, size_of
from autodiff.ops.checks import check_number, check_same
from autodiff.ops.families import add, full, mul, reshape, select, zeros_like
from autodiff.ops.indexing import scatter_add, take
from autodiff.ops.op import Active, Arrays, BadExample, Batched, Example, Op, applied
from autodiff.ops.reduction import cumsum
from autodiff.records import record

INT = np.dtype(np.int64)
_REMEDY = "check the index against the shape of the array"


@record
class Window(Op):
    """What the three have in common; `whole` operands come first, then the starts."""

    name: str
    whole: int  # operands that are arrays: x, or x and the part
    examples: tuple[Example, ...] = ()
    errors: tuple[BadExample, ...] = ()
    takes_complex = True
    moves = True
    selects = True
    implied_params: tuple[str, ...] = ("sizes",)

    def connects(self, position: int) -> bool:
        return position < self.whole

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return operands[0]

    def _check(self, x: ArrayAval, starts: Sequence[ArrayAval], axes: Sequence[int]) -> None:
        check_number(self.name, x.dtype)
        if len(starts) != len(axes):
            raise InternalError(f"{self.name}: {len(starts)} starts for axes {tuple(axes)}")
        for s in starts:
            if s.shape or s.dtype != INT:
                raise DTypeError(f"{self.name}: a start must be an int64 number, this one is {s}")

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        arrays, starts = operands[: self.whole], operands[self.whole :]
        if not any(batched[self.whole :]):
            arrays = all_batched(arrays, batched[: self.whole])
            return applied(self, (*arrays, *starts), params | {"axes": tuple(k + 1 for k in params["axes"])})
        n = size_of(operands, batched)
        starts = [s if b else repeated(s, n) for s, b in zip(starts, batched[self.whole :], strict=True)]
        arrays = [a if b else repeated(a, n) for a, b in zip(arrays, batched[: self.whole], strict=True)]
        places = _places(n, arrays[0].aval.shape[1:], starts, params)
        return (self._at(arrays, places),)

    def _at(self, arrays: Sequence[Any], places: Any) -> Any:
        """The same for a batch of windows, whose elements have these places in the flat array."""
        raise NotImplementedError


def window_shape(x: Shape, axes: Sequence[int], kept: Sequence[bool], sizes: Sequence[int]) -> Shape:
    """The shape of a window."""
    own = {a: (n if k else None) for a, k, n in zip(axes, kept, sizes, strict=True)}
    found = [own.get(a, n) for a, n in enumerate(x)]
    return tuple(n for n in found if n is not None)


def _index(
    name: str, x: Any, starts: Sequence[Any], axes: Sequence[int], kept: Sequence[bool], sizes: Sequence[int]
) -> Any:
    index: list[Any] = [slice(None)] * np.ndim(x)
    for start, axis, keep, n in zip(map(operator.index, starts), axes, kept, sizes, strict=True):
        size, length = np.shape(x)[axis], n if keep else 1
        if start < 0 or start + length > size:
            what = f"index {start}" if length == 1 else f"a window of {length} at index {start}"
            raise AxisError(f"{name}: {what} is out of bounds for axis {axis} with size {size}", _REMEDY)
        index[axis] = slice(start, start + n) if keep else start
    return tuple(index)


def _counted(n: int) -> Any:
    """0, 1, ..., n - 1."""
    return add(cumsum(full(ArrayAval((n,), INT), 1), axis=0), -1)


def _places(n: int, shape: Shape, starts: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """Where the elements of n windows, one in each of n arrays of `shape`, lie in the flat whole."""
    size = int(np.prod(shape, dtype=int))
    inner = window_shape(shape, params["axes"], params["kept"], params["sizes"])
    total = reshape(mul(_counted(n), size), shape=(n, *(1,) * len(inner)))
    by_axis = dict(zip(params["axes"], zip(starts, params["kept"], params["sizes"], strict=True), strict=True))
    at = 0  # the axis of the window that comes next
    for axis, length in enumerate(shape):
        start, keep, extent = by_axis.get(axis, (None, True, length))
        stride = int(np.prod(shape[axis + 1 :], dtype=int))
        if start is not None:
            total = add(total, reshape(mul(start, stride), shape=(n, *(1,) * len(inner))))
        if keep:
            steps = mul(_counted(extent), stride)
            total = add(total, reshape(steps, shape=(1, *(1,) * at, extent, *(1,) * (len(inner) - at - 1))))
            at += 1
    return add(total, full(ArrayAval((n, *inner), INT), 0))


def _flat(x: Any) -> Any:
    return reshape(x, shape=(x.aval.size,))


class Read(Window):
    """The elements of a window."""

    def infer(self, x: ArrayAval, *starts: ArrayAval, axes: Any, kept: Any, sizes: Any) -> tuple[ArrayAval, ...]:
        self._check(x, starts, axes)
        return (ArrayAval(window_shape(x.shape, axes, kept, sizes), x.dtype),)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        own = dict(zip(params["axes"], zip(params["kept"], params["sizes"], strict=True), strict=True))
        found = []
        for axis, dim in enumerate(operands[0]):
            keep, size = own.get(axis, (None, 0))
            if keep is None:
                found.append(dim)
            elif keep:
                found.append(d.fresh(size))
        return tuple(found)

    def evaluate(self, x: Any, *starts: Any, axes: Any, kept: Any, sizes: Any) -> Arrays:
        return (np.array(np.asarray(x)[_index(self.name, x, starts, axes, kept, sizes)])[()],)

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return None if tangents[0] is None else self(tangents[0], *operands[1:], **params)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        return self.vjp_into([None] * len(operands), ct, operands, params, active)

    def vjp_into(
        self, before: Sequence[Any], ct: Any, operands: Sequence[Any], params: dict[str, Any], active: Active
    ) -> list[Any]:
        """The cotangents of the operands, `before` included: an element is added where it belongs."""
        x, *starts = operands
        total = zeros_like(ArrayAval(x.aval.shape, ct.aval.dtype)) if before[0] is None else before[0]
        return [add_window(total, ct, *starts, **params), *[None] * len(starts)]

    def _at(self, arrays: Sequence[Any], places: Any) -> Any:
        return take(_flat(arrays[0]), places, axis=0)


class Written(Window):
    """The array, with a part in the window, or added to what is there."""

    kept_items = (1,)
    puts = True

    def evaluate(self, x: Any, *arrays: Any, **params: Any) -> Arrays:
        return self.put(np.array(x), *arrays, **params)

    def infer(
        self, x: ArrayAval, part: ArrayAval, *starts: ArrayAval, axes: Any, kept: Any, sizes: Any
    ) -> tuple[ArrayAval, ...]:
        self._check(x, starts, axes)
        check_same(self.name, part.shape, window_shape(x.shape, axes, kept, sizes))
        if part.dtype != x.dtype:
            raise DTypeError(f"{self.name}: a part of {part.dtype} in an array of {x.dtype}", "convert it first")
        return (x,)

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        t = [zeros_like(o.aval) if t is None else t for t, o in zip(tangents[:2], operands[:2], strict=True)]
        return self(*t, *operands[2:], **params)


class SetWindow(Written):
    """The array with the part in place of what was there."""

    def put(self, y: Any, part: Any, *starts: Any, axes: Any, kept: Any, sizes: Any) -> Arrays:
        y[_index(self.name, y, starts, axes, kept, sizes)] = part
        return (y,)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        _, part, *starts = operands
        nothing = zeros_like(ArrayAval(part.aval.shape, ct.aval.dtype))
        mine = window(ct, *starts, **params) if active[1] else None  # before it is written over
        kept = self(ct, nothing, *starts, **params) if active[0] else None
        return [kept, mine, *[None] * len(starts)]

    def _at(self, arrays: Sequence[Any], places: Any) -> Any:
        x, part = arrays
        size = (x.aval.size,)
        there = scatter_add(full(ArrayAval(places.aval.shape, INT), 1), places, shape=size, axis=0)
        found = select(there > 0, scatter_add(part, places, shape=size, axis=0), _flat(x))
        return reshape(found, shape=x.aval.shape)


class AddWindow(Written):
    """The array with the part added to what is in the window."""

    def put(self, y: Any, part: Any, *starts: Any, axes: Any, kept: Any, sizes: Any) -> Arrays:
        y[_index(self.name, y, starts, axes, kept, sizes)] += part
        return (y,)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        starts = operands[2:]
        return [ct, window(ct, *starts, **params) if active[1] else None, *[None] * len(starts)]

    def _at(self, arrays: Sequence[Any], places: Any) -> Any:
        x, part = arrays
        found = add(_flat(x), scatter_add(part, places, shape=(x.aval.size,), axis=0))
        return reshape(found, shape=x.aval.shape)


_AT, _ROW, _BOX = np.array(1), np.array(2), np.array(0)
_ELEMENT = {"axes": (0, 1), "kept": (False, False), "sizes": (0, 0)}
_LINE = {"axes": (0,), "kept": (False,), "sizes": (0,)}
_PATCH = {"axes": (0, 1), "kept": (True, False), "sizes": (2, 0)}
_BEYOND = BadExample(((3,), (), np.array(3)), _LINE, AxisError, ("index 3", "axis 0", "size 3"))

window = Read(
    "window",
    1,
    examples=(
        Example(((5, 6), _AT, _ROW), _ELEMENT),
        Example(((6, 4), _ROW), _LINE),
        Example(((6, 4), _AT, _BOX), _PATCH),
        Example(((12, 3), _AT), _LINE),
    ),
    errors=(
        BadExample(((3,), np.array(3)), _LINE, AxisError, ("index 3", "axis 0", "size 3")),
        BadExample(((3,), np.array(1.0)), _LINE, DTypeError, ("int64",)),
    ),
)
_WRITTEN = (
    Example(((5, 6), (), _AT, _ROW), _ELEMENT),
    Example(((6, 4), (4,), _ROW), _LINE),
    Example(((6, 4), (2,), _AT, _BOX), _PATCH),
    Example(((12, 3), (3,), _AT), _LINE),
)
set_window = SetWindow("set_window", 2, examples=_WRITTEN, errors=(_BEYOND,))
add_window = AddWindow("add_window", 2, examples=_WRITTEN, errors=(_BEYOND,))
