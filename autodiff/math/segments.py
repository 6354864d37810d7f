"""Segments and scattering, by the tape world's names: rows that share an id are combined.

Ids of rows that a plain array or tensor holds are looked at: then each segment is a row of a table. Ids that
are traced are compared with every segment instead: slower, the same result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ConcretizationError, ShapeError
from autodiff.frontends.surface import indexing, reductions, shapes
from autodiff.frontends.surface.common import lift
from autodiff.ir.core import Literal, Operand
from autodiff.ops import arithmetic as ar
from autodiff.ops.families import cast, equal, logical_and, neg, select

# ---- segments --------------------------------------------------------------------------------


def _known(ids: Any) -> np.ndarray | None:
    """The ids as a plain array of their own, or None while they are traced.

    A copy: an array that a traced function captures must not be an operand at one place and looked at in another,
    as arrays that are operands only are read anew at each call, without a check of their content.
    """
    ids = ids.__autodiff_operand__() if hasattr(ids, "__autodiff_operand__") else ids
    if not isinstance(ids, Operand):
        return np.array(ids)
    if hasattr(ids, "known_value"):
        return np.array(ids.known_value())
    return np.array(ids.value) if isinstance(ids, Literal) else None


def _fixed(ids: Any) -> Any:
    known = _known(ids)
    return ids if known is None else known


def _count(ids: Any, name: str) -> int:
    known = _known(ids)
    if known is None:
        raise ConcretizationError(
            f"{name}: how many segments there are depends on traced ids", f"use unsorted_{name} with num_segments"
        )
    if known.size and (np.any(np.diff(known) < 0) or known[0] < 0):
        raise ArgumentError(f"{name}: the ids must be sorted and not negative", f"unsorted_{name} takes any order")
    return int(known[-1]) + 1 if known.size else 0


def _rows(data: Any, ids: Any, name: str) -> tuple[Any, Any]:
    """The data with the axes of the ids made one, and the ids flat."""
    x, i = lift(data), lift(_fixed(ids))
    n = i.aval.ndim
    if x.aval.shape[:n] != i.aval.shape or not n:
        raise ShapeError(f"{name}: ids of shape {i.aval.shape} for data of shape {x.aval.shape}", "one id a row")
    return shapes.reshape(x, (i.aval.size, *x.aval.shape[n:])), shapes.reshape(i, (i.aval.size,))


def _table(ids: np.ndarray, n: int) -> np.ndarray:
    """The rows of each segment, filled up with -1, the row after the last."""
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    order, ids = order[(ids >= 0) & (ids < n)], ids[(ids >= 0) & (ids < n)]
    counts = np.bincount(ids, minlength=n)
    table = np.full((n, max(int(counts.max(initial=0)), 1)), -1)
    place = np.arange(len(ids)) - np.repeat(np.cumsum(counts) - counts, counts)
    table[ids, place] = order
    return table


def _combined(reduce: Callable[..., Any], fill: float, data: Any, ids: Any, n: int, name: str) -> Any:
    """Each segment reduced; empty ones are `fill`."""
    x, i = _rows(data, ids, name)
    known = _known(ids)
    if known is not None:
        filled = shapes.concatenate([x, np.full((1, *x.aval.shape[1:]), fill, x.aval.dtype)], axis=0)
        return reduce(indexing.take(filled, _table(known.ravel(), n), axis=0), axis=1)
    extra = (1,) * (x.aval.ndim - 1)
    member = equal(shapes.reshape(i, (1, -1, *extra)), np.arange(n).reshape(n, 1, *extra))
    return reduce(select(member, x[None], fill), axis=1)


def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: int) -> Any:
    """Sums of the rows with ids 0 to num_segments - 1; rows with another id are left out."""
    x, i = _rows(data, segment_ids, "unsorted_segment_sum")
    n = int(num_segments)
    inside = logical_and(i >= 0, i < n)
    kept = select(shapes.reshape(inside, (-1,) + (1,) * (x.aval.ndim - 1)), x, 0)
    return indexing.index_add(np.zeros((n, *x.aval.shape[1:]), x.aval.dtype), select(inside, i, 0), kept)


def _sizes(data: Any, segment_ids: Any, n: int) -> Any:
    """The number of rows of each segment, at least 1, beside the axes of the data."""
    x, i = lift(data), lift(_fixed(segment_ids))
    ones = np.ones(i.aval.shape, x.aval.dtype)
    counts = ar.maximum(unsorted_segment_sum(ones, segment_ids, n), 1.0)
    return shapes.reshape(counts, (n,) + (1,) * (x.aval.ndim - i.aval.ndim))


def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: int) -> Any:
    """Means of the rows of each segment; 0 for an empty one."""
    n = int(num_segments)
    return unsorted_segment_sum(data, segment_ids, n) / _sizes(data, segment_ids, n)


def unsorted_segment_sqrt_n(data: Any, segment_ids: Any, num_segments: int) -> Any:
    """Sums of the rows of each segment over the square root of their number; 0 for an empty one."""
    n = int(num_segments)
    return unsorted_segment_sum(data, segment_ids, n) / np.sqrt(_sizes(data, segment_ids, n))


def _lowest(data: Any) -> float:
    dtype = lift(data).aval.dtype
    return float(np.finfo(dtype).min) if dtype.kind == "f" else int(np.iinfo(dtype).min)


def _highest(data: Any) -> float:
    dtype = lift(data).aval.dtype
    return float(np.finfo(dtype).max) if dtype.kind == "f" else int(np.iinfo(dtype).max)


def unsorted_segment_max(data: Any, segment_ids: Any, num_segments: int) -> Any:
    """The largest of each segment, the dtype's lowest number for an empty one; ties share the gradient."""
    return _combined(reductions.max, _lowest(data), data, segment_ids, int(num_segments), "unsorted_segment_max")


