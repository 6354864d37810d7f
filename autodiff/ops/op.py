"""What an op is, and the families that need no calculus of their own.

`Op` is the protocol every layer above works with; `Call` and `Composite` state their whole
derivative themselves, `Cast` is what `Op.__call__` converts operands with. `ops.families`
holds the families that derive derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autodiff.errors import InternalError
from autodiff.ir.aval import ArrayAval, is_differentiable
from autodiff.ir.build import PYTHON_SCALARS, Emitter, emitter, literal
from autodiff.ir.core import Literal, Operand
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.promotion import Types

OPS: dict[str, Op] = {}

Active = tuple[bool, ...]
Arrays = tuple[Any, ...]


class Masked(NamedTuple):
    """A cotangent that is zero, by construction, wherever `mask` is False."""

    value: Any
    mask: Any


class Example(NamedTuple):
    """Inputs to test an op with: shapes (or arrays) and static parameters."""

    operands: tuple[Any, ...]
    params: dict[str, Any] = {}  # noqa: RUF012 - never mutated


class Op:
    """One operation: everything the library knows of it, in one object."""

    name: str
    types: Types | None = None  # dtypes the operands are converted to; None: they are taken as they are
    size_params: tuple[str, ...] = ()  # parameters that hold sizes, which kernels take at run time
    implied_params: tuple[str, ...] = ()  # parameters that the shapes of the result imply
    keeps_mask = False  # whether `vjp` takes a `Masked` cotangent
    examples: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        if self.name in OPS:
            raise InternalError(f"two ops are named {self.name}")
        OPS[self.name] = self

    def __call__(self, *args: Any, **params: Any) -> Any:
        target = emitter()
        operands = [target.lift(a) for a in args] if self.types is None else promoted(self.types, args, target)
        return target.emit(self, tuple(operands), params)[0]

    def infer(self, *avals: ArrayAval, **params: Any) -> tuple[ArrayAval, ...]:
        raise NotImplementedError

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        """The results, by NumPy. Defines the op: every kernel must agree with it."""
        raise NotImplementedError

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        """Tangent of the result; a tangent that is None is zero."""
        raise NotImplementedError

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        """Cotangents of the operands, None where inactive or zero."""
        raise NotImplementedError

    def connects(self, position: int) -> bool:
        """Whether a derivative path runs through this operand at all."""
        return True

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        """The axes of the result, in terms of those of the operands (see `ir.dims`)."""
        return d.shape(result.shape)


# ---- conversion of operands ----------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Cast(Op):
    """Convert to another dtype; the cotangent is converted back."""

    name: str = "cast"
    keeps_mask = True
    examples = (
        Example(((3,),), {"dtype": np.dtype(np.float32)}),
        Example(((2, 2),), {"dtype": np.dtype(np.int64)}),
        Example(((12,),), {"dtype": np.dtype(np.float64)}),
        Example(((),), {"dtype": np.dtype(np.bool_)}),
    )

    def infer(self, x: ArrayAval, *, dtype: np.dtype) -> tuple[ArrayAval, ...]:
        return (ArrayAval(x.shape, dtype),)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return operands[0]

    def evaluate(self, x: Any, *, dtype: np.dtype) -> Arrays:
        with np.errstate(invalid="ignore", over="ignore"):
            return (np.asarray(x).astype(dtype)[()],)

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return self(tangents[0], **params) if is_differentiable(params["dtype"]) else None

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        back = operands[0].aval.dtype
        if isinstance(ct, Masked):
            return [Masked(self(ct.value, dtype=back), ct.mask)]
        return [self(ct, dtype=back)]


cast = Cast()


def promoted(types: Types, args: Sequence[Any], target: Emitter | None = None) -> list[Operand]:
    """The operands, converted to the dtypes the op works in. Python scalars adapt."""
    # A loop, and no helper for the common case: this runs once per recorded op.
    target = target or emitter()
    lifted: list[Any] = []
    kinds: list[Any] = []
    for a in args:
        if type(a) in PYTHON_SCALARS:
            kinds.append(type(a))
        else:
            a = target.lift(a)
            kinds.append(_WEAK[a.aval.dtype.kind] if a.weak else a.aval.dtype)
        lifted.append(a)
    for k, dtype in enumerate(types(tuple(kinds))[0]):
        if kinds[k] is not dtype:
            lifted[k] = _converted(lifted[k], dtype)
    return lifted


_WEAK = {"b": bool, "i": int, "f": float}


def _converted(a: Any, dtype: np.dtype) -> Operand:
    if not isinstance(a, Operand):
        return literal(a, dtype)
    if a.aval.dtype == dtype:
        return a
    if isinstance(a, Literal):
        return literal(a.value, dtype)
    return cast(a, dtype=dtype)  # type: ignore[no-any-return]


# ---- the families that state their derivative ----------------------------------------------


@dataclass(frozen=True, eq=False)
class Call(Op):
    """Anything else: a native function between nests.

    `loop(out, *arrays, *params)` is that function: plain Python over preallocated arrays,
    compiled by Numba in kernels and run as it is in tests. Arrays of shape () come as shape
    (1,); params that hold sizes are not passed, the shape of `out` tells them. `rule` and `tangent` emit the
    cotangents and the tangent; None means that the op has no derivative.
    """

    name: str
    numpy: Callable[..., Any]
    shape: Callable[..., ArrayAval]
    loop: Callable[..., None]
    rule: Callable[..., list[Any]] | None = None
    tangent: Callable[..., Any] | None = None
    types: Types | None = None
    axes: Callable[..., DimShape] | None = None  # (dims, operands' axes, result's shape, **params)
    implied_params: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    def infer(self, *avals: ArrayAval, **params: Any) -> tuple[ArrayAval, ...]:
        return (self.shape(*avals, **params),)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return d.shape(result.shape) if self.axes is None else self.axes(d, operands, result.shape, **params)

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        return (self.numpy(*arrays, **params),)

    def connects(self, position: int) -> bool:
        return self.rule is not None

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return None if self.tangent is None else self.tangent(tangents, y, operands, **params)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        return [None] * len(operands) if self.rule is None else self.rule(ct, y, operands, active, **params)


@dataclass(frozen=True, eq=False)
class Composite(Op):
    """An op with a derivative of its own whose kernel is made of simpler ops.

    `expand(*operands, **params)` emits those; `derivative(ct, y, operands, **params)` gives
    the cotangents and `tangent(tangents, y, operands, **params)` the tangent.
    """

    name: str
    numpy: Callable[..., Any]
    shape: Callable[..., ArrayAval]
    expand: Callable[..., Any]
    derivative: Callable[..., list[Any]]
    tangent: Callable[..., Any]
    types: Types | None = None
    examples: tuple[Example, ...] = ()

    def infer(self, *avals: ArrayAval, **params: Any) -> tuple[ArrayAval, ...]:
        return (self.shape(*avals, **params),)

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        return (self.numpy(*arrays, **params),)

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return self.tangent(tangents, y, operands, **params)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        return self.derivative(ct, y, operands, **params)
