"""Segments, scattering and scans by the tape world's names, with known and with traced ids."""

import numpy as np
import pytest
from surface_checks import check_gradient

import autodiff as ad
from autodiff.errors import ArgumentError, ConcretizationError, ShapeError

pytestmark = pytest.mark.usefixtures("no_kernels")

m = ad.math
X = np.array([[0.5, 2.0], [-1.0, 0.0], [3.0, 1.5], [0.2, -0.7]])
IDS = np.array([2, 0, 2, -1])  # segment 1 is empty, the last row belongs nowhere
LOW, HIGH = np.finfo(float).min, np.finfo(float).max
UNSORTED = {
    "sum": [X[1], [0.0, 0.0], X[0] + X[2]],
    "mean": [X[1], [0.0, 0.0], (X[0] + X[2]) / 2.0],
    "sqrt_n": [X[1], [0.0, 0.0], (X[0] + X[2]) / np.sqrt(2.0)],
    "max": [X[1], [LOW, LOW], [3.0, 2.0]],
    "min": [X[1], [HIGH, HIGH], [0.5, 1.5]],
    "prod": [X[1], [1.0, 1.0], X[0] * X[2]],
}


@pytest.mark.parametrize("name", UNSORTED)
def test_unsorted_segments(name):
    function = getattr(m, f"unsorted_segment_{name}")
    np.testing.assert_allclose(function(X, IDS, 3).numpy(), UNSORTED[name], rtol=1e-15)
    np.testing.assert_allclose(ad.jit(lambda x, i: function(x, i, 3))(X, IDS), UNSORTED[name], rtol=1e-15)
    check_gradient(lambda x: function(x, np.array([1, 0, 1, -1]), 2), [X])
    check_gradient(lambda x: function(x, ad.constant(np.array([1, 0, 1, 1])), 2), [X])


@pytest.mark.parametrize("name", ["sum", "mean", "max", "min", "prod"])
def test_sorted_segments(name):
    found = getattr(m, f"segment_{name}")(X, np.array([0, 0, 2, 2])).numpy()
    empty = 1.0 if name == "prod" else 0.0
    np.testing.assert_allclose(found, [getattr(np, name)(X[:2], 0), [empty] * 2, getattr(np, name)(X[2:], 0)])
    with pytest.raises(ArgumentError, match="sorted"):
        getattr(m, f"segment_{name}")(X, IDS)


def test_ties_share():
    found = ad.grad(lambda x: np.sum(m.unsorted_segment_max(x, np.zeros(3, int), 1)))(np.array([1.0, 3.0, 3.0]))
    np.testing.assert_array_equal(found, [0.0, 0.5, 0.5])


def test_traced_ids_cannot_tell_how_many():
    with pytest.raises(ConcretizationError, match="unsorted_segment_sum"):
        ad.jit(m.segment_sum)(X, np.array([0, 0, 1, 1]))
    with pytest.raises(ShapeError, match="one id a row"):
        m.unsorted_segment_sum(X, np.array([0, 1]), 2)


@pytest.mark.parametrize("name", ["segment_sum", "segment_max", "segment_mean"])
def test_captured_ids_may_change(name):
    ids = np.array([0, 0, 1, 1])
    f = ad.jit(lambda x: getattr(m, name)(x, ids))
    np.testing.assert_array_equal(f(X), getattr(m, name)(X, ids).numpy())
    ids[1] = 1
    np.testing.assert_array_equal(f(X), getattr(m, name)(X, ids).numpy())


def test_captured_places_may_change():
    places = np.array([[0], [2]])
    f = ad.jit(lambda x: m.tensor_scatter_nd_max(x, places, np.array([9.0, 9.0])) + m.gather_nd(x, places)[0])
    x = np.arange(4.0)
    np.testing.assert_array_equal(f(x), [9.0, 1.0, 9.0, 3.0])
    places[0] = 1
    np.testing.assert_array_equal(f(x), [1.0, 10.0, 10.0, 4.0])


def scattered(kind):
    def function(x, u):
        return getattr(m, f"tensor_scatter_nd_{kind}")(x, np.array([[0, 1], [3, 0], [0, 1]]), u)

    return function


@pytest.mark.parametrize("kind", ["add", "sub", "update", "max", "min"])
def test_scatter(kind):
    u = np.array([4.0, -5.0, 6.0])
    expected = X.copy()
    for (i, j), v in zip([(0, 1), (3, 0), (0, 1)], u, strict=True):
        old = expected[i, j]
        expected[i, j] = {"add": old + v, "sub": old - v, "update": v, "max": max(old, v), "min": min(old, v)}[kind]
    np.testing.assert_array_equal(scattered(kind)(X, u).numpy(), expected)
    check_gradient(scattered(kind), [X, u])


def test_gather_and_scatter():
    places = np.array([[0, 1], [3, 0]])
    np.testing.assert_array_equal(m.gather_nd(X, places).numpy(), [2.0, 0.2])
    np.testing.assert_array_equal(m.gather_nd(X, places[:, :1]).numpy(), X[[0, 3]])
    np.testing.assert_array_equal(m.gather(X, [1, 1], axis=1).numpy(), X[:, [1, 1]])
    np.testing.assert_array_equal(m.scatter_nd([[1], [3], [1]], [2.0, 5.0, 1.0], (4,)).numpy(), [0.0, 3.0, 0.0, 5.0])
    check_gradient(lambda x: m.gather_nd(x, places) * m.gather(x, [1, 0], axis=0)[:, 0], [X])


