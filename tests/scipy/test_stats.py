"""`autodiff.scipy.stats`: SciPy's values everywhere, gradients of every argument, no nan beyond the support."""

import math

import numpy as np
import pytest
import scipy.stats as reference
from surface_checks import check_gradient

import autodiff as ad
from autodiff.errors import ArgumentError, NotDifferentiableError
from autodiff.scipy import stats

pytestmark = pytest.mark.usefixtures("no_kernels")

X = np.array([-1.5, -0.3, 0.0, 0.2, 0.7, 1.0, 1.3, 4.0, np.nan])
Q = np.array([0.0, 0.01, 0.3, 0.8, 1.0, -1.0, 2.0, np.nan])
K = np.array([-1.0, 0.0, 0.5, 1.0, 2.0, 3.0, 4.7, 5.0, 6.0, 30.0, np.nan])
CONTINUOUS = {
    **dict.fromkeys(("norm", "cauchy", "laplace", "logistic", "gumbel_r", "gumbel_l"), ()),
    **dict.fromkeys(("expon", "halfnorm", "rayleigh", "uniform"), ()),
    "t": (2.5,),
    "gamma": (1.7,),
    "chi2": (3.1,),
    "f": (3.2, 4.1),
    "weibull_min": (1.6,),
    "lognorm": (0.8,),
    "invgamma": (1.8,),
    "pareto": (2.1,),
    "beta": (1.3, 2.4),
}
DISCRETE = {"bernoulli": (0.3,), "binom": (5.0, 0.3), "geom": (0.3,), "nbinom": (2.5, 0.4), "poisson": (1.7,)}
# Points where every density, and its derivative, is finite.
INNER = np.array([0.21, 0.45, 0.83])
WITH_ENDS = [("gamma", (1.0,)), ("gamma", (2.0,)), ("gamma", (3.0,)), ("beta", (2.0, 1.0)), ("chi2", (2.0,))]


def same(found, expected):
    # Of a probability near 1 the logarithm has more digits here.
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize(("loc", "scale"), [(0.0, 1.0), (0.3, 1.7)])
def test_continuous_values(name, loc, scale):
    ours, theirs = getattr(stats, name), getattr(reference, name)
    for method in ours.methods:
        x = Q if method in ("ppf", "isf") else X
        with np.errstate(all="ignore"):
            expected = getattr(theirs, method)(x, *CONTINUOUS[name], loc=loc, scale=scale)
        same(getattr(ours, method)(ad.constant(x), *CONTINUOUS[name], loc, scale=scale), expected)


@pytest.mark.parametrize("name", DISCRETE)
@pytest.mark.parametrize("loc", [0, 1])
def test_discrete_values(name, loc):
    ours, theirs = getattr(stats, name), getattr(reference, name)
    for method in ours.methods:
        with np.errstate(all="ignore"):
            expected = getattr(theirs, method)(K, *DISCRETE[name], loc=loc)
        same(getattr(ours, method)(ad.constant(K), *DISCRETE[name], loc=loc), expected)


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("method", ["logpdf", "pdf", "cdf", "logsf", "ppf"])
def test_gradients_in_every_argument(name, method):
    shapes = CONTINUOUS[name]
    distribution = getattr(stats, name)
    x = INNER if method == "ppf" else INNER + 1.2 if name == "pareto" else INNER
    loc, scale = (0.1, 1.1) if name == "pareto" else (0.05, 1.3)
    arguments = [x, *map(np.array, shapes), np.array(loc), np.array(scale)]
    check_gradient(getattr(distribution, method), arguments)


@pytest.mark.parametrize("name", DISCRETE)
@pytest.mark.parametrize("method", ["logpmf", "cdf", "logsf"])
def test_gradients_in_parameters(name, method):
    distribution, k = getattr(stats, name), np.array([1.0, 2.0, 3.0])
    if name == "bernoulli":
        k = np.array([0.0, 1.0]) if method == "logpmf" else np.array([0.0, 0.0])
    fixed, *free = DISCRETE[name] if name == "binom" else (None, *DISCRETE[name])
    whole = (fixed,) if fixed is not None else ()
    check_gradient(lambda *p: getattr(distribution, method)(k, *whole, *p), [np.array(p) for p in free])


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("method", ["logpdf", "pdf", "cdf", "sf", "logcdf", "logsf"])
def test_no_nan_reaches_a_gradient(name, method):
    distribution, shapes = getattr(stats, name), CONTINUOUS[name]
    # On an end of the support some densities here have infinite slopes.
    x = X[X != 0.0][:-1] if method == "pdf" else X[:-1]

    def total(x, loc, scale):
        y = getattr(distribution, method)(x, *shapes, loc, scale)
        return np.sum(np.where(np.isfinite(y), y, 0.0))

    tensors = [ad.constant(x), ad.constant(0.0), ad.constant(1.0)]
    with ad.GradientTape() as tape:
        for t in tensors:
            tape.watch(t)
        y = total(*tensors)
    assert not any(np.isnan(g.numpy()).any() for g in tape.gradient(y, tensors, unconnected_gradients="zero"))


