"""Inputs for testing any op, made from what the op says of itself.

Elementwise ops and reductions state a `domain`, every other op gives `examples`. `samples` makes
arrays from them, always the same ones; `laid_out` are the same numbers in other places of memory;
`one_op` is the block that applies the op to such arrays.
"""

import math
import zlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from autodiff.errors import AutodiffError, DTypeError
from autodiff.ir.aval import aval_of, is_differentiable
from autodiff.ir.build import building
from autodiff.ir.core import Block
from autodiff.ops import OPS
from autodiff.ops.families import Elementwise, Reduction
from autodiff.ops.op import Op
from autodiff.ops.recursion import Again
from autodiff.ops.region import Region
from autodiff.ops.stack import Blank, Stack

F32, F64, C128 = np.dtype(np.float32), np.dtype(np.float64), np.dtype(np.complex128)
DOMAIN = (-2.0, 2.0)
# Longer than `ir.signature.SMALL`: sizes that kernels know by name only.
LONG, LONGER = 12, 23
SHAPES = ((), (1,), (3,), (2, 3), (0,), (0, 3), (LONG,), (10, LONG))
BROADCASTS = (((2, 3), (3,)), ((2, 1), (1, 3)), ((), (3,)), ((LONG, 1), (LONG,)), ((1,), (0,)))
REDUCTIONS = (
    ((), ()),
    ((3,), (0,)),
    ((3,), ()),
    ((2, 3), (0,)),
    ((2, 3), (1,)),
    ((2, 3), (0, 1)),
    ((2, 3, 4), (0, 2)),
    ((2, 3, 4), (1,)),
    ((0,), (0,)),
    ((0, 3), (0,)),
    ((3, 0), (0,)),
    ((LONG,), (0,)),
    ((10, LONG), (0,)),
    ((10, LONG), (1,)),
    ((10, LONG), (0, 1)),
)


class Sample(NamedTuple):
    """One use of an op: arrays for its operands, and its static parameters."""

    op: Op
    arrays: tuple[Any, ...]
    params: dict[str, Any]

    def __str__(self) -> str:
        shapes = " ".join(str(np.shape(a)) for a in self.arrays)
        return f"{self.op.name} {shapes} {self.params or ''}"

    @property
    def floats(self) -> list[int]:
        """The operands that carry derivatives."""
        return [k for k, a in enumerate(self.arrays) if carries_derivative(self.op, k, a.dtype)]


def carries_derivative(op: Op, position: int, dtype: np.dtype) -> bool:
    """Whether an operand of this dtype has a derivative that can be asked for."""
    return is_differentiable(dtype) and op.connects(position) and position not in getattr(op, "refused", ())


def random(op: Op) -> np.random.Generator:
    """The generator of an op's numbers: depends on its name, not on the order of the tests."""
    return np.random.default_rng(zlib.crc32(op.name.encode()))


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype, domain: tuple[float, float]) -> Any:
    """Numbers of the domain; as many different ones as the dtype allows."""
    low, high = domain
    if dtype == np.bool_:
        return np.asarray(rng.uniform(size=shape) > 0.4)[()]
    if dtype.kind in "iu":
        first, last = math.ceil(low), math.floor(high)
        if dtype.kind == "u":
            first, last = max(first, 0), max(last, 0)
        last = max(first, last)  # no integer in the domain: the next one
        return np.asarray(rng.integers(first, last, size=shape, endpoint=True)).astype(dtype)[()]
    if dtype.kind == "c":
        return (rng.uniform(low, high, size=shape) + 1j * rng.uniform(-1.0, 1.0, size=shape)).astype(dtype)[()]
    return np.asarray(rng.uniform(low, high, size=shape)).astype(dtype)[()]


# ---- where the numbers are -----------------------------------------------------------------


def _reversed(a: np.ndarray) -> np.ndarray:
    return np.flip(np.ascontiguousarray(np.flip(a)))


def _strided(a: np.ndarray) -> np.ndarray:
    """Every other element, along every axis, of a larger array."""
    view = np.zeros([2 * n + 1 for n in a.shape], a.dtype)[(slice(1, None, 2),) * a.ndim]
    view[...] = a
    return view


def _read_only(a: np.ndarray) -> np.ndarray:
    copy = a.copy()
    copy.flags.writeable = False
    return copy


