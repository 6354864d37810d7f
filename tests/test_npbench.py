"""Kernels of NPBench, unedited: gradients against derivatives of the NumPy kernel itself along random directions."""

import inspect

import numpy
import pytest

pytest.importorskip("benchmarks", reason="not part of a distribution")

import autodiff as ad
from benchmarks.npbench import kernel as suite
from benchmarks.npbench import oracle, report, timing
from benchmarks.npbench.timing import Timing

NAMES = suite.kernel_names()
# Kernels that take seconds to compile.
LONG = {"cavity_flow", "channel_flow", "lenet", "vadv"}
EACH = [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in NAMES]


def problem(name):
    """A kernel, arguments at the size of tests, and the factors of its outputs."""
    kernel = suite.load(name)
    arguments = kernel.initialize(kernel.TEST, numpy.random.default_rng(0))
    return kernel, arguments, suite.weights(kernel, arguments)


def check_gradients(kernel, arguments, factors, gradients):
    for argument, gradient in zip(kernel.DIFFERENTIATED, gradients, strict=True):
        for seed in (1, 2):
            along = oracle.direction(kernel, arguments, argument, seed)
            slope = oracle.slope(kernel, arguments, factors, {argument: along})
            found = numpy.sum(numpy.conj(gradient) * along).real
            size = numpy.sum(numpy.abs(gradient * along))
            assert abs(found - slope) <= 1e-6 * max(size, 1e-3), f"along {argument}: {found}, by NumPy {slope}"


@pytest.mark.parametrize("name", EACH)
def test_gradient_of_the_unedited_kernel(name):
    kernel, arguments, factors = problem(name)
    loss, given = suite.loss(kernel, factors), suite.fresh(arguments)
    function = ad.value_and_grad(
        loss,
        argnums=suite.positions(kernel, kernel.DIFFERENTIATED),
        static_argnums=suite.static_positions(arguments),
    )
    value, gradients = function(*given)
    numpy.testing.assert_allclose(value, loss(*suite.fresh(arguments)), rtol=1e-10)
    for after, before in zip(given, arguments, strict=True):
        numpy.testing.assert_array_equal(after, before, "the caller's arrays are left alone")
    check_gradients(kernel, arguments, factors, gradients)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if suite.has_jax(name)])
def test_the_jax_version_computes_the_same(name):
    pytest.importorskip("jax")
    kernel, arguments, factors = problem(name)
    library = pytest.importorskip("benchmarks.npbench.libraries.jax_library")
    value, gradients = library.prepare(name, arguments, factors)(*arguments)
    numpy.testing.assert_allclose(value, suite.loss(kernel, factors)(*suite.fresh(arguments)), rtol=1e-10)
    check_gradients(kernel, arguments, factors, gradients)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_kernel_file_says_of_its_arguments(name):
    kernel, arguments, factors = problem(name)
    parameters = inspect.signature(kernel.kernel).parameters
    assert len(arguments) == len(parameters)
    assert {*kernel.DIFFERENTIATED, *kernel.WRITTEN} <= set(parameters)
    given = suite.fresh(arguments)
    kernel.kernel(*given)
    pairs = zip(parameters, given, arguments, strict=True)
    assert {name for name, after, before in pairs if not numpy.array_equal(after, before)} == set(kernel.WRITTEN)
    assert any(factor is not None for factor in factors)


# ---- the measurement ---------------------------------------------------------------------------


def test_a_wrong_gradient_is_seen():
    kernel, arguments, factors = problem("gesummv")

    def call(alpha, beta, A, B, x):
        function = ad.value_and_grad(suite.loss(kernel, factors), argnums=(0, 1, 2, 3, 4))
        value, gradients = function(alpha, beta, A, B, x)
        return value, (*gradients[:4], wrong * gradients[4])

    wrong = 1.0
    assert timing.problem(kernel, call, arguments, factors) == ""
    wrong = 1.01
    assert "by NumPy" in timing.problem(kernel, call, arguments, factors)


def test_the_table_has_a_row_for_each_kernel_and_the_means():
    timings = [
        Timing("lu", "numpy", 0.1, 0.02),
        Timing("lu", "ours", 2.0, 0.01),
        Timing("lu", "jax", 3.0, 0.04),
        Timing("gemm", "numpy", 0.1, 0.01),
        Timing("gemm", "ours", problem="slope 1, by NumPy 2"),
    ]
    printed = report.table(timings, markdown=True)
    assert "| lu | 20.0 ms | 10.0 ms | 2.00 s | 40.0 ms | 3.00 s | 0.50x | 4.00x |" in printed
    assert "| gemm | 10.0 ms | failed | - | - | - | - | - |" in printed
    assert "0.50x of 1 | 4.00x of 1 |" in printed
    assert "gemm, ours: slope 1, by NumPy 2" in printed
