"""What an op is, and the two families that need no calculus of their own.

`Op` is the protocol every layer above works with; `Call` and `Composite` state their whole
derivative themselves. `ops.families` holds the families that derive it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from autodiff.errors import InternalError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import emitter

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
    size_params: tuple[str, ...] = ()
    keeps_mask = False
    examples: tuple[Example, ...] = ()

    def __post_init__(self) -> None:
        if self.name in OPS:
            raise InternalError(f"two ops are named {self.name}")
        OPS[self.name] = self

    def __call__(self, *args: Any, **params: Any) -> Any:
        target = emitter()
        (result,) = target.emit(self, tuple([target.lift(a) for a in args]), params)
        return result

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


@dataclass(frozen=True, eq=False)
class Call(Op):
    """Anything else: a native function between nests.

    `loop(out, *arrays, *params)` is that function: plain Python over preallocated arrays,
    compiled by Numba in kernels and run as it is in tests. `rule` and `tangent` emit the
    cotangents and the tangent; None means that the op has no derivative.
    """

    name: str
    numpy: Callable[..., Any]
    shape: Callable[..., ArrayAval]
    loop: Callable[..., None]
    rule: Callable[..., list[Any]] | None = None
    tangent: Callable[..., Any] | None = None
    size_params: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()

    def infer(self, *avals: ArrayAval, **params: Any) -> tuple[ArrayAval, ...]:
        return (self.shape(*avals, **params),)

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
    examples: tuple[Example, ...] = ()
    size_params: tuple[str, ...] = ()

    def infer(self, *avals: ArrayAval, **params: Any) -> tuple[ArrayAval, ...]:
        return (self.shape(*avals, **params),)

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        return (self.numpy(*arrays, **params),)

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return self.tangent(tangents, y, operands, **params)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        return self.derivative(ct, y, operands, **params)
