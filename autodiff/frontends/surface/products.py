"""NumPy's products: dot, matmul, tensordot, einsum and kin, all brought to one batched matmul."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.surface.common import as_dtype, lift, one_axis, unsupported
from autodiff.frontends.surface.shapes import diagonal, moveaxis
from autodiff.ops.contraction import matmul as matmul_op
from autodiff.ops.families import broadcast_shapes, conjugate, mul, reduce_sum
from autodiff.ops.families import broadcast_to as broadcast_trailing
from autodiff.ops.families import reshape as reshape_op
from autodiff.ops.movement import transpose

REMEDY = "the last axis of the first must equal the second-last (or only) axis of the second"


def matmul(x1: Any, x2: Any) -> Any:
    """x1 @ x2, from vectors to batches."""
    a, b = lift(x1), lift(x2)
    if not a.aval.ndim or not b.aval.ndim:
        raise ShapeError(f"matmul: shapes {a.aval.shape} and {b.aval.shape}: a scalar has no matrix product", "use *")
    if a.aval.shape[-1] != b.aval.shape[-2 if b.aval.ndim > 1 else -1]:
        raise ShapeError(
            f"matmul: shapes {a.aval.shape} and {b.aval.shape} do not fit: "
            f"{a.aval.shape[-1]} columns against {b.aval.shape[-2 if b.aval.ndim > 1 else -1]} rows",
            REMEDY,
        )
    if a.aval.ndim == 2 and b.aval.ndim == 2:
        return matmul_op(a, b)
    if a.aval.ndim == 1 and b.aval.ndim == 1:
        return reduce_sum(mul(a, b), axes=(0,))
    left = reshape_op(a, shape=(1, *a.aval.shape)) if a.aval.ndim == 1 else a
    right = reshape_op(b, shape=(*b.aval.shape, 1)) if b.aval.ndim == 1 else b
    y = _batched(left, right)
    if a.aval.ndim == 1:
        y = reshape_op(y, shape=(*y.aval.shape[:-2], y.aval.shape[-1]))
    return reshape_op(y, shape=y.aval.shape[:-1]) if b.aval.ndim == 1 else y


def _batched(a: Any, b: Any) -> Any:
    if b.aval.ndim == 2 and a.aval.ndim > 2:
        # One matrix for a whole batch: a single, larger product.
        rows = math.prod(a.aval.shape[:-1])
        flat = matmul_op(reshape_op(a, shape=(rows, a.aval.shape[-1])), b)
        return reshape_op(flat, shape=(*a.aval.shape[:-1], b.aval.shape[-1]))
    batch = broadcast_shapes("matmul", [a.aval.shape[:-2], b.aval.shape[:-2]])
    return matmul_op(
        broadcast_trailing(a, (*batch, *a.aval.shape[-2:])), broadcast_trailing(b, (*batch, *b.aval.shape[-2:]))
    )


def dot(a: Any, b: Any, out: Any = None) -> Any:
    unsupported("dot", out=(out, None))
    x, y = lift(a), lift(b)
    if not x.aval.ndim or not y.aval.ndim:
        return mul(x, y)
    if x.aval.ndim <= 2 and y.aval.ndim <= 2:
        return matmul(x, y)
    return tensordot(x, y, ((x.aval.ndim - 1,), (max(y.aval.ndim - 2, 0),)))


def vdot(a: Any, b: Any) -> Any:
    x, y = conjugate(lift(a)), lift(b)
    return matmul(reshape_op(x, shape=(x.aval.size,)), reshape_op(y, shape=(y.aval.size,)))


def inner(a: Any, b: Any) -> Any:
    x, y = lift(a), lift(b)
    if not x.aval.ndim or not y.aval.ndim:
        return mul(x, y)
    return tensordot(x, y, ((-1,), (-1,)))


def vecdot(x1: Any, x2: Any, axis: int = -1) -> Any:
    """Sums of products along one axis of both; the other axes broadcast."""
    x, y = lift(x1), lift(x2)
    for v in (x, y):
        if not v.aval.ndim:
            raise ShapeError("vecdot: an operand of shape () has no axis to sum over", "use *")
    x, y = (moveaxis(v, one_axis(axis, v.aval.ndim, "vecdot"), -1) for v in (x, y))
    _same_length("vecdot", x, y, -1)
    product = mul(np.conj(x) if x.aval.dtype.kind == "c" else x, y)
    return reduce_sum(product, axes=(product.aval.ndim - 1,))


def matvec(x1: Any, x2: Any) -> Any:
    """Each matrix of x1 times the vector of x2 that broadcasting gives it."""
    a, v = lift(x1), lift(x2)
    if a.aval.ndim < 2 or not v.aval.ndim:
        raise ShapeError(f"matvec: shapes {a.aval.shape} and {v.aval.shape} are not a matrix and a vector")
    _same_length("matvec", a, v, -1)
    y = matmul(a, reshape_op(v, shape=(*v.aval.shape, 1)))
    return reshape_op(y, shape=y.aval.shape[:-1])


def vecmat(x1: Any, x2: Any) -> Any:
    """The vector of x1 (conjugated) times each matrix of x2."""
    v, a = lift(x1), lift(x2)
    if a.aval.ndim < 2 or not v.aval.ndim:
        raise ShapeError(f"vecmat: shapes {v.aval.shape} and {a.aval.shape} are not a vector and a matrix")
    v = np.conj(v) if v.aval.dtype.kind == "c" else v
    _same_length("vecmat", v, a, -2)
    y = matmul(reshape_op(v, shape=(*v.aval.shape[:-1], 1, v.aval.shape[-1])), a)
    return reshape_op(y, shape=(*y.aval.shape[:-2], y.aval.shape[-1]))


def _same_length(name: str, x: Any, y: Any, axis: int) -> None:
    if x.aval.shape[-1] != y.aval.shape[axis]:
        raise ShapeError(f"{name}: shapes {x.aval.shape} and {y.aval.shape} do not fit along axis {axis}", REMEDY)


def outer(a: Any, b: Any, out: Any = None) -> Any:
    unsupported("outer", out=(out, None))
    x, y = lift(a), lift(b)
    return mul(reshape_op(x, shape=(x.aval.size, 1)), reshape_op(y, shape=(1, y.aval.size)))


def kron(a: Any, b: Any) -> Any:
    x, y = lift(a), lift(b)
    n = max(x.aval.ndim, y.aval.ndim)
    sx = (1,) * (n - x.aval.ndim) + x.aval.shape
    sy = (1,) * (n - y.aval.ndim) + y.aval.shape
    wide = mul(
        reshape_op(x, shape=tuple(m for k in sx for m in (k, 1))),
        reshape_op(y, shape=tuple(m for k in sy for m in (1, k))),
    )
    return reshape_op(wide, shape=tuple(j * k for j, k in zip(sx, sy, strict=True)))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    x, y = lift(a), lift(b)
    if isinstance(axes, int | np.integer):
        over_x = tuple(range(x.aval.ndim - int(axes), x.aval.ndim))
        over_y = tuple(range(int(axes)))
    else:
        over_x, over_y = (tuple(int(k) for k in np.atleast_1d(side)) for side in axes)
    over_x = tuple(one_axis(k, x.aval.ndim, "tensordot") for k in over_x)
    over_y = tuple(one_axis(k, y.aval.ndim, "tensordot") for k in over_y)
    if [x.aval.shape[k] for k in over_x] != [y.aval.shape[k] for k in over_y]:
        raise ShapeError(f"tensordot: shapes {x.aval.shape} and {y.aval.shape} differ along axes {over_x} and {over_y}")
    free_x = tuple(k for k in range(x.aval.ndim) if k not in over_x)
    free_y = tuple(k for k in range(y.aval.ndim) if k not in over_y)
    return contract(x, y, ((), free_x, over_x), ((), over_y, free_y))


Split = tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]


def contract(x: Any, y: Any, split_x: Split, split_y: Split) -> Any:
    """Batched matmul after sorting the axes into (batch, rows, columns) on either side."""
    left, groups_x = _grouped(x, split_x)
    right, groups_y = _grouped(y, split_y)
    product = matmul_op(left, right)
    return reshape_op(product, shape=(*groups_x[0], *groups_x[1], *groups_y[2]))


def _grouped(x: Any, split: Split) -> tuple[Any, list[tuple[int, ...]]]:
    perm = tuple(k for group in split for k in group)
    moved = x if perm == tuple(range(len(perm))) else transpose(x, perm=perm)
    groups = [tuple(x.aval.shape[k] for k in group) for group in split]
    batch, rows, columns = map(math.prod, groups)
    return reshape_op(moved, shape=(batch, rows, columns) if split[0] else (rows, columns)), groups


# ---- einsum ----------------------------------------------------------------------------------


def einsum(*operands: Any, out: Any = None, optimize: Any = False, dtype: Any = None, **kwargs: Any) -> Any:
    """`numpy.einsum` for any number of operands, contracted pairwise along NumPy's path."""
    unsupported("einsum", out=(out, None))
    if unknown := set(kwargs) - {"order", "casting"}:
        raise ArgumentError(f"einsum: unknown arguments {', '.join(sorted(unknown))}")
    text, xs = _subscripts_first(operands)
    xs = [as_dtype(lift(x), dtype) for x in xs]
    inputs, output = _subscripts(text, [x.aval for x in xs])
    terms = [
        _reduced_term(x, labels, _elsewhere(inputs, k, output))
        for k, (x, labels) in enumerate(zip(xs, inputs, strict=True))
    ]
    for pair in _path(text, xs, optimize):
        chosen = [terms[k] for k in sorted(pair)]
        terms = [t for k, t in enumerate(terms) if k not in pair]
        term = chosen[0]
        for k, other in enumerate(chosen[1:], 2):
            later = set(output).union(*(labels for _, labels in (*terms, *chosen[k:])))
            term = _pair(term, other, later)
        terms.append(term)
    x, labels = _reduced_term(*terms[0], set(output))
    return x if labels == output else transpose(x, perm=tuple(labels.index(c) for c in output))


