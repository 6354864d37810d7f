"""Ops that move elements: transpose, slice, flip, pad, concatenate.

`slice` and `pad` are each other's transposes; `pad` may put zeros between elements
(`interior`), which is what the transpose of a strided slice needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.errors import ShapeError
from autodiff.ir.aval import ArrayAval, Shape
from autodiff.ops.families import Movement, zeros_like
from autodiff.ops.op import Active, Arrays, Example, Op

transpose = Movement(
    "transpose",
    lambda x, *, perm: np.transpose(x, perm),
    lambda x, *, perm: tuple(x[p] for p in perm),
    lambda ct, x, *, perm: transpose(ct, perm=tuple(np.argsort(perm).tolist())),
    examples=(Example(((2, 3),), {"perm": (1, 0)}), Example(((2, 3, 4),), {"perm": (2, 0, 1)})),
)
flip = Movement(
    "flip",
    lambda x, *, axes: np.flip(x, axes),
    lambda x, *, axes: x,
    lambda ct, x, *, axes: flip(ct, axes=axes),
    examples=(Example(((4,),), {"axes": (0,)}), Example(((2, 3),), {"axes": (0, 1)})),
)


def _slice_numpy(x: Any, *, starts: Shape, limits: Shape, steps: Shape) -> Any:
    return x[tuple(map(slice, starts, limits, steps))]


def _slice_shape(x: Shape, *, starts: Shape, limits: Shape, steps: Shape) -> Shape:
    return tuple(len(range(*t)) for t in zip(starts, limits, steps, strict=True))


def _slice_transpose(ct: Any, x: Shape, *, starts: Shape, limits: Shape, steps: Shape) -> Any:
    shape = ct.aval.shape
    if 0 in shape:
        return zeros_like(ArrayAval(x, ct.aval.dtype))
    covered = tuple(s + (n - 1) * k + 1 for s, n, k in zip(starts, shape, steps, strict=True))
    high = tuple(n - c for n, c in zip(x, covered, strict=True))
    return pad(ct, low=starts, high=high, interior=tuple(k - 1 for k in steps))


slice_ = Movement(
    "slice",
    _slice_numpy,
    _slice_shape,
    _slice_transpose,
    size_params=("starts", "limits"),
    examples=(
        Example(((5,),), {"starts": (1,), "limits": (4,), "steps": (1,)}),
        Example(((6, 3),), {"starts": (1, 0), "limits": (6, 3), "steps": (2, 1)}),
    ),
)


def slice_axis(x: Any, axis: int, start: int, limit: int) -> Any:
    """x[..., start:limit, ...] along one axis."""
    starts = tuple(start if k == axis else 0 for k in range(x.aval.ndim))
    limits = tuple(limit if k == axis else n for k, n in enumerate(x.aval.shape))
    return slice_(x, starts=starts, limits=limits, steps=(1,) * x.aval.ndim)


# ---- placing operands into a larger result -----------------------------------------------


Part = tuple[tuple[tuple[int, ...], int], ...]


@dataclass(frozen=True, eq=False)
class Placement(Op):
    """Each operand is written to its own strided part of the result; the rest is zero.

    `parts(avals, params)` gives, per operand and axis, (terms, step): the part starts at the
    sum of the terms. They are kept apart because each is a size a kernel knows by name.
    """

    name: str = ""
    filled: bool = False  # the parts cover the whole result
    size_params: tuple[str, ...] = ()

    def parts(self, avals: Sequence[ArrayAval], params: dict[str, Any]) -> list[Part]:
        raise NotImplementedError

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        avals = [ArrayAval(np.shape(a), np.asarray(a).dtype) for a in arrays]
        (aval,) = self.infer(*avals, **params)
        out = np.zeros(aval.shape, aval.dtype)
        for array, part in zip(arrays, self.parts(avals, params), strict=True):
            places = zip(part, np.shape(array), strict=True)
            out[tuple(slice(sum(a), sum(a) + n * k, k) for (a, k), n in places)] = array
        return (out,)


@dataclass(frozen=True, eq=False)
class Pad(Placement):
    """Zeros around (`low`, `high`) and between (`interior`) the elements."""

    name: str = "pad"
    size_params: tuple[str, ...] = ("low", "high")
    examples = (
        Example(((3,),), {"low": (1,), "high": (2,), "interior": (0,)}),
        Example(((2, 3),), {"low": (0, 1), "high": (1, 0), "interior": (1, 0)}),
    )

    def infer(self, x: ArrayAval, *, low: Shape, high: Shape, interior: Shape) -> tuple[ArrayAval, ...]:
        spread = [n + max(n - 1, 0) * k for n, k in zip(x.shape, interior, strict=True)]
        return (ArrayAval(tuple(a + n + b for a, n, b in zip(low, spread, high, strict=True)), x.dtype),)

    def parts(self, avals: Sequence[ArrayAval], params: dict[str, Any]) -> list[Part]:
        return [tuple(((a,), k + 1) for a, k in zip(params["low"], params["interior"], strict=True))]

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return self(tangents[0], **params)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        shape, low, steps = operands[0].aval.shape, params["low"], tuple(k + 1 for k in params["interior"])
        limits = tuple(a + (n - 1) * k + 1 if n else a for a, n, k in zip(low, shape, steps, strict=True))
        return [slice_(ct, starts=low, limits=limits, steps=steps)]


@dataclass(frozen=True, eq=False)
class Concatenate(Placement):
    """Operands one after the other along `axis`."""

    name: str = "concatenate"
    filled: bool = True
    examples = (
        Example(((2,), (3,)), {"axis": 0}),
        Example(((2, 1), (2, 2), (2, 1)), {"axis": 1}),
    )

    def infer(self, *avals: ArrayAval, axis: int) -> tuple[ArrayAval, ...]:
        first = avals[0].shape
        for k, other in enumerate(avals):
            if (*other.shape[:axis], *other.shape[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]):
                raise ShapeError(
                    f"concatenate along axis {axis}: operand 0 has shape {first}, operand {k} has {other.shape}",
                    "all axes but the joined one must agree",
                )
        total = sum(a.shape[axis] for a in avals)
        return (ArrayAval((*first[:axis], total, *first[axis + 1 :]), avals[0].dtype),)

    def parts(self, avals: Sequence[ArrayAval], params: dict[str, Any]) -> list[Part]:
        axis, found = params["axis"], []
        before: tuple[int, ...] = ()
        for aval in avals:
            found.append(tuple((before if k == axis else (), 1) for k in range(aval.ndim)))
            before = (*before, aval.shape[axis])
        return found

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        full = [zeros_like(x.aval) if t is None else t for t, x in zip(tangents, operands, strict=True)]
        return self(*full, **params)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        axis, start, cts = params["axis"], 0, []
        for wanted, x in zip(active, operands, strict=True):
            limit = start + x.aval.shape[axis]
            cts.append(slice_axis(ct, axis, start, limit) if wanted else None)
            start = limit
        return cts


pad = Pad()
concatenate = Concatenate()
