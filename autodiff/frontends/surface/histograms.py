"""Histograms: linear in the weights; steps in the numbers that are counted, whose derivative is zero."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.surface.calculus import diff
from autodiff.frontends.surface.common import as_float, lift
from autodiff.frontends.surface.creation import linspace
from autodiff.frontends.surface.elementwise import where
from autodiff.frontends.surface.indexing import getitem
from autodiff.frontends.surface.ordering import searchsorted
from autodiff.frontends.surface.reductions import max as max_
from autodiff.frontends.surface.reductions import min as min_
from autodiff.frontends.surface.reductions import sum as sum_
from autodiff.frontends.surface.shapes import ravel
from autodiff.ops.arithmetic import clip
from autodiff.ops.indexing import scatter_add


def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> tuple[Any, Any]:
    """How many numbers, or how much weight, each bin holds; and the edges of the bins."""
    x = ravel(lift(a))
    edges = _edges(x, bins, range)
    count = edges.aval.size - 1
    # The last bin has its right edge, the others have not; what lies in no bin, such as NaN, counts nothing.
    places = searchsorted(edges, x, side="right") - 1
    places = where(x == getitem(edges, -1), count - 1, places)
    inside = (x >= getitem(edges, 0)) & (x <= getitem(edges, -1))
    amounts = where(inside, _weights(x, weights), 0)
    held = scatter_add(amounts, clip(places, 0, count - 1), shape=(count,), axis=0)
    if not density:
        return held, edges
    return as_float(held) / diff(edges) / sum_(held), edges


def _edges(x: Any, bins: Any, limits: Any) -> Any:
    if isinstance(bins, str):
        raise ArgumentError(
            f"histogram: the number of bins for {bins!r} depends on values", "give a number of bins, or their edges"
        )
    if np.ndim(bins):
        edges = lift(bins)
        if edges.aval.ndim != 1 or edges.aval.size < 2:
            raise ShapeError(f"histogram: the edges must be a row of two or more, their shape is {edges.aval.shape}")
        return edges
    count = index(bins)
    if count < 1:
        raise ArgumentError(f"histogram: bins must be at least 1, got {count}")
    if limits is None and not x.aval.size:
        limits = (0.0, 1.0)
    first, last = (min_(x), max_(x)) if limits is None else limits
    flat = lift(first) == lift(last)  # one number, many times: the bins spread over 1
    return linspace(where(flat, first - 0.5, first), where(flat, last + 0.5, last), count + 1)


def _weights(x: Any, weights: Any) -> Any:
    if weights is None:
        return lift(np.ones(x.aval.shape, np.intp))
    w = ravel(lift(weights))
    if w.aval.shape != x.aval.shape:
        raise ShapeError(f"histogram: {w.aval.size} weights do not fit {x.aval.size} numbers")
    return w
