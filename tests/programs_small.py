"""Small programs that show one thing each: for golden files, to be read."""

import numpy as np

from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ir.core import Block
from autodiff.ops import families as fa
from autodiff.ops import indexing, movement, reduction
from autodiff.ops import transcendental as tr
from autodiff.ops.contraction import matmul

F64, I64 = np.dtype(np.float64), np.dtype(np.int64)


def chain(x):
    """An elementwise chain and a sum: one nest, forward and backward."""
    return fa.reduce_sum(tr.tanh(x) * tr.exp(-(x * x)), axes=(0,))


def regression(w, x, y):
    """Squared error of a linear model: matrix products between nests."""
    error = fa.reshape(matmul(x, fa.reshape(w, shape=(w.aval.shape[0], 1))), shape=y.aval.shape) - y
    return 0.5 * fa.reduce_sum(error * error, axes=(0,))


def softmax_loss(z, target):
    """Cross entropy: a composite that expands, and reductions over both axes."""
    score = fa.reduce_sum(z * target, axes=(1,))
    return fa.reduce_sum(reduction.logsumexp(z, axes=(1,)) - score, axes=(0,))


def smoothing(x):
    """Differences of neighbours: slices are views, their transposes are pads."""
    n = x.aval.shape[0]
    step = movement.slice_axis(x, 0, 1, n) - movement.slice_axis(x, 0, 0, n - 1)
    return fa.reduce_sum(step * step, axes=(0,))


def masked(x):
    """Lanes that `where` does not take: the mask travels back through log."""
    return fa.reduce_sum(fa.select(x > 0.0, tr.log(x), 0.1), axes=(0,))


def embedding(table, places):
    """Rows taken twice: the cotangent is added up."""
    rows = indexing.take(table, places, axis=0)
    return fa.reduce_sum(rows * rows, axes=(0, 1))


def broadcasting(x, b):
    """A bias added to rows, the transpose read as a view, the largest entry."""
    y = movement.transpose(x, perm=(1, 0)) + b
    return reduction.reduce_max(y * y, axes=(0, 1))


SHAPES = {
    chain: {"x": (20,)},
    regression: {"w": (5,), "x": (20, 5), "y": (20,)},
    softmax_loss: {"z": (20, 10), "target": (20, 10)},
    smoothing: {"x": (20,)},
    masked: {"x": (20,)},
    embedding: {"table": (20, 4), "places": (12,)},
    broadcasting: {"x": (20, 4), "b": (20,)},
}
INTEGERS = {"places"}
PROGRAMS = {f.__name__: f for f in SHAPES}


def traced(name: str) -> Block:
    """The block of a program."""
    function = PROGRAMS[name]
    shapes = SHAPES[function]
    avals = [ArrayAval(s, I64 if p in INTEGERS else F64) for p, s in shapes.items()]
    with building(avals, list(shapes)) as b:
        return b.block([function(*b.params)])


def arguments(name: str) -> list[np.ndarray]:
    """Arguments to run it on."""
    rng, shapes = np.random.default_rng(0), SHAPES[PROGRAMS[name]]
    return [rng.integers(0, 20, s) if p in INTEGERS else rng.uniform(-1, 1, s) for p, s in shapes.items()]


def floats(name: str) -> list[int]:
    """Positions of the parameters that carry derivatives."""
    return [k for k, p in enumerate(SHAPES[PROGRAMS[name]]) if p not in INTEGERS]
