"""The families of ops, and the few ops their calculus is written in.

A family owns the algorithm (shape rule, jvp, vjp, what the kernel is made of); a member
owns the formula. Lowering reads the family, never an op's name:

| family        | the op supplies                                | the kernel                          |
|---------------|------------------------------------------------|-------------------------------------|
| `Elementwise` | NumPy function, scalar expression, partials    | an expression inside any nest       |
| `Reduction`   | NumPy function, identity, combine, derivative  | an accumulator of a nest            |
| `Movement`    | NumPy function, shape rule, transpose          | index arithmetic, no memory         |
| `Call`        | NumPy function, shape rule, jvp, vjp, a loop   | a native function between nests     |
| `Composite`   | NumPy function, derivative, an expansion       | whatever it expands to              |

Derivative rules *emit IR*; they never see an ndarray. Names: `ct` is the cotangent of the
result, `t` a tangent, `y` the result, `x` an operand. A rule may return `Masked(ct, mask)`:
a cotangent that is structurally zero where `mask` is False. The mask travels back through
the elementwise ops that only this path needs, so `0 * inf` never happens in a lane that
`where` did not take, while a cotangent that merely happens to be 0 is not special.

Each op also says how it is tested: `examples` are the inputs from which its tests are made, `errors`
those that it refuses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np

from autodiff.errors import (
    ArgumentError,
    AxisError,
    DTypeError,
    InternalError,
    NotDifferentiableError,
    ShapeError,
)
from autodiff.ir.aval import ArrayAval, Shape
from autodiff.ir.build import emitter, literal
from autodiff.ir.core import Operand
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.checks import check_axes, check_some
from autodiff.ops.op import NAMES, Active, Arrays, BadExample, Batched, Call, Example, Masked, Op, applied
from autodiff.ops.op import cast as cast  # one of the ops of the calculus below, needed by `Op` itself
from autodiff.ops.op import promoted as promoted
from autodiff.ops.promotion import (
    Kinds,
    Types,
    bool_types,
    check_numbers,
    common_types,
    select_types,
    ufunc_types,
)
from autodiff.records import record

_CALLED = re.compile(r"(\w+)\(")
_SHIFTS = ("left_shift", "right_shift")
_SIMPLE = frozenset((*_SHIFTS, "abs", "mod", "min", "max", "sqrt", "int", "float", "bool", "floor", "ceil"))

# ---- elementwise -------------------------------------------------------------------------


@record
class Elementwise(Op):
    """One number from one number of each operand, with NumPy's broadcasting.

    `scalar` is the expression on scalars, a template such as `"({0} * {1})"`, in the Python
    that `backends/numba/functions.py` defines; `{zero}` and `{one}` are those numbers in the
    operands' dtype (`float32 * 2.0` would be float64). `variants` holds the expressions for
    dtype kinds ("b", "i", "u") where another one is right. `partials[k](y, *x)` is dy/dx_k; None in the
    table is a derivative that is zero everywhere. `masks[k](y, *x)`, where given, says in
    which lanes the result depends on operand k at all.
    """

    name: str
    numpy: Callable[..., Any]
    scalar: str
    partials: tuple[Callable[..., Any] | None, ...]
    domain: tuple[tuple[float, float], ...] = ()
    types: Types | None = None
    variants: Mapping[str, str] = MappingProxyType({})
    masks: tuple[Callable[..., Any] | None, ...] = ()
    blocked: tuple[int, ...] = ()  # operands through which no derivative path runs
    masks_tangents = True
    takes_complex: bool = False  # its partials are those of an analytic function
    singular: Callable[..., bool] | None = None  # (*operands): whether a slope may be infinite; None: never
    refused: tuple[int, ...] = ()  # operands that have a derivative, which is not known here: an error, not a zero
    keeps_mask = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.types is None:
            if not isinstance(self.numpy, np.ufunc):
                raise InternalError(f"{self.name}: say which `types` it takes, its NumPy function is no ufunc")
            object.__setattr__(self, "types", ufunc_types(self.numpy))

    def connects(self, position: int) -> bool:
        return position not in self.blocked

    @property
    def is_cheap(self) -> bool:
        """Whether computing it takes about as long as reading its result from memory."""
        return set(_CALLED.findall(self.scalar)) <= _SIMPLE

    def bad_examples(self) -> tuple[BadExample, ...]:
        n = len(self.partials)
        names = BadExample((NAMES,) * n, {}, DTypeError, ("<U3",))
        arrays = tuple(np.ones(k + 2, int) for k in range(n))
        said = tuple(str(a.shape) for a in arrays)
        return (names,) if n == 1 else (names, BadExample(arrays, {}, ShapeError, said))

    def infer(self, *avals: ArrayAval, **params: Any) -> tuple[ArrayAval, ...]:
        assert self.types is not None
        _, dtype = self.types(tuple(a.dtype for a in avals))
        return (ArrayAval(broadcast_shapes(self.name, [a.shape for a in avals]), dtype),)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return d.broadcast(operands, result.shape)

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        return (self.numpy(*arrays),)

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        rank = max(o.aval.ndim - b for o, b in zip(operands, batched, strict=True))
        aligned = [_aligned(o, rank) if b else o for o, b in zip(operands, batched, strict=True)]
        return applied(self, aligned, params)

    def _partial(self, k: int, y: Any, operands: Sequence[Any]) -> Any:
        if k in self.refused:
            raise NotDifferentiableError(
                f"{self.name}: the derivative with respect to argument {k + 1} is not known here",
                "keep that argument constant: a plain number or array, or stop_gradient",
            )
        rule = self.partials[k]
        partial = None if rule is None else rule(y, *operands)
        return None if isinstance(partial, float) and partial == 0.0 else partial

    def is_singular(self, operands: Sequence[Any]) -> bool:
        return self.singular is not None and self.singular(*operands)

    def check(self, avals: tuple[ArrayAval, ...]) -> None:
        if len(self.blocked) < len(avals):  # where no derivative runs, there is nothing that could be wrong
            super().check(avals)

    def _mask(self, k: int, y: Any, operands: Sequence[Any]) -> Any:
        rule = self.masks[k] if self.masks else None
        return None if rule is None else rule(y, *operands)

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        total = None
        for k, t in enumerate(tangents):
            partial = None if t is None else self._partial(k, y, operands)
            if partial is None:
                continue
            t, mask = t if isinstance(t, Masked) else (t, None)
            part = self._masked(times(t, partial), k, partial, mask, y, operands)
            total = part if total is None else both(total, part)
        if isinstance(total, Masked):
            return Masked(broadcast_to(total.value, y.aval.shape), total.mask)
        return None if total is None else broadcast_to(total, y.aval.shape)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        ct, mask = ct if isinstance(ct, Masked) else (ct, None)
        return [self._pull(k, ct, mask, y, operands) if wanted else None for k, wanted in enumerate(active)]

    def _pull(self, k: int, ct: Any, mask: Any, y: Any, operands: Sequence[Any]) -> Any:
        """The cotangent of operand k: masked, and added up to its shape."""
        partial = self._partial(k, y, operands)
        if partial is None:
            return None
        # <ct, t> is Re(conj(ct) t): what multiplies t comes back conjugated.
        ct_x = self._masked(times(ct, conjugate(partial)), k, partial, mask, y, operands)
        aval, lanes = operands[k].aval, None
        if isinstance(ct_x, Masked):
            ct_x, lanes = ct_x
        if ct_x.aval.shape != aval.shape:
            ct_x = sum_to(broadcast_to(ct_x, y.aval.shape), aval.shape)
            lanes = None if lanes is None else some(sum_to(broadcast_to(lanes, y.aval.shape), aval.shape))
        return ct_x if lanes is None else Masked(ct_x, lanes)

    def _masked(self, part: Any, k: int, partial: Any, mask: Any, y: Any, operands: Sequence[Any]) -> Any:
        """`part`, made of a (co)tangent that counts where `mask` says, as far as operand k counts."""
        own = self._mask(k, y, operands)
        if own is None and mask is None:
            return part
        lanes = mask if own is None else own if mask is None else logical_and(own, mask)
        # A constant partial is finite: zero stays zero, and only a new mask needs selecting.
        if own is not None or not isinstance(partial, float):
            part = select(lanes, part, 0.0)
        return Masked(part, lanes)


def both(a: Any, b: Any) -> Any:
    """The sum of two (co)tangents. Where one has no mask every lane counts: that of the other is dropped."""
    if isinstance(a, Masked) and isinstance(b, Masked):
        return Masked(add(a.value, b.value), logical_or(a.mask, b.mask))
    return add(plain(a), plain(b))


def plain(ct: Any) -> Any:
    """A (co)tangent without its mask."""
    return ct.value if isinstance(ct, Masked) else ct


def some(counts: Any) -> Any:
    """Where a count is not zero; a mask stays one."""
    return counts if counts.aval.dtype == np.bool_ else not_equal(counts, 0)


def conjugate(x: Any) -> Any:
    """The complex conjugate; a real number, or a number of the text, is its own."""
    return conj(x) if isinstance(x, Operand) and x.aval.dtype.kind == "c" else x


def times(ct: Any, partial: Any) -> Any:
    """`ct * partial`, where the constants 1.0 and -1.0 cost nothing."""
    if isinstance(partial, float):
        return ct if partial == 1.0 else neg(ct) if partial == -1.0 else mul(ct, partial)
    return mul(ct, partial)


def _aligned(x: Any, rank: int) -> Any:
    """A batch of operands whose trailing axes line up with results of `rank`: unit axes after the batch axis."""
    n, *rest = x.aval.shape
    missing = rank - len(rest)
    return reshape(x, shape=(n, *(1,) * missing, *rest)) if missing else x


@lru_cache(maxsize=4096)
def _broadcast(shapes: tuple[Shape, ...]) -> Shape | None:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


def broadcast_shapes(name: str, shapes: Sequence[Shape]) -> Shape:
    """NumPy's broadcast of the shapes; a `ShapeError` names them when there is none."""
    result = _broadcast(tuple(shapes))
    if result is None:
        listed = " and ".join(map(str, shapes))
        raise ShapeError(
            f"{name}: shapes {listed} do not broadcast",
            "trailing axes must be equal or 1; insert an axis with x[:, None] or reshape one operand",
        )
    return result


