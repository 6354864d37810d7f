"""`autodiff.numpy` in place of NumPy: recorded arrays from shapes and lists, NumPy's own objects otherwise."""

import numpy
import pytest
from surface_checks import check_gradient, check_value, close, plain

import autodiff as ad
import autodiff.numpy as np
from autodiff.errors import ConcretizationError, ShapeError
from autodiff.frontends.tracer import Tracer

RNG = numpy.random.default_rng(8)
X, M = RNG.uniform(0.5, 1.5, 3), RNG.standard_normal((2, 3))

pytestmark = pytest.mark.usefixtures("interpreted")

# Each runs on plain arrays too, where it is NumPy with another name.
PROGRAMS = {
    "array of numbers": (lambda x: np.array([x[0], 1.0, x[2] ** 2]), [X]),
    "array nested": (lambda x: np.array([[x[0], 2.0], (x[1], x[2])]), [X]),
    "array of rows": (lambda x: np.array([x, [1.0, 2.0, 3.0], x**2], ndmin=3), [X]),
    "array of integers": (lambda x: x * np.array([1, 2, 3]), [X]),
    "asarray": (lambda x: np.asarray(x) * np.asarray([1.0, 2.0, 3.0]) + np.asarray([x[0], x[1], 0.5]), [X]),
    "stack of lists": (lambda x: np.stack([[x[0], 1.0], [x[1], x[2]]]), [X]),
    "concatenate of lists": (lambda x: np.concatenate([[x[0]], x, [1.0, x[2]]]), [X]),
    "block": (lambda x: np.block([[x, x[0]], [1.0, x**2]]), [X]),
    "sum of a list": (lambda x: np.sum([x[0], 2.0, x[1] * x[2]]) + np.mean((x[0], x[1])), [X]),
    "max of a list": (lambda x: np.max([x[0], x[1] ** 2, x[2]]), [X]),
    "dot of lists": (lambda x: np.dot([x[0], x[1]], [x[1], 2.0]), [X]),
    "where of lists": (lambda x: np.where([True, False], [x[0], 1.0], [2.0, x[1]]), [X]),
    "norm of a list": (lambda x: np.linalg.norm([x[0], x[1], 1.0]), [X]),
    "solve of lists": (lambda x: np.linalg.solve([[x[0], 0.1], [0.2, x[1]]], [1.0, x[2]]), [X]),
    "full": (lambda x: np.full((2, 3), x) + np.full(3, x[1]) + np.full(3, 2.0), [X]),
    "constants": (lambda x: np.eye(3) @ x + np.ones(3) * np.identity(3)[0] + np.tri(3) @ x + np.zeros(3), [X]),
    "linspace": (lambda x: np.linspace(x[0], x[1], 4) + np.linspace(0.0, 1.0, 4), [X]),
    "linspace of lists": (lambda x: np.linspace([x[0], 0.0], [1.0, x[1]], 3), [X]),
    "arange": (lambda x: np.arange(3) * x + np.arange(0.0, 1.5, 0.5) * x, [X]),
    "fromfunction": (lambda x: np.fromfunction(lambda i, j: x[0] * i + j, (2, 3)), [X]),
    "fromiter": (lambda x: np.fromiter((x[k] ** k for k in range(3)), float), [X]),
    "kaiser": (lambda x: np.kaiser(5, x[0]) + np.hanning(5), [X]),
    "meshgrid": (lambda x: np.meshgrid(x, np.arange(2.0)), [X]),
    "meshgrid of lists": (lambda x: np.meshgrid([x[0], x[1]], [1.0, x[2]]), [X]),
    "vander": (lambda x: np.vander(x) + np.vander([1.0, 2.0, 3.0]), [X]),
    "r_": (lambda x: np.r_[x, 1.0, x[0], 0:2], [X]),
    "c_": (lambda x: np.c_[x, [1.0, 2.0, x[0]], M.T], [X]),
    "vectorize": (lambda x: np.vectorize(lambda a, b: a * np.sin(b))(x, [[1.0], [2.0]]), [X]),
    "vectorize two": (lambda x: np.vectorize(lambda a, k=1: (a**k, -a))(x, k=2), [X]),
    "fft": (lambda x: np.real(np.fft.fft([x[0], x[1], 1.0])), [X]),
    "mathematics": (lambda x: np.pi * np.exp(x) + np.float64(2.0) * np.cumsum(x), [X]),
}