def unsorted_segment_min(data: Any, segment_ids: Any, num_segments: int) -> Any:
    """The smallest of each segment, the dtype's highest number for an empty one; ties share the gradient."""
    return _combined(reductions.min, _highest(data), data, segment_ids, int(num_segments), "unsorted_segment_min")


def unsorted_segment_prod(data: Any, segment_ids: Any, num_segments: int) -> Any:
    """The product of each segment, 1 for an empty one; exact with zeros among the factors."""
    return _combined(reductions.prod, 1, data, segment_ids, int(num_segments), "unsorted_segment_prod")


def segment_sum(data: Any, segment_ids: Any) -> Any:
    """Sums of the rows that share an id; ids are sorted."""
    return unsorted_segment_sum(data, segment_ids, _count(segment_ids, "segment_sum"))


def segment_mean(data: Any, segment_ids: Any) -> Any:
    """Means of the rows that share an id; ids are sorted; 0 for an empty segment."""
    return unsorted_segment_mean(data, segment_ids, _count(segment_ids, "segment_mean"))


def _or_zero(combined: Any, segment_ids: Any, n: int) -> Any:
    """The same, with 0 for an empty segment."""
    known = np.bincount(_known(segment_ids), minlength=n) > 0  # type: ignore[arg-type]
    return select(known.reshape((n,) + (1,) * (combined.aval.ndim - 1)), combined, 0)


def segment_max(data: Any, segment_ids: Any) -> Any:
    """The largest of each segment, 0 for an empty one; ids are sorted; ties share the gradient."""
    n = _count(segment_ids, "segment_max")
    return _or_zero(unsorted_segment_max(data, segment_ids, n), segment_ids, n)


def segment_min(data: Any, segment_ids: Any) -> Any:
    """The smallest of each segment, 0 for an empty one; ids are sorted; ties share the gradient."""
    n = _count(segment_ids, "segment_min")
    return _or_zero(unsorted_segment_min(data, segment_ids, n), segment_ids, n)


def segment_prod(data: Any, segment_ids: Any) -> Any:
    """The product of each segment, 1 for an empty one; ids are sorted."""
    return unsorted_segment_prod(data, segment_ids, _count(segment_ids, "segment_prod"))


# ---- gathering and scattering ----------------------------------------------------------------


def gather(params: Any, indices: Any, axis: int = 0) -> Any:
    """The entries of `params` at `indices` along `axis`."""
    return indexing.take(params, _fixed(indices), axis=axis)


def _places(indices: Any) -> tuple[Any, ...]:
    """An index array for each axis, from the last axis of `indices`."""
    i = _fixed(indices)
    if not i.ndim:
        raise ShapeError("indices need a last axis that holds the places", "[[0], [2]] for the rows 0 and 2")
    return tuple(i[..., k] for k in range(i.shape[-1]))


def gather_nd(params: Any, indices: Any) -> Any:
    """params[i0, i1, ...] for every row (i0, i1, ...) of `indices`."""
    return indexing.getitem(lift(params), _places(indices))


