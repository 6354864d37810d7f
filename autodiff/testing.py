"""Checks for users' own functions: are the gradients right?

`check_grads` compares three independent ways to a derivative: reverse mode, forward mode and
differences. The two exact modes are compared by the dot-product identity
`<ct, J t> = <J^T ct, t>`, which has no step size to choose; then both against Richardson
extrapolation of central differences (Ridders, "Accurate computation of F'(x) and F'(x)F''(x)",
1982).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from autodiff.api import grad, jit, jvp, vjp
from autodiff.errors import AutodiffError, DTypeError


class GradientCheckError(AutodiffError, AssertionError):
    """Two ways to the same derivative disagree."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One directional derivative three ways; `tolerance` is relative to `scale`."""

    direction: int
    differences: float
    forward: float
    reverse: float
    scale: float

    def worst(self) -> float:
        """Largest disagreement, relative to the size of the terms."""
        return max(abs(self.differences - self.forward), abs(self.forward - self.reverse)) / (self.scale or 1.0)


@dataclass(frozen=True, slots=True)
class Report:
    """What `check_grads` found; prints as a table."""

    function: str
    comparisons: tuple[Comparison, ...]

    def __str__(self) -> str:
        titles = f"{'':4}{'differences':>22}{'forward mode':>24}{'reverse mode':>24}"
        rows = [
            f"{c.direction:<4}{c.differences:>22.15g}{c.forward:>24.16g}{c.reverse:>24.16g}" for c in self.comparisons
        ]
        return "\n".join([f"{self.function}: directional derivatives", titles, *rows])


def check_grads(
    fun: Callable[..., Any],
    args: Sequence[Any],
    order: int = 1,
    *,
    directions: int = 3,
    rtol: float | None = None,
    seed: int = 0,
    verbose: bool = True,
) -> Report:
    """Check the derivatives of `fun` at `args` and print three ways side by side.

    Parameters
    ----------
    fun : callable
        Returns a float, a float array, or a nested container of them.
    args : sequence
        Float arguments: numbers, arrays or nested containers.
    order : int
        2 also checks the gradient's own derivatives.
    directions : int
        Random directions to try.
    rtol : float, optional
        Largest disagreement with the differences, relative to the size of the terms.
        Default 1e-6 for float64, 2e-2 for float32.
    seed : int
        Of the random directions.
    verbose : bool
        Print the table.

    Returns
    -------
    Report

    Raises
    ------
    GradientCheckError
        Naming the direction, and the argument and element that is off.
    DTypeError
        When an argument is not of float dtype.

    Examples
    --------
    >>> import numpy as np, autodiff as ad
    >>> report = ad.testing.check_grads(lambda x: np.sum(np.sin(x)), (np.ones(3),), verbose=False)
    >>> report.comparisons[0].worst() < 1e-6
    True
    """
    args = tuple(optree.tree_map(_as_float, tuple(args)))  # type: ignore[arg-type]
    rng = np.random.default_rng(seed)
    name = getattr(fun, "__name__", repr(fun))
    limit = rtol if rtol is not None else _default_rtol(args)
    report = Report(name, tuple(_compare(fun, args, k, rng) for k in range(directions)))
    if verbose:
        print(report)
    for c in report.comparisons:
        _check(c, fun, args, name, limit)
    if order > 1:
        weights = optree.tree_map(lambda y: rng.standard_normal(np.shape(y)), jit(fun)(*args))
        gradient = grad(_weighted(fun, weights), argnums=tuple(range(len(args))))
        check_grads(gradient, args, order - 1, directions=directions, rtol=rtol, seed=seed + 1, verbose=verbose)
    return report


def _as_float(x: Any) -> Any:
    array = np.asarray(x)
    if array.dtype.kind != "f":
        raise DTypeError(f"check_grads: an argument has dtype {array.dtype}", "pass floats")
    return array


def _default_rtol(args: Any) -> float:
    return 2e-2 if any(a.dtype.itemsize < 8 for a in optree.tree_leaves(args)) else 1e-6


def _weighted(fun: Callable[..., Any], weights: Any) -> Callable[..., Any]:
    """A scalar function whose gradient holds every derivative of `fun`."""

    def loss(*args: Any) -> Any:
        products = optree.tree_map(lambda y, w: np.sum(y * w), fun(*args), weights)
        return sum(optree.tree_leaves(products))

    loss.__name__ = f"gradient of {getattr(fun, '__name__', 'the function')}"
    return loss


