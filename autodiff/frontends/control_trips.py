"""What a `for` runs over, when every item follows from the number of the trip.

`trips_of(x)` knows ranges, arrays (row by row), and `enumerate`, `zip`, `reversed` of these; the number of trips may be
traced. Anything else (lists, generators, dictionaries) is left to Python.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, DTypeError
from autodiff.frontends.array import ArrayMethods
from autodiff.ir.build import emitter
from autodiff.ops.arithmetic import floordiv, maximum, minimum
from autodiff.ops.families import cast

SHORT = 8  # loops of at most so many trips are unrolled, while they stay small (`control_size`)
_INT = np.dtype(np.int64)


class Trips:
    """A number of items, each made from its number. `count` is an int, or traced."""

    count: Any

    def at(self, k: Any) -> Any:
        """Item `k`: a Python int, or traced."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        return map(self.at, range(self.count))

    def arrays(self) -> list[Any]:
        """The arrays whose rows the items are."""
        return []


class Range(Trips):
    """`range(start, stop, step)`, of ints or traced integers."""

    def __init__(self, start: Any, stop: Any = None, step: Any = 1) -> None:
        start, stop = (0, start) if stop is None else (start, stop)
        self._start, self._step = start, step
        if all(isinstance(v, int) for v in (start, stop, step)):
            self.count: Any = len(range(start, stop, step))
            return
        if isinstance(step, int) and step == 0:
            raise ArgumentError("range() arg 3 must not be zero")
        first, last, by = (_integer(v) for v in (start, stop, step))
        distance = last - first if isinstance(start, ArrayMethods) or start != 0 else last
        if isinstance(step, int) and step == 1:
            self.count = distance
        else:  # -(-a // b) rounds up, for a step of either sign
            self.count = maximum(-floordiv(-distance, by), 0)

    def at(self, k: Any) -> Any:
        item = k if isinstance(self._step, int) and self._step == 1 else k * self._step
        return item if isinstance(self._start, int) and self._start == 0 else self._start + item


def _integer(x: Any) -> Any:
    if isinstance(x, int):
        return x
    if isinstance(x, ArrayMethods) and x.aval.dtype.kind in "iu" and not x.aval.shape:
        return x if x.aval.dtype == _INT else cast(x, dtype=_INT)
    if hasattr(x, "__index__") and not isinstance(x, ArrayMethods):
        return x.__index__()
    kind = f"an array of shape {x.shape} and dtype {x.dtype}" if isinstance(x, ArrayMethods) else type(x).__name__
    raise DTypeError(f"range() takes integers, not {kind}", "use int(x) for the number of trips")


class Rows(Trips):
    """An array, row by row."""

    def __init__(self, array: Any) -> None:
        self._array = array
        self.count = array.shape[0]

    def at(self, k: Any) -> Any:
        if isinstance(self._array, ArrayMethods) or isinstance(k, int):
            return self._array[k]
        return emitter().lift(self._array)[k]  # type: ignore[index]

    def arrays(self) -> list[Any]:
        return [self._array]


class Enumerated(Trips):
    def __init__(self, inner: Trips, start: Any = 0) -> None:
        self._inner, self._start, self.count = inner, start, inner.count

    def at(self, k: Any) -> Any:
        return (k if isinstance(self._start, int) and self._start == 0 else k + self._start), self._inner.at(k)

    def arrays(self) -> list[Any]:
        return self._inner.arrays()


class Zipped(Trips):
    def __init__(self, inner: Sequence[Trips]) -> None:
        self._inner = inner
        self.count = inner[0].count
        for trips in inner[1:]:
            both = isinstance(self.count, int) and isinstance(trips.count, int)
            self.count = min(self.count, trips.count) if both else minimum(self.count, trips.count)

    def at(self, k: Any) -> Any:
        return tuple([trips.at(k) for trips in self._inner])

    def arrays(self) -> list[Any]:
        return [a for trips in self._inner for a in trips.arrays()]


class Reversed(Trips):
    def __init__(self, inner: Trips) -> None:
        self._inner, self.count = inner, inner.count

    def at(self, k: Any) -> Any:
        return self._inner.at((self.count - 1) - k)

    def arrays(self) -> list[Any]:
        return self._inner.arrays()


class Unrolled:
    """`ad.unrolled(range(n))`: a loop over it is run by Python while tracing, every trip for itself.

    Examples
    --------
    >>> import autodiff as ad
    >>> @ad.grad
    ... def f(x):
    ...     for k in ad.unrolled(range(20)):
    ...         x = x * (1.0 + 0.01 * k)
    ...     return x
    >>> float(f(1.0)) > 1.0
    True
    """

    def __init__(self, iterable: Any) -> None:
        self.iterable = iterable

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)

    def __len__(self) -> int:
        return len(self.iterable)


def trips_of(x: Any) -> Trips | None:
    """The trips of a loop over `x`; None when Python has to run it."""
    if isinstance(x, Trips):
        return x
    if isinstance(x, range):
        return Range(x.start, x.stop, x.step)
    if isinstance(x, ArrayMethods) and x.ndim:
        return Rows(x)
    if type(x) is np.ndarray and x.ndim and x.dtype.kind in "fiubc":
        return Rows(x)
    return None


def iterated(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """What `range`, `enumerate`, `zip` or `reversed` make, in a form that knows its items; None if it is not known."""
    if function is builtins.range and not kwargs:
        return Range(*args) if any(isinstance(a, ArrayMethods) for a in args) else None
    inner = [trips_of(a) for a in args[:1]] if function is builtins.enumerate else [trips_of(a) for a in args]
    if not inner or any(t is None for t in inner):
        return None
    found = [t for t in inner if t is not None]
    if function is builtins.enumerate:
        return Enumerated(found[0], kwargs.get("start", args[1] if len(args) > 1 else 0))
    if function is builtins.zip:
        strict = kwargs.get("strict", False) and any(t.count is not found[0].count for t in found)
        if strict and not all(isinstance(t.count, int) and t.count == found[0].count for t in found):
            return None
        return Zipped(found)
    return Reversed(found[0]) if function is builtins.reversed else None
