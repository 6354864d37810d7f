"""What a step of a random program can be: each maker picks operands and writes an expression of them.

A maker returns (expression, *what it reads), or raises `Rejected` when no value fits. It calls the guards with the
values the oracle has for its operands. `MAKERS` says how often each is asked; a new maker is a function and an entry.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from fuzz.guards import Rejected, apart, broadcasts, ordered

if TYPE_CHECKING:
    from fuzz.generator import Generator

ANYWHERE = ("sin", "cos", "tanh", "arctan", "arcsinh", "exp", "expm1", "square", "sinh", "cosh", "negative", "exp2")
POSITIVE = ("log", "log2", "log10", "log1p", "sqrt", "reciprocal")
UNIT = ("arcsin", "arccos", "arctanh", "tan")
COMPARISONS = ("<", "<=", ">", ">=")


# ---- elementwise


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
    return (
        g.choice(
            [f"{p} * {x}", f"{x} + {p}", f"{x} * {p}.astype(np.float64)", f"{p} - {x}"][
                : 3 if kind_of(g, p) == "b" else 4
            ]
        ),
        p,
        x,
    )


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
    return g.choice(
        [f"np.diff({x})", f"np.trapezoid({x}, axis=-1)", f"np.gradient({x}, axis=-1)", f"np.ediff1d({x})"]
    ), x


# ---- shapes


def sliced(g: Generator) -> Any:
    x = g.array()
    parts = []
    for n in g.real(x).shape:
        start, step = int(g.rng.integers(n)), int(g.rng.integers(1, 4))
        stop = int(g.rng.integers(start + 1, n + 1))
        parts.append(
            g.choice([f"{start}:{stop}:{step}", ":", "::-1", f"{start}", f"::{step}", f"-{n - start}:", "None, :"])
        )
    return f"{x}[{', '.join(parts)}]", x


def shaped(g: Generator) -> Any:
    x = g.array()
    size, shape = g.real(x).size, g.real(x).shape
    wanted = g.choice([(size,), shape[::-1], (1, *shape), (size, 1), (-1, shape[0])])
    return f"np.reshape({x}, {wanted})", x


def turned(g: Generator) -> Any:
    x = g.array(2)
    perm = tuple(g.rng.permutation(g.ndim(x)).tolist())
    return g.choice(
        [f"np.transpose({x}, {perm})", f"np.swapaxes({x}, 0, -1)", f"np.moveaxis({x}, 0, -1)", f"np.rot90({x})"]
    ), x


def mirrored(g: Generator) -> Any:
    x = g.array()
    axis = g.axis(x)
    n = int(g.rng.integers(-2, 3))
    return g.choice(
        [f"np.flip({x}, axis={axis})", f"np.roll({x}, {n}, axis={axis})", f"{x} * np.flip({x}, axis={axis})"]
    ), x


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
    return g.choice(
        [f"np.tril({x}, {k})", f"np.triu({x}, {k})", f"np.trace({x})", f"np.diagonal({x})", f"np.diag({x}[0])"]
    ), x


# ---- gathers and products


def gathered(g: Generator) -> Any:
    """Indices that repeat, negative ones among them, traced or written down."""
    x, i = g.array(), g.pick(lambda i: i.ndim > 0, kind="i")
    axis = g.axis(x)
    n = g.real(x).shape[axis]
    listed = g.rng.integers(-n, n, size=4).tolist()
    return (
        g.choice(
            [
                f"np.take({x}, {i} % {n}, axis={axis})",
                f"np.take({x}, np.array({listed}), axis={axis})",
                f"np.take({x}, {i} % {n} - {n}, axis={axis})",
                f"{x}[{i} % {g.real(x).shape[0]}]",
                f"{x}[..., {i} % {g.real(x).shape[-1]}]",
                f"{x}[{i} % {g.real(x).shape[0]}, ..., None]",
            ]
        ),
        x,
        i,
    )


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


# How often each is asked, in proportion.
MAKERS: dict[Any, int] = {
    unary: 4,
    positive: 2,
    unit: 1,
    kinked: 2,
    clipped: 1,
    scaled: 3,
    binary: 6,
    quotient: 2,
    smooth_pair: 1,
    positive_pair: 2,
    larger: 2,
    remainder: 1,
    compared: 2,
    logic: 1,
    chosen: 3,
    masked: 1,
    counted: 2,
    floored: 1,
    placed: 1,
    integers: 1,
    reduced: 4,
    spread: 1,
    extremum: 2,
    multiplied: 2,
    summed_up: 2,
    normed: 1,
    sorted_: 1,
    by_order: 1,
    stepped: 2,
    sliced: 4,
    shaped: 2,
    turned: 2,
    mirrored: 2,
    grown: 2,
    repeated: 1,
    padded: 2,
    joined: 2,
    squares: 2,
    gathered: 4,
    product: 4,
    summed_product: 2,
    spread_product: 1,
}
