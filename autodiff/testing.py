"""Checks for users' own functions: are the gradients right?

`check_grads` compares three independent ways to a derivative: reverse mode, forward mode and
differences. The two exact modes are compared by the dot-product identity
`<ct, J t> = <J^T ct, t>`, which has no step size to choose; then both against Richardson
extrapolation of central differences (Ridders, "Accurate computation of F'(x) and F'(x)F''(x)",
1982).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import optree

from autodiff.api import grad, jvp, vjp
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
        return self.spread() / (self.scale or 1.0)

    def spread(self) -> float:
        """Largest disagreement."""
        return max(abs(self.differences - self.forward), abs(self.forward - self.reverse))


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
        Returns a float, a float or complex array, or a nested container of them.
    args : sequence
        Float or complex arguments: numbers, arrays or nested containers.
    order : int
        2 also checks the gradient's own derivatives.
    directions : int
        Random directions to try.
    rtol : float, optional
        Largest disagreement with the differences, relative to the size of the terms.
        Default 1e-6 for float64, 2e-2 for float32. Forward and reverse mode have to agree with
        each other to 1e-10 (1e-4), which is checked first.
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
        When an argument is not of float or complex dtype.

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
    trials = [_Trial(fun, args, rng) for _ in range(directions)]
    report = Report(name, tuple(t.compare(k) for k, t in enumerate(trials)))
    if verbose:
        print(report)
    single = any(a.dtype.itemsize < 8 or a.dtype == np.complex64 for a in optree.tree_leaves(args))  # type: ignore[arg-type]
    limit = rtol if rtol is not None else 2e-2 if single else 1e-6
    for c, trial in zip(report.comparisons, trials, strict=True):
        _check(c, trial, name, min(limit, 1e-4 if single else 1e-10), limit)
    if order > 1:
        weights = optree.tree_map(lambda y: _random(rng, y), trials[0].value) if trials else None
        gradient = grad(_weighted(fun, weights), argnums=tuple(range(len(args))))
        check_grads(gradient, args, order - 1, directions=directions, rtol=rtol, seed=seed + 1, verbose=verbose)
    return report


def _as_float(x: Any) -> Any:
    array = np.asarray(x)
    if array.dtype.kind not in "fc":
        raise DTypeError(f"check_grads: an argument has dtype {array.dtype}", "pass floats")
    return array


def _random(rng: np.random.Generator, like: Any) -> Any:
    """Random numbers of the shape and dtype of an array; zeros for integers, which have no derivative."""
    array = np.asarray(like)
    if array.dtype.kind not in "fc":
        return np.zeros(array.shape, np.float64)
    drawn = rng.standard_normal(array.shape)
    return np.asarray(drawn + 1j * rng.standard_normal(array.shape) if array.dtype.kind == "c" else drawn, array.dtype)


def _weighted(fun: Callable[..., Any], weights: Any) -> Callable[..., Any]:
    """A scalar function whose gradient holds every derivative of `fun`."""

    def loss(*args: Any) -> Any:
        products = optree.tree_map(lambda y, w: np.sum(np.real(y * np.conj(w))), fun(*args), weights)
        return sum(optree.tree_leaves(products))

    loss.__name__ = f"gradient of {getattr(fun, '__name__', 'the function')}"
    return loss


class _Trial:
    """A random direction `tangents` and random cotangents: <ct, J t> can be had in three ways."""

    def __init__(self, fun: Callable[..., Any], args: Any, rng: np.random.Generator) -> None:
        self.fun, self.args = fun, args
        self.tangents: Any = optree.tree_map(lambda a: _random(rng, a), args)
        self.value, pullback = vjp(fun, *args)
        self.cts: Any = optree.tree_map(lambda y: _random(rng, y), self.value)
        self.pulled: Any = pullback(self.cts)

    def compare(self, k: int, tangents: Any = None) -> Comparison:
        """The three, along these tangents (default: its own)."""
        t = self.tangents if tangents is None else tangents
        step = 0.3 if any(a.dtype in (np.float16, np.float32, np.complex64) for a in optree.tree_leaves(t)) else 1e-2
        along = richardson(lambda h: _dot(self.cts, self.fun(*_step(self.args, t, h))), step)
        _, pushed = jvp(self.fun, self.args, t)
        # The size of the terms that are added up: what rounding is relative to.
        sizes = [
            _dot(*(optree.tree_map(np.abs, x) for x in pair)) for pair in ((self.pulled, t), (self.cts, self.value))
        ]
        return Comparison(k, along, _dot(self.cts, pushed), _dot(self.pulled, t), max(sizes[0], 1e-8 * sizes[1]))

    def culprit(self) -> str:
        """The element whose derivative is off, by halving the direction: the half that is further off is kept."""
        paths, leaves, spec = optree.tree_flatten_with_path(self.tangents)
        ends = np.cumsum([0, *(leaf.size for leaf in leaves)])

        def along(first: int, last: int) -> Comparison:
            """Only the elements from `first` to `last`, all leaves counted through."""
            kept = []
            for leaf, start in zip(leaves, ends[:-1], strict=True):
                numbers = np.arange(start, start + leaf.size).reshape(leaf.shape)
                kept.append(np.where((first <= numbers) & (numbers < last), leaf, leaf.dtype.type(0)))
            return self.compare(0, optree.tree_unflatten(spec, kept))

        first, last = 0, int(ends[-1])
        while last - first > 1:
            middle = (first + last) // 2
            off = [abs(c.spread()) for c in (along(first, middle), along(middle, last))]
            first, last = (first, middle) if off[0] >= off[1] or np.isnan(off[0]) else (middle, last)
        k = int(np.searchsorted(ends, first, side="right")) - 1
        found, t = along(first, last), leaves[k].reshape(-1)[first - ends[k]]
        results: list[Any] = optree.tree_leaves(self.cts)
        # Of one result the slope itself; of several, that of their sum with the cotangents as weights.
        unit = abs(t) * (float(np.real(results[0])) if len(results) == 1 and not np.ndim(results[0]) else 1.0)
        place = ", ".join(map(str, np.unravel_index(first - ends[k], leaves[k].shape)))
        return (
            f"{_argument_name(self.fun, paths[k])}{f'[{place}]' if place else ''}: slope by differences "
            f"{found.differences / unit:.10g}, forward mode {found.forward / unit:.10g}, "
            f"reverse mode {found.reverse / unit:.10g}"
        )


def _argument_name(fun: Callable[..., Any], path: tuple[Any, ...]) -> str:
    """The argument at this place of (args), as the function calls it."""
    try:
        names = list(inspect.signature(fun).parameters)
    except (TypeError, ValueError):
        names = []
    first, *rest = path
    start = f"argument {names[first] if first < len(names) else first}"
    return start + "".join(f"[{p!r}]" for p in rest)


def _step(args: Any, tangents: Any, h: float) -> Any:
    return optree.tree_map(lambda a, t: (a + a.dtype.type(h) * t)[()], args, tangents)


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
    """Re(sum(conj(a) b)), over all leaves."""
    pairs = zip(optree.tree_leaves(a), optree.tree_leaves(b), strict=True)
    return float(sum(np.real(np.vdot(np.asarray(x, np.result_type(x, 1.0)), y)) for x, y in pairs))


def _check(c: Comparison, trial: _Trial, name: str, exact: float, limit: float) -> None:
    finite = np.isfinite([c.differences, c.forward, c.reverse]).all()
    identity = abs(c.forward - c.reverse) / (c.scale or 1.0)
    if finite and identity <= exact and c.worst() <= limit:
        return
    what = f"relative disagreement {c.worst():.2e}, allowed {limit:.0e}"
    if not identity <= exact:
        what = f"relative disagreement of forward and reverse mode {identity:.2e}, allowed {exact:.0e}"
    raise GradientCheckError(
        f"{name}: direction {c.direction}: differences {c.differences:.12g}, forward mode {c.forward:.12g}, "
        f"reverse mode {c.reverse:.12g} ({what})\n  {trial.culprit()}",
        "is the point at a kink? is everything computed with functions autodiff knows?",
    )
