"""numpy.fft: every function is a product of one-dimensional transforms, cut or padded to `n`, scaled by `norm`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError
from autodiff.frontends.surface import shapes
from autodiff.frontends.surface.common import lift, one_axis, unsupported
from autodiff.ops.families import conjugate
from autodiff.ops.fourier import dft, irdft, rdft
from autodiff.ops.movement import pad, slice_axis

FORWARD, BACKWARD = -1, 1


def _scale(norm: str | None, n: int, sign: int) -> float:
    """What a transform over n points is multiplied with."""
    if norm not in (None, "backward", "ortho", "forward"):
        raise ArgumentError(
            f'Invalid norm value {norm!r}; should be "backward", "ortho" or "forward".', 'use norm="backward"'
        )
    if norm == "ortho":
        return 1.0 / math.sqrt(n)
    normalised = FORWARD if norm == "forward" else BACKWARD
    return 1.0 / n if sign == normalised else 1.0


def _resized(x: Any, n: int | None, axis: int) -> Any:
    """The first n elements along the axis, zeros added where there are fewer."""
    have = x.aval.shape[axis]
    if n is None or n == have:
        return x
    if n < 1:
        raise ArgumentError(f"Invalid number of FFT data points ({n}) specified.", "give n = 1 or more")
    if n < have:
        return slice_axis(x, axis, 0, n)
    none = (0,) * x.aval.ndim
    return pad(x, low=none, high=tuple((n - have) * (k == axis) for k in range(x.aval.ndim)), interior=none)


def _scaled(x: Any, factor: float) -> Any:
    return x if factor == 1.0 else x * factor


def _complex(a: Any, n: int | None, axis: int, norm: str | None, sign: int) -> Any:
    x = lift(a)
    axis = one_axis(axis, x.aval.ndim, "fft")
    x = _resized(x, n, axis)
    return _scaled(dft(x, axis=axis, sign=sign), _scale(norm, x.aval.shape[axis], sign))


def fft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    unsupported("fft", out=(out, None))
    return _complex(a, n, axis, norm, FORWARD)


def ifft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    unsupported("ifft", out=(out, None))
    return _complex(a, n, axis, norm, BACKWARD)


def rfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    unsupported("rfft", out=(out, None))
    x = lift(a)
    axis = one_axis(axis, x.aval.ndim, "fft")
    x = _resized(x, n, axis)
    return _scaled(rdft(x, axis=axis), _scale(norm, x.aval.shape[axis], FORWARD))


def irfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    unsupported("irfft", out=(out, None))
    x = lift(a)
    axis = one_axis(axis, x.aval.ndim, "fft")
    n = 2 * (x.aval.shape[axis] - 1) if n is None else n
    if n < 1:
        raise ArgumentError(f"Invalid number of FFT data points ({n}) specified.", "give n = 1 or more")
    return _scaled(irdft(_resized(x, n // 2 + 1, axis), axis=axis, n=n), _scale(norm, n, BACKWARD))


# The Hermitian transforms are the real ones with the other sign: conjugated, and with the other normalisation.
_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _swapped(norm: str | None) -> str:
    _scale(norm, 1, FORWARD)
    return _SWAPPED[norm]


def hfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    unsupported("hfft", out=(out, None))
    return irfft(conjugate(lift(a)), n, axis, _swapped(norm))


def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None) -> Any:
    unsupported("ihfft", out=(out, None))
    return conjugate(rfft(a, n, axis, _swapped(norm)))


def _plan(x: Any, s: Sequence[int] | None, axes: Sequence[int] | None) -> list[tuple[int | None, int]]:
    """(n, axis) of each transform."""
    ndim = x.aval.ndim
    if axes is None:
        axes = range(ndim) if s is None else range(ndim - len(s), ndim)
    sizes = [None] * len(axes) if s is None else [None if n == -1 else n for n in s]
    if len(sizes) != len(axes):
        raise ArgumentError("Shape and axes have different lengths.", "give one n per axis")
    return [(n, one_axis(axis, ndim, "fft")) for n, axis in zip(sizes, axes, strict=True)]


def _each(x: Any, plan: Sequence[tuple[int | None, int]], transform: Callable[..., Any], norm: str | None) -> Any:
    for n, axis in reversed(plan):
        x = transform(x, n, axis, norm)
    return x


def fftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None) -> Any:
    unsupported("fftn", out=(out, None))
    x = lift(a)
    return _each(x, _plan(x, s, axes), fft, norm)


def ifftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None) -> Any:
    unsupported("ifftn", out=(out, None))
    x = lift(a)
    return _each(x, _plan(x, s, axes), ifft, norm)


def rfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None) -> Any:
    unsupported("rfftn", out=(out, None))
    x = lift(a)
    *others, last = _plan(x, s, axes)
    return _each(rfft(x, *last, norm), others, fft, norm)


def irfftn(a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None) -> Any:
    unsupported("irfftn", out=(out, None))
    x = lift(a)
    *others, last = _plan(x, s, axes)
    for n, axis in others:
        x = ifft(x, n, axis, norm)
    return irfft(x, *last, norm)


def _two(transform: Callable[..., Any]) -> Callable[..., Any]:
    """The transform over two axes: the last ones unless said otherwise."""

    def transformed(a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, out: Any = None) -> Any:
        return transform(a, s, axes, norm, out)

    return transformed


def _halves(x: Any, axes: Any) -> tuple[list[int], tuple[int, ...]]:
    ndim = x.aval.ndim
    axes = range(ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    places = tuple(one_axis(k, ndim, "fftshift") for k in axes)
    return [x.aval.shape[k] // 2 for k in places], places


def fftshift(x: Any, axes: Any = None) -> Any:
    x = lift(x)
    halves, places = _halves(x, axes)
    return shapes.roll(x, tuple(halves), places)


def ifftshift(x: Any, axes: Any = None) -> Any:
    x = lift(x)
    halves, places = _halves(x, axes)
    return shapes.roll(x, tuple(-n for n in halves), places)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.fft.fft: fft,
    np.fft.ifft: ifft,
    np.fft.rfft: rfft,
    np.fft.irfft: irfft,
    np.fft.hfft: hfft,
    np.fft.ihfft: ihfft,
    np.fft.fftn: fftn,
    np.fft.ifftn: ifftn,
    np.fft.rfftn: rfftn,
    np.fft.irfftn: irfftn,
    np.fft.fft2: _two(fftn),
    np.fft.ifft2: _two(ifftn),
    np.fft.rfft2: _two(rfftn),
    np.fft.irfft2: _two(irfftn),
    np.fft.fftshift: fftshift,
    np.fft.ifftshift: ifftshift,
}
