"""Writes in the interpreter: an array that nobody else holds is written in place, any other one is copied first."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.backends import interpreter
from autodiff.ops.overwrite import Overwrite
from autodiff.ops.window import Written

pytestmark = pytest.mark.usefixtures("no_kernels")
N = 60
X = np.sin(np.arange(float(N)) * 1.7) + 1.2


# ---- writes that need no copy: (x) -> number, for any length ------------------------------------------------


def by_for(x):
    out = np.zeros(len(x))
    for t in range(1, len(x)):
        out[t] = 0.5 * out[t - 1] * x[t] + x[t]
    return np.sum(out**2)


def by_while(x):
    out, t = np.zeros(len(x)), 1
    while t < len(x):
        out[t] = 0.5 * out[t - 1] * x[t] + x[t]
        t += 1
    return np.sum(out**2)


def by_while_on_values(x):
    out, t = np.zeros(len(x)), 0
    while x[t] > -5.0 and t < len(x) - 1:
        out[t] += x[t] ** 2
        t += 1
    return np.sum(out**2)


def in_branches(x):
    out = np.zeros(len(x))
    for t in range(1, len(x)):
        if x[t] > 1.0:
            out[t] = out[t - 1] * x[t]
        elif x[t] > 0.5:
            out[t - 1] += x[t]
    return np.sum(out**2)


def in_two_loops(x):
    out = np.zeros((len(x) // 10, 10))
    for i in range(1, len(x) // 10):
        for j in range(10):
            out[i, j] = out[i - 1, j] * 0.5 + x[10 * i + j] ** 2
    return np.sum(out**2)


def twice_a_trip(x):
    out = np.zeros(len(x))
    for t in range(len(x)):
        out[0] += x[t]
        out[t] = 0.1 * out[0] * x[t]
    return np.sum(out**2)


def two_arrays(x):
    a, b = np.zeros(len(x)), np.ones(len(x))
    for t in range(1, len(x)):
        a[t] = b[t - 1] * x[t]
        b[t] = 0.5 * a[t] + x[t - 1]
    return np.sum(a * b)


def rows(x):
    out = np.zeros((len(x), 3))
    for t in range(1, len(x)):
        out[t] = out[t - 1] * 0.5 + x[t]
        out[t, 1:] *= x[t]
    return np.sum(out**2)


IN_PLACE = [by_for, by_while, by_while_on_values, in_branches, in_two_loops, twice_a_trip, two_arrays, rows]


# ---- writes before which somebody looks at the array again ---------------------------------------------------


def the_one_before_is_kept(x):
    out, before = np.zeros(len(x)), np.zeros(len(x))
    for t in range(1, len(x)):
        before = out.copy()
        out[t] = before[t - 1] + x[t]
        before[0] += out[t]
    return np.sum(out * before)


def names_change_places(x):
    a, b = np.zeros(len(x)), x.copy()
    for t in range(1, len(x)):
        a[t] = b[t] * x[t]
        a, b = b, a
    return np.sum(a) + np.sum(b**2)


def every_state_is_kept(x):
    out, states = np.zeros(len(x)), []
    for t in range(len(x)):
        out[t] = x[t] ** 2
        states.append(out.copy())
    return np.sum(np.array(states) ** 2)


def all_of_it_is_read_each_trip(x):
    out, total = x.copy(), 0.0
    for t in range(len(x)):
        total += np.sum(out**2) * x[t]
        out[t] = 0.5 * out[t]
    return total


def a_view_is_read_afterwards(x):
    out, total = x.copy(), 0.0
    for t in range(len(x)):
        old = out.reshape(-1, 2).T * 1.0
        out[t] = out[t] * 0.5
        total += np.sum(old[:, 0]) * out[t]
    return total


def the_constant_of_a_loop_is_its_state_too(x):
    start = np.tanh(x)
    out = start * 1.0
    other = out
    total = 0.0
    for t in range(1, len(x)):
        out = out.copy()
        out[t] = other[t - 1] * x[t]
        total += np.sum(out * other)
    return total + np.sum(start)


def the_start_is_read_again(x):
    start = x**2
    for _ in range(9):
        out = start.copy()
        for t in range(1, len(x)):
            out[t] = out[t - 1] * 0.5 + start[t]
        start = 0.1 * out + 0.5 * start
    return np.sum(start)


COPIED = [the_one_before_is_kept, names_change_places, every_state_is_kept, all_of_it_is_read_each_trip]
COPIED += [a_view_is_read_afterwards, the_constant_of_a_loop_is_its_state_too, the_start_is_read_again]


def slope(f, direction):
    """The derivative along a direction, by a complex step; arrays that a program makes are complex then."""
    names = {**globals(), "np": Complex()}
    twin = type(f)(f.__code__, names)
    return np.imag(twin(X + 1e-30j * direction)) / 1e-30


class Complex:
    """NumPy with complex zeros and ones, and comparisons by the real part (its own)."""

    zeros = staticmethod(lambda shape: np.zeros(shape, complex))
    ones = staticmethod(lambda shape: np.ones(shape, complex))

    def __getattr__(self, name):
        return getattr(np, name)


@pytest.fixture
def copies(monkeypatch):
    """How many arrays were copied to be written to."""
    count = [0]

    def counted(evaluate):
        def call(self, *arrays, **params):
            count[0] += 1
            return evaluate(self, *arrays, **params)

        return call

    for kind in (Written, Overwrite):
        monkeypatch.setattr(kind, "evaluate", counted(kind.evaluate))
    return count


@pytest.mark.parametrize("f", IN_PLACE + COPIED, ids=lambda f: f.__name__)
@pytest.mark.parametrize("checkpoint", [None, "auto"])
def test_values_and_gradients(f, checkpoint):
    given = X.copy()
    value, gradient = ad.value_and_grad(f, checkpoint=checkpoint)(given)
    np.testing.assert_array_equal(given, X)
    np.testing.assert_allclose(value, f(X), rtol=1e-13)
    direction = np.cos(np.arange(float(N)))
    np.testing.assert_allclose(gradient @ direction, slope(f, direction), rtol=1e-11)


@pytest.mark.parametrize("f", IN_PLACE + COPIED, ids=lambda f: f.__name__)
def test_the_same_bits_as_with_copies(f, monkeypatch):
    found = ad.value_and_grad(f)(X), ad.vmap(ad.grad(f))(np.stack([X, X[::-1]]))
    monkeypatch.setattr(interpreter, "ALONE", -1)
    (value, gradient), batch = ad.value_and_grad(f)(X), ad.vmap(ad.grad(f))(np.stack([X, X[::-1]]))
    assert found[0][0] == value
    np.testing.assert_array_equal(found[0][1], gradient)
    np.testing.assert_array_equal(found[1], batch)


@pytest.mark.parametrize("f", IN_PLACE, ids=lambda f: f.__name__)
def test_twice_the_trips_are_no_more_copies(f, copies):
    """So the time grows with the number of trips and not with its square, forwards and backwards."""
    counts = []
    for n in (N, 2 * N):
        before = copies[0]
        ad.jit(f)(np.tile(X, 2)[:n])
        between = copies[0]
        ad.grad(f)(np.tile(X, 2)[:n])
        counts.append((between - before, copies[0] - between))
    (forward, gradient), twice = counts
    assert forward == twice[0] < 5
    # The adjoint of a branch reads the whole array as it was before, which is kept; that of a slice at a place that is
    # known is as long as the array.
    if f not in (in_branches, twice_a_trip):
        assert gradient == twice[1] < 12


def test_an_array_of_the_users_is_copied(copies):
    """An argument, one that is captured, and one that was returned before."""
    captured = X.copy()

    def f(x):
        a, b = x, captured * 1.0
        b = b + 0.0
        a = a if len(x) else b
        y = a.copy()
        for t in range(N):
            y[t] = y[t] * 2.0 + captured[t]
        return y, a

    run = ad.jit(f)
    given = X.copy()
    first, same = run(given)
    kept = first.copy()
    second, _ = run(first)
    np.testing.assert_array_equal(given, X)
    np.testing.assert_array_equal(captured, X)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(same, X)
    np.testing.assert_array_equal(second, 2.0 * kept + X)
    assert copies[0] > 0


def test_references_are_counted_as_expected():
    array = np.zeros(3)
    assert not interpreter._is_ours([array])
    assert interpreter._is_ours([np.zeros(3)])
    assert not interpreter._is_ours([np.zeros((3, 2)).T])
    assert not interpreter._is_ours([np.zeros(3)] * 2)
    assert not interpreter._is_ours([np.float64(1.0)])