# ---- reductions --------------------------------------------------------------------------


def along_axes(param: str) -> tuple[BadExample, ...]:
    """What every op refuses that works along axes."""
    if param == "axis":
        return (BadExample(((2, 3),), {"axis": 2}, AxisError, ("axis 2", "(2, 3)")),)
    return (
        BadExample(((2, 3),), {param: (2,)}, AxisError, ("axis 2", "(2, 3)")),
        BadExample(((2, 3),), {param: (1, 1)}, ArgumentError, ("(1, 1)",)),
    )


@record
class Reduction(Op):
    """Combine along `axes`, which disappear. `combine` is an expression of `{acc}` and `{x}`.

    `derivative(ct, y, x)` emits the cotangent of x, where `ct` and `y` have been broadcast
    back to the shape of x; `tangent(t, y, x, axes)` emits the tangent of the result.
    """

    name: str
    numpy: Callable[..., Any]
    combine: str
    identity: Callable[[np.dtype], float]
    derivative: Callable[..., Any] | None
    tangent: Callable[..., Any] | None
    domain: tuple[float, float] = (-3.0, 3.0)
    types: Types = common_types
    empty: bool = True  # whether it is defined for no elements
    takes_complex: bool = False
    additive: bool = False  # a plain sum: kernels may add in any order, and in a wider dtype
    keeps_mask = True
    masks_tangents = True

    def connects(self, position: int) -> bool:
        return self.derivative is not None

    def bad_examples(self) -> tuple[BadExample, ...]:
        names = BadExample((NAMES,), {"axes": (0,)}, DTypeError, ("<U3",))
        nothing = BadExample(((0, 2),), {"axes": (0,)}, ShapeError, ("(0, 2)",))
        return (*along_axes("axes"), names) if self.empty else (*along_axes("axes"), names, nothing)

    def infer(self, x: ArrayAval, *, axes: tuple[int, ...]) -> tuple[ArrayAval, ...]:
        check_axes(self.name, x.shape, axes)
        if not self.empty:
            check_some(self.name, x.shape, axes)
        dtype = self.types((x.dtype,))[1]
        return (ArrayAval(tuple(n for k, n in enumerate(x.shape) if k not in axes), dtype),)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return tuple(dim for k, dim in enumerate(operands[0]) if k not in params["axes"])

    def evaluate(self, x: Any, *, axes: tuple[int, ...]) -> Arrays:
        return (self.numpy(x, axis=axes),)

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        return applied(self, operands, {"axes": tuple(k + 1 for k in params["axes"])})

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        assert self.tangent is not None
        (t,), x, axes = tangents, operands[0], params["axes"]
        found = self.tangent(plain(t), y, x, axes)
        if not isinstance(t, Masked):
            return found
        lanes = some(reduce_sum(broadcast_to(t.mask, x.aval.shape), axes=axes))
        return Masked(found if self.additive else select(lanes, found, 0.0), lanes)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        assert self.derivative is not None
        x, axes = operands[0], params["axes"]
        found = self.derivative(restore(plain(ct), x.aval.shape, axes), restore(y, x.aval.shape, axes), x, axes)
        if not isinstance(ct, Masked):
            return [found]
        lanes = restore(broadcast_to(ct.mask, y.aval.shape), x.aval.shape, axes)
        if isinstance(found, Masked):
            found, lanes = found.value, logical_and(lanes, found.mask)
        return [Masked(found if self.additive else select(lanes, found, 0.0), lanes)]


