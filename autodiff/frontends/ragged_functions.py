"""NumPy's functions of arrays whose shape is not known (`ragged`).

Elementwise functions work on the elements of whole axes. What combines elements first puts what changes nothing in
place of those outside: 0 in sums and products of matrices, 1 in products, the lowest number in maxima.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.surface import norms, products, reductions, spans, table
from autodiff.frontends.surface.common import as_dtype, as_float, lift, one_axis, some_axes
from autodiff.frontends.surface.spans import Span
from autodiff.ir.core import Operand
from autodiff.ops.arithmetic import maximum, sub
from autodiff.ops.complex_numbers import squared_magnitude
from autodiff.ops.families import (
    broadcast_to,
    cast,
    conjugate,
    logical_and,
    mul,
    not_equal,
    reduce_sum,
    select,
)
from autodiff.ops.transcendental import root

Spans = tuple[Span | None, ...]
MISSING = reductions.MISSING
_CHEAP = {
    *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.positive, np.absolute, np.maximum, np.minimum),
    *(np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal, np.square, np.conjugate),
    *(np.logical_and, np.logical_or, np.logical_not, np.bitwise_and, np.bitwise_or, np.invert),
}
_PRODUCTS = {np.matmul, np.vecdot, np.matvec, np.vecmat}


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


# ---- elementwise -------------------------------------------------------------------------------


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    given = {k: v for k, v in kwargs.items() if v is not None}
    if method == "__call__" and ufunc is np.matmul:
        return matmul(*inputs)
    if method == "__call__" and ufunc is np.vecdot:
        return dot(conj(inputs[0]), inputs[1])
    if method == "__call__" and ufunc not in _PRODUCTS and set(given) <= {"dtype", "casting"}:
        cheap = ufunc in _CHEAP
        return mapped(lambda *xs: table.call_ufunc(ufunc, method, xs, dict(given)), inputs, {}, cheap)
    if method == "reduce" and ufunc in _REDUCED:
        return _REDUCED[ufunc](inputs[0], **{"axis": 0, **kwargs})
    if method == "accumulate" and ufunc in _ACCUMULATED:
        return _ACCUMULATED[ufunc](*inputs, **{"axis": 0, **given})
    if method == "outer" and ufunc is np.multiply:
        return outer(*inputs)
    return first_ragged(*inputs).refuse(f"np.{ufunc.__name__}" + ("" if method == "__call__" else f".{method}"))


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


# ---- reductions --------------------------------------------------------------------------------


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
        return total / sum_(_like(1)(x), axes, None, None, keepdims, MISSING, where)
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


# ---- products ----------------------------------------------------------------------------------


def matmul(a: Any, b: Any) -> Any:
    """a @ b, of vectors and matrices."""
    (x, own), (y, other) = held(a), held(b)
    if not own or not other or len(own) > 2 or len(other) > 2:
        first_ragged(a, b).refuse(f"a product of arrays of {len(own)} and {len(other)} axes")
    over, inner = len(own) - 1, max(len(other) - 2, 0)
    if own[over] is None and other[inner] is not None:
        x, own = brought(x, over, None, other[inner], False), (*own[:over], other[inner])
    elif own[over] is not None:
        y = brought(y, inner, other[inner], own[over], False)
        other = (*other[:inner], own[over], *other[inner + 1 :])
    if len(own) == 1 and len(other) == 1:
        return reduce_sum(settled(mul(x, y), own), axes=(0,))
    free = (*own[:over], *other[:inner], *other[inner + 1 :])
    return made(products.matmul(settled(x, own), settled(y, other)), free)


def dot(a: Any, b: Any, out: Any = None) -> Any:
    if out is not None:
        raise ArgumentError("dot: out= is not supported here", "assign the result")
    return a * b if 0 in (len(held(a)[1]), len(held(b)[1])) else matmul(a, b)


def inner(a: Any, b: Any) -> Any:
    return dot(a, b.T if len(held(b)[1]) == 2 else b)


def vdot(a: Any, b: Any) -> Any:
    if len(held(a)[1]) != 1 or len(held(b)[1]) != 1:
        first_ragged(a, b).refuse("np.vdot of arrays of more than one axis")
    return matmul(conj(a), b)


def outer(a: Any, b: Any, out: Any = None) -> Any:
    (x, own), (y, other) = held(a), held(b)
    if out is not None or len(own) != 1 or len(other) != 1:
        first_ragged(a, b).refuse("np.outer of other arrays than vectors")
    return made(products.outer(x, y), (*own, *other))


# ---- movements ---------------------------------------------------------------------------------


def transpose(a: Any, axes: Any = None) -> Any:
    own = held(a)[1]
    order = tuple(range(len(own)))[::-1] if axes is None else tuple(one_axis(k, len(own), "transpose") for k in axes)
    return made(np.transpose(a.storage.base, order), [own[k] for k in order])


def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    order = list(range(a.ndim))
    j, k = (one_axis(axis, a.ndim, "swapaxes") for axis in (axis1, axis2))
    order[j], order[k] = order[k], order[j]
    return transpose(a, order)


def flip(m: Any, axis: Any = None) -> Any:
    own = held(m)[1]
    axes = some_axes(axis, len(own), "flip")
    y = np.flip(m.storage.base, axes)
    return made(y, [spans.flipped(s) if s is not None and k in axes else s for k, s in enumerate(own)])


def _like(value: Any) -> Callable[..., Any]:
    """`np.zeros_like` and kin: as long as the array is."""

    def make(a: Any, *args: Any, **kwargs: Any) -> Any:
        given = value if value is not None else args[0] if args else kwargs["fill_value"]
        dtype = kwargs.get("dtype") or (args[0] if args and value is not None else None)
        values, own = held(a)
        filled = broadcast_to(cast(lift(given), dtype=np.dtype(dtype or values.aval.dtype)), values.aval.shape)
        return made(table.call_function(np.copy, (filled,), {}), own)

    return make


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Answer `__array_function__`."""
    own = FUNCTIONS.get(function)
    if own is not None:
        return own(*args, **kwargs)
    if function in ELEMENTWISE:
        return mapped(lambda *xs: table.call_function(function, xs, kwargs), args, {}, function in _CHEAP_FUNCTIONS)
    named = [*args, *kwargs.values()]
    found = next((a for a in named if spans.of(a) is not None), None)
    if found is None:  # in a list, for one
        found = next(x for a in named if isinstance(a, list | tuple) for x in a if spans.of(x) is not None)
    return found.refuse(f"{function.__module__}.{function.__name__}".replace("numpy", "np"))


