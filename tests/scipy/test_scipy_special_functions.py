"""`autodiff.scipy.special`: functions that SciPy writes in Python, and SciPy's own objects otherwise."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.special as reference
from surface_checks import check_gradient

import autodiff as ad
from autodiff.errors import ArgumentError
from autodiff.scipy import special

pytestmark = pytest.mark.usefixtures("no_kernels")

X = np.array([[0.3, -1.2, 2.0], [0.1, 0.7, -0.4]])
WEIGHTS = np.array([1.0, 0.0, 0.5])
CALLS = {
    "logsumexp": (lambda f, x: f(x, axis=1, keepdims=True), [X]),
    "softmax": (lambda f, x: f(x, axis=0), [X]),
    "log_softmax": (lambda f, x: f(x), [X]),
    "comb": (lambda f, n, k: f(n, k), [np.array([5.5, 3.0]), np.array([2.2, 1.0])]),
    "perm": (lambda f, n, k: f(n, k), [np.array([5.5, 3.0]), np.array([2.2, 1.0])]),
    "factorial": (lambda f, n: f(n), [np.array([0.5, 4.5])]),
    "multigammaln": (lambda f, a: f(a, 3), [np.array(4.5)]),
    "polygamma": (lambda f, x: f(2, x), [np.array([0.5, 4.5])]),
}


@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients(name):
    call, arrays = CALLS[name]
    expected = call(getattr(reference, name), *arrays)
    found = call(getattr(special, name), *map(ad.constant, arrays))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12, atol=1e-14)
    check_gradient(lambda *args: call(getattr(special, name), *args), arrays)


@pytest.mark.parametrize("b", [WEIGHTS, -WEIGHTS, np.array([1.0, -2.0, 0.5])])
def test_weighted_logsumexp(b):
    x = np.array([0.3, 2.4, -1.0])
    value, sign = special.logsumexp(ad.constant(x), b=b, return_sign=True)
    expected, expected_sign = reference.logsumexp(x, b=b, return_sign=True)
    np.testing.assert_allclose([value.numpy(), sign.numpy()], [expected, expected_sign], rtol=1e-13)
    check_gradient(lambda x, b: special.logsumexp(x, b=b, return_sign=True)[0], [x, b])


def test_terms_of_weight_zero():
    x = np.array([0.3, np.inf, -1.0])
    assert special.logsumexp(ad.constant(x), b=WEIGHTS).numpy() == pytest.approx(reference.logsumexp(x, b=WEIGHTS))
    found = ad.grad(lambda x: special.logsumexp(x, b=WEIGHTS))(x)
    share = np.exp(0.3) / (np.exp(0.3) + 0.5 * np.exp(-1.0))
    np.testing.assert_allclose(found, [share, 0.0, 1.0 - share], rtol=1e-14)


def test_logsumexp_of_nothing():
    x = np.full(3, -np.inf)
    assert special.logsumexp(ad.constant(x), b=WEIGHTS).numpy() == -np.inf
    np.testing.assert_array_equal(ad.grad(lambda x: special.logsumexp(x, b=WEIGHTS))(x), np.zeros(3))


def test_outside_of_combinations():
    assert special.comb(ad.constant(2.0), 3.0).numpy() == 0.0
    assert ad.grad(lambda n: special.comb(n, 3.0))(2.0) == 0.0
    assert special.factorial(ad.constant(-1.5)).numpy() == 0.0


@pytest.mark.parametrize(("k", "points"), [(0, (-0.36, -0.1, 0.0, 1.0, 1e5)), (-1, (-0.36, -0.1, -1e-9))])
def test_lambertw(k, points):
    for x in points:
        w = reference.lambertw(x, k).real
        assert special.lambertw(ad.constant(x), k).numpy() == pytest.approx(w, rel=1e-13)
        assert ad.grad(lambda z: special.lambertw(z, k))(x) == pytest.approx(1.0 / (np.exp(w) * (1.0 + w)), rel=1e-12)
    assert np.isnan(special.lambertw(ad.constant(-0.5), k).numpy())
    with pytest.raises(ArgumentError, match="branches 0 and -1"):
        special.lambertw(ad.constant(0.5), 2)


def test_exact_is_refused():
    with pytest.raises(ArgumentError, match="exact=True"):
        special.comb(ad.constant(5.0), 2.0, exact=True)


def test_other_names_are_scipys():
    assert special.erf is reference.erf
    assert special.roots_legendre is reference.roots_legendre
    assert special.lambertw(0.5).dtype == complex


def test_scipy_is_imported_when_needed():
    code = (
        "import sys, autodiff, autodiff.scipy\n"
        "assert 'scipy' not in sys.modules\n"
        "autodiff.scipy.special.erf\n"
        "assert 'scipy.special' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
