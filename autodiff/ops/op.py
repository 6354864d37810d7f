"""What an op is, and the families that need no calculus of their own.

`Op` is the protocol every layer above works with; `Call` and `Composite` state their whole
derivative themselves, `Cast` is what `Op.__call__` converts operands with. `ops.families`
holds the families that derive derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff.errors import AutodiffError, DTypeError, InternalError, NoBatchingRuleError
from autodiff.ir.aval import ArrayAval, is_differentiable
from autodiff.ir.build import PYTHON_SCALARS, Emitter, emitter, literal
from autodiff.ir.core import Literal, Operand
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.checks import check_number
from autodiff.ops.promotion import Types
from autodiff.records import record

OPS: dict[str, Op] = {}

Active = tuple[bool, ...]
Arrays = tuple[Any, ...]
Batched = tuple[bool, ...]  # which operands carry the batch axis, in front


class Masked(NamedTuple):
    """A cotangent or tangent that is zero, by construction, wherever `mask` is False.

    The mask broadcasts to the shape of the value: one that is the same along an axis may have size 1 there.
    """

    value: Any
    mask: Any


class Example(NamedTuple):
    """Inputs to test an op with: shapes (or arrays) and static parameters."""

    operands: tuple[Any, ...]
    params: dict[str, Any] = {}  # noqa: RUF012 - never mutated


class BadExample(NamedTuple):
    """Inputs that an op refuses, with this error; its message names the op and says these words."""

    operands: tuple[Any, ...]
    params: dict[str, Any]
    error: type[AutodiffError]
    says: tuple[str, ...]


NAMES = np.array(["one", "two"])  # no array of numbers


class Op:
    """One operation: everything the library knows of it, in one object."""

    name: str
    types: Types | None = None  # dtypes the operands are converted to; None: they are taken as they are
    size_params: tuple[str, ...] = ()  # parameters that hold sizes, which kernels take at run time
    implied_params: tuple[str, ...] = ()  # parameters that the shapes of the result imply
    takes_complex = False  # whether its derivative holds for complex operands
    keeps_mask = False  # whether `vjp` takes a `Masked` cotangent
    masks_tangents = False  # whether `jvp` takes `Masked` tangents
    kept_items: tuple[int, ...] = ()  # operands that are put into a larger one, to be read anywhere
    selects: bool = False  # leaves elements of its operand out: what is left out has no cotangent, by construction
    moves: bool = False  # linear, with coefficients 0 and 1: a mask goes through the rules as its value does
    examples: tuple[Example, ...] = ()
    errors: tuple[BadExample, ...] = ()

    def __post_init__(self) -> None:
        if self.name in OPS:
            raise InternalError(f"two ops are named {self.name}")
        OPS[self.name] = self

    def __call__(self, *args: Any, **params: Any) -> Any:
        target = emitter()
        if (known := target.known(self, args, params)) is not None:
            return known
        try:
            operands = [target.lift(a) for a in args] if self.types is None else promoted(self.types, args, target)
        except DTypeError as error:
            raise DTypeError(f"{self.name}: {error.what}", error.remedy) from None
        results = target.emit(self, tuple(operands), params)
        return results[0] if len(results) == 1 else results

    def check(self, avals: tuple[ArrayAval, ...]) -> None:
        """Refuse complex operands where the rules were written for real ones."""
        if not self.takes_complex and any(a.dtype.kind == "c" for a in avals):
            raise DTypeError(
                f"{self.name} is not defined here for complex numbers", "compute with x.real and x.imag, or abs(x)"
            )

    def infer(self, *avals: ArrayAval, **params: Any) -> tuple[ArrayAval, ...]:
        raise NotImplementedError

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        """The results, by NumPy. Defines the op: every kernel must agree with it."""
        raise NotImplementedError

    puts: bool = False  # whether its result is its first operand with something put into it

    def put(self, y: Any, *arrays: Any, **params: Any) -> Arrays:
        """`evaluate` of an op that `puts`, into the memory of the first operand, which nobody reads again."""
        raise NotImplementedError

    # An op with several results gets and gives a tuple where the others have one `y`, `ct` or tangent.

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        """Tangent of the result; a tangent that is None is zero."""
        raise NotImplementedError

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        """Cotangents of the operands, None where inactive or zero.

        Of several results, those that nothing depends on have None as cotangent.
        """
        raise NotImplementedError

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        """Emit the op over a batch: results with the batch axis in front, as the flagged operands have it.

        At least one operand is flagged; those that are not are the same for the whole batch.
        """
        raise NoBatchingRuleError(f"{self.name} has no rule for a batch of operands")

    @property
    def raises(self) -> bool:
        """Whether there are operands, of the right shapes and dtypes, that it refuses."""
        return False

    def harmless(self, operands: Sequence[Any], batched: Batched, active: Any) -> Sequence[Any]:
        """The operands, with some that the op takes in place of those of entries of a batch that take no part.

        `active` holds a bool for each of the batch. Flagged operands have the batch axis in front, as in `batch`; those
        that are not may be harmful where no entry at all takes part.
        """
        return operands

    def bad_examples(self) -> tuple[BadExample, ...]:
        """What the op refuses; a family adds what all its members refuse."""
        return self.errors

    def connects(self, position: int) -> bool:
        """Whether a derivative path runs through this operand at all."""
        return True

    def is_singular(self, operands: Sequence[Any]) -> bool:
        """Whether a slope may be infinite where the value is finite, as that of sqrt at 0."""
        return False

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        """The axes of the result, in terms of those of the operands (see `ir.dims`)."""
        return d.shape(result.shape)


# (op, operands, batched, params) -> results: how the families below, which know nothing of their members, are batched
Batching = Callable[[Op, Sequence[Any], Batched, dict[str, Any]], Arrays]
Rest = Callable[[Sequence[Any], Batched, Any], Sequence[Any]]  # (operands, batched, active) -> operands


def applied(op: Op, operands: Sequence[Any], params: Mapping[str, Any]) -> Arrays:
    """The results of one more instruction, as a tuple; operands already have the right dtypes."""
    return emitter().emit(op, tuple(operands), dict(params))


# ---- conversion of operands ----------------------------------------------------------------


@record
class Cast(Op):
    """Convert to another dtype; the cotangent is converted back.

    A complex number becomes real by losing its imaginary part, as the cotangent of a real one does.
    """

    name: str = "cast"
    takes_complex = True
    keeps_mask = True
    masks_tangents = True
    examples = (
        Example(((3,),), {"dtype": np.dtype(np.float32)}),
        Example(((2, 2),), {"dtype": np.dtype(np.int64)}),
        Example(((12,),), {"dtype": np.dtype(np.float64)}),
        Example(((),), {"dtype": np.dtype(np.bool_)}),
    )
    errors = (
        BadExample((NAMES,), {"dtype": np.dtype(np.float64)}, DTypeError, ("<U3",)),
        BadExample(((2,),), {"dtype": np.dtype("M8[s]")}, DTypeError, ("datetime64[s]",)),
    )

    def infer(self, x: ArrayAval, *, dtype: np.dtype) -> tuple[ArrayAval, ...]:
        check_number(self.name, x.dtype)
        check_number(self.name, dtype)
        return (ArrayAval(x.shape, dtype),)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return operands[0]

    def evaluate(self, x: Any, *, dtype: np.dtype) -> Arrays:
        x = np.asarray(x)
        x = x.real if x.dtype.kind == "c" and dtype.kind in "fiu" else x
        with np.errstate(invalid="ignore", over="ignore"):
            return (x.astype(dtype)[()],)

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        return applied(self, operands, params)

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        if not is_differentiable(params["dtype"]):
            return None
        (t,) = tangents
        return Masked(self(t.value, **params), t.mask) if isinstance(t, Masked) else self(t, **params)

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


_WEAK = {"b": bool, "i": int, "f": float, "c": complex}


def _converted(a: Any, dtype: np.dtype) -> Operand:
    if not isinstance(a, Operand):
        return literal(a, dtype)
    if a.aval.dtype == dtype:
        return a
    if isinstance(a, Literal):
        return literal(a.value, dtype)
    return cast(a, dtype=dtype)  # type: ignore[no-any-return]


# ---- the families that state their derivative ----------------------------------------------


def _no_numbers(examples: tuple[Example, ...]) -> tuple[BadExample, ...]:
    """An example with strings in place of its operands."""
    return tuple(BadExample((NAMES,) * len(e.operands), e.params, DTypeError, ("<U3",)) for e in examples[:1])


@record
class Call(Op):
    """Anything else: a function on whole arrays, run between nests.

    `numpy` is that function; kernels call it back, unless they have native code for the op
    (`backends/numba/llvm_calls.py`). `shape` gives the aval
    of the result, or a tuple of them; then `numpy` returns as many arrays, and `rule` and `tangent`
    get and give tuples. The only implied parameter there may be is `shape`, that of the result.

    `rule` and `tangent` emit the cotangents and the tangent; None means that the op has no
    derivative. `batching` is one of the rules of `ops.batching`, or a function like those.
    """

    name: str
    numpy: Callable[..., Any]
    shape: Callable[..., ArrayAval | tuple[ArrayAval, ...]]
    rule: Callable[..., list[Any]] | None = None
    tangent: Callable[..., Any] | None = None
    types: Types | None = None
    axes: Callable[..., DimShape] | None = None  # (dims, operands' axes, result's shape, **params)
    implied_params: tuple[str, ...] = ()
    batching: Batching | None = None
    takes_complex: bool = False
    selects: bool = False
    moves: bool = False
    keeps_mask: bool = False
    rest: Rest | None = None  # `harmless` of an op that raises
    examples: tuple[Example, ...] = ()
    errors: tuple[BadExample, ...] = ()

    @property
    def raises(self) -> bool:
        return self.rest is not None

    def harmless(self, operands: Sequence[Any], batched: Batched, active: Any) -> Sequence[Any]:
        return operands if self.rest is None else self.rest(operands, batched, active)

    def infer(self, *avals: ArrayAval, **params: Any) -> tuple[ArrayAval, ...]:
        for a in avals:
            check_number(self.name, a.dtype)
        found = self.shape(*avals, **params)
        return found if isinstance(found, tuple) else (found,)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return d.shape(result.shape) if self.axes is None else self.axes(d, operands, result.shape, **params)

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        found = self.numpy(*arrays, **params)
        return tuple(found) if isinstance(found, tuple) else (found,)

    def bad_examples(self) -> tuple[BadExample, ...]:
        return (*self.errors, *_no_numbers(self.examples))

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        if self.batching is None:
            return super().batch(operands, batched, params)
        return self.batching(self, operands, batched, params)

    def connects(self, position: int) -> bool:
        return self.rule is not None

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return None if self.tangent is None else self.tangent(tangents, y, operands, **params)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        return [None] * len(operands) if self.rule is None else self.rule(ct, y, operands, active, **params)


@record
class Composite(Op):
    """An op with a derivative of its own whose kernel is made of simpler ops.

    `expand(*operands, **params)` emits those; `derivative(ct, y, operands, **params)` gives
    the cotangents and `tangent(tangents, y, operands, **params)` the tangent; `batching` is as
    in `Call`.
    """

    name: str
    numpy: Callable[..., Any]
    shape: Callable[..., ArrayAval]
    expand: Callable[..., Any]
    derivative: Callable[..., list[Any]]
    tangent: Callable[..., Any]
    types: Types | None = None
    batching: Batching | None = None
    keeps_mask: bool = False
    examples: tuple[Example, ...] = ()
    errors: tuple[BadExample, ...] = ()

    def infer(self, *avals: ArrayAval, **params: Any) -> tuple[ArrayAval, ...]:
        for a in avals:
            check_number(self.name, a.dtype)
        return (self.shape(*avals, **params),)

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        return (self.numpy(*arrays, **params),)

    def bad_examples(self) -> tuple[BadExample, ...]:
        return (*self.errors, *_no_numbers(self.examples))

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        if self.batching is None:
            return super().batch(operands, batched, params)
        return self.batching(self, operands, batched, params)

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return self.tangent(tangents, y, operands, **params)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        return self.derivative(ct, y, operands, **params)
