"""NumPy's reductions and scans of arrays whose shape is not known (`ragged`).

An element outside counts as one that changes nothing: 0 in a sum, 1 in a product, the lowest number in a maximum.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.frontends.ragged_elements import Spans, aligned, held, joined, like, made, mapped, settled
from autodiff.frontends.surface import norms, reductions, spans
from autodiff.frontends.surface.common import as_dtype, as_float, lift, one_axis, some_axes
from autodiff.frontends.surface.spans import Span
from autodiff.ops.arithmetic import maximum, sub
from autodiff.ops.complex_numbers import squared_magnitude
from autodiff.ops.families import broadcast_to, cast, logical_and, mul, not_equal, select
from autodiff.ops.transcendental import root

MISSING = reductions.MISSING


def _left(parts: Spans, axes: tuple[int, ...], keepdims: bool) -> list[Span | None]:
    """The spans of what a reduction leaves."""
    return [None if k in axes else s for k, s in enumerate(parts) if keepdims or k not in axes]


def _kept(keepdims: Any) -> bool:
    return bool(keepdims is not MISSING and keepdims)


def _reducing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A reduction in which elements outside count as neutral ones."""

    def reduce(
        a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, initial: Any = MISSING,
        where: Any = MISSING,
    ) -> Any:  # fmt: skip
        if out is not None:
            raise ArgumentError(f"{name}: out= is not supported here", "assign the result")
        a, parts = _chosen(a, where)
        values, own = held(a)
        values = as_dtype(values, np.bool_ if name in ("any", "all") else dtype)
        axes = some_axes(axis, len(own), name)
        if name in ("max", "min") and (initial is MISSING or initial is None):
            own = nonempty(own, axes)
        neutral = reductions.NEUTRAL[name][0](values.aval.dtype)
        mask = spans.mask_of(own, axes)
        if parts is not None:
            mask = parts if mask is None else logical_and(mask, parts)
        if mask is not None:
            values = select(broadcast_to(mask, values.aval.shape), values, neutral)
        begun = {} if name in ("any", "all") else {"initial": initial}
        y = function(values, axis=axes, keepdims=keepdims, **begun)
        return made(y, _left(own, axes, _kept(keepdims)))

    return reduce


def _chosen(a: Any, where: Any) -> tuple[Any, Any]:
    """The array, and the elements of whole axes that a `where=` argument leaves in; None if it leaves in all."""
    if not reductions.everywhere(where):
        return a, None
    parts = joined([a])
    return a, cast(broadcast_to(aligned(where, parts), held(a)[0].aval.shape), dtype=np.dtype(np.bool_))


def nonempty(parts: Spans, axes: tuple[int, ...]) -> Spans:
    """The spans; one without elements is an error when the program runs."""
    return tuple([s._replace(lo=spans.element(s, 0, k)) if s and k in axes else s for k, s in enumerate(parts)])


def count(parts: Spans, shape: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    """How many elements there are along some axes, as a float."""
    found: Any = 1.0
    for k in axes:
        span = parts[k]
        n: Any = float(shape[k]) if span is None else cast(spans.position(span.length()), dtype=np.dtype(np.float64))
        found = n if isinstance(found, float) and found == 1.0 else mul(found, n) if span is not None else found * n
    return found


sum_ = _reducing("sum", reductions.sum)
max_, min_ = _reducing("max", reductions.max), _reducing("min", reductions.min)


def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = MISSING, *, where: Any = MISSING
) -> Any:
    values, own = held(a)
    axes = some_axes(axis, len(own), "mean")
    x = made(as_dtype(as_float(values), dtype), own)
    total = sum_(x, axes, None, out, keepdims, MISSING, where)
    if reductions.everywhere(where):
        return total / sum_(like(1)(x), axes, None, None, keepdims, MISSING, where)
    return total / as_dtype(lift(count(own, values.aval.shape, axes)), _real(held(x)[0].aval.dtype))


def _real(dtype: np.dtype) -> np.dtype:
    return np.zeros(0, dtype).real.dtype


