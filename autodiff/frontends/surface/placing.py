"""Putting a part in its places: the value of an array of which some elements are new."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.ir.build import emitter
from autodiff.ops.families import reshape, select
from autodiff.ops.indexing import take
from autodiff.ops.movement import flip, transpose
from autodiff.ops.overwrite import overwrite


def put_strided(source: Any, part: Any, dummy: np.ndarray, view: np.ndarray) -> Any:
    """`source` with `part` in the places that `view`, a view of `dummy`, has there."""
    if not part.aval.size:
        return source
    found = _as_slices(dummy, view)
    if found is None:
        return _put_scattered(source, part, dummy, view)
    axes, low, steps = found
    # Axes of the part that are none of the base have length 1; axes of the base without one are cut to length 1.
    kept = [k for k, axis in enumerate(axes) if axis is not None]
    order = sorted(kept, key=lambda k: axes[k])
    part = reshape(part, shape=tuple(part.aval.shape[k] for k in kept)) if len(kept) < len(axes) else part
    if order != kept:
        part = transpose(part, perm=tuple(kept.index(k) for k in order))
    lengths = {axes[k]: view.shape[k] for k in kept}
    shape = tuple(lengths.get(axis, 1) for axis in range(dummy.ndim))
    part = part if part.aval.shape == shape else reshape(part, shape=shape)
    flipped = tuple(axis for axis, step in enumerate(steps) if step < 0)
    part = flip(part, axes=flipped) if flipped else part
    if shape == dummy.shape:
        return part
    low = tuple(a + (n - 1) * s if s < 0 else a for a, n, s in zip(low, shape, steps, strict=True))
    return overwrite(source, part, low=low, steps=tuple(map(abs, steps)))


def _as_slices(dummy: np.ndarray, view: np.ndarray) -> tuple[list[int | None], list[int], list[int]] | None:
    """Per axis of the view the axis of the array it runs along; per axis of the array first place and step."""
    if 0 in dummy.strides:
        return None
    start = view.__array_interface__["data"][0] - dummy.__array_interface__["data"][0]
    low = [int(k) for k in np.unravel_index(start, dummy.shape)]
    axes: list[int | None] = []
    steps = [1] * dummy.ndim
    for n, stride in zip(view.shape, view.strides, strict=True):
        axes.append(None)
        if n == 1:
            continue
        for axis, (size, unit) in enumerate(zip(dummy.shape, dummy.strides, strict=True)):
            step, rest = divmod(stride, unit)
            if rest == 0 and axis not in axes and size > 1 and 0 <= low[axis] + (n - 1) * step < size and step:
                axes[-1], steps[axis] = axis, step
                break
        else:
            return None
    return axes, low, steps


def _put_scattered(source: Any, part: Any, dummy: np.ndarray, view: np.ndarray) -> Any:
    """Any other view, such as a diagonal: element by element, by position."""
    start = view.__array_interface__["data"][0] - dummy.__array_interface__["data"][0]
    places = start + sum(
        (
            np.arange(n).reshape(-1, *(1,) * (view.ndim - 1 - k)) * s
            for k, (n, s) in enumerate(zip(view.shape, view.strides, strict=True))
        ),
        start=np.zeros(view.shape, np.intp),
    )
    return put_at(source, places, part)


def put_at(source: Any, places: np.ndarray, part: Any) -> Any:
    """`source` with `part` at flat positions known beforehand; of repeated ones the last one wins."""
    if not places.size:
        return source
    owner = np.full(math.prod(source.aval.shape), -1)
    owner[places.ravel()] = np.arange(places.size)
    lift = emitter().lift
    spread = take(reshape(part, shape=(places.size,)), lift(np.maximum(owner, 0)), axis=0)
    mask = lift((owner >= 0).reshape(source.aval.shape))
    return select(mask, reshape(spread, shape=source.aval.shape), source)
