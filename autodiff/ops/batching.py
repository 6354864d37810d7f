"""Batching rules that ops without a family's own share, and what such rules are made of.

A rule emits an op whose operands carry one more axis, in front, where they are flagged:
`(op, operands, batched, params) -> results`, all of them with that axis. Operands that are not
flagged are the same for the whole batch. One word per op says which rule holds:

* `leading`: the op takes stacks of its operands by itself (`numpy.linalg`'s convention);
* `along`: it works along axes that a parameter counts from the front.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autodiff.ops.families import broadcast, reduce_sum, reshape, select, some
from autodiff.ops.op import Arrays, Batched, Op, applied


def size_of(operands: Sequence[Any], batched: Batched) -> int:
    """How many there are in the batch."""
    return next(int(o.aval.shape[0]) for o, b in zip(operands, batched, strict=True) if b)


def repeated(x: Any, n: int) -> Any:
    """`x` with a new axis of `n` in front."""
    return broadcast(x, shape=(n, *x.aval.shape), dims=tuple(range(1, x.aval.ndim + 1)))


def all_batched(operands: Sequence[Any], batched: Batched) -> list[Any]:
    """The operands, repeated where they are the same for the whole batch."""
    n = size_of(operands, batched)
    return [o if b else repeated(o, n) for o, b in zip(operands, batched, strict=True)]


def resting(active: Any, x: Any, is_batched: bool, other: Any) -> Any:
    """An operand with `other` in place of it for the entries that take no part.

    What is the same for the whole batch is replaced where no entry takes part.
    """
    if not is_batched:
        return select(some(reduce_sum(active, axes=(0,))), x, other)
    return select(reshape(active, shape=(*active.aval.shape, *(1,) * (x.aval.ndim - 1))), x, other)


def resting_at_first(operands: Sequence[Any], batched: Batched, active: Any) -> list[Any]:
    """`Op.harmless` of ops whose second operand is an array of indices."""
    x, indices, *rest = operands
    return [x, resting(active, indices, batched[1], 0), *rest]


def leading(op: Op, operands: Sequence[Any], batched: Batched, params: Mapping[str, Any]) -> Arrays:
    """The op as it is: axes in front of those it needs are a batch to it anyway."""
    return applied(op, all_batched(operands, batched), params)


def along(op: Op, operands: Sequence[Any], batched: Batched, params: Mapping[str, Any]) -> Arrays:
    """The op along the next axis: `axis` and `axes` count one more, `shape` has the batch in front."""
    n = size_of(operands, batched)
    moved = dict(params)
    if "axis" in moved:
        moved["axis"] += 1
    if "axes" in moved:
        moved["axes"] = tuple(k + 1 for k in moved["axes"])
    if "shape" in moved:
        moved["shape"] = (n, *moved["shape"])
    return applied(op, all_batched(operands, batched), moved)
