"""Random programs of movements, reductions and products: what decides where a kernel reads and writes.

`program(seed)` composes views, joins, reductions over any axes, and products of permuted batches on small odd shapes,
with several readers for most values. What it computes is of no interest, and well conditioned: every value is
kept below `MOST`, so that rounding stays far below a wrong element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from fuzz.programs import Program, Step

# Up to 8 a kernel knows sizes by value, longer ones by name only.
SIZES = (1, 2, 3, 5, 9, 11)
MOST = 20.0
LARGEST = 3000  # elements
AXES = 4


class Unfit(Exception):
    """The operands that were drawn do not allow this step."""


class Composer:
    """Writes the steps of one program; `arrays` is what NumPy makes of them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.seed = seed
        self.sizes = [int(n) for n in self.rng.choice(SIZES, 3, replace=False)]
        if self.uniform() < 0.05:
            self.sizes[0] = 0
        self.arguments = {name: self._argument() for name in "abc"}
        self.arrays: dict[str, Any] = dict(self.arguments)
        self.steps: list[Step] = []

    def _argument(self) -> Any:
        shape = [self.choice(self.sizes) for _ in range(self.choice([1, 2, 2, 3, 3, 4]))]
        while np.prod(shape) > LARGEST:
            shape.pop()
        return self.rng.uniform(-1.5, 1.5, shape)

    def uniform(self) -> float:
        return float(self.rng.uniform())

    def choice(self, options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def integer(self, low: int, high: int) -> int:
        """One of low, ..., high."""
        return int(self.rng.integers(low, high + 1))

    def pick(self, accept: Callable[[Any], bool] = lambda x: x.ndim > 0) -> tuple[str, np.ndarray]:
        """A value, later ones more likely."""
        names = list(self.arrays)
        for place in self.rng.beta(2, 1, 8):
            name = names[int(len(names) * place)]
            if accept(self.arrays[name]):
                return name, self.arrays[name]
        raise Unfit

    def axis(self, x: np.ndarray) -> int:
        return self.integer(0, x.ndim - 1)

    def some_axes(self, x: np.ndarray) -> tuple[int, ...]:
        return tuple(k for k in range(x.ndim) if self.uniform() < 0.5) or (self.axis(x),)

    def step(self) -> None:
        try:
            expression, *reads = self.choice(MAKERS)(self)
        except Unfit:
            return
        with np.errstate(all="ignore"):
            found = np.asarray(eval(expression, {"np": np}, self.arrays))
        if found.size > LARGEST or found.ndim > AXES or not np.all(np.abs(found) < MOST):
            return
        name = f"v{len(self.steps)}"
        self.steps.append(Step(name, expression, tuple(reads)))
        self.arrays[name] = found

    def finished(self) -> Program:
        """What no step reads is a result, and so are some others."""
        read = {n for s in self.steps for n in s.reads}
        made = [s.name for s in self.steps]
        results = [n for n in made if n not in read]
        results += [self.choice(made) for _ in range(self.integer(0, 2))]
        return Program(self.arguments, tuple(self.steps), tuple(results), self.seed).pruned()


# ---- elementwise


def _unary(g: Composer) -> Any:
    x, _ = g.pick(lambda x: True)
    return g.choice(["np.sin({0})", "np.tanh({0})", "({0} * 0.5)", "(-{0})", "({0} * {0})"]).format(x), x


def _binary(g: Composer) -> Any:
    """Of two values that broadcast, as they are or with axes turned or added."""
    x, array = g.pick()
    y, other = g.pick()
    text = y
    if g.uniform() < 0.5:
        perm = [int(k) for k in g.rng.permutation(other.ndim)]
        other, text = other.transpose(perm), f"np.transpose({y}, {perm})"
    if g.uniform() < 0.3 and other.ndim < array.ndim:
        at = g.integer(0, other.ndim)
        other, text = np.expand_dims(other, at), f"np.expand_dims({text}, {at})"
    try:
        np.broadcast_shapes(array.shape, other.shape)
    except ValueError as error:
        raise Unfit from error
    return (
        g.choice(["({0} * np.tanh({1}))", "({0} + {1})", "({1} - {0})", "np.arctan2({0}, 2.0 + {1} * {1})"]).format(
            x, text
        ),
        x,
        y,
    )


def _chosen(g: Composer) -> Any:
    x, array = g.pick()
    y, _ = g.pick(lambda y: y.shape == array.shape)
    return f"np.where({x} > 0.1, {x}, 0.3 * {y})", x, y


# ---- movements


def _transpose(g: Composer) -> Any:
    x, array = g.pick(lambda x: x.ndim > 1)
    return f"np.transpose({x}, {[int(k) for k in g.rng.permutation(array.ndim)]})", x


def _slice(g: Composer) -> Any:
    x, array = g.pick()
    parts = [":"] * array.ndim
    for k in g.some_axes(array):
        n = array.shape[k]
        low = g.integer(0, max(0, min(3, n - 1)))
        choices = [f"{low}:", f":{max(1, n - low)}", f"{low}::2", "::-1", "::-2", f"{low}:{low + 1}"]
        parts[k] = g.choice([*choices, f"{low}"] if n else [":"])
    return f"{x}[{', '.join(parts)}]", x


def _flip(g: Composer) -> Any:
    x, array = g.pick()
    return f"np.flip({x}, {g.some_axes(array)})", x


def _pad(g: Composer) -> Any:
    x, array = g.pick()
    widths = [(g.integer(0, 2), g.integer(0, 2)) if g.uniform() < 0.6 else (0, 0) for _ in array.shape]
    return f"np.pad({x}, {widths})", x


def _refilled(g: Composer) -> Any:
    """Zeros in place of what was cut off at an end, or moved in at the other: of the same shape again."""
    x, array = g.pick()
    axis = g.axis(array)
    cut = g.integer(1, 2)
    if array.shape[axis] <= cut:
        raise Unfit
    left, right = f"{cut}:", f":{array.shape[axis] - cut}"
    ahead = ":, " * axis
    widths = [(0, 0)] * array.ndim
    widths[axis] = g.choice([(0, cut), (cut, 0)])
    return f"np.pad({x}[{ahead}{g.choice([left, right])}], {widths})", x


def _roll(g: Composer) -> Any:
    x, array = g.pick()
    return f"np.roll({x}, {g.integer(-3, 3)}, axis={g.axis(array)})", x


def _diff(g: Composer) -> Any:
    x, array = g.pick()
    axis = g.axis(array)
    if array.shape[axis] < 2:
        raise Unfit
    return f"np.diff({x}, axis={axis})", x


def _concatenate(g: Composer) -> Any:
    x, array = g.pick()
    axis = g.axis(array)

    def fits(y: Any) -> bool:
        return y.ndim == array.ndim and np.delete(y.shape, axis).tolist() == np.delete(array.shape, axis).tolist()

    others = [g.pick(fits)[0] for _ in range(g.choice([1, 1, 1, 2]))]
    parts = [x, *others]
    return f"np.concatenate([{', '.join(parts)}], axis={axis})", *parts


def _stack(g: Composer) -> Any:
    x, array = g.pick(lambda x: x.ndim < AXES)
    y, _ = g.pick(lambda y: y.shape == array.shape)
    return f"np.stack([{x}, {y}], axis={g.integer(0, array.ndim)})", x, y


def _reshape(g: Composer) -> Any:
    """Two axes as one, or one more of length 1."""
    x, array = g.pick()
    shape = list(array.shape)
    if array.ndim > 1 and g.uniform() < 0.7:
        k = g.integer(0, array.ndim - 2)
        shape[k : k + 2] = [shape[k] * shape[k + 1]]
    else:
        shape.insert(g.integer(0, array.ndim), 1)
    return f"np.reshape({x}, {tuple(shape)})", x


def _split(g: Composer) -> Any:
    x, array = g.pick(lambda x: any(n in (6, 9, 10, 15, 22, 33) for n in x.shape))
    shape = list(array.shape)
    k = next(k for k, n in enumerate(shape) if n in (6, 9, 10, 15, 22, 33))
    first = next(p for p in (2, 3) if shape[k] % p == 0)
    shape[k : k + 1] = [first, shape[k] // first]
    return f"np.reshape({x}, {tuple(shape)})", x


def _broadcast(g: Composer) -> Any:
    x, array = g.pick(lambda x: True)
    shape = tuple(g.choice(g.sizes) if n == 1 else n for n in array.shape)
    return f"np.broadcast_to({x}, {(g.choice(g.sizes), *shape)})", x


def _take(g: Composer) -> Any:
    x, array = g.pick()
    axis = g.axis(array)
    n = array.shape[axis]
    if not n:
        raise Unfit
    return f"np.take({x}, {[g.integer(-n, n - 1) for _ in range(g.integer(1, 4))]}, axis={axis})", x


# ---- reductions, products


def _reduce(g: Composer) -> Any:
    x, array = g.pick()
    if array.size == 0:
        raise Unfit
    axes, keep = g.some_axes(array), g.uniform() < 0.4
    name = g.choice(["mean", "mean", "sum", "max", "min", "prod"])
    return f"np.{name}({x}, axis={axes}, keepdims={keep})", x


def _cumsum(g: Composer) -> Any:
    x, array = g.pick()
    return f"0.3 * np.cumsum({x}, axis={g.axis(array)})", x


def _normalised(g: Composer) -> Any:
    x, array = g.pick()
    if array.size == 0:
        raise Unfit
    axis = g.axis(array)
    return g.choice(
        [
            "{0} - np.mean({0}, axis={1}, keepdims=True)",
            "np.exp({0} - np.max({0}, axis={1}, keepdims=True))",
            "{0} / np.sum(1.0 + {0} * {0}, axis={1}, keepdims=True)",
        ]
    ).format(x, axis), x


def _matmul(g: Composer) -> Any:
    """Of two operands whose axes are turned until they fit."""
    x, left = g.pick()
    y, right = g.pick()
    for _ in range(8):
        p, q = ([int(k) for k in g.rng.permutation(a.ndim)] for a in (left, right))
        a, b = left.transpose(p), right.transpose(q)
        try:
            np.matmul(a, b)
        except ValueError:
            continue
        first, second = f"np.transpose({x}, {p})", f"np.transpose({y}, {q})"
        return f"np.tanh(0.2 * np.matmul({first}, {second}))", x, y
    raise Unfit


def _gram(g: Composer) -> Any:
    x, _ = g.pick(lambda x: x.ndim > 1)
    return g.choice(
        ["0.1 * np.matmul({0}, np.swapaxes({0}, -1, -2))", "0.1 * np.matmul(np.swapaxes({0}, -1, -2), {0})"]
    ).format(x), x


def _einsum(g: Composer) -> Any:
    x, left = g.pick(lambda x: 0 < x.ndim < 4)
    y, right = g.pick(lambda x: 0 < x.ndim < 4)
    first = "".join("ijk"[k] for k in range(left.ndim))
    free, second = list("lmn"), ""
    for n in right.shape:
        same = [c for c, m in zip(first, left.shape, strict=True) if m == n and c not in second]
        second += g.choice(same) if same and g.uniform() < 0.7 else free.pop()
    kept = [c for c in dict.fromkeys(first + second) if g.uniform() < 0.6]
    out = "".join(kept[k] for k in g.rng.permutation(len(kept)))
    return f"np.tanh(0.2 * np.einsum('{first},{second}->{out}', {x}, {y}))", x, y


MAKERS = (
    *(_unary, _unary, _binary, _binary, _binary, _chosen),
    *(
        _transpose,
        _transpose,
        _slice,
        _slice,
        _flip,
        _pad,
        _pad,
        _refilled,
        _refilled,
        _roll,
        _diff,
        _concatenate,
        _concatenate,
        _stack,
    ),
    *(_reshape, _reshape, _split, _broadcast, _take),
    *(_reduce, _reduce, _reduce, _cumsum, _normalised, _matmul, _matmul, _gram, _einsum),
)


def program(seed: int, size: int = 10) -> Program:
    """The program of a seed."""
    g = Composer(seed)
    for _ in range(6 * size):
        if len(g.steps) == size:
            break
        g.step()
    if not g.steps:
        return program(seed + 1_000_003, size)
    return g.finished()
