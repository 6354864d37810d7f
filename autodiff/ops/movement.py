"""Ops that move elements: transpose, slice, flip, roll, pad, concatenate.

`slice` and `pad` are each other's transposes; `pad` may put zeros between elements
(`interior`), which is what the transpose of a strided slice needs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, AxisError, DTypeError, ShapeError
from autodiff.ir.aval import ArrayAval, Shape
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.batching import along
from autodiff.ops.checks import check_at_least, check_axes, check_lengths, check_permutation
from autodiff.ops.families import Elementwise, Movement, along_axes, zeros_like
from autodiff.ops.op import NAMES, Active, Arrays, BadExample, Batched, Example, Op, applied
from autodiff.ops.promotion import Types, common_types
from autodiff.records import record


def _transpose_shape(x: Shape, *, perm: tuple[int, ...]) -> Shape:
    check_permutation("transpose", x, perm)
    return tuple(x[p] for p in perm)


def _flip_shape(x: Shape, *, axes: tuple[int, ...]) -> Shape:
    check_axes("flip", x, axes)
    return x


transpose = Movement(
    "transpose",
    lambda x, *, perm: np.transpose(x, perm),
    _transpose_shape,
    lambda ct, x, *, perm: transpose(ct, perm=tuple(np.argsort(perm).tolist())),
    lambda d, x, result, *, perm: tuple(x[p] for p in perm),
    lambda n, *, perm: {"perm": (0, *(p + 1 for p in perm))},
    examples=(
        Example(((2, 3),), {"perm": (1, 0)}),
        Example(((2, 3, 4),), {"perm": (2, 0, 1)}),
        Example(((12, 2, 10),), {"perm": (1, 2, 0)}),
        Example(((),), {"perm": ()}),
    ),
    errors=(
        BadExample(((2, 3),), {"perm": (1,)}, ArgumentError, ("(1,)", "(2, 3)")),
        BadExample(((2, 3),), {"perm": (1, 1)}, ArgumentError, ("(1, 1)", "(2, 3)")),
    ),
)
flip = Movement(
    "flip",
    lambda x, *, axes: np.flip(x, axes),
    _flip_shape,
    lambda ct, x, *, axes: flip(ct, axes=axes),
    lambda d, x, result, *, axes: x,
    lambda n, *, axes: {"axes": tuple(k + 1 for k in axes)},
    examples=(
        Example(((4,),), {"axes": (0,)}),
        Example(((2, 3),), {"axes": (0, 1)}),
        Example(((12, 10),), {"axes": (1,)}),
        Example(((0, 2),), {"axes": (0,)}),
    ),
    errors=along_axes("axes"),
)


def _roll_shape(x: Shape, *, shift: int, axis: int) -> Shape:
    check_axes("roll", x, (axis,))
    return x


roll = Movement(
    "roll",
    lambda x, *, shift, axis: np.roll(x, shift, axis),
    _roll_shape,
    lambda ct, x, *, shift, axis: roll(ct, shift=-shift, axis=axis),
    lambda d, x, result, *, shift, axis: x,
    lambda n, *, shift, axis: {"shift": shift, "axis": axis + 1},
    examples=(
        Example(((4,),), {"shift": 1, "axis": 0}),
        Example(((2, 3),), {"shift": -1, "axis": 1}),
        Example(((24, 10),), {"shift": 3, "axis": 0}),
        Example(((0, 2),), {"shift": 1, "axis": 0}),
    ),
    errors=(BadExample(((2, 3),), {"shift": 1, "axis": 2}, AxisError, ("axis 2", "(2, 3)")),),
)


def _slice_numpy(x: Any, *, starts: Shape, limits: Shape, steps: Shape) -> Any:
    return x[tuple(map(slice, starts, limits, steps))]


def _slice_shape(x: Shape, *, starts: Shape, limits: Shape, steps: Shape) -> Shape:
    check_lengths("slice", x, starts=starts, limits=limits, steps=steps)
    check_at_least("slice", 1, steps=steps)
    check_at_least("slice", 0, starts=starts)
    if any(limit > n for limit, n in zip(limits, x, strict=True)):
        raise ArgumentError(f"slice: limits={limits} go beyond shape {x}", "end each slice within its axis")
    return tuple(len(range(*t)) for t in zip(starts, limits, steps, strict=True))


def _slice_axes(d: Dims, x: DimShape, result: Shape, *, starts: Shape, limits: Shape, steps: Shape) -> DimShape:
    return tuple(dim if n == dim.size else d.fresh(n) for dim, n in zip(x, result, strict=True))


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
    _slice_axes,
    lambda n, *, starts, limits, steps: {"starts": (0, *starts), "limits": (n, *limits), "steps": (1, *steps)},
    size_params=("starts",),
    implied_params=("limits",),
    examples=(
        Example(((5,),), {"starts": (1,), "limits": (4,), "steps": (1,)}),
        Example(((6, 3),), {"starts": (1, 0), "limits": (6, 3), "steps": (2, 1)}),
        Example(((12,),), {"starts": (2,), "limits": (12,), "steps": (1,)}),
        Example(((24,),), {"starts": (10,), "limits": (24,), "steps": (3,)}),
        Example(((5,),), {"starts": (2,), "limits": (2,), "steps": (1,)}),
    ),
    errors=(
        BadExample(((5,),), {"starts": (0, 0), "limits": (1, 1), "steps": (1, 1)}, AxisError, ("(0, 0)", "(5,)")),
        BadExample(((5,),), {"starts": (0,), "limits": (5,), "steps": (0,)}, ArgumentError, ("steps=(0,)",)),
        BadExample(((5,),), {"starts": (0,), "limits": (6,), "steps": (1,)}, ArgumentError, ("(6,)", "(5,)")),
    ),
    selects=True,
)


def slice_axis(x: Any, axis: int, start: int, limit: int) -> Any:
    """x[..., start:limit, ...] along one axis."""
    starts = tuple(start if k == axis else 0 for k in range(x.aval.ndim))
    limits = tuple(limit if k == axis else n for k, n in enumerate(x.aval.shape))
    return slice_(x, starts=starts, limits=limits, steps=(1,) * x.aval.ndim)


# ---- placing operands into a larger result -----------------------------------------------


Part = tuple[tuple[tuple[Any, ...], int], ...]


@record
class Placement(Op):
    """Each operand is written to its own strided part of the result; the rest is zero.

    `parts(shapes, low, params)` gives, per operand and axis, (terms, step): the part starts at
    the sum of the terms. Shapes and `low` hold numbers, or the names a kernel has for them.
    """

    name: str = ""
    types: Types | None = common_types
    takes_complex = True
    moves = True
    filled: bool = False  # the parts cover the whole result
    size_params: tuple[str, ...] = ()
    implied_params: tuple[str, ...] = ()

    def parts(self, shapes: Sequence[Any], low: Sequence[Any], params: Mapping[str, Any]) -> list[Part]:
        raise NotImplementedError

    def filling(self, dtype: np.dtype) -> float:
        """What is where no part is."""
        return 0

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        avals = [ArrayAval(np.shape(a), np.asarray(a).dtype) for a in arrays]
        (aval,) = self.infer(*avals, **params)
        out = np.full(aval.shape, self.filling(aval.dtype), aval.dtype)
        parts = self.parts([a.shape for a in avals], params.get("low", ()), params)
        for array, part in zip(arrays, parts, strict=True):
            places = zip(part, np.shape(array), strict=True)
            out[tuple(slice(sum(a), sum(a) + n * k, k) for (a, k), n in places)] = array
        return (out,)


@record
class Pad(Placement):
    """Zeros around (`low`, `high`) and between (`interior`) the elements; -0.0 if `neutral`: x + -0.0 is x."""

    name: str = "pad"
    neutral: bool = False
    size_params: tuple[str, ...] = ("low",)
    implied_params: tuple[str, ...] = ("high",)
    examples = (
        Example(((3,),), {"low": (1,), "high": (2,), "interior": (0,)}),
        Example(((2, 3),), {"low": (0, 1), "high": (1, 0), "interior": (1, 0)}),
        Example(((12,),), {"low": (10,), "high": (0,), "interior": (2,)}),
        Example(((0,),), {"low": (1,), "high": (2,), "interior": (1,)}),
        Example(((),), {"low": (), "high": (), "interior": ()}),
    )
    errors = (
        BadExample(((3,),), {"low": (1, 1), "high": (0,), "interior": (0,)}, AxisError, ("low=(1, 1)", "(3,)")),
        BadExample(((3,),), {"low": (0,), "high": (-1,), "interior": (0,)}, ArgumentError, ("high=(-1,)",)),
        BadExample((NAMES,), {"low": (0,), "high": (1,), "interior": (0,)}, DTypeError, ("<U3",)),
    )

    def filling(self, dtype: np.dtype) -> float:
        return -0.0 if self.neutral and dtype.kind == "f" else 0

    def infer(self, x: ArrayAval, *, low: Shape, high: Shape, interior: Shape) -> tuple[ArrayAval, ...]:
        check_lengths(self.name, x.shape, low=low, high=high, interior=interior)
        check_at_least(self.name, 0, low=low, high=high, interior=interior)
        spread = [n + max(n - 1, 0) * k for n, k in zip(x.shape, interior, strict=True)]
        return (ArrayAval(tuple(a + n + b for a, n, b in zip(low, spread, high, strict=True)), x.dtype),)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        # Padding is most often the transpose of a slice: it restores the size of what was sliced.
        places = zip(operands[0], result.shape, strict=True)
        return tuple(dim if n == dim.size else d.probably(n) for dim, n in places)

    def parts(self, shapes: Sequence[Any], low: Sequence[Any], params: Mapping[str, Any]) -> list[Part]:
        return [tuple(((a,), k + 1) for a, k in zip(low, params["interior"], strict=True))]

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        return applied(self, operands, {name: (0, *widths) for name, widths in params.items()})

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return self(tangents[0], **params)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        shape, low, steps = operands[0].aval.shape, params["low"], tuple(k + 1 for k in params["interior"])
        limits = tuple(a + (n - 1) * k + 1 if n else a for a, n, k in zip(low, shape, steps, strict=True))
        return [slice_(ct, starts=low, limits=limits, steps=steps)]


@record
class Concatenate(Placement):
    """Operands one after the other along `axis`."""

    name: str = "concatenate"
    filled: bool = True
    examples = (
        Example(((2,), (3,)), {"axis": 0}),
        Example(((2, 1), (2, 2), (2, 1)), {"axis": 1}),
        Example(((12,), (3,), (12,), (10,)), {"axis": 0}),
        Example(((0, 2), (1, 2)), {"axis": 0}),
    )
    errors = (
        BadExample(((2, 3), (2, 4)), {"axis": 0}, ShapeError, ("(2, 3)", "(2, 4)")),
        BadExample(((2,), (2, 4)), {"axis": 0}, ShapeError, ("(2,)", "(2, 4)")),
        BadExample(((2, 3), (2, 3)), {"axis": 2}, AxisError, ("axis 2", "(2, 3)")),
        BadExample((NAMES, NAMES), {"axis": 0}, DTypeError, ("<U3",)),
    )

    def infer(self, *avals: ArrayAval, axis: int) -> tuple[ArrayAval, ...]:
        first = avals[0].shape
        check_axes(self.name, first, (axis,))
        for k, other in enumerate(avals):
            fits = len(other.shape) == len(first)
            if not fits or (*other.shape[:axis], *other.shape[axis + 1 :]) != (*first[:axis], *first[axis + 1 :]):
                raise ShapeError(
                    f"concatenate along axis {axis}: operand 0 has shape {first}, operand {k} has {other.shape}",
                    "all axes but the joined one must agree",
                )
        total = sum(a.shape[axis] for a in avals)
        return (ArrayAval((*first[:axis], total, *first[axis + 1 :]), avals[0].dtype),)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        axis = params["axis"]
        others = d.join_all([(*x[:axis], *x[axis + 1 :]) for x in operands])
        return (*others[:axis], d.fresh(result.shape[axis]), *others[axis:])

    def parts(self, shapes: Sequence[Any], low: Sequence[Any], params: Mapping[str, Any]) -> list[Part]:
        axis, found = params["axis"], []
        before: tuple[Any, ...] = ()
        for shape in shapes:
            found.append(tuple((before if k == axis else (), 1) for k in range(len(shape))))
            before = (*before, shape[axis])
        return found

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        return along(self, operands, batched, params)

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
part = Pad("part", neutral=True)  # of an array that is the sum of its parts
concatenate = Concatenate()
# The sum of two arrays of which everywhere one or the other is a part, in the sense above: kernels read only that one.
joined = Elementwise("joined", np.add, "({0} + {1})", (lambda z, x, y: 1.0, lambda z, x, y: 1.0), takes_complex=True)
