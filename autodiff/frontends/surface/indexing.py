"""NumPy's indexing, brought to slices, flips, reshapes and one gather.

Basic indices (integers, slices, None, Ellipsis) become movements. Index arrays and boolean
masks are broadcast together, turned into one flat index and gathered; the result's axes stand
where NumPy puts them: at the place of the first index array when the arrays are neighbours,
in front otherwise (NumPy user guide, "Advanced indexing").
"""

from __future__ import annotations

import contextlib
import math
import operator
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NoReturn

import numpy as np

from autodiff.errors import AxisError, ConcretizationError, DTypeError, ShapeError
from autodiff.frontends.surface import positions
from autodiff.frontends.surface.common import as_dtype, lift, one_axis, unsupported
from autodiff.frontends.surface.placing import put_at
from autodiff.frontends.surface.static import static_array
from autodiff.ir.aval import ArrayAval
from autodiff.ir.core import Literal, Operand, Params, Value
from autodiff.ops.arithmetic import clip, less
from autodiff.ops.families import broadcast_shapes, cast, full, not_equal, select
from autodiff.ops.families import broadcast_to as broadcast_trailing
from autodiff.ops.families import reshape as reshape_op
from autodiff.ops.indexing import scatter_add as scatter_add_op
from autodiff.ops.indexing import take as take_op
from autodiff.ops.movement import concatenate, flip, slice_, transpose
from autodiff.ops.ordering import argsort
from autodiff.records import record


def getitem(x: Any, index: Any) -> Any:
    """x[index]."""
    key = plain_key(index)
    if key is not None:
        return _moved(x, *_plan_of_key(key, x.aval.shape))
    if _is_one_array_per_axis(index, x.aval.shape):
        return gather(x, index if type(index) is tuple else (index,), 0)
    computed = positions.place(x, index)
    if computed is not None:
        return positions.read(x, computed)
    parts = _expanded(index, x.aval.shape)
    if any(_is_array(p) for p in parts):
        return _advanced(x, parts)
    return _basic(x, parts)


def plain_key(index: Any) -> tuple[Any, ...] | None:
    """An index of Python integers, slices of them, None and Ellipsis as something that hashes; None for any other.

    A program that is recorded has the same few indices over and over: what they mean is looked up.
    """
    parts = index if type(index) is tuple else (index,)
    found: list[Any] = []
    for part in parts:
        kind = type(part)
        if kind is slice:
            ends = part.start, part.stop, part.step
            if any(type(end) is not int and end is not None for end in ends):
                return None
            found.append(ends)
        elif kind is int or part is None or part is Ellipsis:
            found.append(part)
        else:
            return None
    return tuple(found)


@lru_cache(maxsize=4096)
def _plan_of_key(key: tuple[Any, ...], shape: tuple[int, ...]) -> Plan:
    index = tuple([slice(*part) if type(part) is tuple else part for part in key])
    return _plan(_expanded(index, shape), shape)


def _is_one_array_per_axis(index: Any, shape: tuple[int, ...]) -> bool:
    """Whether it is arrays of integers and nothing else."""
    parts = index if type(index) is tuple else (index,)
    if len(parts) != len(shape):
        return False
    return all(type(part) is np.ndarray and part.ndim and part.dtype.kind in "iu" for part in parts)


def _expanded(index: Any, shape: tuple[int, ...]) -> list[Any]:
    """The index as one entry per axis (and None entries), masks as index arrays."""
    listed = list(index) if isinstance(index, tuple) else [index]
    parts: list[Any] = []
    for part in listed:
        parts += _entry(part)
    used = sum(1 for p in parts if p is not None and p is not Ellipsis)
    if used > len(shape):
        raise AxisError(f"too many indices: {used} for an array of {len(shape)} dimensions")
    fill = [slice(None)] * (len(shape) - used)
    at = next((k for k, p in enumerate(parts) if p is Ellipsis), len(parts))
    parts = parts[:at] + fill + parts[at + 1 :]
    if any(p is Ellipsis for p in parts):
        raise AxisError("an index can only have a single ellipsis ('...')")
    axes = [k for k, p in enumerate(parts) if p is not None]
    for n, k in zip(shape, axes, strict=True):
        if isinstance(parts[k], _MaskPlaces):
            parts[k] = parts[k].checked(n)
    return parts


