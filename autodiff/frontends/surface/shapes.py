"""NumPy's functions that move elements: shapes, joins, splits, pads, flips."""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, AxisError, ShapeError
from autodiff.frontends.surface.common import lift, lift_all, one_axis, some_axes, unsupported
from autodiff.frontends.surface.static import static_array
from autodiff.ir.aval import ArrayAval
from autodiff.ir.core import Operand
from autodiff.ops import movement as ops
from autodiff.ops.families import broadcast_shapes, cast, full, promoted, select
from autodiff.ops.families import broadcast_to as broadcast_trailing
from autodiff.ops.families import reshape as reshape_op
from autodiff.ops.indexing import take as take_op
from autodiff.ops.promotion import common_types


def _sizes(shape: Any) -> tuple[int, ...]:
    listed = shape if isinstance(shape, tuple | list | np.ndarray) else (shape,)
    return tuple(operator.index(n) for n in listed)


def reshape(a: Any, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None) -> Any:
    x = lift(a)
    if _backwards("reshape", order):
        wanted = _sizes(newshape if shape is None else shape)
        return transpose(reshape(transpose(x), wanted[::-1]))
    wanted = _sizes(newshape if shape is None else shape)
    if wanted.count(-1) == 1:
        known = math.prod(n for n in wanted if n != -1)
        if known and x.aval.size % known == 0:
            wanted = tuple(x.aval.size // known if n == -1 else n for n in wanted)
    if -1 in wanted or math.prod(wanted) != x.aval.size:
        raise ShapeError(
            f"reshape: an array of shape {x.aval.shape} ({x.aval.size} elements) does not fit shape {wanted}",
            "the products of the sizes must be equal",
        )
    return x if wanted == x.aval.shape else reshape_op(x, shape=wanted)


def _backwards(name: str, order: str) -> bool:
    """Whether elements are counted with the first axis fastest."""
    if order not in ("C", "F"):
        raise ArgumentError(
            f"{name}: order={order!r} depends on the layout in memory, and a recorded array has none",
            "say order='C' or order='F'",
        )
    return order == "F"


def ravel(a: Any, order: str = "C") -> Any:
    return reshape(a, (-1,) if lift(a).aval.size else (0,), order)


def resize(a: Any, new_shape: Any) -> Any:
    """The elements over and over again until the shape is full."""
    x, wanted = ravel(lift(a)), _sizes(new_shape)
    if any(n < 0 for n in wanted):
        raise ArgumentError(f"resize: all sizes of {wanted} must be non-negative")
    count = math.prod(wanted)
    if not x.aval.size or not count:
        return full(ArrayAval(wanted, x.aval.dtype), 0)
    return reshape_op(take_op(x, lift(np.arange(count) % x.aval.size), axis=0), shape=wanted)


def transpose(a: Any, axes: Any = None) -> Any:
    x = lift(a)
    n = x.aval.ndim
    perm = tuple(range(n))[::-1] if axes is None else tuple(one_axis(k, n, "transpose") for k in axes)
    if sorted(perm) != list(range(n)):
        raise ArgumentError(f"transpose: axes {axes} are not a permutation of {n} axes")
    return ops.transpose(x, perm=perm)


def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    x = lift(a)
    perm = list(range(x.aval.ndim))
    j, k = one_axis(axis1, len(perm), "swapaxes"), one_axis(axis2, len(perm), "swapaxes")
    perm[j], perm[k] = perm[k], perm[j]
    return ops.transpose(x, perm=tuple(perm))


def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    x = lift(a)
    n = x.aval.ndim
    sources = [one_axis(k, n, "moveaxis") for k in np.atleast_1d(source)]
    targets = [one_axis(k, n, "moveaxis") for k in np.atleast_1d(destination)]
    order = [k for k in range(n) if k not in sources]
    for target, origin in sorted(zip(targets, sources, strict=True)):
        order.insert(target, origin)
    return ops.transpose(x, perm=tuple(order))


def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    x = lift(a)
    k = one_axis(axis, x.aval.ndim, "rollaxis")
    to = start + x.aval.ndim if start < 0 else start
    if not 0 <= to <= x.aval.ndim:
        raise AxisError(f"rollaxis: start {start} is out of bounds for an array of {x.aval.ndim} dimensions")
    return moveaxis(x, k, to - 1 if k < to else to)


def matrix_transpose(x: Any, /) -> Any:
    y = lift(x)
    if y.aval.ndim < 2:
        raise ShapeError(f"matrix_transpose: shape {y.aval.shape} has fewer than two axes")
    return swapaxes(y, -1, -2)


def expand_dims(a: Any, axis: Any) -> Any:
    x = lift(a)
    count = len(np.atleast_1d(axis))
    axes = some_axes(tuple(np.atleast_1d(axis)), x.aval.ndim + count, "expand_dims")
    rest = iter(x.aval.shape)
    return reshape_op(x, shape=tuple(1 if k in axes else next(rest) for k in range(x.aval.ndim + count)))


def squeeze(a: Any, axis: Any = None) -> Any:
    x = lift(a)
    shape = x.aval.shape
    axes = tuple(k for k, n in enumerate(shape) if n == 1) if axis is None else some_axes(axis, len(shape), "squeeze")
    if any(shape[k] != 1 for k in axes):
        raise ShapeError(f"squeeze: axis {axis} of shape {shape} is not of length 1")
    return reshape_op(x, shape=tuple(n for k, n in enumerate(shape) if k not in axes))


def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    x, wanted = lift(array), _sizes(shape)
    if broadcast_shapes("broadcast_to", [x.aval.shape, wanted]) != wanted:
        raise ShapeError(f"broadcast_to: shape {x.aval.shape} does not broadcast to {wanted}")
    return broadcast_trailing(x, wanted)


def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    xs = lift_all(args)
    shape = broadcast_shapes("broadcast_arrays", [x.aval.shape for x in xs])
    return tuple(broadcast_trailing(x, shape) for x in xs)


def atleast_1d(*arys: Any) -> Any:
    return _atleast(1, arys)


def atleast_2d(*arys: Any) -> Any:
    return _atleast(2, arys)


def _atleast(n: int, arys: Sequence[Any]) -> Any:
    found = tuple(
        reshape_op(x, shape=(1,) * (n - x.aval.ndim) + x.aval.shape) if x.aval.ndim < n else x for x in lift_all(arys)
    )
    return found[0] if len(found) == 1 else found


def atleast_3d(*arys: Any) -> Any:
    """A vector becomes (1, n, 1), a matrix (m, n, 1)."""
    fitting = {0: lambda s: (1, 1, 1), 1: lambda s: (1, *s, 1), 2: lambda s: (*s, 1)}
    found = tuple(
        reshape_op(x, shape=fitting[x.aval.ndim](x.aval.shape)) if x.aval.ndim < 3 else x for x in lift_all(arys)
    )
    return found[0] if len(found) == 1 else found


# ---- joining and splitting -----------------------------------------------------------------


def concatenate(arrays: Any, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    unsupported("concatenate", out=(out, None))
    xs = promoted(common_types, list(arrays))
    if not xs:
        raise ArgumentError("concatenate: no arrays given")
    if axis is None:
        xs, axis = [ravel(x) for x in xs], 0
    ranks = {x.aval.ndim for x in xs}
    if len(ranks) != 1 or ranks == {0}:
        raise ShapeError(f"concatenate: shapes {[x.aval.shape for x in xs]} differ in rank, or have no axis to join")
    joined = ops.concatenate(*xs, axis=one_axis(axis, xs[0].aval.ndim, "concatenate"))
    return joined if dtype is None else cast(joined, dtype=np.dtype(dtype))


def stack(arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    unsupported("stack", out=(out, None))
    xs = lift_all(arrays)
    shapes = {x.aval.shape for x in xs}
    if len(shapes) != 1:
        raise ShapeError(f"stack: all arrays must have one shape, got {sorted(shapes)}")
    return concatenate([expand_dims(x, axis) for x in xs], axis, out, dtype=dtype)


def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return concatenate([atleast_2d(x) for x in tup], 0, dtype=dtype)


def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    xs = [atleast_1d(x) for x in tup]
    return concatenate(xs, 0 if xs[0].aval.ndim == 1 else 1, dtype=dtype)


def column_stack(tup: Any) -> Any:
    return concatenate([expand_dims(x, 1) if x.aval.ndim == 1 else x for x in lift_all(tup)], 1)


def dstack(tup: Any) -> Any:
    return concatenate([atleast_3d(x) for x in tup], 2)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    y = lift(x)
    if not y.aval.ndim:
        raise ShapeError("unstack: an array of shape () has no axis to take apart")
    moved = moveaxis(y, one_axis(axis, y.aval.ndim, "unstack"), 0)
    rest = moved.aval.shape[1:]
    return tuple(reshape_op(ops.slice_axis(moved, 0, k, k + 1), shape=rest) for k in range(moved.aval.shape[0]))


def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    x, indices_or_sections = lift(ary), _sections(indices_or_sections)
    n = x.aval.shape[one_axis(axis, x.aval.ndim, "split")]
    if isinstance(indices_or_sections, int | np.integer) and n % int(indices_or_sections):
        raise ShapeError(f"split: axis {axis} of length {n} does not divide into {indices_or_sections} equal parts")
    return _split(x, indices_or_sections, axis)


def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    return _split(lift(ary), _sections(indices_or_sections), axis)


def _sections(given: Any) -> Any:
    """How many parts, as an int, or the places between them."""
    return int(static_array(given, "split: sections")) if isinstance(given, Operand) and not given.aval.shape else given


def _split(x: Any, sections: Any, axis: int) -> list[Any]:
    """Parts of nearly equal length, the longer ones first; or parts between places."""
    k = one_axis(axis, x.aval.ndim, "split")
    n = x.aval.shape[k]
    if isinstance(sections, int | np.integer):
        count = int(sections)
        if count <= 0:
            raise ArgumentError(f"split: {count} sections; there must be at least one")
        lengths = [n // count + (j < n % count) for j in range(count)]
        edges = [0, *itertools.accumulate(lengths)]
    else:
        edges = [0, *(min(max(int(i) + n if i < 0 else int(i), 0), n) for i in sections), n]
    return [ops.slice_axis(x, k, a, max(a, b)) for a, b in itertools.pairwise(edges)]


def hsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    x = lift(ary)
    return split(_of_rank(x, 1, "hsplit"), indices_or_sections, 1 if x.aval.ndim > 1 else 0)


def vsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return split(_of_rank(lift(ary), 2, "vsplit"), indices_or_sections, 0)


def dsplit(ary: Any, indices_or_sections: Any) -> list[Any]:
    return split(_of_rank(lift(ary), 3, "dsplit"), indices_or_sections, 2)


def _of_rank(x: Any, least: int, name: str) -> Any:
    if x.aval.ndim < least:
        raise ShapeError(f"{name} works on arrays of {least} or more dimensions, got shape {x.aval.shape}")
    return x


# ---- flips, rolls, repeats, pads -------------------------------------------------------------


def flip(m: Any, axis: Any = None) -> Any:
    x = lift(m)
    return ops.flip(x, axes=some_axes(axis, x.aval.ndim, "flip"))


def flipud(m: Any) -> Any:
    return flip(m, 0)


def fliplr(m: Any) -> Any:
    return flip(m, 1)


def roll(a: Any, shift: Any, axis: Any = None) -> Any:
    x, shift = lift(a), static_array(shift, "roll: shift")
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.aval.shape)
    for s, k in np.broadcast(shift, axis):
        k = one_axis(k, x.aval.ndim, "roll")
        n = x.aval.shape[k]
        if n and int(s) % n:
            x = ops.roll(x, shift=int(s) % n, axis=k)
    return x


def tile(A: Any, reps: Any) -> Any:
    x, times = lift(A), _sizes(reps)
    rank = max(x.aval.ndim, len(times))
    times = (1,) * (rank - len(times)) + times
    shape = (1,) * (rank - x.aval.ndim) + x.aval.shape
    # Each axis n repeated r times is the middle of an (r, n) pair, flattened.
    pairs = tuple(m for n, r in zip(shape, times, strict=True) for m in (1, n))
    wide = tuple(m for n, r in zip(shape, times, strict=True) for m in (r, n))
    spread = broadcast_trailing(reshape_op(x, shape=pairs), wide)
    return reshape_op(spread, shape=tuple(n * r for n, r in zip(shape, times, strict=True)))


def repeat(a: Any, repeats: Any, axis: Any = None) -> Any:
    x = lift(a)
    if axis is None:
        x, axis = ravel(x), 0
    k = one_axis(axis, x.aval.ndim, "repeat")
    places = np.repeat(np.arange(x.aval.shape[k]), static_array(repeats, "repeat: repeats"))
    return take_op(x, lift(places), axis=k)


# ---- triangles and diagonals ----------------------------------------------------------------


def triu(m: Any, k: int = 0) -> Any:
    x, above = _triangle(m, k - 1)
    return select(lift(~above), x, 0)


def tril(m: Any, k: int = 0) -> Any:
    x, below = _triangle(m, k)
    return select(lift(below), x, 0)


def _triangle(m: Any, k: int) -> tuple[Any, np.ndarray]:
    """The array, and where on or below diagonal k its last two axes are; a vector counts as every row."""
    x = lift(m)
    if not x.aval.ndim:
        raise ShapeError("triu and tril need an array of one or more dimensions")
    n, columns = x.aval.shape[-2] if x.aval.ndim > 1 else x.aval.shape[-1], x.aval.shape[-1]
    return x, np.tri(n, columns, k, dtype=bool)


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    x = moveaxis(a, (axis1, axis2), (-2, -1))
    rows, columns = x.aval.shape[-2:]
    flat = reshape_op(x, shape=(*x.aval.shape[:-2], rows * columns))
    places = np.diagonal(np.arange(rows * columns).reshape(rows, columns), offset).copy()
    return take_op(flat, lift(places), axis=flat.aval.ndim - 1)


def diag(v: Any, k: int = 0) -> Any:
    x = lift(v)
    if x.aval.ndim == 2:
        return diagonal(x, k)
    if x.aval.ndim != 1:
        raise ShapeError(f"diag: an array of one or two axes is needed, got shape {x.aval.shape}")
    if not x.aval.size:
        return full(ArrayAval((abs(k), abs(k)), x.aval.dtype), 0)
    n = x.aval.shape[0] + abs(k)
    rows = np.arange(x.aval.shape[0])
    return select(
        lift(np.eye(n, k=k, dtype=bool)),
        take_op(x, lift(np.clip(np.arange(n) - max(-k, 0), 0, len(rows) - 1)), axis=0)[:, None],
        0,
    )


def diagflat(v: Any, k: int = 0) -> Any:
    return diag(ravel(v), k)


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None) -> Any:
    unsupported("trace", out=(out, None))
    x = lift(a)
    return diagonal(x if dtype is None else cast(x, dtype=np.dtype(dtype)), offset, axis1, axis2).sum(-1)
