"""np.histogram: counts and edges as NumPy's, linear in the weights."""

import numpy as np
import pytest
from surface_checks import check_compiled

import autodiff as ad
from autodiff.errors import AutodiffError

RNG = np.random.default_rng(5)
X, W = RNG.normal(size=40), RNG.normal(size=40)
OPTIONS = {
    "ten bins": {},
    "seven bins": {"bins": 7},
    "range": {"bins": 5, "range": (-1.0, 0.5)},
    "edges": {"bins": np.array([-1.0, -0.2, 0.1, 2.0])},
    "density": {"bins": 4, "density": True},
    "density within a range": {"bins": 6, "range": (-1.0, 1.0), "density": True},
}


def check(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_counts_sums_and_edges(options):
    check(ad.jit(lambda x: np.histogram(x, **options))(X), np.histogram(X, **options))
    found = ad.jit(lambda x, w: np.histogram(x, weights=w, **options))(X, W)
    check(found, np.histogram(X, weights=W, **options))


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize(
    "x", [np.arange(7.0), np.arange(7), np.full(5, 2.0), np.array([[1.0, 2.0], [4.0, 1.0]])], ids=str
)
def test_numbers_on_edges_equal_numbers_integers_and_tables(x):
    check(ad.jit(lambda x: np.histogram(x, 3))(x), np.histogram(x, 3))


@pytest.mark.usefixtures("no_kernels")
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_derivatives(options):
    def sums(x, w):
        held, edges = np.histogram(x, weights=w, **options)
        return np.sum(held**2) + np.sum(np.sin(edges))

    for argnum, start in ((0, X), (1, np.abs(W))):
        arguments = [X, np.abs(W)]

        def along(t, argnum=argnum, start=start, arguments=arguments):
            arguments[argnum] = start + t
            return sums(*arguments)

        direction = RNG.normal(size=40)
        slope = (along(1e-6 * direction) - along(-1e-6 * direction)) / 2e-6
        gradient = ad.grad(sums, argnums=argnum)(X, np.abs(W))
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6, atol=1e-6)


def test_compiled(monkeypatch):
    check_compiled([(lambda w: np.histogram(X, 5, weights=w)[0], [W])], monkeypatch)


@pytest.mark.parametrize("bins", [0, "auto", np.ones((2, 2))], ids=["none", "a rule", "a table"])
def test_bins_that_are_none(bins):
    with pytest.raises(ValueError) as caught:
        np.histogram(ad.constant(X), bins)
    assert isinstance(caught.value, AutodiffError)


def test_weights_that_do_not_fit():
    with pytest.raises(ValueError, match="39 weights do not fit 40 numbers"):
        np.histogram(ad.constant(X), weights=W[1:])
