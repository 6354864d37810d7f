"""Arrays put together from others: append, insert, delete, block, meshgrid, rot90, select, choose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.surface.common import as_dtype, lift, lift_all, one_axis, unsupported
from autodiff.frontends.surface.shapes import broadcast_arrays, concatenate, flip, moveaxis, ravel, stack, transpose
from autodiff.frontends.surface.static import static_array
from autodiff.ops.families import broadcast_to, equal, reshape, select, zeros_like
from autodiff.ops.indexing import take
from autodiff.ops.ordering import INTP, take_along


def append(arr: Any, values: Any, axis: Any = None) -> Any:
    x, v = lift(arr), lift(values)
    return concatenate([ravel(x), ravel(v)], 0) if axis is None else concatenate([x, v], axis)


def delete(arr: Any, obj: Any, axis: Any = None) -> Any:
    x, k = _along(arr, axis, "delete")
    kept = np.delete(np.arange(x.aval.shape[k]), _places(obj, "delete"))
    return take(x, lift(kept), axis=k)


def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    x, k = _along(arr, axis, "insert")
    index, n = _places(obj, "insert"), x.aval.shape[k]
    if isinstance(index, slice):
        index = np.arange(*index.indices(n))
    v = as_dtype(lift(values), x.aval.dtype)
    count = index.size
    if index.size == 1:
        # One place takes as many elements as there are, in NumPy by the first axis of the values.
        v = reshape(v, shape=(1,) * (x.aval.ndim - v.aval.ndim) + v.aval.shape)
        v = moveaxis(v, 0, k) if index.ndim == 0 else v
        count = v.aval.shape[k]
        index = np.repeat(index.ravel(), count)
    v = broadcast_to(v, tuple(count if j == k else m for j, m in enumerate(x.aval.shape)))
    order = np.insert(np.arange(n), index, n + np.arange(count))
    return take(concatenate([x, v], k), lift(order), axis=k)


def _along(arr: Any, axis: Any, name: str) -> tuple[Any, int]:
    x = lift(arr)
    return (ravel(x), 0) if axis is None else (x, one_axis(axis, x.aval.ndim, name))


def _places(obj: Any, name: str) -> Any:
    if isinstance(obj, slice):
        return obj
    places = static_array(obj, f"{name}: obj")
    return places if places.size else places.astype(INTP)


def block(arrays: Any) -> Any:
    """Nested lists of blocks: the innermost lists join along the last axis."""
    depth = _depth(arrays)
    rank = max([depth, *(lift(leaf).aval.ndim for leaf in _leaves(arrays))])
    return _joined(arrays, depth, rank)


def _depth(arrays: Any) -> int:
    if not isinstance(arrays, list):
        return 0
    if not arrays:
        raise ArgumentError("block: a list of blocks is empty")
    depths = {_depth(part) for part in arrays}
    if len(depths) > 1:
        raise ArgumentError(f"block: lists are nested to different depths: {sorted(depths)}")
    return 1 + depths.pop()


def _leaves(arrays: Any) -> list[Any]:
    return [leaf for part in arrays for leaf in _leaves(part)] if isinstance(arrays, list) else [arrays]


def _joined(arrays: Any, depth: int, rank: int) -> Any:
    if depth:
        return concatenate([_joined(part, depth - 1, rank) for part in arrays], -depth)
    x = lift(arrays)
    return reshape(x, shape=(1,) * (rank - x.aval.ndim) + x.aval.shape)


def rot90(m: Any, k: int = 1, axes: Sequence[int] = (0, 1)) -> Any:
    x = lift(m)
    first, second = (one_axis(a, x.aval.ndim, "rot90") for a in axes)
    if first == second:
        raise ArgumentError(f"rot90: axes {tuple(axes)} are not two different ones")
    if k % 4 == 0:
        return x
    if k % 4 == 2:
        return flip(x, (first, second))
    perm = list(range(x.aval.ndim))
    perm[first], perm[second] = second, first
    return transpose(flip(x, second), perm) if k % 4 == 1 else flip(transpose(x, perm), second)


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> tuple[Any, ...]:
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f"meshgrid: indexing must be 'xy' or 'ij', got {indexing!r}")
    rank = len(xi)
    places = list(range(rank))
    if indexing == "xy" and rank > 1:
        places[:2] = [1, 0]
    grids = [
        reshape(x, shape=tuple(x.aval.size if j == place else 1 for j in range(rank)))
        for x, place in zip(lift_all(xi), places, strict=True)
    ]
    return tuple(grids) if sparse else broadcast_arrays(*grids)


def select_first(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """`np.select`: of each element the first choice whose condition holds."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ArgumentError(f"select: {len(condlist)} conditions for {len(choicelist)} choices")
    result = default
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        c = lift(condition)
        if c.aval.dtype != np.bool_:
            raise ArgumentError(f"select: a condition has dtype {c.aval.dtype}", "conditions are bool arrays")
        result = select(c, choice, result)
    return result


def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """Of each element the choice that its integer names."""
    unsupported("choose", out=(out, None))
    xs = list(choices) if isinstance(choices, list | tuple) else [lift(choices)[k] for k in range(len(choices))]
    which = as_dtype(lift(a), INTP)
    n = len(xs)
    if mode == "wrap":
        which = which % n
    elif mode == "clip":
        which = select(which < 0, 0, select(which > n - 1, n - 1, which))
    elif mode == "raise":
        which = select(which < 0, n, which)
    else:
        raise ArgumentError(f"choose: mode must be 'raise', 'wrap' or 'clip', got {mode!r}")
    which, *xs = broadcast_arrays(which, *xs)
    if not which.aval.size:
        raise ShapeError(f"choose: nothing to choose from for shape {which.aval.shape}")
    # A choice that is not taken does not count, whatever its derivative there.
    table = stack([select(equal(which, k), x, zeros_like(x.aval)) for k, x in enumerate(xs)], 0)
    picked = take_along(table, reshape(which, shape=(1, *which.aval.shape)), axis=0)
    return reshape(picked, shape=which.aval.shape)
