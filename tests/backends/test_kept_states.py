"""States that a loop keeps lie where they are kept: the same numbers, for any number of trips, and one array less."""

import numpy as np
import pytest
from kernels import Kernel, close

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.backends.numba.nest import Cycle, LoopNest, Store, every_step

U = np.random.default_rng(0).normal(size=(5, 19))
TRIPS = 12  # more than are unrolled


def step(u):
    return u + 0.1 * (np.roll(u, 1, 0) + np.roll(u, -1, 1) - 2.0 * u) - 0.01 * u * u * u


def stepped(u, trips):
    for _ in range(trips):
        u = step(u)
    return u


def history(u, trips):
    """The states themselves are a result, and whether each is an item is checked on every trip."""
    kept = np.empty((TRIPS, *u.shape))
    for t in range(trips):
        kept[t] = u
        u = step(u)
    return kept[0], kept[TRIPS - 1], u


def coupled(x, v, trips):
    """Two states that depend on one another."""
    for _ in range(trips):
        x, v = x + 0.1 * v * v, v - 0.1 * x * x
    return np.sum(x * v)


def written(u, trips):
    """The state is kept, and then written in the same trip."""
    kept = np.empty((TRIPS, *u.shape))
    for t in range(trips):
        kept[t] = u
        u[0] = 2.0 * u[1]
        u = step(u)
    return kept[1], u


def read_again(u, trips):
    """A trip reads what earlier ones have kept."""
    kept = np.zeros((TRIPS, *u.shape))
    for t in range(trips):
        kept[t] = u
        u = step(u) + 0.5 * kept[t // 2]
    return kept[TRIPS - 1], u


def rows(u, trips):
    """The state is kept as one item of another, larger shape."""
    kept = np.empty((TRIPS, 2, *u.shape))
    for t in range(trips):
        kept[t, 1] = u
        u = step(u)
    return kept[3, 1], u


def program_of(name):
    """A program as a block, and its arguments: those of the function, and the arrays that it makes."""
    function, args = PROGRAMS[name]
    f = ad.jit(function)
    f(*args)
    block = f._last.program.block
    return block, [*args, *(np.zeros(p.aval.shape) for p in block.params[len(args) :])]


def gradient(trips):
    return lambda u: ad.value_and_grad(lambda u: np.sum(stepped(u, trips) ** 2))(u)


def second(trips):
    return lambda u: ad.grad(lambda u: np.vdot(ad.grad(lambda u: np.sum(stepped(u, trips) ** 2))(u), u))(u)


PROGRAMS = {
    "gradient": (gradient(TRIPS), (U,)),
    "second derivative": (second(TRIPS), (U,)),
    "history": (lambda u: history(u, TRIPS), (U,)),
    "two states": (lambda x, v: ad.grad(lambda x, v: coupled(x, v, TRIPS), argnums=(0, 1))(x, v), (U[0], U[1])),
    "written": (lambda u: written(u, TRIPS), (U,)),
    "read again": (lambda u: read_again(u, TRIPS), (U,)),
    "rows": (lambda u: rows(u, TRIPS), (U,)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_printer_agrees_with_the_interpreter(name):
    block, args = program_of(name)
    kernel, expected = Kernel(block), run(block, args)
    close(kernel.python(args), expected, kernel.source)
    close(kernel.compiled(args), expected, kernel.source)
    close(kernel.compiled(args), expected, kernel.source)  # as good the second time


@pytest.mark.parametrize("trips", [0, 1, 2, 3, 30])
def test_any_number_of_trips(trips):
    f = ad.value_and_grad(lambda u, n: np.sum(stepped(u, n) ** 2), argnums=0)
    value, slope = f(U, trips)
    towards = 1e-6 * np.random.default_rng(1).normal(size=U.shape)
    behind, here, ahead = (np.sum(stepped(U + k * towards, trips) ** 2) for k in (-1, 0, 1))
    np.testing.assert_allclose(value, here, rtol=1e-12)
    np.testing.assert_allclose(2.0 * np.vdot(slope, towards), ahead - behind, rtol=1e-5)


def cycles_of(name):
    return [s for s in every_step(Kernel(program_of(name)[0]).plan.steps) if isinstance(s, Cycle)]


@pytest.mark.parametrize("name", ["gradient", "two states"])
def test_a_trip_writes_each_state_once(name):
    cycle = cycles_of(name)[0]
    stores = [i for s in cycle.body if isinstance(s, LoopNest) for i in s.body if isinstance(i, Store)]
    assert cycle.kept
    assert len(stores) == len(cycle.kept)


@pytest.mark.parametrize("name", ["history", "written", "read again", "rows"])
def test_states_that_are_not_items_stay_where_they_are(name):
    assert not any(cycle.kept for cycle in cycles_of(name))
