"""Reductions and scans along axes.

`max` and `min` share the cotangent equally between tied elements. `prod` and `cumprod` are
differentiated through a first-order linear recurrence, which is exact with zeros among the
factors and closed under differentiation (Blelloch, "Prefix sums and their applications", 1990).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import AxisError, ShapeError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.arithmetic import isfinite, isnan, stop_gradient
from autodiff.ops.batching import along
from autodiff.ops.checks import check_axes, check_same, check_some
from autodiff.ops.families import (
    Reduction,
    along_axes,
    broadcast_to,
    cast,
    equal,
    full,
    logical_or,
    mul,
    plain,
    reduce_sum,
    reshape,
    restore,
    select,
    some,
)
from autodiff.ops.movement import concatenate, flip, pad, slice_axis, transpose
from autodiff.ops.op import Active, BadExample, Call, Composite, Example, Masked
from autodiff.ops.promotion import Kinds, bool_types, check_numbers, common_types, ufunc_types
from autodiff.ops.transcendental import exp, log


def _winners(y: Any, x: Any) -> Any:
    """The elements that are the extremum: a nan is, and makes the result nan."""
    return logical_or(equal(x, y), isnan(x))


def _pick(ct: Any, y: Any, x: Any, axes: tuple[int, ...]) -> Any:
    """Equal shares to the elements that attain the extremum; nothing reaches the others."""
    winners = _winners(y, x)
    count = reduce_sum(cast(winners, dtype=x.aval.dtype), axes=axes)
    return Masked(select(winners, ct / restore(count, x.aval.shape, axes), 0.0), winners)


def _pick_tangent(t: Any, y: Any, x: Any, axes: tuple[int, ...]) -> Any:
    winners = _winners(restore(y, x.aval.shape, axes), x)
    count = reduce_sum(cast(winners, dtype=x.aval.dtype), axes=axes)
    return reduce_sum(select(winners, t, 0.0), axes=axes) / count


def _lowest(dtype: np.dtype) -> float:
    return float("-inf") if dtype.kind == "f" else int(np.iinfo(dtype).min) if dtype.kind in "iu" else 0


def _highest(dtype: np.dtype) -> float:
    return float("inf") if dtype.kind == "f" else int(np.iinfo(dtype).max) if dtype.kind in "iu" else 1


reduce_max = Reduction("max", np.max, "maximum({acc}, {x})", _lowest, _pick, _pick_tangent, empty=False)
reduce_min = Reduction("min", np.min, "minimum({acc}, {x})", _highest, _pick, _pick_tangent, empty=False)
reduce_any = Reduction("any", np.any, "({acc} | {x})", lambda dtype: False, None, None, types=bool_types)
reduce_all = Reduction("all", np.all, "({acc} & {x})", lambda dtype: True, None, None, types=bool_types)


# ---- scans along one axis ------------------------------------------------------------------


def _recurrence_numpy(a: Any, b: Any, *, axis: int) -> Any:
    """out[:, i] = a[:, i] * out[:, i - 1] + b[:, i]; the first is b[:, 0], whatever the factor there."""
    out = np.array(b)
    factors, rows = (np.moveaxis(x, axis, 0) for x in (np.broadcast_to(a, out.shape), out))
    for i in range(1, len(rows)):
        rows[i] += factors[i] * rows[i - 1]
    return out


def _recurrence_rule(ct: Any, h: Any, operands: Sequence[Any], active: Active, *, axis: int) -> list[Any]:
    a, lanes = operands[0], None
    if isinstance(ct, Masked):
        # What nothing after it counts for does not count itself.
        counts = cast(broadcast_to(ct.mask, h.aval.shape), dtype=h.aval.dtype)
        lanes = some(flip(cumsum(flip(counts, axes=(axis,)), axis=axis), axes=(axis,)))
        ct, a = ct.value, select(lanes, a, 0.0)
    # r_j = ct_j + a_{j+1} r_{j+1}: the same recurrence, run backwards with the factors shifted.
    ahead = shift(flip(a, axes=(axis,)), axis)
    r = flip(recurrence(ahead, flip(ct, axes=(axis,)), axis=axis), axes=(axis,))
    parts = [r * shift(h, axis), r]
    return parts if lanes is None else [Masked(select(lanes, part, 0.0), lanes) for part in parts]


def _recurrence_tangent(tangents: Sequence[Any], h: Any, operands: Sequence[Any], *, axis: int) -> Any:
    t_a, t_b = tangents
    source = t_b if t_a is None else t_a * shift(h, axis) if t_b is None else t_a * shift(h, axis) + t_b
    return recurrence(operands[0], source, axis=axis)


def shift(x: Any, axis: int) -> Any:
    """x moved one place up along `axis`, a zero first."""
    n = x.aval.shape[axis]
    low = tuple(int(k == axis) for k in range(x.aval.ndim))
    none = (0,) * x.aval.ndim
    return pad(slice_axis(x, axis, 0, n - 1), low=low, high=none, interior=none) if n else x


def _scan_shape(x: ArrayAval, *, axis: int) -> ArrayAval:
    check_axes("cumsum", x.shape, (axis,))
    return ArrayAval(x.shape, np.cumsum(np.zeros(1, x.dtype)).dtype)


def _recurrence_shape(a: ArrayAval, b: ArrayAval, *, axis: int) -> ArrayAval:
    check_same("recurrence", a.shape, b.shape)
    check_axes("recurrence", b.shape, (axis,))
    return b


_AXES = (
    Example(((4,),), {"axis": 0}),
    Example(((2, 3),), {"axis": 1}),
    Example(((2, 3, 2),), {"axis": 1}),
    Example(((12, 10),), {"axis": 0}),
)

cumsum = Call(
    "cumsum",
    lambda x, *, axis: np.cumsum(x, axis=axis),
    _scan_shape,
    rule=lambda ct, y, operands, active, *, axis: [flip(cumsum(flip(ct, axes=(axis,)), axis=axis), axes=(axis,))],
    tangent=lambda tangents, y, operands, *, axis: cumsum(tangents[0], axis=axis),
    axes=lambda d, operands, result, *, axis: operands[0],
    batching=along,
    moves=True,
    examples=_AXES,
    errors=along_axes("axis"),
    takes_complex=True,
)
recurrence = Call(
    "recurrence",
    _recurrence_numpy,
    _recurrence_shape,
    rule=_recurrence_rule,
    tangent=_recurrence_tangent,
    types=common_types,
    axes=lambda d, operands, result, *, axis: d.join_all(operands),
    batching=along,
    keeps_mask=True,
    examples=(
        Example(((4,), (4,)), {"axis": 0}),
        Example(((2, 3), (2, 3)), {"axis": 1}),
        Example(((12, 10), (12, 10)), {"axis": 0}),
        Example(((0,), (0,)), {"axis": 0}),
    ),
    errors=(
        BadExample(((3,), (4,)), {"axis": 0}, ShapeError, ("(3,)", "(4,)")),
        BadExample(((3,), (3,)), {"axis": 1}, AxisError, ("axis 1", "(3,)")),
    ),
)


def cumprod(x: Any, axis: int) -> Any:
    """Cumulative product, exact with zeros: h_i = x_i * h_{i-1}, h_0 = x_0."""
    n = x.aval.shape[axis]
    if n == 0:
        return x
    none = (0,) * x.aval.ndim
    high = tuple((n - 1) * int(k == axis) for k in range(x.aval.ndim))
    first = pad(slice_axis(x, axis, 0, 1), low=none, high=high, interior=none)
    return recurrence(x, first, axis=axis)


def _others(x: Any, axes: tuple[int, ...]) -> Any:
    """For each element, the product of all the others: (product before) * (product after)."""
    kept = tuple(k for k in range(x.aval.ndim) if k not in axes)
    moved = transpose(x, perm=(*kept, *axes))
    outer = tuple(x.aval.shape[k] for k in kept)
    n = int(np.prod([x.aval.shape[k] for k in axes], dtype=int))
    flat = reshape(moved, shape=(*outer, n))
    last = len(outer)
    before = _products_before(flat, last)
    after = flip(_products_before(flip(flat, axes=(last,)), last), axes=(last,))
    product = reshape(mul(before, after), shape=moved.aval.shape)
    return transpose(product, perm=tuple(np.argsort((*kept, *axes)).tolist()))


def _products_before(x: Any, axis: int) -> Any:
    """At each place the product of what stands before it; the last element is in none of them."""
    n = x.aval.shape[axis]
    one = ArrayAval(tuple(1 if k == axis else m for k, m in enumerate(x.aval.shape)), x.aval.dtype)
    return concatenate(full(one, 1), cumprod(slice_axis(x, axis, 0, n - 1), axis), axis=axis)


def _prod_derivative(ct: Any, y: Any, x: Any, axes: tuple[int, ...]) -> Any:
    return ct * _others(x, axes) if x.aval.size else ct


def _prod_tangent(t: Any, y: Any, x: Any, axes: tuple[int, ...]) -> Any:
    return reduce_sum(t * _others(x, axes), axes=axes) if x.aval.size else reduce_sum(t, axes=axes)


def _prod_types(kinds: Kinds) -> tuple[Any, np.dtype]:
    check_numbers(kinds)
    return kinds, np.prod(np.zeros(1, kinds[0])).dtype


reduce_prod = Reduction(
    "prod",
    np.prod,
    "({acc} * {x})",
    lambda dtype: 1,
    _prod_derivative,
    _prod_tangent,
    types=_prod_types,
)


# ---- argmax, argmin ------------------------------------------------------------------------


def _without_axis(name: str, x: ArrayAval, axis: int) -> ArrayAval:
    check_axes(name, x.shape, (axis,))
    check_some(name, x.shape, (axis,))
    return ArrayAval(x.shape[:axis] + x.shape[axis + 1 :], np.dtype(np.intp))


def _dims_without_axis(d: Dims, operands: Sequence[DimShape], result: Any, *, axis: int) -> DimShape:
    return operands[0][:axis] + operands[0][axis + 1 :]


argmax = Call(
    "argmax",
    lambda x, *, axis: np.argmax(x, axis=axis),
    lambda x, *, axis: _without_axis("argmax", x, axis),
    axes=_dims_without_axis,
    batching=along,
    examples=_AXES,
    errors=(*along_axes("axis"), BadExample(((0, 2),), {"axis": 0}, ShapeError, ("(0, 2)",))),
)
argmin = Call(
    "argmin",
    lambda x, *, axis: np.argmin(x, axis=axis),
    lambda x, *, axis: _without_axis("argmin", x, axis),
    axes=_dims_without_axis,
    batching=along,
    examples=_AXES,
    errors=(*along_axes("axis"), BadExample(((0, 2),), {"axis": 0}, ShapeError, ("(0, 2)",))),
)


# ---- logsumexp -----------------------------------------------------------------------------


def _logsumexp_numpy(x: Any, *, axes: tuple[int, ...]) -> Any:
    top = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
    with np.errstate(divide="ignore"):
        total = np.log(np.sum(np.exp(x - top), axis=axes))
    return (total + np.squeeze(top, axis=axes))[()]


def _logsumexp_expand(x: Any, *, axes: tuple[int, ...]) -> Any:
    terms, top = _terms(x, axes)
    return log(reduce_sum(terms, axes=axes)) + top


def _terms(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """exp(x - top), and the largest of x, which keeps the terms from overflowing."""
    top = reduce_max(x, axes=axes)
    top = stop_gradient(select(isfinite(top), top, 0.0))
    return exp(x - restore(top, x.aval.shape, axes)), top


def _logsumexp_tangent(t: Any, x: Any, axes: tuple[int, ...]) -> Any:
    terms, _ = _terms(x, axes)
    total = reduce_sum(terms, axes=axes)
    return reduce_sum(t * terms, axes=axes) / select(equal(total, 0.0), 1.0, total)


def _weighted(x: Any, weights: Any, axes: tuple[int, ...]) -> Any:
    """softmax(x) times `weights`, of the terms that the forward pass has: no other exponential is needed.

    All terms -inf weigh nothing, instead of nan.
    """
    terms, _ = _terms(x, axes)
    total = reduce_sum(terms, axes=axes)
    scale = weights / select(equal(total, 0.0), 1.0, total)
    return terms * restore(scale, x.aval.shape, axes)


def _logsumexp_derivative(ct: Any, y: Any, x: Any, axes: tuple[int, ...]) -> Any:
    part = _weighted(x, plain(ct), axes)
    if not isinstance(ct, Masked):
        return part
    lanes = restore(broadcast_to(ct.mask, y.aval.shape), x.aval.shape, axes)
    return Masked(select(lanes, part, 0.0), lanes)


def _logsumexp_shape(x: ArrayAval, *, axes: tuple[int, ...]) -> ArrayAval:
    check_axes("logsumexp", x.shape, axes)
    check_some("logsumexp", x.shape, axes)
    return ArrayAval(tuple(n for k, n in enumerate(x.shape) if k not in axes), x.dtype)


logsumexp = Composite(
    "logsumexp",
    _logsumexp_numpy,
    _logsumexp_shape,
    _logsumexp_expand,
    derivative=lambda ct, y, operands, *, axes: [_logsumexp_derivative(ct, y, operands[0], axes)],
    tangent=lambda tangents, y, operands, *, axes: _logsumexp_tangent(tangents[0], operands[0], axes),
    types=ufunc_types(np.exp),
    batching=along,
    keeps_mask=True,
    examples=(
        Example(((4,),), {"axes": (0,)}),
        Example(((2, 3),), {"axes": (1,)}),
        Example(((2, 3),), {"axes": (0, 1)}),
        Example(((12, 10),), {"axes": (0,)}),
    ),
    errors=(*along_axes("axes"), BadExample(((0, 2),), {"axes": (0,)}, ShapeError, ("(0, 2)",))),
)