def einsum_path(*operands: Any, optimize: Any = "greedy", **kwargs: Any) -> Any:
    """NumPy's own, from the shapes alone."""
    text, xs = _subscripts_first(operands)
    return np.einsum_path(text, *[_shape_only(lift(x)) for x in xs], optimize=optimize, **kwargs)


def _shape_only(x: Any) -> np.ndarray:
    return np.broadcast_to(np.float64(0), x.aval.shape)


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _subscripts_first(operands: tuple[Any, ...]) -> tuple[str, Sequence[Any]]:
    """The string form; from the other one, in which a list of numbers follows each operand."""
    if isinstance(operands[0], str):
        return operands[0], operands[1:]
    count = len(operands) // 2
    if not count:
        raise ArgumentError("einsum: give the subscripts as a string first", 'write np.einsum("ij,jk->ik", a, b)')
    lists = [operands[2 * k + 1] for k in range(count)]
    text = ",".join(map(_spelled, lists))
    return text + ("->" + _spelled(operands[-1]) if len(operands) % 2 else ""), operands[: 2 * count : 2]


def _spelled(axes: Any) -> str:
    return "".join("..." if k is Ellipsis else LETTERS[operator.index(k)] for k in axes)


Term = tuple[Any, str]


def _subscripts(text: str, avals: Sequence[Any]) -> tuple[list[str], str]:
    """Labels per operand and of the result; '...' becomes labels of its own."""
    text = text.replace(" ", "")
    left, arrow, output = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(avals):
        raise ArgumentError(f"einsum: {text!r} names {len(inputs)} operands, {len(avals)} given")
    spare = [chr(c) for c in range(0x3B1, 0x3B1 + 24)]
    widths = [a.ndim - len(labels) + 3 for a, labels in zip(avals, inputs, strict=True) if "..." in labels]
    dots = "".join(spare[: max(widths, default=0)])
    full = [
        labels.replace("...", dots[len(dots) - (a.ndim - len(labels) + 3) :] if a.ndim - len(labels) + 3 else "")
        for a, labels in zip(avals, inputs, strict=True)
    ]
    for a, labels in zip(avals, full, strict=True):
        if a.ndim != len(labels):
            raise ShapeError(f"einsum: {text!r}: an operand of shape {a.shape} does not have {len(labels)} axes")
    if arrow:
        _check_output(text, output, "".join(full), dots)
    else:
        joined = "".join(full)
        output = dots + "".join(sorted(c for c in set(joined) if joined.count(c) == 1 and c not in dots))
    return full, output.replace("...", dots)


