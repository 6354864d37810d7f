"""NumPy's ways to write into an array: items, `np.copyto` and kin; `out=` is in `outputs`.

Each makes the array's new value, a pure program, and hands it to `storage`, which lets the
array and all that share its elements hold it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, AxisError, DTypeError, ShapeError
from autodiff.frontends.surface import fitting, indexing, ordering, placing, positions, shapes, storage, views
from autodiff.frontends.surface.common import as_dtype, lift, one_axis
from autodiff.frontends.surface.static import static_array
from autodiff.ir.core import Operand
from autodiff.ops.arithmetic import maximum, minimum
from autodiff.ops.families import broadcast_to, reshape, select
from autodiff.ops.indexing import take

# ---- items -----------------------------------------------------------------------------------


def setitem(x: Any, index: Any, value: Any) -> None:
    """`x[index] = value`, as NumPy does it: broadcast, converted, of repeated places the last one wins."""
    storage.check_writable(x)
    if views.is_part(value, x, index):
        return  # the end of x[1:3] += y: the part was written when y was added
    part = views.unknown_part(x, index)
    if part is not None:
        part.assign(value)
        return
    now = storage.held(x)
    mask = indexing.recorded_mask(index)
    if mask is not None:
        storage.write(x, _set_masked(x, now, mask, value))
    elif (computed := positions.place(now, index)) is not None:
        part = fitting.fitted(x, value, "unsafe", "x[i] = v", computed.shape)
        storage.write(x, positions.written(now, computed, part))
    elif not indexing.is_known(index):
        places = indexing.recorded_places(now, index)
        part = fitting.fitted(x, value, "unsafe", "x[i] = v", places.aval.shape)
        storage.write(x, indexing.put_recorded(now, places, part, indexing.is_basic(index)))
    elif indexing.is_basic(index):
        dummy = np.empty(x.aval.shape, np.int8)
        parts = index if isinstance(index, tuple) else (index,)
        view = indexing.of_plain(dummy, parts if any(p is Ellipsis for p in parts) else (*parts, ...))
        part = fitting.fitted(x, value, "unsafe", "x[i] = v", view.shape)
        storage.write(x, placing.put_strided(now, part, dummy, view))
    else:
        places = indexing.known_places(x.aval.shape, index)
        part = fitting.fitted(x, value, "unsafe", "x[i] = v", places.shape)
        storage.write(x, placing.put_at(now, places, part))


def _set_masked(x: Any, now: Any, mask: Any, value: Any) -> Any:
    """The elements where a mask known only when the program runs is true, from a value for all of them."""
    rest = x.aval.shape[mask.aval.ndim :]
    if mask.aval.shape != x.aval.shape[: mask.aval.ndim]:
        raise AxisError(f"a mask of shape {mask.aval.shape} does not fit an array of shape {x.aval.shape}")
    selected = getattr(value, "selected_by", None)
    if selected is not None:
        given = fitting.fitted(x, selected(mask), "unsafe", "x[mask] = v")
    else:
        value = value if isinstance(value, bool | int | float | complex) else lift(value)
        if len(np.shape(value) if not isinstance(value, Operand) else value.aval.shape) > len(rest):
            indexing.refuse_recorded_mask(mask, "x = np.where(mask, v, x), with v for all elements of x")
        given = broadcast_to(fitting.fitted(x, value, "unsafe", "x[mask] = v", rest), x.aval.shape)
    return select(_widened(mask, x.aval.shape), given, now)


def _widened(mask: Any, shape: tuple[int, ...]) -> Any:
    """A mask of the leading axes, for all axes."""
    ones = (1,) * (len(shape) - mask.aval.ndim)
    return broadcast_to(reshape(mask, shape=(*mask.aval.shape, *ones)) if ones else mask, shape)


# ---- results ------------------------------------------------------------------------------------


def into(out: Any, y: Any, name: str, casting: str = "same_kind") -> Any:
    """Write a result into `out=`, and return that."""
    if not hasattr(out, "home"):
        raise DTypeError(
            f"{name}: a recorded value cannot be written into {_plain(out)}",
            "make an array that can hold it: np.zeros_like(x) of a recorded x, or autodiff.numpy.zeros(shape)",
        )
    if not isinstance(y, Operand):
        y = lift(y)
    if len(y.aval.shape) > len(out.aval.shape):
        raise ShapeError(
            f"{name}: non-broadcastable output operand: result {y.aval.shape}, array {out.aval.shape}",
            "an array keeps its shape when it is written to; x = x + y makes a new one",
        )
    storage.assign(out, y, casting, name)
    return out


def _plain(out: Any) -> str:
    kind = "a plain NumPy array" if isinstance(out, np.ndarray) else type(out).__name__
    return f"{kind} of shape {np.shape(out)}"


# ---- functions -------------------------------------------------------------------------------


def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    if not hasattr(dst, "home"):
        into(dst, src, "np.copyto")
    y = fitting.fitted(dst, src, casting, "np.copyto")
    if where is not True:
        mask = as_dtype(lift(where), np.bool_)
        y = select(broadcast_to(mask, dst.aval.shape), y, storage.held(dst))
    storage.write(dst, y)


def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Flat positions, and as many values, taken over and over."""
    storage.check_writable(a)
    n, now = a.aval.size, storage.held(a)
    values = _flat(a, v, "np.put")
    if not values.aval.size or not n:
        return
    if not indexing.is_known(ind):
        index = as_dtype(lift(ind), np.dtype(np.intp))
        index = reshape(index, shape=(index.aval.size,))
        index = index % n if mode == "wrap" else minimum(maximum(index, 0), n - 1) if mode == "clip" else index
        part = take(values, lift(np.arange(index.aval.size) % values.aval.size), axis=0)
        flat = indexing.index_set(reshape(now, shape=(n,)), index, part)
        storage.write(a, reshape(flat, shape=a.aval.shape))
        return
    places = np.asarray(indexing.known_index(ind)).astype(np.intp).ravel()
    if mode == "raise" and places.size and (places.min() < -n or places.max() >= n):
        raise AxisError(f"np.put: an index is out of bounds for an array of {n} elements")
    places = np.clip(places, 0, n - 1) if mode == "clip" else places % n
    part = take(values, lift(np.arange(places.size) % values.aval.size), axis=0)
    storage.write(a, placing.put_at(now, places, part))


