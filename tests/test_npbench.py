"""Kernels of NPBench, unedited: gradients against derivatives of the NumPy kernel itself along random directions."""

import numpy
import pytest

pytest.importorskip("benchmarks", reason="not part of a distribution")

import autodiff as ad
from benchmarks.npbench import kernel as suite
from benchmarks.npbench import oracle

NAMES = suite.kernel_names()


@pytest.mark.parametrize("name", NAMES)
def test_gradient_of_the_unedited_kernel(name):
    kernel = suite.load(name)
    arguments = kernel.initialize(kernel.TEST, numpy.random.default_rng(0))
    factors = suite.weights(kernel, arguments)
    differentiated = suite.positions(kernel, kernel.DIFFERENTIATED)
    given = suite.fresh(arguments)
    function = ad.value_and_grad(
        suite.loss(kernel, factors), argnums=differentiated, static_argnums=suite.static_positions(arguments)
    )
    value, gradients = function(*given)

    expected = suite.loss(kernel, factors)(*suite.fresh(arguments))
    numpy.testing.assert_allclose(value, expected, rtol=1e-10)
    numpy.testing.assert_equal(given, arguments, "the caller's arrays are left alone")
    for argument, gradient in zip(kernel.DIFFERENTIATED, gradients, strict=True):
        for seed in (1, 2):
            along = oracle.direction(kernel, arguments, argument, seed)
            slope = oracle.slope(kernel, arguments, factors, {argument: along})
            found = numpy.sum(numpy.conj(gradient) * along).real
            size = numpy.sum(numpy.abs(gradient * along))
            assert abs(found - slope) <= 1e-6 * max(size, 1e-3), f"along {argument}: {found}, by NumPy {slope}"
