"""Random programs: typed, with shared subexpressions, views, reductions and gathers.

`program(seed)` is a block and its arguments, the same for the same seed. Values stay moderate (each
growing op is followed by a bounded one), so results are finite and differences are meaningful.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ir.core import Block
from autodiff.ops import arithmetic as ar
from autodiff.ops import families as fa
from autodiff.ops import indexing, movement, reduction
from autodiff.ops import transcendental as tr
from autodiff.ops.contraction import matmul

F64 = np.dtype(np.float64)
SHAPES = ((), (3,), (4,), (2, 3), (3, 4), (4, 3), (2, 3, 4), (1, 3), (12,), (10, 4))
UNARY = (tr.sin, tr.tanh, tr.arctan, tr.sigmoid, tr.softplus, fa.neg, ar.absolute, tr.relu, ar.fabs)
BINARY = (fa.add, ar.sub, fa.mul, ar.maximum, ar.minimum, tr.hypot, tr.logaddexp)


class Generator:
    """Emits random instructions into the current block, reading values it has made before."""

    def __init__(self, rng: np.random.Generator, values: list[Any], places: Any) -> None:
        self.rng = rng
        self.values = values
        self.places = places
        self.makers: list[Callable[[], Any]] = [
            self.unary,
            self.unary,
            self.binary,
            self.binary,
            self.scaled,
            self.where,
            self.reduced,
            self.reduced,
            self.sliced,
            self.transposed,
            self.flipped,
            self.padded,
            self.joined,
            self.taken,
            self.product,
            self.reshaped,
            self.repeated,
            self.summed_up,
            self.mirrored,
        ]

    def pick(self, accept: Callable[[Any], bool] = lambda v: True) -> Any:
        """A value, later ones more likely; None when none is acceptable."""
        found = [v for v in self.values if accept(v)]
        if not found:
            return None
        return found[int(len(found) * self.rng.beta(2, 1))]

    def axis(self, x: Any) -> int:
        return int(self.rng.integers(x.aval.ndim))

    def step(self) -> None:
        made = self.makers[self.rng.integers(len(self.makers))]()
        if made is not None:
            self.values.append(made)

    def unary(self) -> Any:
        return UNARY[self.rng.integers(len(UNARY))](self.pick())

    def binary(self) -> Any:
        x = self.pick()
        y = self.pick(lambda v: self._broadcasts(x, v))
        if y is None:
            return None
        op = BINARY[self.rng.integers(len(BINARY))]
        return tr.tanh(op(x, y)) if op is fa.mul else op(x, y)

    @staticmethod
    def _broadcasts(x: Any, y: Any) -> bool:
        try:
            return len(np.broadcast_shapes(x.aval.shape, y.aval.shape)) <= 3
        except ValueError:
            return False

    def scaled(self) -> Any:
        return self.pick() * float(self.rng.choice([0.5, -1.0, 1.0, 0.7, 1.3]))

    def where(self) -> Any:
        x = self.pick()
        y, z = (self.pick(lambda v: v.aval.shape == x.aval.shape) for _ in range(2))
        return fa.select(x > 0.1, y, tr.sqrt(z * z + 0.5))

    def reduced(self) -> Any:
        x = self.pick(lambda v: v.aval.ndim)
        if x is None:
            return None
        axes = tuple(k for k in range(x.aval.ndim) if self.rng.uniform() < 0.6)
        ops = [fa.reduce_sum, fa.reduce_sum, reduction.reduce_max, reduction.reduce_min, reduction.logsumexp]
        op = ops[self.rng.integers(len(ops))]
        if op is reduction.logsumexp and not axes:
            return None
        return tr.arctan(op(x, axes=axes))

    def sliced(self) -> Any:
        x = self.pick(lambda v: v.aval.ndim and max(v.aval.shape) > 1)
        if x is None:
            return None
        starts, limits, steps = [], [], []
        for n in x.aval.shape:
            start = int(self.rng.integers(n))
            starts.append(start)
            limits.append(int(self.rng.integers(start + 1, n + 1)))
            steps.append(int(self.rng.integers(1, 3)))
        return movement.slice_(x, starts=tuple(starts), limits=tuple(limits), steps=tuple(steps))

    def transposed(self) -> Any:
        x = self.pick(lambda v: v.aval.ndim > 1)
        return None if x is None else movement.transpose(x, perm=tuple(self.rng.permutation(x.aval.ndim).tolist()))

    def flipped(self) -> Any:
        x = self.pick(lambda v: v.aval.ndim)
        return None if x is None else movement.flip(x, axes=(self.axis(x),))

    def padded(self) -> Any:
        x = self.pick(lambda v: v.aval.ndim)
        if x is None:
            return None
        low, high, interior = (tuple(self.rng.integers(0, m, x.aval.ndim).tolist()) for m in (3, 3, 2))
        return movement.pad(x, low=low, high=high, interior=interior)

    def joined(self) -> Any:
        x = self.pick(lambda v: v.aval.ndim)
        if x is None:
            return None
        axis = self.axis(x)
        y = self.pick(lambda v: v.aval.shape == x.aval.shape)
        return movement.concatenate(x, y, x, axis=axis)

    def taken(self) -> Any:
        x = self.pick(lambda v: v.aval.ndim)
        if x is None:
            return None
        axis = self.axis(x)
        return indexing.take(x, ar.mod(self.places, x.aval.shape[axis]), axis=axis)

    def product(self) -> Any:
        x = self.pick(lambda v: v.aval.ndim == 2)
        y = None if x is None else self.pick(lambda v: v.aval.ndim == 2 and v.aval.shape[0] == x.aval.shape[1])
        return None if y is None else tr.tanh(matmul(x, y))

    def reshaped(self) -> Any:
        x = self.pick(lambda v: v.aval.ndim)
        if x is None:
            return None
        shapes = [(x.aval.size,), x.aval.shape[::-1], (1, *x.aval.shape), (x.aval.size, 1)]
        return fa.reshape(x, shape=shapes[self.rng.integers(4)])

    def repeated(self) -> Any:
        x = self.pick(lambda v: v.aval.ndim < 3)
        return None if x is None else fa.broadcast(x, shape=(*x.aval.shape, 3), dims=tuple(range(x.aval.ndim)))

    def summed_up(self) -> Any:
        x = self.pick(lambda v: v.aval.ndim)
        return None if x is None else tr.arctan(reduction.cumsum(x, axis=self.axis(x)))

    def mirrored(self) -> Any:
        """One value read in two orders, together."""
        x = self.pick(lambda v: v.aval.ndim)
        if x is None:
            return None
        y, z = tr.sin(x), movement.flip(tr.sin(x), axes=(self.axis(x),))
        return y * z if self.rng.uniform() < 0.5 else z * y


def program(seed: int, size: int | None = None) -> tuple[Block, list[Any]]:
    """A random block (floats first, then one array of indices) and arguments for it."""
    rng = np.random.default_rng(seed)
    shapes = [SHAPES[k] for k in rng.integers(len(SHAPES), size=rng.integers(1, 5))]
    avals = [*(ArrayAval(s, F64) for s in shapes), ArrayAval((3,), np.dtype(np.int64))]
    with building(avals, [*"abcd"[: len(shapes)], "places"]) as b:
        *values, places = b.params
        generator = Generator(rng, list(values), places)
        for _ in range(size or rng.integers(5, 40)):
            generator.step()
        made = generator.values[len(values) :] or values
        # A few results: the last value, any others, perhaps one twice, perhaps a parameter.
        others = rng.integers(len(generator.values), size=rng.integers(0, 3))
        block = b.block([made[-1], *(generator.values[k] for k in others)])
    args = [np.asarray(rng.uniform(-1.5, 1.5, s))[()] for s in shapes]
    return block, [*args, rng.integers(-3, 4, size=3)]


def floats(block: Block) -> list[int]:
    """Positions of the parameters that carry derivatives."""
    return [k for k, p in enumerate(block.params) if p.aval.dtype.kind == "f"]