@pytest.mark.parametrize(("name", "shapes"), WITH_ENDS)
def test_densities_on_the_ends_of_the_support(name, shapes):
    pdf = lambda x: getattr(stats, name).pdf(x, *shapes)  # noqa: E731
    h = 1e-7
    one_sided = (getattr(reference, name).pdf(h, *shapes) - getattr(reference, name).pdf(0.0, *shapes)) / h
    assert ad.grad(pdf)(0.0) == pytest.approx(one_sided, rel=1e-6, abs=1e-6)


def test_outside_the_support():
    x = np.array([-1.0, 2.0])
    np.testing.assert_array_equal(ad.grad(lambda x: np.sum(stats.gamma.logpdf(x, 2.0)))(x), [0.0, -0.5])
    assert stats.uniform.logpdf(ad.constant(1.5)).numpy() == -np.inf


def test_parameters_that_do_not_exist_give_nan():
    assert np.isnan(stats.norm.logpdf(ad.constant(0.3), 0.0, -1.0).numpy())
    assert np.isnan(ad.grad(lambda a: stats.gamma.logpdf(1.0, a))(-1.0))
    assert np.isnan(ad.grad(lambda p: stats.bernoulli.logpmf(1, p))(1.5))


def test_frozen_and_plain():
    frozen = stats.norm(0.5, scale=2.0)
    same(frozen.logpdf(ad.constant(1.0)), reference.norm(0.5, 2.0).logpdf(1.0))
    assert frozen.mean() == 0.5
    assert isinstance(stats.norm.logpdf(1.0), float)
    assert stats.norm.a == -np.inf
    assert stats.kstest is reference.kstest


def test_errors():
    with pytest.raises(ArgumentError, match=r"gamma.logpdf takes \(x, a, loc, scale\)"):
        stats.gamma.logpdf(ad.constant(1.0))
    with pytest.raises(NotDifferentiableError, match=r"norm.entropy has no rule"):
        stats.norm.entropy(0.0, ad.constant(1.0))


P3 = np.array([0.2, 0.3, 0.5])


@pytest.mark.parametrize("x", [[1, 2, 3], [1, 2, 4], [-1, 3, 4], [1.5, 2.5, 2]])
def test_multinomial(x):
    x = np.array(x, float)
    same(stats.multinomial.logpmf(x, 6, ad.constant(P3)), reference.multinomial.logpmf(x, 6, P3))
    assert not np.isnan(ad.grad(lambda p: stats.multinomial.logpmf(x, 6, p))(P3)).any()


def test_dirichlet():
    alpha, rows = np.array([1.5, 2.0, 0.7]), np.array([[0.2, 0.1], [0.3, 0.4], [0.5, 0.5]])
    for x in (P3, P3[:2], rows):
        same(stats.dirichlet.logpdf(x, ad.constant(alpha)), reference.dirichlet.logpdf(x, alpha))
    check_gradient(lambda a: stats.dirichlet.logpdf(P3, a), [alpha])


def test_multivariate_normal():
    x, mean = np.array([[0.1, 0.2], [1.0, -1.0], [0.0, 3.0]]), np.array([0.3, -0.2])
    cov = np.array([[2.0, 0.3], [0.3, 1.0]])
    expected = reference.multivariate_normal
    same(stats.multivariate_normal.logpdf(ad.constant(x), mean, cov), expected.logpdf(x, mean, cov))
    same(stats.multivariate_normal.pdf(ad.constant(x[0]), mean, cov), expected.pdf(x[0], mean, cov))
    same(stats.multivariate_normal.logpdf(ad.constant(x[:, 0]), 0.3, 2.0), expected.logpdf(x[:, 0], 0.3, 2.0))
    found = ad.grad(lambda m, r: np.sum(stats.multivariate_normal.logpdf(x, m, r @ r.T)), argnums=(0, 1))
    root, h = np.linalg.cholesky(cov), 1e-6
    g_mean, g_root = found(mean, root)
    solved = np.linalg.solve(cov, (x - mean).T)
    np.testing.assert_allclose(g_mean, solved.sum(axis=1), rtol=1e-10)
    up, down = (np.sum(expected.logpdf(x, mean, r @ r.T)) for r in (root + h * np.eye(2), root - h * np.eye(2)))
    assert math.isclose(np.trace(g_root), (up - down) / (2 * h), rel_tol=1e-6)
