"""Ops on complex numbers as kernels see them: arrays of pairs, (real, imaginary) along one last axis.

Kernels have no complex dtype. `passes.split_complex` writes what it can with the two parts; every
other op it wraps in a `Paired` one, which looks at pairs as the complex numbers they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.ir.aval import ArrayAval
from autodiff.ops.op import Call, Op
from autodiff.records import record


@record
class Paired(Call):
    """An op whose complex operands and results are arrays of pairs. `pairs` flags the operands that are."""

    def __post_init__(self) -> None:
        """Not an op of its own: not in the registry."""


def pair_aval(aval: ArrayAval) -> ArrayAval:
    """The aval of complex numbers as pairs; others stay."""
    if aval.dtype.kind != "c":
        return aval
    return ArrayAval((*aval.shape, 2), np.dtype(f"f{aval.dtype.itemsize // 2}"))


def complex_aval(pairs: ArrayAval) -> ArrayAval:
    """The aval of pairs as complex numbers."""
    return ArrayAval(pairs.shape[:-1], np.dtype(f"c{2 * pairs.dtype.itemsize}"))


def as_pairs(x: Any) -> Any:
    """Complex numbers as pairs, without a copy where they are contiguous; others as they are."""
    x = np.asarray(x)
    if x.dtype.kind != "c":
        return x[()]
    return x.reshape((*x.shape, 1)).view(f"f{x.dtype.itemsize // 2}")


def as_complex(pairs: np.ndarray) -> Any:
    """Contiguous pairs as complex numbers, without a copy."""
    return pairs.view(f"c{2 * pairs.dtype.itemsize}").reshape(pairs.shape[:-1])[()]


@lru_cache(maxsize=1024)
def paired(op: Op) -> Paired:
    """The op on pairs."""

    def shape(*avals: ArrayAval, pairs: tuple[bool, ...], **params: Any) -> tuple[ArrayAval, ...]:
        given = [complex_aval(a) if flag else a for a, flag in zip(avals, pairs, strict=True)]
        return tuple(map(pair_aval, op.infer(*given, **params)))

    def numpy(*arrays: Any, pairs: tuple[bool, ...], **params: Any) -> tuple[Any, ...]:
        given = [as_complex(np.ascontiguousarray(a)) if flag else a for a, flag in zip(arrays, pairs, strict=True)]
        return tuple(
            [as_pairs(np.ascontiguousarray(r)) if np.ndim(r) else as_pairs(r) for r in op.evaluate(*given, **params)]
        )

    return Paired(f"complex_{op.name}", numpy, shape)
