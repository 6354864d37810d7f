"""Activations, losses and what goes around them: values against formulas in NumPy, gradients against differences."""

import numpy as np
import pytest
from surface_checks import check_gradient

import autodiff as ad
from autodiff import nn
from autodiff.errors import ArgumentError, ShapeError

pytestmark = pytest.mark.usefixtures("no_kernels")

X = np.array([[-4.0, -1.3, -0.2, 0.4], [0.9, 2.5, 3.3, 7.0]])


def softplus(x):
    return np.logaddexp(x, 0.0)


ACTIVATIONS = {
    "mish": lambda x: x * np.tanh(softplus(x)),
    "celu": lambda x: np.where(x > 0.0, x, np.expm1(x)),
    "glu": lambda x: x[..., :2] / (1.0 + np.exp(-x[..., 2:])),
    "crelu": lambda x: np.concatenate([np.maximum(x, 0.0), np.maximum(-x, 0.0)], axis=-1),
    "hard_sigmoid": lambda x: np.clip(x / 6.0 + 0.5, 0.0, 1.0),
    "hard_tanh": lambda x: np.clip(x, -1.0, 1.0),
    "l2_loss": lambda x: np.sum(x**2) / 2.0,
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    np.testing.assert_allclose(getattr(nn, name)(X).numpy(), ACTIVATIONS[name](X), rtol=1e-14)
    check_gradient(getattr(nn, name), [X])


def test_gelu():
    # Values of Phi from tables: Phi(1) = 0.841344746068543.
    assert nn.gelu(1.0).numpy() == pytest.approx(0.841344746068543, rel=1e-14)
    np.testing.assert_allclose(nn.gelu(X, approximate=True).numpy(), nn.gelu(X).numpy(), atol=1e-3)
    check_gradient(nn.gelu, [X], order=2)
    check_gradient(lambda x: nn.gelu(x, approximate=True), [X], order=2)


@pytest.mark.parametrize(("name", "bounds"), [("hard_sigmoid", 3.0), ("hard_tanh", 1.0)])
def test_no_slope_on_the_bounds(name, bounds):
    found = ad.grad(lambda x: np.sum(getattr(nn, name)(x)))(np.array([-bounds, bounds]))
    np.testing.assert_array_equal(found, [0.0, 0.0])


def test_moments_at_order_two():
    # The Hessian of the variance of n numbers is 2/n (I - 1/n): the mean depends on each of them.
    x = np.array([0.3, -1.0, 2.0])
    rows = [ad.grad(lambda x, k=k: ad.grad(lambda y: nn.moments(y, [0])[1])(x)[k])(x) for k in range(3)]
    np.testing.assert_allclose(rows, 2.0 / 3.0 * (np.eye(3) - 1.0 / 3.0), rtol=1e-14)


def test_moments_keep_axes():
    mean, variance = nn.moments(X, [0], keepdims=True)
    np.testing.assert_allclose(mean.numpy(), X.mean(axis=0, keepdims=True), rtol=1e-15)
    np.testing.assert_allclose(variance.numpy(), X.var(axis=0, keepdims=True), rtol=1e-15)


def test_batch_normalization():
    def normal(x, scale, offset):
        return nn.batch_normalization(x, *nn.moments(x, 0), offset, scale, 1e-3)

    expected = (X - X.mean(0)) / np.sqrt(X.var(0) + 1e-3) * 2.0 + 0.5
    np.testing.assert_allclose(normal(X, 2.0, 0.5).numpy(), expected, rtol=1e-13)
    check_gradient(normal, [X, np.full(4, 2.0), np.full(4, 0.5)], order=2)


def test_losses():
    z = np.array([0.0, 1.0, 1.0, 0.3])
    x = X[0]
    p = 1.0 / (1.0 + np.exp(-x))
    expected = -2.5 * z * np.log(p) - (1.0 - z) * np.log1p(-p)
    np.testing.assert_allclose(nn.weighted_cross_entropy_with_logits(z, x, 2.5).numpy(), expected, rtol=1e-12)
    check_gradient(lambda x, w: nn.weighted_cross_entropy_with_logits(z, x, w), [x, np.array(2.5)])
    counts = np.array([0.0, 1.0, 4.0, 0.3])
    stirling = np.where(counts > 1.0, 4.0 * np.log(4.0) - 4.0 + 0.5 * np.log(8.0 * np.pi), 0.0)
    full = nn.log_poisson_loss(counts, x, compute_full_loss=True).numpy()
    np.testing.assert_allclose(full, np.exp(x) - counts * x + stirling, rtol=1e-13)
    check_gradient(lambda x: nn.log_poisson_loss(counts, x), [x])


def test_dropout():
    mask = np.array([True, False, True, True])
    np.testing.assert_array_equal(nn.dropout(X, 0.5, mask=mask).numpy(), np.where(mask, 2.0 * X, 0.0))
    np.testing.assert_array_equal(
        ad.grad(lambda x: np.sum(nn.dropout(x, 0.5, mask=mask)))(X), np.where(mask, 2.0, 0.0) * np.ones_like(X)
    )
    first, again = (nn.dropout(np.ones(1000), 0.25, seed=3).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert 650 < np.count_nonzero(first) < 850
    with pytest.raises(ArgumentError, match="mask or a seed"):
        nn.dropout(X, 0.5)
    with pytest.raises(ArgumentError, match="rate"):
        nn.dropout(X, 1.0, seed=0)


def test_shapes_are_checked():
    with pytest.raises(ShapeError, match="halves"):
        nn.glu(np.ones(3))
    with pytest.raises(ShapeError, match="bias"):
        nn.bias_add(X, np.ones(3))
    with pytest.raises(ShapeError, match="top_k"):
        nn.top_k(X, 5)


def test_top_k():
    values, places = nn.top_k(np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 5.0]]), 2)
    np.testing.assert_array_equal(values.numpy(), [[3.0, 3.0], [5.0, 2.0]])
    np.testing.assert_array_equal(places.numpy(), [[1, 2], [2, 0]])


def test_embedding_lookup():
    ids = np.array([[1, 0], [1, 1]])
    np.testing.assert_array_equal(nn.embedding_lookup(X, ids).numpy(), X[ids])
    found = ad.grad(lambda x: np.sum(nn.embedding_lookup(x, ids)))(X)
    np.testing.assert_array_equal(found, np.array([[1.0], [3.0]]) * np.ones(4))