def scatter_nd(indices: Any, updates: Any, shape: Any) -> Any:
    """Zeros of `shape` with the updates added at the places; repeated places add up."""
    u = lift(updates)
    return indexing.index_add(np.zeros(tuple(map(int, shape)), u.aval.dtype), _places(indices), u)


def tensor_scatter_nd_add(tensor: Any, indices: Any, updates: Any) -> Any:
    """`tensor` with the updates added at the places; repeated places add up."""
    return indexing.index_add(tensor, _places(indices), updates)


def tensor_scatter_nd_sub(tensor: Any, indices: Any, updates: Any) -> Any:
    """`tensor` with the updates subtracted at the places; repeated places add up."""
    return indexing.index_add(tensor, _places(indices), neg(lift(updates)))


def tensor_scatter_nd_update(tensor: Any, indices: Any, updates: Any) -> Any:
    """`tensor` with the updates at the places; of repeated places the last one wins."""
    return indexing.index_set(tensor, _places(indices), updates)


def tensor_scatter_nd_max(tensor: Any, indices: Any, updates: Any) -> Any:
    """The larger of `tensor` and the updates at the places; ties share the gradient."""
    return _extreme(unsorted_segment_max, tensor, indices, updates)


def tensor_scatter_nd_min(tensor: Any, indices: Any, updates: Any) -> Any:
    """The smaller of `tensor` and the updates at the places; ties share the gradient."""
    return _extreme(unsorted_segment_min, tensor, indices, updates)


def _extreme(combine: Callable[..., Any], tensor: Any, indices: Any, updates: Any) -> Any:
    x, u = lift(tensor), lift(updates)
    own, places = np.arange(x.aval.size), _places(indices)
    table = own.reshape(x.aval.shape)
    if all(isinstance(p, np.ndarray) for p in places):
        touched: Any = table[places]
        ids: Any = np.concatenate([own, touched.ravel()])
    else:
        touched = indexing.getitem(lift(table), places)
        ids = shapes.concatenate([own, shapes.ravel(touched)])
    u = shapes.broadcast_to(u, touched.shape)
    return shapes.reshape(combine(shapes.concatenate([shapes.ravel(x), shapes.ravel(u)]), ids, own.size), x.aval.shape)


def boolean_mask(tensor: Any, mask: Any, axis: int = 0) -> Any:
    """The entries of `tensor` where `mask` is true; how many depends on the mask, which cannot be traced."""
    known = _known(mask)
    if known is None:
        raise ConcretizationError(
            "boolean_mask: a traced mask decides the shape of the result", "use np.where(mask, x, 0)"
        )
    return indexing.getitem(lift(tensor), (slice(None),) * axis + (known.astype(bool),))


def one_hot(indices: Any, depth: int, on_value: float = 1.0, off_value: float = 0.0, axis: int = -1) -> Any:
    """Rows of `off_value` with `on_value` at the index; a row of an index outside of 0 to depth - 1 has none."""
    i = lift(indices)
    places = shapes.expand_dims(i, axis if axis >= 0 else i.aval.ndim + 1 + axis)
    where = axis if axis >= 0 else i.aval.ndim + 1 + axis
    classes = np.arange(depth).reshape([depth if k == where else 1 for k in range(i.aval.ndim + 1)])
    return select(equal(places, classes), on_value, off_value)


def sequence_mask(lengths: Any, maxlen: int | None = None, dtype: Any = np.bool_) -> Any:
    """For each length n a row of `maxlen` (default: the largest length) values, true in the first n places."""
    lengths = _fixed(lengths)
    if maxlen is None:
        if not isinstance(lengths, np.ndarray):
            raise ConcretizationError("sequence_mask: the largest of traced lengths decides the shape", "give maxlen")
        maxlen = int(lengths.max(initial=0))
    return cast(ar.less(np.arange(maxlen), shapes.expand_dims(lift(lengths), -1)), dtype=np.dtype(dtype))


def confusion_matrix(
    labels: Any, predictions: Any, num_classes: int, weights: Any = None, dtype: Any = np.float64
) -> Any:
    """How often (or with what weight in all) label i was predicted as j: shape (num_classes, num_classes)."""
    i, j = lift(labels), lift(predictions)
    w = lift(np.ones(i.aval.shape) if weights is None else weights)
    flat = i * num_classes + j
    return shapes.reshape(
        cast(unsorted_segment_sum(w, flat, num_classes * num_classes), dtype=np.dtype(dtype)),
        (num_classes, num_classes),
    )