def _check_output(text: str, output: str, labels: str, dots: str) -> None:
    plain = output.replace("...", "")
    for c in plain:
        if c not in labels:
            raise ArgumentError(f"einsum: {text!r}: the output has label {c!r}, which no operand has")
        if plain.count(c) > 1:
            raise ArgumentError(f"einsum: {text!r}: the output has label {c!r} more than once")
    if dots and "..." not in output:
        raise ArgumentError(f"einsum: {text!r}: the output needs '...' for the axes that '...' stands for")


def _elsewhere(inputs: Sequence[str], k: int, output: str) -> set[str]:
    return set(output).union(*(labels for j, labels in enumerate(inputs) if j != k))


def _path(text: str, xs: Sequence[Any], optimize: Any) -> list[tuple[int, ...]]:
    """Which terms meet, step by step: the path given, or NumPy's. Without optimize= the greedy one:
    NumPy would form no intermediate results then, which costs a matmul's work many times over."""
    if len(xs) <= 2:
        return [tuple(range(len(xs)))]
    asked = "greedy" if optimize in (False, True, None) else optimize
    return [tuple(step) for step in np.einsum_path(text, *map(_shape_only, xs), optimize=asked)[0][1:]]


def _reduced_term(x: Any, labels: str, needed: set[str]) -> Term:
    """Repeated labels become diagonals; labels nobody else needs are summed away."""
    for c in dict.fromkeys(labels):
        while labels.count(c) > 1:
            j = labels.index(c)
            k = labels.index(c, j + 1)
            x = moveaxis(diagonal(x, 0, j, k), -1, j)
            labels = labels[:k] + labels[k + 1 :]
    gone = tuple(k for k, c in enumerate(labels) if c not in needed)
    if gone:
        x, labels = reduce_sum(x, axes=gone), "".join(c for c in labels if c in needed)
    return x, labels


