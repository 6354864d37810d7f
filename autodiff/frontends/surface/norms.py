"""Norms of vectors and matrices, of every order that NumPy has.

Where a norm has a corner, the derivative is one of its subgradients: 0 at the zero vector and for singular
values that are 0, equal shares for entries (or singular values) that tie for the largest.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff import ops  # `ops.decompositions` is imported when it is needed
from autodiff.errors import ArgumentError
from autodiff.frontends.surface.common import as_float, keep, lift, one_axis, some_axes
from autodiff.frontends.surface.reductions import max, min, sum
from autodiff.frontends.surface.shapes import moveaxis
from autodiff.ops.arithmetic import absolute, isfinite, stop_gradient
from autodiff.ops.complex_numbers import is_complex, magnitude
from autodiff.ops.families import cast, logical_and, not_equal, reduce_sum, reshape, select
from autodiff.ops.reduction import reduce_max
from autodiff.ops.transcendental import power, radical, root

SPECTRAL = ("nuc", 2, -2)


def _real(x: Any) -> Any:
    return magnitude(x) if is_complex(x) else x


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """`numpy.linalg.norm`: of all entries, of vectors along an axis, of matrices in two axes."""
    x = as_float(lift(x))
    if ord is None:
        return euclidean(_real(x), some_axes(axis, x.aval.ndim, "norm"), keepdims)
    if axis is None and x.aval.ndim not in (1, 2):
        raise ArgumentError(f"norm: ord={ord!r} of shape {x.aval.shape}", "give the axis, or two axes for a matrix")
    listed = range(x.aval.ndim) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    axes = tuple(one_axis(a, x.aval.ndim, "norm") for a in listed)
    if len(axes) == 1:
        return _vector_norm(_real(x), ord, axes, keepdims)
    if len(axes) != 2 or axes[0] == axes[1]:
        raise ArgumentError(f"norm: axis={axis!r} with ord={ord!r}", "one axis for vectors, two for matrices")
    return _matrix_norm(x, ord, axes, keepdims)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of the vectors that several axes make together; of all entries by default."""
    x = _real(as_float(lift(x)))
    return _vector_norm(x, ord, some_axes(axis, x.aval.ndim, "vector_norm"), keepdims)


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of the matrices in the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


def euclidean(x: Any, axes: tuple[int, ...], keepdims: bool = False) -> Any:
    """sqrt(sum(x**2)), scaled so that 1e-170 and 1e200 have norms, with derivative 0 at 0.

    The scale is a constant of the derivative: it cancels (Blue, "A portable Fortran program
    to find the Euclidean norm of a vector", 1978).
    """
    if x.aval.size == 0:
        return keep(reduce_sum(x, axes=axes), x.aval.shape, axes, keepdims)
    scaled, scale = _scaled(x, axes)
    y = root(keep(reduce_sum(scaled * scaled, axes=axes), x.aval.shape, axes, True)) * scale
    return _kept(y, x, axes, keepdims)


def _scaled(x: Any, axes: tuple[int, ...]) -> tuple[Any, Any]:
    """`x` by its largest element, and that; as it is where there is none to divide by."""
    top = keep(reduce_max(absolute(x), axes=axes), x.aval.shape, axes, True)
    usable = logical_and(isfinite(top), not_equal(top, 0.0))
    scale = stop_gradient(select(usable, top, 1.0))
    return x / scale, scale


def _kept(y: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    """A result whose reduced axes have length 1, without them unless they are kept."""
    return y if keepdims else reshape(y, shape=tuple(n for k, n in enumerate(x.aval.shape) if k not in axes))


def _vector_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if isinstance(ord, str):
        raise ArgumentError(f"norm: ord={ord!r} of vectors", "a number, or 'fro' and 'nuc' for a matrix")
    if ord is None or ord == 2:
        return euclidean(x, axes, keepdims)
    if ord == np.inf:
        return max(absolute(x), axis=axes, keepdims=keepdims)
    if ord == -np.inf:
        return min(absolute(x), axis=axes, keepdims=keepdims)
    if ord == 0:
        return sum(cast(not_equal(x, 0.0), dtype=x.aval.dtype), axis=axes, keepdims=keepdims)
    if ord == 1 or x.aval.size == 0:
        return sum(absolute(x), axis=axes, keepdims=keepdims)
    scaled, scale = _scaled(x, axes)
    total = sum(power(absolute(scaled), float(ord)), axis=axes, keepdims=True)
    return _kept(radical(total, 1.0 / float(ord)) * scale, x, axes, keepdims)


def _matrix_norm(x: Any, ord: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if ord in SPECTRAL:
        y = _spectral_norm(moveaxis(x, axes, (-2, -1)), ord)
        return keep(y, x.aval.shape, axes, keepdims)
    x = _real(x)
    if ord in ("fro", "f"):
        return euclidean(x, tuple(sorted(axes)), keepdims)
    if ord not in (1, -1, np.inf, -np.inf):
        raise ArgumentError(f"norm: ord={ord!r} of matrices", "'fro', 'nuc', 1, -1, 2, -2, inf or -inf")
    summed, other = axes if abs(ord) == 1 else axes[::-1]
    totals = sum(absolute(x), axis=summed, keepdims=True)
    return _kept((max if ord > 0 else min)(totals, axis=other, keepdims=True), x, axes, keepdims)


def _spectral_norm(x: Any, ord: Any) -> Any:
    """Norms of singular values, of the matrices in the last two axes."""
    s = ops.decompositions.svd(x, full_matrices=False)[1]
    if ord != "nuc":
        return (max if ord == 2 else min)(s, axis=-1)
    if not s.aval.size:
        return sum(s, axis=-1)
    # Values that are 0 to rounding have vectors that mean nothing: their subgradient is 0.
    tiny = max(s, axis=-1, keepdims=True) * (max_size(x) * float(np.finfo(s.aval.dtype).eps))
    return sum(select(s > tiny, s, stop_gradient(s)), axis=-1)


def max_size(x: Any) -> int:
    rows, columns = x.aval.shape[-2:]
    return rows if rows > columns else columns