def _entry(part: Any) -> list[Any]:
    if type(part) is np.ndarray and part.dtype.kind in "iu" and part.ndim:
        return [part]
    if part is None or part is Ellipsis or isinstance(part, slice):
        return [part]
    if isinstance(part, Operand):
        return _mask_places(_known_mask(part)) if part.aval.dtype == np.bool_ else [part]
    if hasattr(part, "__autodiff_operand__"):
        return _entry(part.__autodiff_operand__())
    if isinstance(part, bool | np.bool_ | list | np.ndarray):
        array = np.asarray(part)
        if array.dtype == np.bool_:
            return _mask_places(array)
        if array.size == 0:
            array = array.astype(np.intp)
        if array.dtype.kind not in "iu":
            raise DTypeError(f"indices must be integers or booleans, got dtype {array.dtype}")
        return [array if array.ndim else int(array)]
    if not hasattr(part, "__index__"):
        raise DTypeError(f"an index must be an integer, a slice, None, ... or an array of these, got {part!r:.40}")
    return [operator.index(part)]


def _known_mask(mask: Any) -> np.ndarray:
    """The value of a boolean mask: how many elements it selects decides the result's shape."""
    known = getattr(mask, "known_value", None)
    if known is None:
        refuse_recorded_mask(mask)
    return np.asarray(known())


def refuse_recorded_mask(mask: Any, remedy: str = "use np.where(mask, x, 0), or record on a tape") -> NoReturn:
    """The error for a use of `x[mask]` that must know how many elements there are."""
    raise ConcretizationError(
        f"indexing with a traced mask of shape {mask.aval.shape}: the shape of the result depends on its values",
        remedy,
    )


@record
class _MaskPlaces:
    """Where one axis of a mask is true, and how long that axis is."""

    places: np.ndarray
    length: int

    def checked(self, n: int) -> np.ndarray:
        if self.length != n:
            raise AxisError(f"a mask has length {self.length} along an axis of length {n}")
        return self.places


def _mask_places(mask: np.ndarray) -> list[Any]:
    if mask.ndim:
        return list(map(_MaskPlaces, np.nonzero(mask), mask.shape))
    if not mask:
        raise DTypeError("x[False] is not supported", "use x[None][:0]")
    return [None]


def is_basic(index: Any) -> bool:
    """Whether NumPy gives a view: integers, slices, None and Ellipsis only."""
    return all(map(_is_basic_part, index if isinstance(index, tuple) else (index,)))


def _is_basic_part(part: Any) -> bool:
    if isinstance(part, Operand):
        return not part.aval.shape and part.aval.dtype != np.bool_
    return not isinstance(part, bool | np.bool_ | list | np.ndarray)


def is_known(index: Any) -> bool:
    """Whether every position is known while the program is recorded."""
    if isinstance(index, tuple):
        return all(map(is_known, index))
    if isinstance(index, slice):
        return not any(map(positions.is_computed, (index.start, index.stop)))
    operand = _operand(index)
    return not isinstance(operand, Operand) or type(operand) is Literal or hasattr(operand, "known_value")


def _operand(index: Any) -> Any:
    return index.__autodiff_operand__() if hasattr(index, "__autodiff_operand__") else index


def recorded_mask(index: Any) -> Any:
    """The mask, when the index is one boolean array whose values are not known; else None."""
    if type(index) is tuple and len(index) == 1:
        index = index[0]
    if not isinstance(index, Operand) or index.aval.dtype != np.bool_ or not index.aval.shape or is_known(index):
        return None
    return lift(index)


def _is_array(part: Any) -> bool:
    return type(part) is np.ndarray or isinstance(part, Operand)


# ---- basic indices ---------------------------------------------------------------------------