def _unaligned(a: np.ndarray) -> np.ndarray:
    """One byte into a buffer."""
    view = np.zeros(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "F-order": np.asfortranarray,
    "negative strides": _reversed,
    "strided": _strided,
    "read-only": _read_only,
    "unaligned": _unaligned,
}
# Blocks know no byte order: that is for the front door to mend.
AT_THE_DOOR = {**LAYOUTS, "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder())}


def laid_out(arrays: Any, layout: Callable[[np.ndarray], np.ndarray]) -> list[Any]:
    """The same numbers; what has no axes stays a scalar."""
    return [layout(np.array(a)) if np.ndim(a) else a for a in arrays]


# ---- samples -------------------------------------------------------------------------------


def arity(op: Elementwise) -> int:
    return len(op.partials)


def domains(op: Elementwise) -> tuple[tuple[float, float], ...]:
    given = op.domain or (DOMAIN,)
    return given if len(given) == arity(op) else given * arity(op)


def _dtypes(op: Elementwise, dtype: np.dtype) -> tuple[np.dtype, ...] | None:
    """The dtypes of the operands when all that may differ is `dtype`; None when it is refused."""
    assert op.types is not None
    try:
        wanted, _ = op.types((dtype,) * arity(op))
    except AutodiffError:
        # What works on integers alone is tested with integers.
        return _dtypes(op, np.dtype(np.int64)) if dtype == F64 else None
    # An operand that is converted to bool is meant to be one.
    return tuple(w if w == np.bool_ else dtype for w in wanted)


def elementwise(op: Elementwise, shapes: Any, dtype: np.dtype = F64) -> Sample | None:
    """One shape for all operands, or one shape each."""
    dtypes, rng = _dtypes(op, dtype), random(op)
    if dtypes is None:
        return None
    if not shapes or not isinstance(shapes[0], tuple):
        shapes = (shapes,) * arity(op)
    sample = Sample(op, tuple(draw(rng, s, t, d) for s, t, d in zip(shapes, dtypes, domains(op), strict=True)), {})
    return sample if dtype.kind != "c" or is_taken(sample) else None


def samples(op: Op, dtype: np.dtype = F64) -> list[Sample]:
    """Everything the tests of an op run on; fewer (or none) where it does not take `dtype`."""
    return [s for s in _samples(op, dtype) if dtype == F64 or is_taken(s)]


def is_taken(sample: Sample) -> bool:
    """Whether the op takes operands of these dtypes."""
    try:
        one_op(sample)
    except DTypeError:
        return False
    return True


def _samples(op: Op, dtype: np.dtype) -> Iterator[Sample]:
    if isinstance(op, Elementwise):
        shapes = [*SHAPES, *(tuple(b[k % 2] for k in range(arity(op))) for b in BROADCASTS if arity(op) > 1)]
        yield from (s for s in (elementwise(op, shape, dtype) for shape in shapes) if s is not None)
    elif isinstance(op, Reduction):
        for shape, axes in REDUCTIONS:
            if op.empty or all(shape[k] for k in axes):
                yield Sample(op, (draw(random(op), shape, dtype, op.domain),), {"axes": axes})
    else:
        for example in op.examples:
            rng = random(op)
            arrays = [
                a[()] if isinstance(a, np.ndarray | np.generic) else draw(rng, a, dtype, DOMAIN)
                for a in example.operands
            ]
            yield Sample(op, tuple(arrays), dict(example.params))


def grown(sample: Sample) -> Sample | None:
    """The same use with every named size changed alike; None where sizes depend on each other, or numbers do."""
    sizes = {*sample.op.size_params, *sample.op.implied_params}
    new = {n: n + LONGER - LONG for a in sample.arrays for n in np.shape(a) if n > 8}
    params = {k: _grow(v, new) if k in sizes else v for k, v in sample.params.items()}
    rng = random(sample.op)
    arrays = []
    for a in sample.arrays:
        shape = _grow(np.shape(a), new)
        # Other numbers of the same kind. Integers that are indices stay what they are, sorted arrays sorted.
        numbers = np.ravel(a) if a.dtype.kind == "i" else rng.permutation(np.ravel(a))
        made = np.resize(numbers, shape)
        arrays.append(np.sort(made) if a.ndim and a.size > 1 and np.all(np.diff(a) >= 0) else made[()])
    try:
        sample.op.infer(*map(aval_of, arrays), **params)
        with np.errstate(all="ignore"):
            sample.op.evaluate(*arrays, **params)
    except AutodiffError:
        return None
    return Sample(sample.op, tuple(arrays), params)


def _grow(value: Any, new: dict[int, int]) -> Any:
    return tuple(new.get(n, n) for n in value)


def as_tuple(results: Any) -> tuple[Any, ...]:
    """What calling an op gives: one result, or a tuple of several."""
    return results if isinstance(results, tuple) else (results,)


def one_op(sample: Sample) -> Block:
    """(operands...) -> (op(operands...))."""
    hints = "xyzuvw"[: len(sample.arrays)] if len(sample.arrays) <= 6 else ()
    with building(map(aval_of, sample.arrays), hints) as b:
        return b.block(as_tuple(sample.op(*b.params, **sample.params)))


def is_smooth(op: Op) -> bool:
    """Whether the op has a derivative that is not zero everywhere."""
    return any(s.floats for s in samples(op))


def takes_arrays(op: Op) -> bool:
    """Whether an op is tested with arrays: not one that runs blocks, nor one on what only loops have."""
    return not isinstance(op, Region | Stack | Blank | Again)


ALL = sorted(name for name, op in OPS.items() if takes_arrays(op))
