"""Lanes that a choice discards stay zero through ops that move, add up or scan, in both modes: no 0 * inf."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.math import reduce_logsumexp

INF = np.inf
PLACES = np.array([1, 0, 0])
ORDER = np.array([1, 0])
FIRST = np.array([True, False, False])

# What is computed, where, and the derivative. Each has a factor that is infinite in a lane that was not chosen.
CASES = {
    "flip": (lambda x: np.sqrt(np.flip(np.maximum(x, 0.0))), [-1.0, 4.0], [0.0, 0.25]),
    "take": (lambda x: np.sqrt(np.take(np.maximum(x, 0.0), PLACES)), [-1.0, 4.0], [0.0, 0.25]),
    "take along": (lambda x: np.sqrt(np.take_along_axis(np.maximum(x, 0.0), ORDER, 0)), [-1.0, 4.0], [0.0, 0.25]),
    "sort": (lambda x: np.sqrt(np.sort(np.maximum(x, 0.0))), [4.0, -1.0, 1.0], [0.25, 0.0, 0.5]),
    "concatenate": (lambda x: np.sqrt(np.concatenate([np.maximum(x, 0.0), x**2])), [-1.0, 4.0], [-1.0, 1.25]),
    "beside a constant": (lambda x: np.sqrt(np.append(np.maximum(x, 0.0), 9.0)), [-1.0, 4.0], [0.0, 0.25]),
    "beside a zero": (lambda x: np.sqrt(np.append(np.maximum(x, 0.0), 0.0)), [-1.0, 4.0], [0.0, 0.25]),
    # Lanes that count, counted through a product, would add up to nothing: no reason to drop them.
    "lanes that cancel": (
        lambda x: np.sin(np.cumprod(np.minimum(x, 5.0))),
        [1.0, -1.0],
        [np.cos(1.0) - np.cos(-1.0), np.cos(-1.0)],
    ),
    "cumsum": (lambda x: np.where(FIRST, np.cumsum(np.sqrt(x)), 0.0), [4.0, 0.0, 0.0], [0.25, 0.0, 0.0]),
    "cumprod": (lambda x: np.where(~FIRST[::-1], np.cumprod(x), 0.0), [2.0, 3.0, INF], [4.0, 2.0, 0.0]),
    "cumprod before": (lambda x: np.where(FIRST, np.cumprod(x), 0.0), [2.0, INF, 3.0], [1.0, 0.0, 0.0]),
    "roots before cumprod": (lambda x: np.where(FIRST, np.cumprod(np.sqrt(x)), 0.0), [4.0, 0.0, 0.0], [0.25, 0.0, 0.0]),
    "logsumexp": (
        lambda x: np.where(x[:, 0] < 9.0, reduce_logsumexp(x, axis=1), 0.0),
        [[0.0, 0.0], [INF, 1.0]],
        [[0.5, 0.5], [0.0, 0.0]],
    ),
    "solve": (
        lambda x: np.where(np.array([True, False]), np.linalg.solve(np.diag(x), np.ones(2)), 0.0),
        [2.0, 4.0],
        [-0.25, 0.0],
    ),
    "constant power": (lambda x: x**0.0 + x, [0.0, 2.0, -3.0], [1.0, 1.0, 1.0]),
}


@pytest.fixture(params=CASES)
def case(request):
    f, x, expected = CASES[request.param]
    return f, np.array(x), np.array(expected)


def test_reverse(case):
    f, x, expected = case
    np.testing.assert_allclose(ad.grad(lambda x: np.sum(f(x)))(x), expected, atol=1e-15)


def test_forward(case):
    f, x, expected = case
    for k in range(x.size):
        direction = np.eye(x.size)[k].reshape(x.shape)
        _, tangent = ad.jvp(lambda x: np.sum(f(x)), (x,), (direction,))
        np.testing.assert_allclose(tangent, expected.ravel()[k], atol=1e-15, err_msg=str(k))


def test_forward_over_reverse_stays_finite(case):
    f, x, _ = case
    if np.isfinite(x).all():
        _, found = ad.jvp(ad.grad(lambda x: np.sum(f(x))), (x,), (np.ones_like(x),))
        assert np.isfinite(found).all()
