"""Random programs: typed, with shared subexpressions, and well conditioned by construction.

`program(seed)` is the same for the same seed. Each step picks a maker, which writes an expression of values made
before; the oracle evaluates it at once, and the step is kept only if its value lies away from kinks and its value and
derivatives are moderate. What remains may be compared with tight tolerances: a difference is a bug.

Guards, with `GAP` = 1e-3 (the rounding of float32 cannot cross it):

* compared numbers, tops of a maximum, neighbours in an order and integers under a `floor` are GAP apart;
* logarithms, roots and denominators stay away from zero, by the maker's choice of operand;
* values are below 30, derivatives below 1000, arrays have at most 200 elements and three axes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from fuzz.dual import STEP, Dual, real
from fuzz.programs import Program, Step

GAP = 1e-3
SHAPES = ((), (1,), (3,), (4,), (2, 3), (3, 4), (4, 3), (3, 3), (1, 3), (2, 1), (2, 3, 4), (12,), (10, 4))
ANYWHERE = ("sin", "cos", "tanh", "arctan", "arcsinh", "exp", "expm1", "square", "sinh", "cosh", "negative", "exp2")
POSITIVE = ("log", "log2", "log10", "log1p", "sqrt", "reciprocal")
UNIT = ("arcsin", "arccos", "arctanh", "tan")
COMPARISONS = ("<", "<=", ">", ">=")


class Rejected(Exception):
    """No operand is right for this maker, or the step would be ill-conditioned."""


class Generator:
    """Writes steps; `values` holds what the oracle makes of them, `dtypes` what NumPy does."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        count = int(self.rng.integers(1, 5))
        half = self.rng.uniform() < 0.25  # one program in four mixes float32 in
        self.program = Program(self._arguments(count, half), (), (), seed)
        self.values: dict[str, Any] = self.program.duals()
        self.arrays: dict[str, Any] = dict(self.program.arguments)
        self.steps: list[Step] = []
        self.makers = [maker for maker, weight in MAKERS for _ in range(weight)] + ([as_float32] * 4 if half else [])

    def _arguments(self, count: int, half: bool) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for k in range(count):
            x = np.asarray(self.rng.uniform(-1.5, 1.5, self.choice(SHAPES)))
            # Rounded in both precisions: the oracle computes in double precision with the numbers the program has.
            x = x.astype(np.float32).astype(np.float32 if half and self.rng.uniform() < 0.5 else np.float64)
            found["abcd"[k]] = x[()]
        found["i"] = self.rng.integers(-3, 4, size=3)
        return found

    # ---- choosing ----------------------------------------------------------------------------

    def choice(self, options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def pick(self, accept: Callable[[Any], Any] = lambda x: True, kind: str = "f") -> str:
        """The name of an acceptable value of a kind of dtype, later ones more likely."""
        names = [n for n, x in self.arrays.items() if x.dtype.kind in kind]
        # Some draws instead of a search: the check costs more than a name that is passed over.
        for place in self.rng.beta(2, 1, 10) if names else ():
            name = names[int(len(names) * place)]
            if accept(self.real(name)):
                return name
        raise Rejected

    def real(self, name: str) -> np.ndarray:
        return np.asarray(real(self.values[name]))

    def ndim(self, name: str) -> int:
        return np.ndim(self.arrays[name])

    def axis(self, name: str) -> int:
        return int(self.rng.integers(-self.ndim(name), self.ndim(name)))

    def array(self, least: int = 1) -> str:
        return self.pick(lambda x: x.ndim >= least)

    def fitting(self, x: str, kind: str = "f") -> str:
        """Something that broadcasts with x."""
        return self.pick(lambda y: broadcasts(self.real(x).shape, y.shape), kind)

    def same_shape(self, x: str, kind: str = "f") -> str:
        return self.pick(lambda y: y.shape == self.real(x).shape, kind)

    def where(self, x: str) -> str:
        """`axis=..., keepdims=...` of a reduction."""
        n = self.ndim(x)
        axes = tuple(k for k in range(n) if self.rng.uniform() < 0.6)
        axis: Any = self.choice([None, axes or None, self.axis(x) if n else None])
        return f"axis={axis}" + (", keepdims=True" if self.rng.uniform() < 0.3 else "")

    # ---- writing -----------------------------------------------------------------------------

    def step(self) -> None:
        """One more step, or none if the maker finds no operands."""
        try:
            expression, *reads = self.choice(self.makers)(self)
            self.keep(expression, tuple(reads))
        except Rejected:
            pass

    def keep(self, expression: str, reads: tuple[str, ...]) -> None:
        name = f"v{len(self.steps)}"
        code = compile(expression, "<step>", "eval")
        with np.errstate(all="ignore"):
            array = np.asarray(eval(code, {"np": np}, self.arrays))[()]
            if array.size > 200 or array.ndim > 3 or array.size == 0:
                raise Rejected
            value = eval(code, {"np": np}, self.values)
        if not moderate(value) or np.shape(real(value)) != array.shape:
            raise Rejected
        self.steps.append(Step(name, expression, reads))
        self.values[name], self.arrays[name] = value, array


def broadcasts(*shapes: tuple[int, ...]) -> bool:
    try:
        return len(np.broadcast_shapes(*shapes)) <= 3
    except ValueError:
        return False


def moderate(value: Any) -> bool:
    if not isinstance(value, Dual):
        return bool(np.all(np.abs(value) < 1000)) if np.asarray(value).dtype.kind != "b" else True
    slopes = (value.tangent.real, value.value.imag / STEP, value.tangent.imag / STEP)
    return bool(np.all(np.abs(value.real) < 30)) and all(np.all(np.abs(s) < 1000) for s in slopes)


def apart(x: Any, y: Any) -> None:
    if np.any(np.abs(x - y) < GAP):
        raise Rejected


def ordered(x: np.ndarray, axis: int | None) -> None:
    """No two neighbours of an order are close."""
    x = np.sort(x, axis=axis)
    if np.any(np.abs(np.diff(x, axis=-1 if axis is None else axis)) < GAP):
        raise Rejected


# ---- makers: (expression, *what it reads) ------------------------------------------------------


def unary(g: Generator) -> Any:
    x = g.pick()
    return f"np.{g.choice(ANYWHERE)}({x})", x


def positive(g: Generator) -> Any:
    x = g.pick(lambda x: np.all(x > 0.2)) if g.rng.uniform() < 0.5 else None
    f = g.choice(POSITIVE)
    if x is not None:
        return f"np.{f}({x})", x
    x = g.pick()
    return f"np.{f}({x} * {x} + 0.5)", x


def unit(g: Generator) -> Any:
    x = g.pick(lambda x: np.all(np.abs(x) < 0.9))
    return f"np.{g.choice(UNIT)}({x})", x


def kinked(g: Generator) -> Any:
    x = g.pick()
    apart(g.real(x), 0.0)
    return g.choice([f"np.abs({x})", f"np.maximum({x}, 0.0)", f"np.minimum(0.0, {x})", f"np.sign({x}) * {x}"]), x


def clipped(g: Generator) -> Any:
    x = g.pick()
    low, high = sorted(float(c) for c in g.rng.uniform(-1.5, 1.5, 2).round(2))
    apart(g.real(x), low)
    apart(g.real(x), high)
    return f"np.clip({x}, {low}, {high})", x


def scaled(g: Generator) -> Any:
    x, c = g.pick(), float(g.choice([0.5, -1.0, 1.0, 0.7, 1.3, 2.0]))
    return g.choice([f"{x} * {c}", f"{c} - {x}", f"{x} + {c}", f"{x} / {c}", f"{x}**2", f"{x}**3", f"-{x}"]), x


def binary(g: Generator) -> Any:
    x = g.pick()
    y = g.fitting(x)
    return f"{x} {g.choice('+-*')} {y}", x, y


def quotient(g: Generator) -> Any:
    y = g.pick(lambda y: np.all(np.abs(y) > 0.3))
    x = g.fitting(y)
    return f"{x} / {y}", x, y


def smooth_pair(g: Generator) -> Any:
    x = g.pick()
    y = g.fitting(x)
    if np.any(np.abs(np.add(*np.broadcast_arrays(np.abs(g.real(x)), np.abs(g.real(y))))) < 0.3):
        raise Rejected
    return f"np.{g.choice(['hypot', 'logaddexp'])}({x}, {y})", x, y


def positive_pair(g: Generator) -> Any:
    x = g.pick(lambda x: np.all(x > 0.3))
    y = g.fitting(x)
    return g.choice([f"{x}**{y}", f"np.arctan2({y}, {x})", f"np.power({x}, {y})"]), x, y


def larger(g: Generator) -> Any:
    x = g.pick()
    y = g.fitting(x)
    apart(g.real(x), g.real(y))
    return f"np.{g.choice(['maximum', 'minimum'])}({x}, {y})", x, y


def remainder(g: Generator) -> Any:
    x, n = g.pick(), float(g.choice([0.75, 1.5, 2.0]))
    apart(g.real(x) / n, np.round(g.real(x) / n))
    return f"{x} % {n}", x


# ---- truth values and integers


def compared(g: Generator) -> Any:
    x = g.pick()
    if g.rng.uniform() < 0.5:
        apart(g.real(x), 0.1)
        return f"{x} {g.choice(COMPARISONS)} 0.1", x
    y = g.fitting(x)
    apart(g.real(x), g.real(y))
    return f"{x} {g.choice(COMPARISONS)} {y}", x, y


def logic(g: Generator) -> Any:
    p = g.pick(kind="b")
    q = g.fitting(p, kind="b")
    return g.choice([f"{p} & {q}", f"{p} | {q}", f"{p} ^ {q}", f"~{p}"]), p, q


def chosen(g: Generator) -> Any:
    p = g.pick(kind="b")
    x = g.fitting(p)
    y = g.pick(lambda y: broadcasts(g.real(p).shape, g.real(x).shape, y.shape))
    return g.choice([f"np.where({p}, {x}, {y})", f"np.where({p}, {x}, 0.5)", f"np.where(~{p}, {y}, {x})"]), p, x, y


def masked(g: Generator) -> Any:
    """A branch that is not finite where it is not taken."""
    x = g.pick()
    apart(g.real(x), 0.2)
    f = g.choice(["log", "sqrt"])
    return f"np.where({x} > 0.2, np.{f}(np.where({x} > 0.2, {x}, 1.0)), {x})", x


def counted(g: Generator) -> Any:
    """Numbers without derivatives, beside numbers with one."""
    p = g.pick(kind="bi")
    x = g.fitting(p)
    return g.choice([f"{p} * {x}", f"{x} + {p}", f"{x} * {p}.astype(np.float64)", f"{p} - {x}"][: 3 if kind_of(g, p) == "b" else 4]), p, x


def kind_of(g: Generator, name: str) -> str:
    return str(g.arrays[name].dtype.kind)


def floored(g: Generator) -> Any:
    x = g.pick()
    apart(2 * g.real(x), np.round(2 * g.real(x)))
    f = g.choice(["floor", "ceil", "trunc"])
    return f"np.{f}(2.0 * {x}).astype(np.int64)", x


def placed(g: Generator) -> Any:
    x, f = g.array(), g.choice(["argmax", "argmin", "argsort"])
    axis = g.axis(x)
    ordered(g.real(x), axis)
    return f"np.{f}({x}, axis={axis})", x


def integers(g: Generator) -> Any:
    i = g.pick(kind="i")
    return g.choice([f"{i} + 1", f"{i} * 2", f"-{i}", f"{i} // 2", f"{i} * {i}", f"np.abs({i})", f"{i} % 3"]), i


# ---- reductions and scans


def reduced(g: Generator) -> Any:
    x = g.pick()
    return f"np.{g.choice(['sum', 'sum', 'mean'])}({x}, {g.where(x)})", x


def spread(g: Generator) -> Any:
    x = g.pick(lambda x: x.ndim and x.shape[-1] > 1 and np.all(np.std(x, axis=-1) > 0.3))
    return f"np.{g.choice(['var', 'std'])}({x}, axis=-1)", x


def extremum(g: Generator) -> Any:
    x = g.array()
    if g.rng.uniform() < 0.5:
        axis, keep = g.axis(x), g.choice(["", ", keepdims=True"])
        ordered(g.real(x), axis)
        return f"np.{g.choice(['max', 'min'])}({x}, axis={axis}{keep})", x
    ordered(g.real(x), None)
    return f"np.{g.choice(['max', 'min'])}({x})", x


def multiplied(g: Generator) -> Any:
    x = g.array()
    return f"np.{g.choice(['prod', 'cumprod'])}({x}, axis={g.axis(x)})", x


def summed_up(g: Generator) -> Any:
    x = g.array()
    return f"np.cumsum({x}, axis={g.axis(x)})", x


def normed(g: Generator) -> Any:
    x = g.pick(lambda x: x.ndim and np.all(np.max(np.abs(x), axis=-1) > 0.3))
    return f"np.linalg.norm({x}, axis=-1)", x


def sorted_(g: Generator) -> Any:
    x = g.array()
    axis = g.axis(x)
    ordered(g.real(x), axis)
    return f"np.{g.choice(['sort', 'median'])}({x}, axis={axis})", x


def by_order(g: Generator) -> Any:
    x = g.array()
    y, axis = g.same_shape(x), g.axis(x)
    ordered(g.real(x), axis)
    return f"np.take_along_axis({y}, np.argsort({x}, axis={axis}), axis={axis})", x, y


def stepped(g: Generator) -> Any:
    x = g.pick(lambda x: x.ndim and x.shape[-1] > 2)
    return g.choice([f"np.diff({x})", f"np.trapezoid({x}, axis=-1)", f"np.gradient({x}, axis=-1)", f"np.ediff1d({x})"]), x


# ---- shapes


def sliced(g: Generator) -> Any:
    x = g.array()
    parts = []
    for n in g.real(x).shape:
        start, step = int(g.rng.integers(n)), int(g.rng.integers(1, 4))
        stop = int(g.rng.integers(start + 1, n + 1))
        parts.append(g.choice([f"{start}:{stop}:{step}", ":", "::-1", f"{start}", f"::{step}", f"-{n - start}:", "None, :"]))
    return f"{x}[{', '.join(parts)}]", x


def shaped(g: Generator) -> Any:
    x = g.array()
    size, shape = g.real(x).size, g.real(x).shape
    wanted = g.choice([(size,), shape[::-1], (1, *shape), (size, 1), (-1, shape[0])])
    return f"np.reshape({x}, {wanted})", x


def turned(g: Generator) -> Any:
    x = g.array(2)
    perm = tuple(g.rng.permutation(g.ndim(x)).tolist())
    return g.choice([f"np.transpose({x}, {perm})", f"np.swapaxes({x}, 0, -1)", f"np.moveaxis({x}, 0, -1)", f"np.rot90({x})"]), x


def mirrored(g: Generator) -> Any:
    x = g.array()
    axis = g.axis(x)
    n = int(g.rng.integers(-2, 3))
    return g.choice([f"np.flip({x}, axis={axis})", f"np.roll({x}, {n}, axis={axis})", f"{x} * np.flip({x}, axis={axis})"]), x


def grown(g: Generator) -> Any:
    x = g.pick(lambda x: x.ndim < 3)
    shape = g.real(x).shape
    axis = int(g.rng.integers(g.ndim(x) + 1))
    return g.choice(
        [
            f"np.expand_dims({x}, {axis})",
            f"np.broadcast_to({x}, {(2, *shape)})",
            f"np.tile({x}, {g.choice([2, (2, 1), (1, 2)])})",
            f"np.stack([{x}, {x} * 0.5], axis={axis})",
        ]
    ), x


def repeated(g: Generator) -> Any:
    x = g.array()
    return f"np.repeat({x}, {int(g.rng.integers(1, 4))}, axis={g.axis(x)})", x


def padded(g: Generator) -> Any:
    x = g.array()
    widths = [tuple(g.rng.integers(0, 3, 2).tolist()) for _ in range(g.ndim(x))]
    return f"np.pad({x}, {widths})", x


def joined(g: Generator) -> Any:
    x = g.array()
    y, axis = g.same_shape(x), g.axis(x)
    return f"np.{g.choice(['concatenate', 'stack'])}([{x}, {y}, {x}], axis={axis})", x, y


def squares(g: Generator) -> Any:
    x = g.pick(lambda x: x.ndim == 2)
    k = int(g.rng.integers(-1, 2))
    return g.choice([f"np.tril({x}, {k})", f"np.triu({x}, {k})", f"np.trace({x})", f"np.diagonal({x})", f"np.diag({x}[0])"]), x


# ---- gathers and products


def gathered(g: Generator) -> Any:
    """Indices that repeat, negative ones among them, traced or written down."""
    x, i = g.array(), g.pick(lambda i: i.ndim > 0, kind="i")
    axis = g.axis(x)
    n = g.real(x).shape[axis]
    listed = g.rng.integers(-n, n, size=4).tolist()
    return g.choice(
        [
            f"np.take({x}, {i} % {n}, axis={axis})",
            f"np.take({x}, {listed}, axis={axis})",
            f"np.take({x}, {i} % {n} - {n}, axis={axis})",
            f"{x}[{i} % {g.real(x).shape[0]}]",
            f"{x}[..., {i} % {g.real(x).shape[-1]}]",
            f"{x}[{i} % {g.real(x).shape[0]}, ..., None]",
        ]
    ), x, i


def product(g: Generator) -> Any:
    x = g.array()
    y = g.pick(lambda y: y.ndim and y.shape[max(y.ndim - 2, 0)] == g.real(x).shape[-1])
    stacks = broadcasts(g.real(x).shape[:-2], g.real(y).shape[:-2])
    return f"{x} @ {y}" if stacks and g.rng.uniform() < 0.7 else f"np.dot({x}, {y})", x, y


def summed_product(g: Generator) -> Any:
    x = g.array(2)
    y = g.same_shape(x)
    letters = "ijk"[: g.ndim(x)]
    out = g.choice(["", letters[0], letters[-1], letters, letters[::-1]])
    crossed = "ij,kj->ik" if g.ndim(x) == 2 else "ijk,ijl->kl"
    subscripts = g.choice([f"{letters},{letters}->{out}", crossed])
    return f"np.einsum('{subscripts}', {x}, {y})", x, y


def spread_product(g: Generator) -> Any:
    x, y = g.pick(lambda x: x.ndim == 1), g.pick(lambda x: x.ndim == 1)
    return f"np.{g.choice(['outer', 'convolve', 'kron'])}({x}, {y})", x, y


def as_float32(g: Generator) -> Any:
    x = g.pick()
    return f"{x}.astype(np.{g.choice(['float32', 'float64'])})", x


MAKERS = (
    *((unary, 4), (positive, 2), (unit, 1), (kinked, 2), (clipped, 1), (scaled, 3), (binary, 6), (quotient, 2)),
    *((smooth_pair, 1), (positive_pair, 2), (larger, 2), (remainder, 1), (compared, 2), (logic, 1), (chosen, 3)),
    *((masked, 1), (counted, 2), (floored, 1), (placed, 1), (integers, 1), (reduced, 4), (spread, 1), (extremum, 2)),
    *((multiplied, 2), (summed_up, 2), (normed, 1), (sorted_, 1), (by_order, 1), (stepped, 2), (sliced, 4), (shaped, 2)),
    *((turned, 2), (mirrored, 2), (grown, 2), (repeated, 1), (padded, 2), (joined, 2), (squares, 2), (gathered, 4)),
    *((product, 4), (summed_product, 2), (spread_product, 1)),
)


def program(seed: int, size: int | None = None) -> Program:
    """A random program of 5 to 60 steps, or of `size`."""
    g = Generator(seed)
    # Small ones more often (19 steps on average): a bug shows in few steps, and time is better spent on more programs.
    wanted = size or 5 + int(56 * g.rng.beta(1, 3))
    for _ in range(4 * wanted):
        if len(g.steps) == wanted:
            break
        g.step()
    # Results are what no step reads, so nothing was made in vain; and perhaps others: one twice, or an argument.
    floats = [n for n, x in g.arrays.items() if x.dtype.kind == "f"]
    read = {n for step in g.steps for n in step.reads}
    unread = [n for n in floats if n not in read] or floats[-1:]
    others = [g.choice(floats) for _ in range(int(g.rng.integers(3)))]
    return Program(g.program.arguments, tuple(g.steps), (*unread, *others), seed).pruned()
