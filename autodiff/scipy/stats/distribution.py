"""What all distributions share: SciPy's way with arguments, loc and scale, and the edges of the support.

A distribution states its formulas for loc 0 and scale 1, at points inside of the support.
`Standard` moves and scales them, and answers outside: formulas are evaluated at a harmless point
there, and the answer is selected, so no infinity of the formula reaches a gradient.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, NotDifferentiableError
from autodiff.frontends.surface.common import as_float, lift
from autodiff.ops import arithmetic as ar
from autodiff.ops import transcendental as tr
from autodiff.ops.families import equal, logical_or, mul, select
from autodiff.scipy.dispatch import plain_lists, recorded

Formula = Callable[..., Any]
# The values below and above the support.
OUTSIDE = {
    **dict.fromkeys(("logpdf", "logpmf"), (-np.inf, -np.inf)),
    **dict.fromkeys(("pdf", "pmf"), (0.0, 0.0)),
    "cdf": (0.0, 1.0),
    "sf": (1.0, 0.0),
    "logcdf": (-np.inf, 0.0),
    "logsf": (0.0, -np.inf),
}


TAILS = ("cdf", "sf", "logcdf", "logsf")


def _infinite(end: Any) -> bool:
    return isinstance(end, float) and np.isinf(end)


class Distribution:
    """A distribution by SciPy's name; what is not said here, SciPy says."""

    name: str

    def scipy(self) -> Any:
        """The object of SciPy."""
        return getattr(importlib.import_module("scipy.stats"), self.name)

    def evaluate(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The method, with an argument recorded."""
        raise NotImplementedError

    @property
    def methods(self) -> tuple[str, ...]:
        raise NotImplementedError

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The distribution with these parameters, as in SciPy."""
        return Frozen(self, args, kwargs)

    def __getattr__(self, method: str) -> Any:
        if method.startswith("__"):
            raise AttributeError(method)

        def call(*args: Any, **kwargs: Any) -> Any:
            if not (recorded(args) or recorded(kwargs.values())):
                return getattr(self.scipy(), method)(*args, **kwargs)
            if method not in self.methods:
                raise NotDifferentiableError(
                    f"{self.name}.{method} has no rule in autodiff", f"these have one: {', '.join(self.methods)}"
                )
            return self.evaluate(method, tuple(map(plain_lists, args)), {k: plain_lists(v) for k, v in kwargs.items()})

        if not callable(getattr(self.scipy(), method)):
            return getattr(self.scipy(), method)
        call.__name__ = call.__qualname__ = method
        return call

    def __repr__(self) -> str:
        return f"<{self.name} of autodiff.scipy.stats>"


class Frozen:
    """A distribution whose parameters are given."""

    def __init__(self, distribution: Distribution, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.dist, self.args, self.kwds = distribution, args, kwargs

    def __getattr__(self, method: str) -> Any:
        if method.startswith("__"):
            raise AttributeError(method)
        if method in self.dist.methods:
            return lambda x: getattr(self.dist, method)(x, *self.args, **self.kwds)
        if recorded(self.args) or recorded(self.kwds.values()):
            return getattr(self.dist, method)
        return getattr(self.dist.scipy()(*self.args, **self.kwds), method)


@dataclass(frozen=True, eq=False, repr=False)
class Standard(Distribution):
    """A distribution of numbers: its formulas, for loc 0 and scale 1, inside of the support.

    `formulas` maps a method to a function of (point, *shapes). `valid(*shapes)` says for which shapes it exists;
    `whole` marks discrete ones, which have no scale. At `inner` (a point of the support) no formula is singular.
    `closed`: whether the lower end belongs to the support.
    """

    name: str
    shapes: tuple[str, ...]
    formulas: Mapping[str, Formula]
    support: Callable[..., tuple[Any, Any]] = lambda *_: (-np.inf, np.inf)
    valid: Formula | None = None
    inner: float = 0.5
    whole: bool = False
    closed: bool = True

    @property
    def methods(self) -> tuple[str, ...]:
        densities = ("pmf", "logpmf") if self.whole else ("pdf", "logpdf")
        return (*densities, *TAILS, *(m for m in ("ppf", "isf") if m in self.formulas))

    def evaluate(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        x, shapes, loc, scale = self._bound(method, args, kwargs)
        if method in ("ppf", "isf"):
            value = self._inverse(method, x, shapes) * scale + loc
        else:
            value = self._at(method, (x - loc) / scale, shapes)
        if method == "logpdf":
            value = value - tr.log(scale)
        elif method == "pdf":
            value = value / scale
        # A parameter that does not exist makes the value nan, and its derivative too.
        return mul(value, select(self._exists(shapes, scale), 1.0, np.nan))

    def _bound(self, method: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The arguments by name: SciPy's order is x, shapes, loc, scale."""
        first = "q" if method in ("ppf", "isf") else "k" if self.whole else "x"
        names = (first, *self.shapes, "loc", *(() if self.whole else ("scale",)))
        given = dict(zip(names, args, strict=False))
        extra = [k for k in kwargs if k not in names or k in given]
        missing = [k for k in names[: 1 + len(self.shapes)] if k not in given and k not in kwargs]
        if extra or missing or len(args) > len(names):
            wanted = ", ".join(names)
            raise ArgumentError(f"{self.name}.{method} takes ({wanted}), got {len(args)} and {sorted(kwargs)}")
        bound = {"loc": 0.0, "scale": 1.0, **given, **kwargs}
        values = {k: as_float(lift(v)) for k, v in bound.items()}
        return values[first], [values[k] for k in self.shapes], values["loc"], values["scale"]

    def _exists(self, shapes: list[Any], scale: Any) -> Any:
        ok = scale > 0.0
        if self.valid is not None:
            ok = ok & self.valid(*shapes)
        elif shapes:
            for s in shapes:
                ok = ok & (s > 0.0)
        return ok

    def _at(self, method: str, y: Any, shapes: list[Any]) -> Any:
        y, broken = (ar.floor(y), False) if self.whole and method in TAILS else (y, self.whole)
        below, above = self._outside(method, y, shapes)
        value = self._formula(method, select(logical_or(below, above), self.inner, y), shapes)
        under, over = OUTSIDE[method]
        value = select(below, under, select(above, over, value))
        if broken:
            value = select(ar.stop_gradient(ar.floor(y)) != y, under, value)
        return select(ar.isnan(y), y + value, value)

    def _outside(self, method: str, y: Any, shapes: list[Any]) -> tuple[Any, Any]:
        """Where y lies below and above the support: on an end, it is inside for a density only."""
        low, high = self.support(*shapes)
        if self.whole:
            return y < low, (y >= high if method in TAILS else y > high)
        sharp = method in TAILS
        below = y <= low if sharp or not self.closed or _infinite(low) else y < low
        return below, (y >= high if sharp or _infinite(high) else y > high)

    def _formula(self, method: str, point: Any, shapes: list[Any]) -> Any:
        if method in self.formulas:
            return self.formulas[method](point, *shapes)
        if method in ("pdf", "pmf"):
            return tr.exp(self._formula(f"log{method}", point, shapes))
        own, other = ("cdf", "sf") if method.endswith("cdf") else ("sf", "cdf")
        rest = self._formula(other, point, shapes)
        if method in ("cdf", "sf"):
            return 1.0 - rest
        mass = self._formula(own, point, shapes)
        large = mass > 0.5
        # Near 1 the logarithm is that of the rest, which has more digits.
        return select(large, tr.log1p(-select(large, rest, 0.5)), tr.log(select(large, 0.5, mass)))

    def _inverse(self, method: str, q: Any, shapes: list[Any]) -> Any:
        low, high = self.support(*shapes)
        if method == "isf":
            low, high = high, low
        at_low, at_high = equal(q, 0.0), equal(q, 1.0)
        inside = (q > 0.0) & (q < 1.0)
        value = self.formulas[method](select(inside, q, 0.5), *shapes)
        return select(inside, value, select(at_low, low, select(at_high, high, np.nan)))