ELEMENTWISE = {
    *(np.where, np.clip, np.nan_to_num, np.round, np.around, np.fix, np.sinc, np.i0, np.real, np.imag, np.copy),
    *(np.isclose, np.isneginf, np.isposinf, np.angle, np.real_if_close),
}
_CHEAP_FUNCTIONS = {np.where, np.clip, np.real, np.imag, np.copy}
FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.sum: sum_,
    np.prod: _reducing("prod", reductions.prod),
    np.max: lambda a, axis=None, out=None, *args, **kwargs: max_(a, axis, None, out, *args, **kwargs),
    np.min: lambda a, axis=None, out=None, *args, **kwargs: min_(a, axis, None, out, *args, **kwargs),
    np.any: lambda a, axis=None, out=None, *args, **kwargs: any_(a, axis, None, out, *args, **kwargs),
    np.all: lambda a, axis=None, out=None, *args, **kwargs: all_(a, axis, None, out, *args, **kwargs),
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
    np.dot: dot,
    np.inner: inner,
    np.vdot: vdot,
    np.outer: outer,
    np.transpose: transpose,
    np.swapaxes: swapaxes,
    np.flip: flip,
    np.flipud: lambda m: flip(m, 0),
    np.fliplr: lambda m: flip(m, 1),
    np.shape: lambda a: a.shape,
    np.size: lambda a, axis=None: a.size if axis is None else a.shape[axis],
    np.ndim: lambda a: a.ndim,
    np.zeros_like: _like(0),
    np.empty_like: _like(0),
    np.ones_like: _like(1),
    np.full_like: _like(None),
}
any_, all_ = _reducing("any", reductions.any), _reducing("all", reductions.all)
_REDUCED: dict[Any, Callable[..., Any]] = {
    np.add: sum_,
    np.multiply: FUNCTIONS[np.prod],
    np.maximum: max_,
    np.minimum: min_,
    np.logical_and: all_,
    np.logical_or: any_,
}
_ACCUMULATED: dict[Any, Callable[..., Any]] = {np.add: FUNCTIONS[np.cumsum], np.multiply: FUNCTIONS[np.cumprod]}
