"""Convolutions, detrending and linear filters of recorded arrays: what `autodiff.scipy.signal` answers with.

Convolutions add up products directly, whatever `method` says: values agree with SciPy's direct ones to
rounding, and their cost is that of the products. `lfilter` takes feedback of first order; more is refused.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, NotDifferentiableError, ShapeError
from autodiff.frontends.surface import indexing, products, reductions, shapes
from autodiff.frontends.surface.common import as_float, lift, one_axis, unsupported
from autodiff.ops.families import broadcast_to
from autodiff.ops.movement import pad
from autodiff.ops.op import promoted
from autodiff.ops.promotion import common_types
from autodiff.ops.reduction import recurrence

# ---- convolution -----------------------------------------------------------------------------


def convolve(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Sum of in1[i] * in2[k - i], over all axes; `mode` is "full", "same" (as in1) or "valid"."""
    _known("convolve", "method", method, ("auto", "direct", "fft"))
    x, y = promoted(common_types, [in1, in2])
    if x.aval.ndim != y.aval.ndim:
        raise ShapeError(f"convolve: {x.aval.ndim} and {y.aval.ndim} axes", "both arrays need the same number of axes")
    if not x.aval.ndim:
        return x * y
    if not x.aval.size or not y.aval.size:
        raise ShapeError(f"convolve: nothing to add up in shapes {x.aval.shape} and {y.aval.shape}")
    start, length = _window(x.aval.shape, y.aval.shape, mode)
    if y.aval.size > x.aval.size:
        x, y = y, x
    return _windows(x, y.aval.shape, start, length, y)


