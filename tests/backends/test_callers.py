"""Kernels called from compiled code: by Numba's functions, by C address, through SciPy."""

import ctypes
import threading

import numba
import numpy as np
import pytest
from scipy import LowLevelCallable
from scipy.integrate import nquad, quad

import autodiff as ad
from autodiff.errors import ArgumentError


def mean_of_squares(x, c):
    return np.mean(x * x) * c  # divides by a number that depends on the shape


@pytest.fixture(scope="module")
def squares():
    f = ad.value_and_grad(mean_of_squares, argnums=(0, 1))
    return f, f.njit(np.zeros((2, 3)), 1.0)


def centred(x):
    return np.sum((x - x.max(axis=1, keepdims=True)) ** 2)  # row maxima are kept between two loops


@pytest.fixture(scope="module")
def rows():
    f = ad.value_and_grad(centred)
    return f, f.njit(np.zeros((2, 2)))


@pytest.mark.parametrize("shape", [(2, 3), (4, 5), (1, 3), (3, 1), (2, 3)])
def test_any_shape_is_traced_for_itself(squares, shape):
    f, caller = squares
    x = np.random.default_rng(0).normal(size=shape)
    value, (gx, gc) = caller(x, 2.0)
    expected, (ex, ec) = f(x, 2.0)
    assert (value, gc) == (expected, ec)
    np.testing.assert_array_equal(gx, ex)


def test_layouts(squares):
    f, caller = squares
    x = np.arange(12.0).reshape(3, 4)
    read_only = x.copy()
    read_only.flags.writeable = False
    for given in (x.T, x[:, ::2], x[::-1], read_only, np.asfortranarray(x)):
        np.testing.assert_array_equal(caller(given, 2.0)[1][0], f(given, 2.0)[1][0])


@pytest.mark.parametrize("x", [np.ones(3), np.ones((2, 2), np.float32), np.ones((2, 2), complex), 1.0])
def test_other_ranks_and_dtypes_are_typing_errors(squares, x):
    with pytest.raises(TypeError, match="No matching definition"):
        squares[1](x, 1.0)


def test_inside_compiled_functions(squares):
    _, caller = squares

    @numba.njit
    def total(x, n):
        result = 0.0
        for k in range(n):
            result += caller(x[:, : k + 1], 1.0)[0]
        return result

    x = np.random.default_rng(0).normal(size=(3, 6))
    assert total(x, 6) == pytest.approx(sum(np.mean(x[:, : k + 1] ** 2) for k in range(6)))


@pytest.mark.slow
def test_in_parallel_loops(rows):
    f, caller = rows

    @numba.njit(parallel=True, nogil=True)
    def gradients(xs):
        out = np.empty_like(xs)
        for k in numba.prange(xs.shape[0]):
            out[k] = caller(xs[k])[1]
        return out

    xs = np.random.default_rng(0).normal(size=(64, 5, 7))
    np.testing.assert_array_equal(gradients(xs), np.array([f(x)[1] for x in xs]))


def test_in_threads_without_the_lock(rows):
    f, caller = rows

    @numba.njit(nogil=True)
    def last(x, n):
        out = x
        for _ in range(n):
            out = caller(x)[1]
        return out

    inputs = [np.random.default_rng(k).normal(size=(4 + k, 9)) for k in range(4)]
    last(inputs[0], 1)
    found = [None] * 4

    def work(k):
        found[k] = last(inputs[k], 300)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for x, g in zip(inputs, found, strict=True):
        np.testing.assert_array_equal(g, f(x)[1])


def test_numbers_integers_booleans_and_captured_arrays():
    table = np.arange(4.0)
    f = ad.jit(lambda x, n, flag: (np.where(flag, x * n, table), np.sum(x) > 1.0, n + 1))
    caller = f.njit(np.zeros(4), 3, True)
    x = np.array([1.0, 2.0, 3.0, 4.0])
    for flag in (True, False):
        for found, expected in zip(caller(x, 5, flag), f(x, 5, flag), strict=True):
            np.testing.assert_array_equal(found, expected)
    table[:] = -1.0
    np.testing.assert_array_equal(caller(x, 5, False)[0], table)


