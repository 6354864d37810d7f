"""What shape rules check of static parameters: axes, permutations, sizes.

The surface has normalised what users write (`axis=-1`, `axis=None`); these checks are for ops
that are called directly, and for mistakes in rules. A shape rule runs once per signature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autodiff.errors import ArgumentError, AxisError, DTypeError, ShapeError
from autodiff.ir.aval import ArrayAval, Shape


def check_axes(name: str, shape: Shape, axes: Sequence[int]) -> None:
    """Each axis is one of the array's, counted from 0, and named once."""
    for axis in axes:
        if not 0 <= axis < len(shape):
            raise AxisError(f"{name}: axis {axis} is out of bounds for shape {shape}")
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"{name}: axes {tuple(axes)} name an axis twice", "name each axis once")


def check_permutation(name: str, shape: Shape, perm: Sequence[int]) -> None:
    """Each axis of the array comes up once."""
    if sorted(perm) != list(range(len(shape))):
        raise ArgumentError(
            f"{name}: {tuple(perm)} is no order of the {len(shape)} axes of shape {shape}", "name each axis once"
        )


def check_lengths(name: str, shape: Shape, **params: Sequence[int]) -> None:
    """One entry per axis."""
    for key, given in params.items():
        if len(given) != len(shape):
            raise AxisError(f"{name}: {key}={tuple(given)} for shape {shape}, which has {len(shape)} axes")


def check_at_least(name: str, least: int, **params: Sequence[int]) -> None:
    for key, given in params.items():
        if any(n < least for n in given):
            raise ArgumentError(f"{name}: {key}={tuple(given)} must be {least} or more", "give larger numbers")


def check_some(name: str, shape: Shape, axes: Sequence[int]) -> None:
    """There is something to choose from along the axes."""
    if any(shape[k] == 0 for k in axes):
        raise ShapeError(f"{name} of zero elements has no value: shape {shape}", "check for empty input")


def check_same(name: str, a: Shape, b: Shape, but: int | None = None) -> None:
    """Equal shapes, except along one axis."""
    if len(a) != len(b) or any(m != n for k, (m, n) in enumerate(zip(a, b, strict=True)) if k != but):
        along = "" if but is None else f" apart from axis {but}"
        raise ShapeError(f"{name}: shapes {a} and {b} must be equal{along}")


def check_indices(name: str, indices: ArrayAval) -> None:
    if indices.dtype.kind not in "iu":
        raise DTypeError(f"{name}: indices must be integers, not {indices.dtype}", "indices.astype(int)")


def check_number(name: str, dtype: np.dtype) -> None:
    """bool, integer, real or complex."""
    if np.dtype(dtype).kind not in "biufc":
        raise DTypeError(f"{name}: {dtype} is no dtype of numbers")