def _pair(first: Term, second: Term, needed: set[str]) -> Term:
    (x, lx), (y, ly) = first, second
    for c in set(lx) & set(ly):
        m, n = x.aval.shape[lx.index(c)], y.aval.shape[ly.index(c)]
        if m != n and 1 not in (m, n):
            raise ShapeError(f"einsum: label {c!r} has size {m} in one operand and {n} in another")
        if m != n:
            x, y = _stretched(x, lx.index(c), n), _stretched(y, ly.index(c), m)
    shared = [c for c in lx if c in ly]
    batch = [c for c in shared if c in needed]
    over = [c for c in shared if c not in needed]
    rows, columns = [c for c in lx if c not in shared], [c for c in ly if c not in shared]
    split_x = tuple(tuple(lx.index(c) for c in group) for group in (batch, rows, over))
    split_y = tuple(tuple(ly.index(c) for c in group) for group in (batch, over, columns))
    labels = "".join(batch + rows + columns)
    if not over:
        return _broadcast_product(x, lx, y, ly, labels), labels
    return contract(x, y, split_x, split_y), labels  # type: ignore[arg-type]


def _stretched(x: Any, axis: int, n: int) -> Any:
    if x.aval.shape[axis] != 1:
        return x
    return broadcast_trailing(x, tuple(n if k == axis else m for k, m in enumerate(x.aval.shape)))


def _broadcast_product(x: Any, lx: str, y: Any, ly: str, labels: str) -> Any:
    """Nothing is summed: an elementwise product fuses with its neighbours."""
    return mul(_aligned(x, lx, labels), _aligned(y, ly, labels))


def _aligned(x: Any, own: str, labels: str) -> Any:
    present = [c for c in labels if c in own]
    moved = transpose(x, perm=tuple(own.index(c) for c in present))
    sizes = dict(zip(present, moved.aval.shape, strict=True))
    return reshape_op(moved, shape=tuple(sizes.get(c, 1) for c in labels))