@pytest.mark.parametrize(("function", "arrays"), PROGRAMS.values(), ids=PROGRAMS)
def test_value(function, arrays):
    check_value(function, arrays)


@pytest.mark.parametrize(("function", "arrays"), PROGRAMS.values(), ids=PROGRAMS)
def test_gradient(function, arrays):
    check_gradient(function, arrays)


MADE = {
    "zeros": lambda: np.zeros(3),
    "ones": lambda: np.ones((2, 2)),
    "full": lambda: np.full(2, 1.5),
    "empty": lambda: np.empty(2),
    "eye": lambda: np.eye(2),
    "arange": lambda: np.arange(0.0, 1.0, 0.25),
    "array": lambda: np.array([1.0, 2.0]),
    "tri": lambda: np.tri(3),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_floats_are_recorded_where_something_records(make):
    assert type(make()) is numpy.ndarray
    with ad.GradientTape():
        assert isinstance(make(), ad.Tensor)
    seen = []
    traced = ad.jit(lambda x: seen.append(make()) or x)
    traced(1.0)
    assert isinstance(seen[0], Tracer)
    assert type(make()) is numpy.ndarray


def test_positions_stay_plain():
    def f(x):
        assert type(np.arange(3)) is numpy.ndarray
        assert type(np.array([True, False, True])) is numpy.ndarray
        assert type(np.zeros(2, int)) is numpy.ndarray
        return x[np.array([2, 0])]

    close(ad.jit(f)(X), X[[2, 0]])


def test_asarray_of_an_array_is_that_array():
    def f(x):
        assert np.asarray(M) is M
        assert np.asarray(x) is x
        return x

    ad.jit(f)(X)


def test_arange_follows_known_values_only():
    x = ad.constant(2.5)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = np.sum(np.arange(x, 2.0 * x, 1.0))
    close(plain(y), numpy.sum(numpy.arange(2.5, 5.0, 1.0)))
    assert tape.gradient(y, x).numpy() == 3.0
    points = ad.jit(lambda n: np.arange(n))
    for n in (3.0, 2.5, 4.0, 3.0, 0.0, -1.0):
        numpy.testing.assert_array_equal(points(n), numpy.arange(n))
    with pytest.raises(ConcretizationError, match="entry of the batch"):
        ad.vmap(lambda n: np.arange(n))(numpy.ones(3))


def test_the_rest_is_numpys_own():
    for name in ("pi", "float64", "ndarray", "random", "exp", "add", "newaxis", "polynomial", "errstate"):
        assert getattr(np, name) is getattr(numpy, name)
    assert np.linalg.LinAlgError is numpy.linalg.LinAlgError
    assert set(numpy.__all__) <= set(np.__all__)
    assert dir(np) == dir(numpy)
    assert dir(np.linalg) == dir(numpy.linalg)
    with pytest.raises(AttributeError, match="nothing"):
        np.nothing  # noqa: B018


def test_every_public_name_is_there():
    assert [name for name in numpy.__all__ if not hasattr(np, name)] == []


def test_functions_keep_name_and_signature():
    assert np.sum.__name__ == "sum"
    assert np.sum(numpy.arange(4).reshape(2, 2), axis=0).tolist() == [2, 4]
    assert np.sum is np.sum


def test_vectorize_of_nothing():
    with pytest.raises(ShapeError):
        ad.jit(lambda x: np.vectorize(lambda a: a)(x[:0]))(X)