def restore(y: Any, shape: Shape, axes: tuple[int, ...]) -> Any:
    """Put reduced axes back and repeat along them."""
    kept = tuple(k for k in range(len(shape)) if k not in axes)
    return broadcast(y, shape=shape, dims=kept)


# ---- movement ----------------------------------------------------------------------------


@record
class Movement(Op):
    """Moves elements, computes nothing: linear, so its jvp is itself.

    `transpose(ct, x_shape, **params)` is the linear transpose, `shape(x_shape, **params)` the
    shape rule; the first in terms of other movements and sums. Masks travel both ways.
    """

    name: str
    numpy: Callable[..., Any]
    shape: Callable[..., Shape]
    transpose: Callable[..., Any]
    axes: Callable[..., DimShape]  # (dims, operand's axes, result's shape, **params)
    leading: Callable[..., dict[str, Any]] | None = None  # (n, **params): those with one more axis of n in front
    size_params: tuple[str, ...] = ()
    implied_params: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    errors: tuple[BadExample, ...] = ()
    selects: bool = False
    keeps_mask = True
    masks_tangents = True
    takes_complex = True

    def infer(self, x: ArrayAval, **params: Any) -> tuple[ArrayAval, ...]:
        return (ArrayAval(self.shape(x.shape, **params), x.dtype),)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return self.axes(d, operands[0], result.shape, **params)

    def evaluate(self, x: Any, **params: Any) -> Arrays:
        return (self.numpy(x, **params),)

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        if self.leading is None:
            return super().batch(operands, batched, params)
        return applied(self, operands, self.leading(operands[0].aval.shape[0], **params))

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        (t,) = tangents
        if not isinstance(t, Masked):
            return self(t, **params)
        return Masked(self(t.value, **params), self(broadcast_to(t.mask, operands[0].aval.shape), **params))

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        shape = operands[0].aval.shape
        if not isinstance(ct, Masked):
            return [self.transpose(ct, shape, **params)]
        mask = self.transpose(broadcast_to(ct.mask, y.aval.shape), shape, **params)
        return [Masked(self.transpose(ct.value, shape, **params), some(mask))]


