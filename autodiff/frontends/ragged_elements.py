"""The elements of arrays whose shape is not known (`ragged`): brought to the same positions, and mapped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import ShapeError
from autodiff.frontends.surface import spans, table
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.spans import Span
from autodiff.ir.core import Operand
from autodiff.ops.families import broadcast_to, cast, conjugate, select

Spans = tuple[Span | None, ...]


def held(x: Any) -> tuple[Any, Spans]:
    """The elements of whole axes, and which of them belong to the array."""
    own = spans.of(x)
    if own is not None:
        return lift(x.storage.base), own
    y = lift(x)
    return y, (None,) * y.aval.ndim


def made(y: Any, parts: Sequence[Span | None]) -> Any:
    """An array of the spans; one like any other where there are none."""
    return y.ragged(tuple(parts)) if any(s is not None for s in parts) else y


def first_ragged(*args: Any) -> Any:
    return next(a for a in args if spans.of(a) is not None)


def settled(values: Any, parts: Spans, neutral: Any = 0, axes: tuple[int, ...] | None = None) -> Any:
    """The elements, with a neutral one in the place of those outside of the spans of some axes."""
    mask = spans.mask_of(parts, axes)
    return values if mask is None else select(broadcast_to(mask, values.aval.shape), values, neutral)


def mapped(function: Callable[..., Any], inputs: Sequence[Any], kwargs: dict[str, Any], is_cheap: bool = False) -> Any:
    """An elementwise function: of all elements, brought to the positions of the first array along every axis.

    One that is not cheap is given 1 in place of the elements outside. Else it would be the same in every trip of a
    loop and be computed before it, where nothing says any more that the slope at an infinite element does not count.
    """
    parts = joined(inputs)
    given = [x if _is_plain(x) else aligned(x, parts) for x in inputs]
    if not is_cheap:
        given = [_inside(x, parts) if isinstance(x, Operand) and x.aval.shape else x for x in given]
    found = function(*given, **kwargs)
    return tuple([made(y, parts) for y in found]) if isinstance(found, tuple) else made(found, parts)


def _inside(values: Any, parts: Spans) -> Any:
    """The elements of an operand, 1 in place of those outside of the spans of its last axes."""
    own = parts[len(parts) - values.aval.ndim :]
    stretched = [s if s and n == s.size else None for s, n in zip(own, values.aval.shape, strict=True)]
    return settled(values, tuple(stretched), 1)


def _is_plain(x: Any) -> bool:
    return x is None or isinstance(x, bool | int | float | complex | str)


def joined(inputs: Sequence[Any]) -> Spans:
    """The spans of what arrays are broadcast to: along every axis those of the first one that has any."""
    known = [s for s in map(spans.of, inputs) if s is not None]
    rank = max(len(held(x)[1]) for x in inputs if not _is_plain(x))
    found: list[Span | None] = [None] * rank
    for own in reversed(known):
        for k, span in enumerate(own, rank - len(own)):
            found[k] = span or found[k]
    return tuple(found)


def aligned(x: Any, wanted: Spans) -> Any:
    """The elements of an array, brought to the positions that spans of the last axes say."""
    values, own = held(x)
    if len(own) > len(wanted):
        raise ShapeError(f"an array of {len(own)} axes does not fit one of {len(wanted)} axes")
    for axis, (mine, span) in enumerate(zip(own, wanted[len(wanted) - len(own) :], strict=True)):
        values = brought(values, axis, mine, span)
    return values


def brought(values: Any, axis: int, own: Span | None, wanted: Span | None, stretches: bool = True) -> Any:
    """The elements with those of one axis where a span wants them; an axis of one element can be stretched."""
    size = values.aval.shape[axis]
    if own is None and (wanted is None or (stretches and size == 1)):
        return values
    own, wanted = own or spans.whole(size), wanted or spans.whole(size)
    return spans.moved(values, axis, own, wanted)


def conj(x: Any) -> Any:
    return mapped(lambda y: conjugate(lift(y)), (x,), {}, True)


def like(value: Any) -> Callable[..., Any]:
    """`np.zeros_like` and kin: as long as the array is."""

    def make(a: Any, *args: Any, **kwargs: Any) -> Any:
        given = value if value is not None else args[0] if args else kwargs["fill_value"]
        dtype = kwargs.get("dtype") or (args[0] if args and value is not None else None)
        values, own = held(a)
        filled = broadcast_to(cast(lift(given), dtype=np.dtype(dtype or values.aval.dtype)), values.aval.shape)
        return made(table.call_function(np.copy, (filled,), {}), own)

    return make