def _flat(a: Any, values: Any, name: str) -> Any:
    y = fitting.converted(lift(values), a.aval.dtype, "unsafe", name)
    return reshape(y, shape=(y.aval.size,))


def putmask(a: Any, mask: Any, values: Any) -> None:
    """Where the mask is true: the element of `values`, repeated, that stands in the same flat place."""
    storage.check_writable(a)
    y = _flat(a, values, "np.putmask")
    chosen = as_dtype(lift(mask), np.bool_)
    if chosen.aval.size != a.aval.size:
        raise ShapeError(
            f"np.putmask: mask of shape {chosen.aval.shape} and data of shape {a.aval.shape} differ in size"
        )
    if not y.aval.size or not a.aval.size:
        return
    spread = take(y, lift(np.arange(a.aval.size) % y.aval.size), axis=0)
    chosen = chosen if chosen.aval.shape == a.aval.shape else reshape(chosen, shape=a.aval.shape)
    storage.write(a, select(chosen, reshape(spread, shape=a.aval.shape), storage.held(a)))


def place(arr: Any, mask: Any, vals: Any) -> None:
    """The first places where the mask is true take the first values."""
    storage.check_writable(arr)
    values = _flat(arr, vals, "np.place")
    if values.aval.size == 1:
        putmask(arr, mask, vals)
        return
    places = np.flatnonzero(static_array(mask, "np.place: a mask with several values"))
    if not values.aval.size and places.size:
        raise ArgumentError("np.place: cannot insert from an empty array", "give values")
    if places.size:
        put(arr, places, values)


def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    storage.check_writable(a)
    shape = a.aval.shape
    if len(shape) < 2:
        raise ArgumentError(f"np.fill_diagonal: the array must have 2 axes or more, its shape is {shape}")
    if len(shape) > 2 and len(set(shape)) > 1:
        raise ArgumentError(f"np.fill_diagonal: all axes of an array of more than 2 must be equal, got {shape}")
    if len(shape) == 2:
        step, end = shape[1] + 1, None if wrap else shape[1] * shape[1]
    else:
        step, end = 1 + sum(math.prod(shape[1 : k + 1]) for k in range(1, len(shape))), None
    put(a, np.arange(math.prod(shape))[:end:step], val)


def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    index = indices if isinstance(indices, Operand) else np.asarray(indices)
    shape = index.aval.shape if isinstance(index, Operand) else index.shape
    if axis is None:
        flat = shapes.reshape(lift(arr), (-1,))
        part = fitting.fitted(arr, values, "unsafe", "np.put_along_axis", shape)
        storage.write(arr, reshape(indexing.index_set(flat, index, part), shape=arr.aval.shape))
        return
    grid: list[Any] = list(np.ogrid[tuple(map(slice, shape))])
    grid[one_axis(axis, len(shape), "put_along_axis")] = index
    setitem(arr, tuple(grid), values)


def fill(a: Any, value: Any) -> None:
    storage.assign(a, value, "unsafe", "fill")


def sort(a: Any, axis: int = -1) -> None:
    storage.write(a, ordering.sort(storage.held(a), axis))


def partition(a: Any, kth: Any, axis: int = -1) -> None:
    storage.write(a, ordering.partition(storage.held(a), kth, axis))


def nan_to_num(function: Callable[..., Any]) -> Callable[..., Any]:
    """`np.nan_to_num(x, copy=False)` writes into x."""

    def call(x: Any, copy: bool = True, *args: Any, **kwargs: Any) -> Any:
        y = function(x, True, *args, **kwargs)
        return y if copy or not hasattr(x, "home") else into(x, y, "np.nan_to_num")

    return call


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.copyto: copyto,
    np.put: put,
    np.putmask: putmask,
    np.place: place,
    np.fill_diagonal: fill_diagonal,
    np.put_along_axis: put_along_axis,
}
