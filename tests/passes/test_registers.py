"""Small arrays of loops as numbers: same results, and no loop over an array is left within the trips."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.backends.numba.compile import plan_kernel
from autodiff.backends.numba.nest import Cycle, LoopNest, every_step
from autodiff.passes.pipeline import lowerable
from autodiff.passes.registers import SMALL
from autodiff.runtime.tiers import Program

RNG = np.random.default_rng(3)


def vector_field(y):
    for _ in range(30):
        k = np.stack([y[1] - y[0], y[0] * y[2] - y[1], y[0] * y[1] - y[2]])
        y = y + 0.01 * k + 0.02 * np.sum(y) * y[::-1]
    return np.sum(y * y)


def matrices(a):
    b = np.eye(3)
    for _ in range(12):
        b = b @ a + 0.1 * np.eye(3)
        b = b / np.sqrt(np.sum(b**2)) + np.max(b, axis=0)
    return np.sum(b * b.T)


def rows(x):
    total, y = 0.0, np.zeros(4)
    for row in x:
        y = 0.5 * y + row * np.roll(row, 1)
        total = total + np.min(y + 1.0)
    return total


def collected(x):
    out = np.zeros((12, 3))
    y = x
    for k in range(12):
        y = np.where(y > 0.5, y * 0.9, y + 0.1) * np.concatenate([y[1:], y[:1]])
        out[k] = y
    return np.sum(out**2)


def while_it_grows(x):
    n = 0.0
    while np.sum(x * x) < 50.0:
        x = x * 1.3 + np.flip(x) * 0.1
        n = n + 1.0
    return np.sum(x) + n


PROGRAMS = {
    vector_field: RNG.normal(size=3),
    matrices: 0.3 * RNG.normal(size=(3, 3)),
    rows: RNG.normal(size=(11, 4)),
    collected: np.array([0.3, 0.6, 0.9]),
    while_it_grows: np.array([0.5, 0.25, 0.75, 0.1]),
}


def program_of(f, x):
    g = ad.value_and_grad(f)
    g(x)
    return g._last.program, (x, *map(np.asarray, g._last.traced.captured))


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_the_same_numbers(f):
    x = PROGRAMS[f]
    program, args = program_of(f, x)
    expected = run(program.block, args)
    for found in (run(lowerable(program.block), args), Program(program.block)(*args)):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_no_arrays_are_gone_through_in_a_trip(f):
    made, _, signature = program_of(f, PROGRAMS[f])[0].generalized()
    cycles = [s for s in plan_kernel(made, signature.sizes).steps if isinstance(s, Cycle)]
    assert cycles
    assert not [s for c in cycles for s in every_step(c.body) if isinstance(s, LoopNest) and s.domain]


def test_larger_arrays_stay_arrays():
    x = RNG.normal(size=SMALL + 1)

    def f(y):
        for _ in range(12):
            y = y * 0.9 + 0.1 * y * y
        return np.sum(y)

    made, _, signature = program_of(f, x)[0].generalized()
    cycles = [s for s in plan_kernel(made, signature.sizes).steps if isinstance(s, Cycle)]
    assert [s for c in cycles for s in every_step(c.body) if isinstance(s, LoopNest) and s.domain]


def test_a_computed_position_in_a_small_array():
    def f(y):
        z = np.zeros(3)
        for k in range(12):
            z[k % 3] = z[(k + 1) % 3] * 0.5 + y[k % 3] ** 2
        return np.sum(z)

    x = np.array([0.3, 0.6, 0.9])
    h = 1e-6 * np.eye(3)
    expected = [(f(x + d) - f(x - d)) / 2e-6 for d in h]
    np.testing.assert_allclose(ad.grad(f)(x), expected, rtol=1e-7)