def test_masks():
    np.testing.assert_array_equal(m.boolean_mask(X, [True, False, True, False]).numpy(), X[[0, 2]])
    np.testing.assert_array_equal(m.boolean_mask(X, [False, True], axis=1).numpy(), X[:, 1:])
    np.testing.assert_array_equal(m.sequence_mask([1, 3], dtype=float).numpy(), [[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    np.testing.assert_array_equal(m.one_hot([0, 2, 5], 3).numpy(), [[1, 0, 0], [0, 0, 1], [0, 0, 0]])
    np.testing.assert_array_equal(m.one_hot([0, 1], 3, 5.0, -1.0, axis=0).numpy(), [[5, -1], [-1, 5], [-1, -1]])
    with pytest.raises(ConcretizationError, match="boolean_mask"):
        ad.jit(lambda x, k: m.boolean_mask(x, k))(X, np.array([True, False, True, False]))


def test_confusion_matrix():
    labels, predicted, weights = np.array([0, 1, 1]), np.array([1, 1, 0]), np.array([1.0, 2.0, 0.5])
    np.testing.assert_array_equal(m.confusion_matrix(labels, predicted, 2).numpy(), [[0, 1], [1, 1]])
    check_gradient(lambda w: m.confusion_matrix(labels, predicted, 2, w), [weights])


# ---- scans -----------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("exclusive", "reverse"), [(False, False), (True, False), (False, True), (True, True)])
def test_scans(axis, exclusive, reverse):
    for name, scan, empty in (("cumsum", np.cumsum, 0.0), ("cumprod", np.cumprod, 1.0)):
        y = np.flip(X, axis) if reverse else X
        expected = scan(y, axis)
        if exclusive:
            front = np.full_like(np.take(expected, [0], axis), empty)
            expected = np.concatenate([front, np.delete(expected, -1, axis)], axis)
        expected = np.flip(expected, axis) if reverse else expected
        np.testing.assert_allclose(getattr(m, name)(X, axis, exclusive, reverse).numpy(), expected, rtol=1e-15)
    logs = m.cumulative_logsumexp(X, axis, exclusive, reverse).numpy()
    np.testing.assert_allclose(np.exp(logs), m.cumsum(np.exp(X), axis, exclusive, reverse).numpy(), rtol=1e-14)


def test_cumulative_logsumexp_far_apart():
    x = np.array([-np.inf, -2000.0, -2001.0, 0.0, 1000.0, 1000.0])
    expected = [-np.inf, -2000.0, -2000.0 + np.log1p(np.exp(-1.0)), 0.0, 1000.0, 1000.0 + np.log(2.0)]
    np.testing.assert_allclose(m.cumulative_logsumexp(x).numpy(), expected, rtol=1e-15)
    found = ad.grad(lambda x: m.cumulative_logsumexp(x)[2])(x)
    share = 1.0 / (1.0 + np.exp(-1.0))
    np.testing.assert_allclose(found, [0.0, share, 1.0 - share, 0.0, 0.0, 0.0], rtol=1e-14)
    check_gradient(m.cumulative_logsumexp, [np.array([0.3, -1.0, 2.0, 0.7, 0.1])], order=2)


# ---- elementwise -----------------------------------------------------------------------------


def test_no_nan():
    x, zero = np.array([np.inf, 2.0]), np.array([0.0, 3.0])
    np.testing.assert_array_equal(m.multiply_no_nan(x, zero).numpy(), [0.0, 6.0])
    np.testing.assert_array_equal(ad.grad(lambda x: np.sum(m.multiply_no_nan(x, zero)))(x), [0.0, 3.0])
    np.testing.assert_array_equal(m.xdivy(zero, np.array([0.0, 2.0])).numpy(), [0.0, 1.5])
    np.testing.assert_array_equal(m.reciprocal_no_nan(zero).numpy(), [0.0, 1.0 / 3.0])
    np.testing.assert_array_equal(ad.grad(lambda y: np.sum(m.xdivy(zero, y)))(np.array([0.0, 2.0])), [0.0, -0.75])


def test_sums_and_polynomials():
    np.testing.assert_array_equal(m.add_n([X, X, 1.0]).numpy(), 2.0 * X + 1.0)
    np.testing.assert_allclose(m.polyval([2.0, -1.0, 0.5], X).numpy(), 2.0 * X**2 - X + 0.5)
    assert m.lbeta(np.array([1.0, 2.0])).numpy() == pytest.approx(np.log(0.5))
    np.testing.assert_array_equal(m.count_nonzero(X, axis=0).numpy(), [4, 3])
    np.testing.assert_array_equal(m.invert_permutation(np.array([2, 0, 1])).numpy(), [1, 2, 0])
    check_gradient(lambda x, c: m.polyval([c, 1.0, -c], x), [X, np.array(0.7)])
