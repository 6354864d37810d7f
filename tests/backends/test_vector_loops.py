"""Loops that are written as vector code: of every length, along every kind of access, the same bits everywhere."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.backends.numba import large, llvm_vector, native
from autodiff.config import config
from autodiff.runtime.kernels import KERNELS

LENGTHS = (0, 1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 65, 4095, 4099, 20_011)
DTYPES = (np.float64, np.float32, np.int64, np.int32, np.uint8, np.bool_)


def numbers(shape, dtype=np.float64, seed=0):
    found = np.random.default_rng(seed).uniform(-3, 3, shape)
    return found > 0 if dtype == np.bool_ else np.abs(found).astype(dtype) if dtype == np.uint8 else found.astype(dtype)


def interpreted(f, *args):
    before, config.jit = config.jit, False
    try:
        return ad.jit(f)(*args)
    finally:
        config.jit = before


def check(f, *args, rtol=1e-13):
    """The kernel and the interpreter agree, and a kernel there was."""
    compiled = ad.jit(f)
    found, expected = compiled(*args), interpreted(f, *args)
    assert compiled.cache_info().interpreted_runs == 0, "there was no kernel"
    for a, b in zip(*([r if isinstance(r, tuple) else (r,) for r in (found, expected)]), strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol)


@pytest.fixture
def written(monkeypatch):
    """Every kernel of the test must come without LLVM's optimiser."""

    def refuse(*_args):
        raise AssertionError("a loop was left to LLVM")

    KERNELS.clear()
    large.expect_large_work()  # the pool is no loop
    monkeypatch.setattr(native, "_optimise", refuse)
    yield
    KERNELS.clear()


@pytest.mark.parametrize("n", LENGTHS)
def test_every_length(written, n):
    x = numbers(n)
    check(lambda x: (np.sum(np.exp(x) * x), np.tanh(x) + 1.0, np.where(x > 0.5, np.sqrt(np.abs(x)), x)), x)


@pytest.mark.parametrize("n", (1, 13, 200))
@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(written, dtype, n):
    x, y = numbers(n, dtype), numbers(n, dtype, 1)
    check(lambda x, y: (np.maximum(x, y), np.sum(x), np.max(y), x == y, (x + y).astype(np.float32)), x, y, rtol=1e-6)
    check(lambda x: (np.any(x > 1), np.all(x > 1), x.astype(np.float64) * 2.0, x.astype(np.int64)), x)


@pytest.mark.parametrize("shape", ((1, 1), (3, 1), (1, 5), (5, 9), (17, 8), (2, 300)))
def test_axes(shape):
    x, row, column = numbers(shape), numbers(shape[1]), numbers((shape[0], 1))
    check(lambda x, row, column: (x * row + column, np.sum(x, axis=0), np.sum(x * column, axis=1)), x, row, column)
    check(lambda x, row: (np.max(x + row, axis=1, keepdims=True), np.max(x, axis=0), np.min(x)), x, row)
    check(lambda x, column: (np.sum(x, axis=1, keepdims=True) * column, x - np.mean(x)), x, column)


@pytest.mark.parametrize("shape", ((5, 9), (17, 8), (16, 33)))
def test_strided_and_guarded_reads(written, shape):
    x = numbers(shape)
    check(lambda x: (x.T * 2.0, x[:, ::-1] + x, x[::2] * 3.0, x[:, 1::2] - 1.0), x)
    check(lambda x: (np.pad(x, 1) * 2.0, np.roll(x, 3, axis=1) + x, x[:, 1:] - x[:, :-1]), x)
    check(lambda x: np.sum(x[:, 0]) * x + x[1, :] * x[:, 2:3], x)


def test_gradients(written):
    x = numbers((9, 21))
    f = ad.value_and_grad(lambda x: np.sum(np.log1p(np.exp(x - np.max(x, axis=1, keepdims=True)))))
    value, gradient = f(x)
    shifted = np.exp(x - np.max(x, axis=1, keepdims=True))
    assert abs(value - np.sum(np.log1p(shifted))) < 1e-12 * value
    slope = shifted / (1.0 + shifted)
    expected = slope - np.sum(slope, axis=1, keepdims=True) * (x == np.max(x, axis=1, keepdims=True))
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-12)


def test_an_element_has_the_same_bits_wherever_it_lies(written):
    x = numbers(100)
    f = ad.jit(lambda x: np.sin(x) * np.exp(x) / (1.0 + x * x) + np.log1p(x * x))
    whole = f(x)
    for start in range(17):
        np.testing.assert_array_equal(f(x[start:].copy()), whole[start:])
        np.testing.assert_array_equal(f(x[: 100 - start].copy()), whole[: 100 - start])


def test_what_vectors_do_not_have_is_left_to_llvm():
    x, n = numbers(50), np.arange(1, 51)
    check(lambda x: np.cumsum(x) * 2.0, x)
    check(lambda x, n: (np.fmod(x, 0.7), n // 3, n % 4, n**2), x, n)
    check(lambda x: np.prod(1.0 + 0.01 * x), x)


def test_bounds_are_checked_in_loops_of_numbers():
    before, config.bounds = config.bounds, True
    try:
        check(lambda x: np.exp(x[1:]) + x[:-1], numbers(30))
    finally:
        config.bounds = before
        KERNELS.clear()


def test_long_bodies_are_written_once_where_masks_cost_nothing(monkeypatch):
    """The same numbers, whether whole vectors have a loop of their own or not."""
    x = numbers(1003)
    f = lambda x: np.exp(x) * np.tanh(x) + np.log1p(x * x)  # noqa: E731
    found = []
    for wide in (0, 10_000):
        KERNELS.clear()
        monkeypatch.setattr(llvm_vector, "LONG", wide)
        found.append(ad.jit(f)(x))
    KERNELS.clear()
    np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("n", (9, 15, 16, 17, 64, 1001))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_columns_that_a_loop_writes(written, dtype, n):
    def f(x):
        y, d = np.zeros((n, 3), dtype), np.zeros((n, n), dtype)
        for i in range(n):
            y[i, 0] = np.exp(x[i])
            y[i, 2] = y[i, 0] * x[i]
            y[i, 1] += y[i, 2] + 1.0
            d[i, i] = np.sin(x[i]) * y[i, 0]
        return y, d

    x = numbers(n, dtype)
    check(f, x, rtol=1e-13 if dtype == np.float64 else 1e-5)


def test_places_that_meet():
    n = 41

    def f(x):
        y = np.zeros((n + 1, 3))
        for i in range(n):
            y[i, 0] = x[i]
            y[i + 1, 0] = y[i, 0] * 2.0
            y[i, i % 3] += 1.0
        return y

    x = numbers(n)
    np.testing.assert_array_equal(ad.jit(f)(x), f(x))