def anywhere(*operands: Any) -> bool:
    """Singular for some numbers, whatever the operands."""
    return True


# ---- the ops that the calculus of the families is written in -------------------------------


def _broadcast_shape(x: Shape, *, shape: Shape, dims: tuple[int, ...]) -> Shape:
    check_axes("broadcast", shape, dims)
    if len(dims) != len(x) or any(n not in (1, shape[d]) for n, d in zip(x, dims, strict=True)):
        raise ShapeError(f"broadcast: shape {x} does not fit {shape} along its axes {dims}")
    return shape


def _broadcast_numpy(x: Any, *, shape: Shape, dims: tuple[int, ...]) -> Any:
    inner = [1] * len(shape)
    for k, d in enumerate(dims):
        inner[d] = np.shape(x)[k]
    return np.broadcast_to(np.reshape(x, inner), shape)


def _broadcast_axes(d: Dims, x: DimShape, result: Shape, *, shape: Shape, dims: tuple[int, ...]) -> DimShape:
    kept = {place: dim for place, dim in zip(dims, x, strict=True) if dim.size == shape[place]}
    return tuple(kept[k] if k in kept else d.fresh(n) for k, n in enumerate(shape))


def _broadcast_transpose(ct: Any, x: Shape, *, shape: Shape, dims: tuple[int, ...]) -> Any:
    repeated = [k for k in range(len(shape)) if k not in dims]
    repeated += [d for k, d in enumerate(dims) if x[k] == 1 and shape[d] != 1]
    summed = reduce_sum(ct, axes=tuple(sorted(repeated))) if repeated else ct
    return summed if summed.aval.shape == x else reshape(summed, shape=x)