def _compare(fun: Callable[..., Any], args: Any, k: int, rng: np.random.Generator) -> Comparison:
    tangents: Any = optree.tree_map(lambda a: rng.standard_normal(a.shape).astype(a.dtype), args)
    value, pushed = jvp(fun, args, tangents)
    cts = optree.tree_map(lambda y: np.asarray(rng.standard_normal(np.shape(y)), np.asarray(y).dtype), value)
    _, pullback = vjp(fun, *args)
    pulled = pullback(cts)
    along = richardson(lambda h: _dot(cts, fun(*_step(args, tangents, h))), _first_step(args))
    return Comparison(k, along, _dot(cts, pushed), _dot(pulled, tangents), _scale(pulled, tangents, cts, value))


def _step(args: Any, tangents: Any, h: float) -> Any:
    return optree.tree_map(lambda a, t: (a + a.dtype.type(h) * t)[()], args, tangents)


def _first_step(args: Any) -> float:
    return 0.3 if _default_rtol(args) > 1e-3 else 1e-2


def richardson(f: Callable[[float], float], h: float, rounds: int = 8) -> float:
    """df/dh at 0 by central differences, extrapolated to step 0; the estimate that moved least."""
    table: list[list[float]] = []
    best, error = float("nan"), float("inf")
    for i in range(rounds):
        step = h / 2**i
        row = [(f(step) - f(-step)) / (2 * step)]
        for j in range(1, i + 1):
            row.append(row[-1] + (row[-1] - table[-1][j - 1]) / (4**j - 1))
        if table:
            moved = max(abs(row[-1] - row[-2]), abs(row[-1] - table[-1][-1]))
            if moved < error:
                best, error = row[-1], moved
        table.append(row)
    return best


def _dot(a: Any, b: Any) -> float:
    pairs = zip(optree.tree_leaves(a), optree.tree_leaves(b), strict=True)
    return float(sum(np.sum(np.multiply(x, y, dtype=np.float64)) for x, y in pairs))


def _scale(pulled: Any, tangents: Any, cts: Any, value: Any) -> float:
    """The size of the terms that were added up: what rounding is relative to."""
    terms = _dot(*(optree.tree_map(np.abs, t) for t in (pulled, tangents)))
    return max(terms, 1e-8 * _dot(*(optree.tree_map(np.abs, t) for t in (cts, value))))


def _check(c: Comparison, fun: Callable[..., Any], args: Any, name: str, limit: float) -> None:
    if not np.isfinite([c.differences, c.forward, c.reverse]).all() or c.worst() > limit:
        raise GradientCheckError(
            f"{name}: direction {c.direction}: differences {c.differences:.12g}, forward mode {c.forward:.12g}, "
            f"reverse mode {c.reverse:.12g} (relative disagreement {c.worst():.2e}, allowed {limit:.0e})"
            f"\n  {_culprit(fun, args)}",
            "is the point at a kink? is everything computed with functions autodiff knows?",
        )


def _culprit(fun: Callable[..., Any], args: Any) -> str:
    """The argument and element whose derivative is furthest from its difference quotient."""
    value, pullback = vjp(fun, *args)
    ones = optree.tree_map(lambda y: np.ones(np.shape(y), np.asarray(y).dtype), value)
    cts: Any = pullback(ones)
    pulled: list[Any] = optree.tree_leaves(cts)
    leaves, spec = optree.tree_flatten(args)
    worst, text = -1.0, ""
    for k, (leaf, ct) in enumerate(zip(leaves, pulled, strict=True)):
        for place in list(np.ndindex(leaf.shape))[:64]:
            direction = [np.zeros_like(a) for a in leaves]
            direction[k][place] = 1
            tangents = spec.unflatten(direction)
            found = richardson(lambda h, t=tangents: _dot(ones, fun(*_step(args, t, h))), _first_step(args))  # type: ignore[misc]
            off = abs(found - float(np.asarray(ct)[place]))
            if off > worst or np.isnan(off):
                worst, reverse = off, float(np.asarray(ct)[place])
                text = f"argument leaf {k}, element {place}: reverse mode {reverse:.10g}, differences {found:.10g}"
    return text