# What a basic index does: the parameters of `slice_` if it cuts, the axes to be reversed, the shape if it changes.
Plan = tuple[Params | None, tuple[int, ...], tuple[int, ...] | None]


def _basic(x: Any, parts: list[Any]) -> Any:
    return _moved(x, *_plan(parts, x.aval.shape))


def _moved(x: Any, cut: Params | None, flips: tuple[int, ...], wanted: tuple[int, ...] | None) -> Any:
    if cut is not None:
        x = slice_(x, **cut)
    if flips:
        x = flip(x, axes=flips)
    return x if wanted is None else reshape_op(x, shape=wanted)


def _plan(parts: list[Any], whole: tuple[int, ...]) -> Plan:
    """Slices first, then one reshape drops integer axes and adds new ones."""
    cut, flips, lengths = _sliced([p for p in parts if p is not None], whole)
    shape, axis = [], 0
    for part in parts:
        if part is None:
            shape.append(1)
        else:
            if isinstance(part, slice):
                shape.append(lengths[axis])
            axis += 1
    wanted = tuple(shape)
    return cut, flips, None if wanted == lengths else wanted


def _sliced(parts: list[Any], shape: tuple[int, ...]) -> tuple[Params | None, tuple[int, ...], tuple[int, ...]]:
    """How to cut to the slices (integers keep a length of 1), which axes are then to be reversed, and the shape."""
    starts, limits, steps, flips, lengths = [], [], [], [], []
    for axis, (part, n) in enumerate(zip(parts, shape, strict=True)):
        if isinstance(part, slice):
            places = range(n)[part]
            if places.step < 0:
                flips.append(axis)
                places = places[::-1]
            start, stop, step = (places.start, places[-1] + 1, places.step) if places else (0, 0, 1)
            length = len(places)
        else:
            start = _position(part, n, axis)
            stop, step, length = start + 1, 1, 1
        starts.append(start)
        limits.append(stop)
        steps.append(step)
        lengths.append(length)
    whole = all(a == 0 and b == n and s == 1 for a, b, s, n in zip(starts, limits, steps, shape, strict=True))
    cut = None if whole else {"starts": tuple(starts), "limits": tuple(limits), "steps": tuple(steps)}
    return cut, tuple(flips), tuple(lengths)


def _position(index: int, n: int, axis: int) -> int:
    if not -n <= index < n:
        raise AxisError(f"index {index} is out of bounds for axis {axis} with size {n}")
    return index + n if index < 0 else index


# ---- index arrays ----------------------------------------------------------------------------


def _advanced(x: Any, parts: list[Any]) -> Any:
    # Beside an index array an integer is an index array too (of shape ()).
    slices = [p if p is None or isinstance(p, slice) else slice(None) for p in parts]
    spots = [k for k, p in enumerate(parts) if p is not None and not isinstance(p, slice)]
    arrays = [parts[k] if _is_array(parts[k]) else np.asarray(parts[k]) for k in spots]
    if len(spots) < len(parts):
        x = _basic(x, slices)
    together = spots == list(range(spots[0], spots[-1] + 1))
    if not together:
        rest = [k for k in range(x.aval.ndim) if k not in spots]
        x = transpose(x, perm=(*spots, *rest))
    return gather(x, arrays, spots[0] if together else 0)


def gather(x: Any, arrays: Sequence[Any], axis: int) -> Any:
    """Collect x at the index arrays of the axes from `axis` on; their common shape replaces these axes."""
    shape, count = x.aval.shape, len(arrays)
    indexed = shape[axis : axis + count]
    flat, result = flat_index(arrays, indexed)
    merged = (*shape[:axis], math.prod(indexed), *shape[axis + count :])
    found = take_op(x if count == 1 else reshape_op(x, shape=merged), flat, axis=axis)
    if flat.aval.shape == result:
        return found
    return reshape_op(found, shape=(*merged[:axis], *result, *merged[axis + 1 :]))


