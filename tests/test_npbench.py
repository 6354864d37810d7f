"""Kernels of NPBench, unedited: gradients against derivatives of the NumPy kernel itself along random directions."""

import inspect
import time

import numpy
import pytest

pytest.importorskip("benchmarks", reason="not part of a distribution")

import autodiff as ad
from benchmarks import clock
from benchmarks.npbench import kernel as suite
from benchmarks.npbench import oracle, report, timing
from benchmarks.npbench.store import Store
from benchmarks.npbench.timing import Timing

NAMES = suite.kernel_names()
# Kernels that take seconds to compile.
LONG = {"adi", "cavity_flow", "channel_flow", "deriche", "gramschmidt", "lenet", "nbody", "resnet", "vadv"}
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


def test_rows_say_what_was_not_measured():
    timings = [
        Timing("lu", "numpy", problem="not finished after 120 s"),
        Timing("lu", "ours", problem="MemoryError"),
        Timing("lu", "jax", absent="not written: no reverse mode"),
    ]
    printed = report.table(timings, markdown=True)
    assert "| lu | over the limit | failed | - | not written | - | - | - |" in printed
    for remark in ("numpy: not finished after 120 s", "ours: MemoryError", "jax: not written: no reverse mode"):
        assert f"- lu, {remark}" in printed


def test_kernels_without_a_jax_version_say_why():
    assert {name for name in NAMES if not suite.has_jax(name)} == set(timing.ABSENT)


def test_a_run_that_was_stopped_goes_on(tmp_path):
    path = tmp_path / "results" / "npbench.json"
    wanted = [("lu", "numpy"), ("lu", "ours"), ("gemm", "ours")]
    first = Store(path)
    assert first.pending(wanted) == wanted
    first.add(Timing("lu", "numpy", 0.1, 0.02, date="2026-01-02T03:04+00:00", load=1.5))
    first.add(Timing("gemm", "ours", problem="not finished after 1 s", date="2026-01-02T03:05+00:00", load=2.5))
    second = Store(path)
    assert second.pending(wanted) == [("lu", "ours")]
    second.add(Timing("lu", "ours", 0.3, 0.01, date="2026-01-03T00:00+00:00", load=0.5))
    assert Store(path).pending(wanted) == wanted  # it got to the end: all is measured again
    written = path.with_suffix(".md").read_text()
    assert "| lu | 20.0 ms | 10.0 ms | 300 ms | - | - | 0.50x | - |" in written
    assert "from 2026-01-02T03:04+00:00 to 2026-01-03T00:00+00:00" in written
    assert "0.5 to 2.5, median 1.5" in written


def test_a_kernel_that_takes_too_long_is_stopped():
    found = timing.measure("lu", "numpy", seconds=0.1, limit=0.01)
    assert found.problem == "not finished after 0 s"
    assert found.date


def test_times_are_of_the_process_not_of_the_wall():
    samples = clock.samples(time.sleep, (0.02,), 0.1, timing.NOW)
    assert max(samples) < 0.01 < max(clock.samples(time.sleep, (0.02,), 0.1))