def _reshape_numpy(x: Any, *, shape: Shape) -> Any:
    return np.reshape(x, shape)


def _reshape_shape(x: Shape, *, shape: Shape) -> Shape:
    if math.prod(x) != math.prod(shape):
        raise ShapeError(f"reshape: {x} has {math.prod(x)} elements, {shape} has {math.prod(shape)}")
    return shape


# NumPy's sum and product of bools are their `or` and `and`.
add = Elementwise(
    "add",
    np.add,
    "({0} + {1})",
    (lambda z, x, y: 1.0, lambda z, x, y: 1.0),
    variants={"b": "({0} | {1})"},
    takes_complex=True,
)
mul = Elementwise(
    "mul",
    np.multiply,
    "({0} * {1})",
    (lambda z, x, y: y, lambda z, x, y: x),
    variants={"b": "({0} & {1})"},
    takes_complex=True,
)
neg = Elementwise("neg", np.negative, "(-{0})", (lambda y, x: -1.0,), takes_complex=True)
not_equal = Elementwise("not_equal", np.not_equal, "({0} != {1})", (None, None), blocked=(0, 1))
equal = Elementwise("equal", np.equal, "({0} == {1})", (None, None), blocked=(0, 1))
logical_and = Elementwise("logical_and", np.logical_and, "({0} & {1})", (None, None), types=bool_types, blocked=(0, 1))
logical_or = Elementwise("logical_or", np.logical_or, "({0} | {1})", (None, None), types=bool_types, blocked=(0, 1))
logical_not = Elementwise("logical_not", np.logical_not, "(not {0})", (None,), types=bool_types, blocked=(0,))
select = Elementwise(
    "select",
    np.where,
    "({1} if {0} else {2})",
    (None, lambda z, c, x, y: 1.0, lambda z, c, x, y: 1.0),
    types=select_types,
    masks=(None, lambda z, c, x, y: c, lambda z, c, x, y: logical_not(c)),
    blocked=(0,),
    takes_complex=True,
)


def _sum_types(kinds: Kinds) -> tuple[Any, np.dtype]:
    check_numbers(kinds)
    return kinds, _sum_dtype(kinds[0])