def var(a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: float = 0, keepdims: Any = MISSING) -> Any:
    if out is not None:
        raise ArgumentError("var: out= is not supported here", "assign the result")
    values, own = held(a)
    axes = some_axes(axis, len(own), "var")
    x = made(as_dtype(as_float(values), dtype), own)
    away = x - mean(x, axes, keepdims=True)
    total = sum_(mapped(squared_magnitude, (away,), {}, True), axes, None, None, keepdims)
    free = maximum(sub(lift(count(own, values.aval.shape, axes)), float(ddof)), 0.0)
    return total / as_dtype(free, total.dtype)


def std(*args: Any, **kwargs: Any) -> Any:
    return mapped(root, (var(*args, **kwargs),), {})


def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = MISSING) -> Any:
    return max_(a, axis, None, out, keepdims) - min_(a, axis, None, out, keepdims)


def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    counted = mapped(lambda x: cast(not_equal(x, 0), dtype=np.dtype(np.intp)), (a,), {}, True)
    return sum_(counted, axis, None, None, keepdims)


def _place_of(name: str, function: Callable[..., Any], neutral: Callable[[np.dtype], Any]) -> Callable[..., Any]:
    def find(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = MISSING) -> Any:
        values, own = held(a)
        if out is not None or (axis is None and len(own) != 1):
            a.refuse(name)
        k = one_axis(0 if axis is None else axis, len(own), name)
        own = nonempty(own, (k,))
        places = function(settled(values, own, neutral(values.aval.dtype), (k,)), axis=k, keepdims=keepdims)
        span = own[k]
        # If no element beats those outside, the first one is the place.
        places = places if span is None else maximum(sub(places, span.lo), 0)
        return made(places, _left(own, (k,), _kept(keepdims)))

    return find


def _scan(name: str, function: Callable[..., Any], neutral: Any) -> Callable[..., Any]:
    def scan(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
        values, own = held(a)
        if out is not None or (axis is None and len(own) != 1):
            a.refuse(name)
        k = one_axis(0 if axis is None else axis, len(own), name)
        return made(function(settled(values, own, neutral, (k,)), axis=k, dtype=dtype), own)

    return scan


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    values, own = held(x)
    axes = some_axes(axis, len(own), "norm")
    usual = ord in (None, 1, 2, np.inf) and len(axes) == 1
    if not usual and not (ord in (None, "fro") and len(axes) <= 2):
        x.refuse(f"np.linalg.norm with ord={ord!r}")
    y = norms.norm(settled(values, own, 0, axes), ord, axis, keepdims)
    return made(y, _left(own, axes, keepdims))


def _as_numpys(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """Of a function that takes no `dtype`."""
    return lambda a, axis=None, out=None, *args, **kwargs: reduce(a, axis, None, out, *args, **kwargs)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: sum_,
    np.prod: _reducing("prod", reductions.prod),
    np.max: _as_numpys(max_),
    np.min: _as_numpys(min_),
    np.any: _as_numpys(_reducing("any", reductions.any)),
    np.all: _as_numpys(_reducing("all", reductions.all)),
    np.mean: mean,
    np.var: var,
    np.std: std,
    np.ptp: ptp,
    np.count_nonzero: count_nonzero,
    np.argmax: _place_of("np.argmax", reductions.argmax, reductions.lowest),
    np.argmin: _place_of("np.argmin", reductions.argmin, reductions.highest),
    np.cumsum: _scan("np.cumsum", reductions.cumsum, 0),
    np.cumprod: _scan("np.cumprod", reductions.cumprod, 1),
    np.linalg.norm: norm,
}
REDUCED: dict[Any, Callable[..., Any]] = {
    np.add: sum_,
    np.multiply: FUNCTIONS[np.prod],
    np.maximum: max_,
    np.minimum: min_,
    np.logical_and: _reducing("all", reductions.all),
    np.logical_or: _reducing("any", reductions.any),
}
ACCUMULATED: dict[Any, Callable[..., Any]] = {np.add: FUNCTIONS[np.cumsum], np.multiply: FUNCTIONS[np.cumprod]}
