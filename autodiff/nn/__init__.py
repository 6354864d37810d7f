"""Activations and losses, by the names the tape world gives them.

All of them take tensors, variables, tracers or arrays, and work under tapes and decorators
alike. Losses are per row: reduce them yourself (`np.mean(...)`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import ShapeError
from autodiff.frontends.surface import indexing, reductions
from autodiff.frontends.surface.common import as_float, lift
from autodiff.math import l2_normalize as l2_normalize
from autodiff.math import top_k as top_k
from autodiff.nn.activations import (
    batch_normalization as batch_normalization,
)
from autodiff.nn.activations import (
    bias_add as bias_add,
)
from autodiff.nn.activations import (
    celu as celu,
)
from autodiff.nn.activations import (
    crelu as crelu,
)
from autodiff.nn.activations import (
    dropout as dropout,
)
from autodiff.nn.activations import (
    embedding_lookup as embedding_lookup,
)
from autodiff.nn.activations import (
    gelu as gelu,
)
from autodiff.nn.activations import (
    glu as glu,
)
from autodiff.nn.activations import (
    hard_sigmoid as hard_sigmoid,
)
from autodiff.nn.activations import (
    hard_tanh as hard_tanh,
)
from autodiff.nn.activations import (
    l2_loss as l2_loss,
)
from autodiff.nn.activations import (
    log_poisson_loss as log_poisson_loss,
)
from autodiff.nn.activations import (
    mish as mish,
)
from autodiff.nn.activations import (
    moments as moments,
)
from autodiff.nn.activations import (
    weighted_cross_entropy_with_logits as weighted_cross_entropy_with_logits,
)
from autodiff.ops import arithmetic as ar
from autodiff.ops import transcendental as tr
from autodiff.ops.families import mul, select
from autodiff.ops.op import cast

__all__ = [
    "batch_normalization",
    "bias_add",
    "celu",
    "crelu",
    "dropout",
    "elu",
    "embedding_lookup",
    "gelu",
    "glu",
    "hard_sigmoid",
    "hard_tanh",
    "l2_loss",
    "l2_normalize",
    "leaky_relu",
    "log_poisson_loss",
    "log_softmax",
    "mish",
    "moments",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "sigmoid_cross_entropy_with_logits",
    "silu",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_with_logits",
    "softplus",
    "softsign",
    "sparse_softmax_cross_entropy_with_logits",
    "swish",
    "tanh",
    "top_k",
    "weighted_cross_entropy_with_logits",
]

relu, sigmoid, softplus, tanh = tr.relu, tr.sigmoid, tr.softplus, tr.tanh


def leaky_relu(x: Any, alpha: float = 0.2) -> Any:
    """x where positive, alpha * x elsewhere (slope alpha at 0)."""
    x = lift(x)
    return select(x > 0.0, x, alpha * x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where positive, alpha * (exp(x) - 1) elsewhere (Clevert et al., 2016)."""
    x = lift(x)
    return select(x > 0.0, x, alpha * tr.expm1(x))


def selu(x: Any) -> Any:
    """Scaled elu with the constants of Klambauer et al., 2017."""
    return 1.0507009873554804934 * elu(x, 1.6732632423543772848)


def relu6(x: Any) -> Any:
    """x cut to [0, 6]; slope 0 on both bounds."""
    x = lift(x)
    inside = (x > 0.0) & (x < 6.0)
    return select(inside, x, ar.stop_gradient(ar.clip(x, 0.0, 6.0)))


def silu(x: Any) -> Any:
    """x * sigmoid(x)."""
    x = lift(x)
    return mul(x, tr.sigmoid(x))


swish = silu


def softsign(x: Any) -> Any:
    """x / (1 + |x|)."""
    x = lift(x)
    return x / (1.0 + abs(x))


def softmax(logits: Any, axis: int = -1) -> Any:
    """exp(x) / sum(exp(x)) along `axis`."""
    return reductions.softmax(logits, axis)


def log_softmax(logits: Any, axis: int = -1) -> Any:
    """x - log(sum(exp(x))) along `axis`."""
    return reductions.log_softmax(logits, axis)


def softmax_cross_entropy_with_logits(labels: Any, logits: Any, axis: int = -1) -> Any:
    """-sum(labels * log_softmax(logits)) along `axis`: one loss a row.

    Parameters
    ----------
    labels : probabilities, of the shape of `logits`
    logits : shape (..., classes)

    Raises
    ------
    ShapeError
        When the shapes differ.
    """
    labels, logits = lift(labels), as_float(lift(logits))
    if labels.aval.shape != logits.aval.shape:
        raise ShapeError(
            f"softmax_cross_entropy: labels have shape {labels.aval.shape}, logits {logits.aval.shape}",
            "give one-hot labels, or integer labels to sparse_softmax_cross_entropy_with_logits",
        )
    # sum(y * (lse - x)): 0 * -inf cannot occur for a label of 0.
    lse = reductions.logsumexp(logits, axis=axis, keepdims=True)
    return reductions.sum(select(labels == 0.0, 0.0, mul(labels, lse - logits)), axis=axis)


def softmax_cross_entropy(logits: Any, labels: Any, axis: int = -1) -> Any:
    """`softmax_cross_entropy_with_logits`, logits first."""
    return softmax_cross_entropy_with_logits(labels, logits, axis)


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """-log_softmax(logits)[label]: one loss a row.

    Parameters
    ----------
    labels : integers, of the shape of `logits` without its last axis
    logits : shape (..., classes)
    """
    labels, logits = lift(labels), as_float(lift(logits))
    if labels.aval.shape != logits.aval.shape[:-1]:
        raise ShapeError(
            f"sparse_softmax_cross_entropy: labels have shape {labels.aval.shape}, logits {logits.aval.shape}",
            "labels are class numbers, one per row of logits",
        )
    places = cast(labels, dtype=np.dtype(np.intp))[..., None]
    picked = indexing.take_along_axis(logits, places, -1)
    return reductions.logsumexp(logits, axis=-1) - picked[..., 0]


def sigmoid_cross_entropy_with_logits(labels: Any, logits: Any) -> Any:
    """-labels * log(sigmoid(x)) - (1 - labels) * log(1 - sigmoid(x)), element by element."""
    labels, logits = lift(labels), as_float(lift(logits))
    return tr.softplus(logits) - mul(labels, logits)