def _window(n: tuple[int, ...], m: tuple[int, ...], mode: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which part of the full result is asked for: its start and shape."""
    _known("convolve", "mode", mode, ("full", "same", "valid"))
    full = tuple(i + j - 1 for i, j in zip(n, m, strict=True))
    if mode == "full":
        return (0,) * len(n), full
    if mode == "same":
        return tuple((f - i) // 2 for f, i in zip(full, n, strict=True)), n
    if not (all(i >= j for i, j in zip(n, m, strict=True)) or all(i <= j for i, j in zip(n, m, strict=True))):
        raise ShapeError(f"convolve: mode='valid' needs one shape to contain the other, got {n} and {m}")
    shape = tuple(abs(i - j) + 1 for i, j in zip(n, m, strict=True))
    return tuple(min(i, j) - 1 for i, j in zip(n, m, strict=True)), shape


def _windows(x: Any, m: tuple[int, ...], start: tuple[int, ...], length: tuple[int, ...], y: Any) -> Any:
    """Every window of x that meets y, as a row of a matrix; times y, reversed."""
    around = tuple(k - 1 for k in m)
    padded = pad(x, low=around, high=around, interior=(0,) * len(m))
    sizes = padded.aval.shape
    corners = np.ravel_multi_index(np.indices(length) + np.reshape(start, (-1,) + (1,) * len(m)), sizes)
    offsets = np.ravel_multi_index(np.indices(m), sizes)
    places = corners.reshape(-1, 1) + offsets.reshape(1, -1)
    rows = indexing.take(shapes.ravel(padded), places)
    kernel = shapes.ravel(shapes.flip(y))
    return shapes.reshape(products.matmul(rows, kernel), length)


def correlate(in1: Any, in2: Any, mode: str = "full", method: str = "auto") -> Any:
    """Sum of in1[i + k] * in2[i], over all axes; modes as in `convolve`."""
    return convolve(in1, np.conjugate(shapes.flip(lift(in2))), mode, method)


def fftconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """`convolve`, over all axes; the products are added up directly."""
    unsupported("fftconvolve", axes=(axes, None))
    return convolve(in1, in2, mode)


def oaconvolve(in1: Any, in2: Any, mode: str = "full", axes: Any = None) -> Any:
    """`convolve`, over all axes; the products are added up directly."""
    unsupported("oaconvolve", axes=(axes, None))
    return convolve(in1, in2, mode)


def convolve2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: float = 0) -> Any:
    """`convolve` of two axes, with zeros around."""
    _zeros_around("convolve2d", in1, in2, boundary, fillvalue)
    return convolve(in1, in2, mode)


def correlate2d(in1: Any, in2: Any, mode: str = "full", boundary: str = "fill", fillvalue: float = 0) -> Any:
    """`correlate` of two axes, with zeros around."""
    _zeros_around("correlate2d", in1, in2, boundary, fillvalue)
    return correlate(in1, in2, mode)


def _zeros_around(name: str, in1: Any, in2: Any, boundary: str, fillvalue: float) -> None:
    if boundary != "fill" or fillvalue != 0:
        raise ArgumentError(
            f"{name}: boundary={boundary!r}, fillvalue={fillvalue!r} is not supported under differentiation",
            "pad with np.pad first, and use mode='valid'",
        )
    if lift(in1).aval.ndim != 2 or lift(in2).aval.ndim != 2:
        raise ShapeError(f"{name} takes arrays of two axes", "convolve takes any number of them")


def _known(name: str, argument: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ArgumentError(f"{name}: {argument}={value!r} is none of {', '.join(choices)}")


# ---- detrending ------------------------------------------------------------------------------


def detrend(data: Any, axis: int = -1, type: str = "linear", bp: Any = 0, overwrite_data: bool = False) -> Any:  # noqa: ARG001
    """The data less their mean (`type` "constant"), or less the straight lines fitted between the break points `bp`."""
    _known("detrend", "type", type, ("linear", "l", "constant", "c"))
    x = as_float(lift(data))
    k = one_axis(axis, x.aval.ndim, "detrend")
    if type in ("constant", "c"):
        return x - reductions.mean(x, axis=k, keepdims=True)
    n = x.aval.shape[k]
    ends = np.sort(np.unique(np.concatenate([[0], np.atleast_1d(bp), [n]]).astype(int)))
    if ends[0] < 0 or ends[-1] > n:
        raise ArgumentError(f"detrend: the break points {bp!r} are outside of 0 to {n}")
    moved = shapes.moveaxis(x, k, 0)
    flat = shapes.reshape(moved, (n, -1))
    parts = []
    for low, high in pairwise(ends):
        line = np.stack([np.arange(1, high - low + 1) / (high - low), np.ones(high - low)], axis=1)
        part = flat[int(low) : int(high)]
        parts.append(part - products.matmul(line, products.matmul(np.linalg.pinv(line), part)))
    flat = shapes.concatenate(parts, axis=0)
    return shapes.moveaxis(shapes.reshape(flat, moved.aval.shape), 0, k)


# ---- linear filters --------------------------------------------------------------------------


def lfilter(b: Any, a: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:
    """a[0] y[n] + a[1] y[n-1] = b[0] x[n] + b[1] x[n-1] + ..., along `axis`, from rest.

    Raises
    ------
    NotDifferentiableError
        For more than two coefficients in `a`: the recurrence here is of first order.
    """
    unsupported("lfilter", zi=(zi, None))
    b, a, x = map(as_float, promoted(common_types, [np.atleast_1d(b), np.atleast_1d(a), x]))
    if a.aval.ndim != 1 or b.aval.ndim != 1 or a.aval.size > 2:
        raise NotDifferentiableError(
            f"lfilter: coefficients of shapes {b.aval.shape} and {a.aval.shape} have no rule",
            "feedback of first order (two coefficients in a) has one: chain several lfilter calls",
        )
    k = one_axis(axis, x.aval.ndim, "lfilter")
    first = a[0]
    moved = shapes.moveaxis(x, k, 0)
    n = moved.aval.shape[0]
    flat = shapes.reshape(moved, (n, -1))
    driven = _delayed(b / first, flat)
    if a.aval.size == 2:
        driven = recurrence(broadcast_to(-a[1] / first, driven.aval.shape), driven, axis=0)
    return shapes.moveaxis(shapes.reshape(driven, moved.aval.shape), 0, k)


def _delayed(b: Any, x: Any) -> Any:
    """sum_j b[j] x[n - j] along the first of two axes."""
    n = x.aval.shape[0]
    m = min(b.aval.size, n)
    padded = pad(x, low=(m - 1, 0), high=(0, 0), interior=(0, 0)) if m > 1 else x
    places = np.arange(n)[:, None] + np.arange(m - 1, -1, -1)[None, :]
    rows = indexing.take(padded, places, axis=0)  # (n, m, columns)
    return reductions.sum(rows * shapes.reshape(b[:m], (1, m, 1)), axis=1)


def sosfilt(sos: Any, x: Any, axis: int = -1, zi: Any = None) -> Any:  # noqa: ARG001 - refused
    """Second-order sections have feedback of second order: there is no rule for them here."""
    raise NotDifferentiableError(
        "sosfilt needs a linear recurrence of second order, which has no rule in autodiff",
        "factor the sections into first-order ones and chain lfilter, or filter plain arrays",
    )


FUNCTIONS = {
    f.__name__: f
    for f in (
        *(convolve, correlate, fftconvolve, oaconvolve, convolve2d, correlate2d),
        *(detrend, lfilter, sosfilt),
    )
}