def test_a_shape_that_cannot_be_traced_raises():
    f = ad.jit(lambda x, y: np.sum(x * y))
    caller = f.njit(np.zeros(3), np.zeros(3))
    assert caller(np.ones(5), np.ones(5)) == 5.0
    assert caller(np.ones(5), np.ones(1)) == 5.0
    with pytest.raises(ValueError, match="cannot be traced for arguments of these shapes"):
        caller(np.ones(5), np.ones(4))


def test_what_depends_on_the_shape_is_decided_for_each():
    f = ad.jit(lambda x: np.sum(x) if x.shape[0] > 3 else np.sum(x) * 100.0)
    caller = f.njit(np.zeros(2))
    assert [caller(np.ones(n)) for n in (2, 3, 4, 5)] == [200.0, 300.0, 4.0, 5.0]


REFUSED = {
    "host": (ad.jit(np.sort), (np.zeros(3),), "may call NumPy back"),
    "container": (ad.jit(lambda p: p[0]), ((np.zeros(3),),), "is a container"),
    "complex": (ad.jit(lambda z: z * 2), (np.zeros(2, complex),), "complex128"),
    "dictionary": (ad.jit(lambda x: {"a": x * 2}), (np.zeros(2),), "returns a dict"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("how", ["njit", "address", "cfunc"])
def test_refused(case, how):
    f, args, message = REFUSED[case]
    with pytest.raises(ArgumentError, match=message):
        getattr(f, how)(*args)


def test_interpreted_programs_are_refused(monkeypatch):
    monkeypatch.setattr(ad.config, "jit", False)
    with pytest.raises(ArgumentError, match="there is no native kernel"):
        ad.jit(lambda x: x + 1.0).njit(np.zeros(2))


def test_by_address():
    f = ad.value_and_grad(centred)
    with pytest.raises(ArgumentError, match="not been called yet"):
        f.address()
    x = np.random.default_rng(0).normal(size=(3, 4))
    value, gradient = f(x)
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(f.address())
    found, out = np.empty(1), np.empty((3, 4))
    values = np.array([x.ctypes.data, found.ctypes.data, out.ctypes.data])
    assert call(values.ctypes.data) == 0
    assert found[0] == value
    np.testing.assert_array_equal(out, gradient)


def test_for_scipy():
    slope = ad.grad(lambda x: np.exp(-x) * x**2)
    found, _ = quad(LowLevelCallable(slope.cfunc(1.0)), 0.0, 2.0)
    assert found == pytest.approx(np.exp(-2.0) * 4.0)
    assert slope.cfunc(1.0)(2.0) == slope(2.0)

    mixed = ad.grad(ad.grad(lambda x, y: np.sin(x) * y**2, argnums=0), argnums=1)
    found, _ = nquad(LowLevelCallable(mixed.cfunc(1.0, 1.0)), [[0.0, 1.0], [0.0, 2.0]])
    assert found == pytest.approx(np.sin(1.0) * 4.0)

    norm = ad.jit(lambda x: np.sum(x**2))
    compiled = norm.cfunc(np.zeros(3))
    x = (ctypes.c_double * 3)(1.0, 2.0, 3.0)
    assert compiled(3, x) == 14.0
    assert np.isnan(compiled(2, x))


@pytest.mark.parametrize("args", [(np.zeros((2, 2)),), (np.zeros(2, np.float32),), (np.float32(1.0),), (1,)])
def test_cfunc_is_for_doubles(args):
    with pytest.raises(ArgumentError, match=r"f\.cfunc is for functions of float64 numbers"):
        ad.jit(lambda x: np.sum(x)).cfunc(*args)
