"""Activations beyond those in `autodiff.nn` itself, and what goes around them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.errors import ArgumentError, ShapeError
from autodiff.frontends.surface import indexing, reductions, shapes
from autodiff.frontends.surface.common import as_float, lift, one_axis
from autodiff.ops import arithmetic as ar
from autodiff.ops import transcendental as tr
from autodiff.ops.families import logical_or, mul, select
from autodiff.ops.special_error import ndtr


def gelu(features: Any, approximate: bool = False) -> Any:
    """x times the normal distribution function of x, or its approximation by tanh (Hendrycks and Gimpel, 2016)."""
    x = as_float(lift(features))
    if not approximate:
        return mul(x, ndtr(x))
    return 0.5 * x * (1.0 + tr.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x * x * x)))


def mish(features: Any) -> Any:
    """x * tanh(softplus(x)) (Misra, 2019)."""
    x = as_float(lift(features))
    return mul(x, tr.tanh(tr.softplus(x)))


def celu(features: Any, alpha: float = 1.0) -> Any:
    """x where positive, alpha * (exp(x / alpha) - 1) elsewhere (Barron, 2017)."""
    x = as_float(lift(features))
    return select(x > 0.0, x, alpha * tr.expm1(x / alpha))


def glu(features: Any, axis: int = -1) -> Any:
    """The first half along `axis` times the sigmoid of the second half (Dauphin et al., 2017)."""
    x = as_float(lift(features))
    k = one_axis(axis, x.aval.ndim, "glu")
    if x.aval.shape[k] % 2:
        raise ShapeError(f"glu: axis {axis} of shape {x.aval.shape} has no halves", "give an even number of features")
    first, second = shapes.split(x, 2, axis=k)
    return mul(first, tr.sigmoid(second))


def crelu(features: Any, axis: int = -1) -> Any:
    """relu(x) and relu(-x), side by side along `axis`."""
    x = as_float(lift(features))
    return shapes.concatenate([tr.relu(x), tr.relu(-x)], axis=axis)


def hard_sigmoid(x: Any) -> Any:
    """(x + 3) / 6 cut to [0, 1]; slope 0 on both bounds, as in `relu6`."""
    x = as_float(lift(x))
    inside = (x > -3.0) & (x < 3.0)
    return select(inside, x / 6.0 + 0.5, ar.stop_gradient(select(x > 0.0, 1.0, 0.0 * x)))


def hard_tanh(x: Any) -> Any:
    """x cut to [-1, 1]; slope 0 on both bounds, as in `relu6`."""
    x = as_float(lift(x))
    inside = (x > -1.0) & (x < 1.0)
    return select(inside, x, ar.stop_gradient(ar.clip(x, -1.0, 1.0)))


def l2_loss(t: Any) -> Any:
    """sum(t**2) / 2."""
    t = as_float(lift(t))
    return 0.5 * reductions.sum(t * t)


def weighted_cross_entropy_with_logits(labels: Any, logits: Any, pos_weight: Any) -> Any:
    """`sigmoid_cross_entropy_with_logits` in which positive labels count `pos_weight` times."""
    z, x = lift(labels), as_float(lift(logits))
    return mul(1.0 - z, x) + mul(1.0 + (lift(pos_weight) - 1.0) * z, tr.softplus(-x))


def log_poisson_loss(targets: Any, log_input: Any, compute_full_loss: bool = False) -> Any:
    """exp(c) - z * c for targets z and a prediction c of the logarithm of their mean.

    `compute_full_loss` adds log(z!), by Stirling's formula as the tape world has it: 0 for z in [0, 1].
    """
    z, c = lift(targets), as_float(lift(log_input))
    loss = tr.exp(c) - mul(z, c)
    if not compute_full_loss:
        return loss
    large = logical_or(z < 0.0, z > 1.0)
    safe = select(large, z, 1.0)
    stirling = safe * tr.log(safe) - safe + 0.5 * tr.log(2.0 * math.pi * safe)
    return loss + select(large, stirling, 0.0)


def moments(x: Any, axes: Any, keepdims: bool = False) -> tuple[Any, Any]:
    """Mean and variance (divisor n) over `axes`; the variance depends on the mean, in derivatives of any order."""
    x = as_float(lift(x))
    axes = tuple(axes) if isinstance(axes, list | tuple) else axes
    return reductions.mean(x, axis=axes, keepdims=keepdims), reductions.var(x, axis=axes, keepdims=keepdims)


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any = None, scale: Any = None, variance_epsilon: float = 1e-3
) -> Any:
    """(x - mean) / sqrt(variance + variance_epsilon) * scale + offset, broadcasting."""
    y = (lift(x) - mean) / tr.sqrt(lift(variance) + variance_epsilon)
    y = y if scale is None else mul(y, scale)
    return y if offset is None else y + offset


def bias_add(value: Any, bias: Any) -> Any:
    """`value` plus a bias along its last axis."""
    value, bias = lift(value), lift(bias)
    if bias.aval.ndim != 1 or value.aval.shape[-1:] != bias.aval.shape:
        raise ShapeError(f"bias_add: a bias of shape {bias.aval.shape} for values of shape {value.aval.shape}")
    return value + bias


def dropout(x: Any, rate: float, mask: Any = None, seed: Any = None) -> Any:
    """x with entries left out, and the rest divided by 1 - rate.

    Parameters
    ----------
    x : array
    rate : the share to leave out, in [0, 1)
    mask : true where an entry is kept; broadcasts to x
    seed : int or `numpy.random.Generator`, to draw the mask from. A function that is traced draws
        once: give it a mask as an argument for a new one at each call.

    Raises
    ------
    ArgumentError
        When neither or both of `mask` and `seed` are given, or the rate is outside of [0, 1).
    """
    x = as_float(lift(x))
    if not 0.0 <= rate < 1.0:
        raise ArgumentError(f"dropout: the rate must be in [0, 1), got {rate!r}")
    if (mask is None) == (seed is None):
        raise ArgumentError("dropout needs a mask or a seed, and not both", "dropout(x, 0.5, seed=0)")
    if mask is None:
        generator = seed if isinstance(seed, np.random.Generator) else np.random.default_rng(seed)
        mask = generator.random(x.aval.shape) >= rate
    return select(lift(mask), x / (1.0 - rate), 0.0)


def embedding_lookup(params: Any, ids: Any) -> Any:
    """The rows of `params` at `ids`."""
    return indexing.take(params, ids, axis=0)
