"""Results that go into an array that is there already: `out=`, `x += y`, `ufunc.at`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.frontends.surface import fitting, indexing, placing, storage, table
from autodiff.frontends.surface.common import as_dtype, lift
from autodiff.frontends.surface.writes import into
from autodiff.ops.families import broadcast_to, reshape, select
from autodiff.ops.indexing import take


def updated(x: Any, op: Callable[..., Any], other: Any, sign: str) -> Any:
    """`x += other` and kin: in place for arrays; a number is a new number."""
    y = op(x, other)
    if x.storage is None and not x.aval.shape:
        return y
    return into(x, y, f"x {sign} y")


def call_ufunc(ufunc: Any, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc with `out=` or `where=`, or its method `at`."""
    if method == "at":
        return at(ufunc, *inputs)
    name = f"np.{ufunc.__name__}"
    kwargs = dict(kwargs)
    out, casting = kwargs.pop("out", None), kwargs.get("casting", "same_kind")
    where = kwargs.pop("where", True) if method == "__call__" else True
    if out is None:
        if where is not True:
            raise ArgumentError(f"{name}: where= without out= leaves elements without a value", "give out= as well")
        return table.call_ufunc(ufunc, method, inputs, kwargs)
    found = table.call_ufunc(ufunc, method, inputs, kwargs)
    results = found if isinstance(found, tuple) else (found,)
    for target, y in zip(out, results, strict=True):
        if target is not None and where is not True:
            y = select(as_dtype(lift(where), np.bool_), y, lift(target))
        if target is not None:
            into(target, y, name, casting)
    written = tuple(y if target is None else target for target, y in zip(out, results, strict=True))
    return written if isinstance(found, tuple) else written[0]


def call_function(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A function with `out=`."""
    kwargs = dict(kwargs)
    out = kwargs.pop("out")
    y = table.call_function(function, args, kwargs)
    return y if out is None else into(out, y, f"np.{function.__name__}")


def at(ufunc: Any, x: Any, indices: Any, *operands: Any) -> None:
    """`ufunc.at(x, i, v)`: like `x[i] = ufunc(x[i], v)`, once for each time a place comes up in i."""
    name = f"np.{ufunc.__name__}.at"
    if not hasattr(x, "home"):
        into(x, operands[0] if operands else indices, name)
    storage.check_writable(x)
    now = storage.held(x)
    if indexing.is_known(indices):
        flat = indexing.known_places(x.aval.shape, indices)
        parts = [broadcast_to(lift(v), flat.shape) for v in operands]
        storage.write(x, _in_rounds(ufunc, x, now, flat.ravel(), [reshape(p, shape=(flat.size,)) for p in parts], name))
    elif ufunc in (np.add, np.subtract):
        added = operands[0] if ufunc is np.add else -lift(operands[0])
        fitting.converted(lift(added), x.aval.dtype, "same_kind", name)
        storage.write(x, indexing.index_add(now, indices, added))
    else:
        raise ArgumentError(
            f"{name} with an index that is not known while the program is recorded", "use a plain array"
        )


def _in_rounds(ufunc: Any, x: Any, now: Any, places: np.ndarray, operands: list[Any], name: str) -> Any:
    """Round k takes the k-th occurrence of every place, so no place comes up twice in a round."""
    order = np.argsort(places, kind="stable")
    first = np.searchsorted(places[order], places[order])
    rounds = np.empty(places.size, np.intp)
    rounds[order] = np.arange(places.size) - first
    for k in range(int(rounds.max()) + 1 if places.size else 0):
        chosen = np.flatnonzero(rounds == k)
        rows = [take(p, lift(chosen), axis=0) for p in operands]
        before = take(reshape(now, shape=(now.aval.size,)), lift(places[chosen]), axis=0)
        y = table.call_ufunc(ufunc, "__call__", (before, *rows), {})
        now = placing.put_at(now, places[chosen], fitting.converted(y, x.aval.dtype, "same_kind", name))
    return now


def method(function: Callable[..., Any], x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A method of an array, perhaps with `out=`."""
    out = kwargs.pop("out", None) if "out" in kwargs else None
    y = function(x, *args, **kwargs)
    return y if out is None else into(out, y, function.__name__)
