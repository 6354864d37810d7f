"""`autodiff.scipy.signal`: SciPy's values in every mode, and gradients of both sides."""

import itertools

import numpy as np
import pytest
import scipy.signal as reference

import autodiff as ad
from autodiff.errors import ArgumentError, NotDifferentiableError, ShapeError
from autodiff.scipy import signal
from autodiff.testing import check_grads

pytestmark = pytest.mark.usefixtures("no_kernels")

SHAPES = [((7,), (3,)), ((3,), (7,)), ((5, 6), (3, 2)), ((2, 3), (4, 5)), ((4, 3, 5), (2, 3, 2)), ((1,), (1,))]
MODES = ("full", "same", "valid")


def draw(*shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=s) for s in shapes]


def check(function, expected, arrays):
    np.testing.assert_allclose(function(ad.constant(arrays[0]), *arrays[1:]).numpy(), expected, rtol=1e-11, atol=1e-13)
    check_grads(function, arrays, verbose=False)


@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve", "oaconvolve"])
@pytest.mark.parametrize(("shapes", "mode"), list(itertools.product(SHAPES, MODES)))
def test_convolutions(name, shapes, mode):
    arrays = draw(*shapes)
    expected = getattr(reference, name)(*arrays, mode=mode)
    check(lambda x, y: getattr(signal, name)(x, y, mode=mode), expected, arrays)


@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_two_axes(name):
    arrays = draw((5, 4), (3, 2))
    check(getattr(signal, name), getattr(reference, name)(*arrays), arrays)


@pytest.mark.parametrize("options", [{}, {"type": "constant"}, {"axis": -2, "bp": [3, 5]}, {"axis": 0}])
def test_detrend(options):
    arrays = draw((3, 8, 2)) if "axis" in options else draw((4, 8))
    check(lambda x: signal.detrend(x, **options), reference.detrend(*arrays, **options), arrays)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("a", [[2.0], [2.0, -0.7]])
@pytest.mark.parametrize("b", [[1.5], [0.3, 0.5, 0.1], [0.1] * 9])
def test_lfilter(axis, a, b):
    (x,), b, a = draw((3, 6, 2)), np.array(b), np.array(a)
    check(lambda b, a, x: signal.lfilter(b, a, x, axis=axis), reference.lfilter(b, a, x, axis=axis), [b, a, x])


def test_refused():
    x = ad.constant(np.ones(4))
    with pytest.raises(NotDifferentiableError, match="first order"):
        signal.lfilter([1.0], [1.0, 0.2, 0.1], x)
    with pytest.raises(NotDifferentiableError, match="second order"):
        signal.sosfilt(np.ones((1, 6)), x)
    with pytest.raises(ArgumentError, match="mode='both'"):
        signal.convolve(x, x, mode="both")
    with pytest.raises(ArgumentError, match="boundary='wrap'"):
        signal.convolve2d(x, x, boundary="wrap")
    with pytest.raises(ShapeError, match="valid"):
        signal.convolve(ad.constant(np.ones((4, 4))), np.ones((5, 3)), mode="valid")


def test_plain_arrays_are_scipys():
    x = np.arange(4.0)
    np.testing.assert_array_equal(signal.convolve(x, x, method="direct"), reference.convolve(x, x, method="direct"))
    assert signal.butter is reference.butter