reduce_sum = Reduction(
    "sum",
    np.sum,
    "({acc} + {x})",
    lambda dtype: 0,
    derivative=lambda ct, y, x, axes: ct,
    tangent=lambda t, y, x, axes: reduce_sum(t, axes=axes),
    types=_sum_types,
    takes_complex=True,
    additive=True,
)
# Not analytic: linear in the real and the imaginary part only.
conj = Call(
    "conj",
    np.conj,
    lambda x: x,
    rule=lambda ct, y, operands, active: [conj(ct)],
    tangent=lambda tangents, y, operands: conj(tangents[0]),
    axes=lambda d, operands, result: operands[0],
    batching=lambda op, operands, batched, params: applied(op, operands, params),
    takes_complex=True,
    examples=(Example((np.array([1 + 2j, -0.5j, 3.0]),)), Example((np.linspace(-1.0, 1.0, 12) + 0.5j,))),
)
broadcast = Movement(
    "broadcast",
    _broadcast_numpy,
    _broadcast_shape,
    _broadcast_transpose,
    _broadcast_axes,
    lambda n, *, shape, dims: {"shape": (n, *shape), "dims": (0, *(d + 1 for d in dims))},
    implied_params=("shape",),
    examples=(
        Example(((3,),), {"shape": (2, 3), "dims": (1,)}),
        Example(((2,),), {"shape": (2, 3), "dims": (0,)}),
        Example(((1, 3),), {"shape": (4, 2, 3), "dims": (1, 2)}),
        Example(((),), {"shape": (2, 2), "dims": ()}),
        Example(((12, 1),), {"shape": (3, 12, 10), "dims": (1, 2)}),
        Example(((1,),), {"shape": (0, 2), "dims": (0,)}),
    ),
    errors=(
        BadExample(((3,),), {"shape": (3, 2), "dims": (1,)}, ShapeError, ("(3,)", "(3, 2)")),
        BadExample(((2, 3),), {"shape": (3,), "dims": (0,)}, ShapeError, ("(2, 3)", "(3,)")),
    ),
)
reshape = Movement(
    "reshape",
    _reshape_numpy,
    _reshape_shape,
    lambda ct, x, *, shape: reshape(ct, shape=x),
    lambda d, x, result, *, shape: d.regrouped(x, shape),
    lambda n, *, shape: {"shape": (n, *shape)},
    implied_params=("shape",),
    examples=(
        Example(((2, 6),), {"shape": (3, 4)}),
        Example(((),), {"shape": (1, 1)}),
        Example(((1, 1),), {"shape": ()}),
        Example(((12, 1),), {"shape": (1, 12)}),
        Example(((12, 2),), {"shape": (24,)}),
        Example(((0, 3),), {"shape": (0,)}),
    ),
    errors=(BadExample(((2, 3),), {"shape": (4,)}, ShapeError, ("(2, 3) has 6", "(4,) has 4")),),
)


@lru_cache(maxsize=64)
def _sum_dtype(dtype: np.dtype) -> np.dtype:
    found: np.dtype = np.sum(np.zeros(1, dtype)).dtype
    return found


def broadcast_to(x: Any, shape: Shape) -> Any:
    """NumPy's `broadcast_to`: trailing axes line up."""
    if x.aval.shape == shape:
        return x
    offset = len(shape) - x.aval.ndim
    return broadcast(x, shape=shape, dims=tuple(range(offset, len(shape))))


def sum_to(ct: Any, shape: Shape) -> Any:
    """Undo broadcasting: add a cotangent up to the shape of its primal."""
    if ct.aval.shape == shape:
        return ct
    offset = ct.aval.ndim - len(shape)
    return _broadcast_transpose(ct, shape, shape=ct.aval.shape, dims=tuple(range(offset, ct.aval.ndim)))


def zeros_like(aval: ArrayAval) -> Any:
    """A zero of this aval: a literal, broadcast."""
    return full(aval, 0)


def full(aval: ArrayAval, value: float) -> Any:
    """A constant array of this aval."""
    zero = emitter().lift(literal(value, aval.dtype))
    return broadcast(zero, shape=aval.shape, dims=()) if aval.shape else zero