def flat_index(arrays: Sequence[Any], sizes: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """One flat index (of rank 1 or more) for several index arrays, and their common shape."""
    arrays = [a if type(a) is np.ndarray else _constant(a) for a in arrays]
    shape = broadcast_shapes("indexing", [a.aval.shape if isinstance(a, Operand) else a.shape for a in arrays])
    if not any(isinstance(a, Value) for a in arrays):
        return lift(_known_flat(arrays, sizes, shape)), shape
    total: Any = None
    for a, n in zip(arrays, sizes, strict=True):
        place = a if isinstance(a, Operand) else lift(np.asarray(a))
        if place.aval.dtype.kind not in "iu":
            raise DTypeError(f"indices must be integers, got dtype {place.aval.dtype}", "use .astype(int)")
        place = cast(place, dtype=np.dtype(np.intp)) if place.aval.dtype != np.intp else place
        if len(arrays) > 1:  # alone, it is what `take` itself takes
            place = select(less(place, 0), place + n, place)
            # An index outside its own axis must not land on a neighbour: send it outside of all.
            place = select(less(place, 0) | (place >= n), math.prod(sizes) * 2, place)
        total = place if total is None else total * n + place
    total = broadcast_trailing(total, shape)
    return (total if shape else reshape_op(total, shape=(1,))), shape


def _constant(index: Any) -> Any:
    """A plain array in place of a recorded one that is a constant: its places are known."""
    known = getattr(index, "constant_value", None)
    found = None if known is None else known()
    return index if found is None else found


def _known_flat(arrays: Sequence[Any], sizes: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    if len(arrays) > 1:  # one call of NumPy's that checks all and refuses what counts from the end
        with contextlib.suppress(ValueError, TypeError):
            found = np.ravel_multi_index(tuple(arrays), sizes)
            return found if found.shape else found.reshape(1)
    flat: Any = None
    for k, (a, n) in enumerate(zip(arrays, sizes, strict=True)):
        places = _counted_from_start(np.asarray(a).astype(np.intp, copy=len(arrays) == 1), n, k)
        flat = places if flat is None else flat * n + places
    flat = flat if flat.shape == shape else np.broadcast_to(flat, shape)
    return flat if shape else flat.reshape(1)


def _counted_from_start(places: np.ndarray, n: int, axis: int) -> np.ndarray:
    """Indices of an axis of size n, none of them negative."""
    # Seen as unsigned, a negative number is beyond every size: one pass for the usual case.
    if not places.size or np.maximum.reduce(places.view(np.uintp), axis=None) < n:
        return places
    lowest, highest = places.min(), places.max()
    if lowest < -n or highest >= n:
        bad = lowest if lowest < -n else highest
        raise AxisError(f"index {bad} is out of bounds for axis {axis} with size {n}")
    return np.where(places < 0, places + n, places)


# ---- functions -------------------------------------------------------------------------------


def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    unsupported("take", out=(out, None))
    x = lift(a)
    if axis is None:
        x, axis = reshape_op(x, shape=(x.aval.size,)), 0
    k = one_axis(axis, x.aval.ndim, "take")
    index = indices if isinstance(indices, Operand) else np.asarray(indices)
    if mode == "clip":
        index = clip(lift(index), 0, x.aval.shape[k] - 1)
    if mode == "wrap":
        index = lift(index) % x.aval.shape[k]
    return gather(x, [index], k)


def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    """The entries along an axis where a known row of booleans is true; the row may be shorter."""
    unsupported("compress", out=(out, None))
    mask = static_array(condition, "compress: condition")
    if mask.ndim != 1:
        raise ShapeError(f"compress: the condition must have one axis, its shape is {mask.shape}")
    return take(a, np.flatnonzero(mask), axis)


def extract(condition: Any, arr: Any) -> Any:
    """The elements, flattened, where a known array of booleans is true."""
    return take(arr, np.flatnonzero(static_array(condition, "extract: condition")))


def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    x = lift(arr)
    index = indices if isinstance(indices, Operand) else np.asarray(indices)
    if axis is None:
        return take(x, index)
    k = one_axis(axis, x.aval.ndim, "take_along_axis")
    shape = index.aval.shape if isinstance(index, Operand) else index.shape
    grid: list[Any] = list(np.ogrid[tuple(map(slice, shape))])
    grid[k] = index
    return getitem(x, tuple(grid))


def index_add(x: Any, index: Any, updates: Any) -> Any:
    """`x` with `updates` added at `index`; repeated places add up."""
    x = lift(x)
    places = recorded_places(x, index)
    u = broadcast_trailing(as_dtype(lift(updates), x.aval.dtype), places.aval.shape)
    n = places.aval.size
    flat = scatter_add_op(reshape_op(u, shape=(n,)), reshape_op(places, shape=(n,)), shape=(x.aval.size,), axis=0)
    return x + reshape_op(flat, shape=x.aval.shape)


def index_set(x: Any, index: Any, values: Any) -> Any:
    """`x` with `values` at `index`; of repeated places the last one wins."""
    x = lift(x)
    if not is_known(index):
        computed = positions.place(x, index)
        if computed is not None:
            given = broadcast_trailing(as_dtype(lift(values), x.aval.dtype), computed.shape)
            return positions.written(x, computed, given)
        places = recorded_places(x, index)
        part = broadcast_trailing(as_dtype(lift(values), x.aval.dtype), places.aval.shape)
        return put_recorded(x, places, part, is_basic(index))
    places = known_places(x.aval.shape, index)
    return put_at(x, places, broadcast_trailing(as_dtype(lift(values), x.aval.dtype), places.shape))


def recorded_places(x: Any, index: Any) -> Any:
    """Flat positions in x, known only when the program runs."""
    return getitem(lift(np.arange(x.aval.size).reshape(x.aval.shape)), index)


def put_recorded(x: Any, places: Any, part: Any, distinct: bool) -> Any:
    """`x` with `part` at flat positions known only when the program runs; of repeated ones the last one wins."""
    n = places.aval.size
    flat, values = reshape_op(places, shape=(n,)), reshape_op(part, shape=(n,))
    if not distinct and n > 1:
        # Of equal positions, side by side in a stable order, the last one counts.
        order = argsort(flat, axis=0)
        flat, values = take_op(flat, order, axis=0), take_op(values, order, axis=0)
        next_, this = (slice_(flat, starts=(k,), limits=(n - 1 + k,), steps=(1,)) for k in (1, 0))
        last = not_equal(next_, this)
        last = concatenate(last, full(ArrayAval((1,), np.dtype(np.bool_)), True), axis=0)
        values = select(last, values, 0)
    size = x.aval.size
    ones = full(ArrayAval((n,), np.dtype(np.intp)), 1)
    hit = less(0, scatter_add_op(ones, flat, shape=(size,), axis=0))
    spread = scatter_add_op(values, flat, shape=(size,), axis=0)
    return select(reshape_op(hit, shape=x.aval.shape), reshape_op(spread, shape=x.aval.shape), x)


def known_places(shape: tuple[int, ...], index: Any) -> np.ndarray:
    """Flat positions in an array of this shape."""
    return np.asarray(of_plain(np.arange(math.prod(shape)).reshape(shape), known_index(index)))


def of_plain(array: np.ndarray, index: Any) -> Any:
    try:
        return array[index]
    except IndexError as error:
        raise AxisError(str(error)) from None


def known_index(index: Any) -> Any:
    """The index in plain NumPy; recorded values in it are looked at."""
    if isinstance(index, tuple):
        return tuple(map(known_index, index))
    if isinstance(index, Operand) and not hasattr(index, "known_value"):
        operand = index.__autodiff_operand__() if hasattr(index, "__autodiff_operand__") else index
        if not hasattr(operand, "known_value"):
            raise ConcretizationError(
                "x.at[index].set(v) with a traced index: which places are set decides what is computed",
                "use np.where(mask, v, x), or a static index",
            )
        index = operand
    return np.asarray(index.known_value()) if hasattr(index, "known_value") else index
