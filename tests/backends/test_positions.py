"""Loops that begin at a computed place of an array: side by side, with the numbers and errors of the interpreter."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.backends.numba.compile import plan_kernel
from autodiff.backends.numba.nest import Cycle, LoopNest, every_step
from autodiff.runtime.tiers import Program

N = 21
X = np.random.default_rng(11).normal(size=N)


def above(x):
    total = 0.0
    for i in range(N):
        for j in range(i + 1, N):
            total += x[i] / (1.0 + (x[i] - x[j]) ** 2)
    return total


def further(x):  # more than the number of the trip and the beginning
    total = 0.0
    for i in range(N // 2):
        for j in range(i, N - 3):
            total += x[j + 3] * x[i + 1]
    return total


def written(x):
    y = np.zeros(N)
    for i in range(N):
        for j in range(i, N):
            y[j] = y[j] + x[j] * x[i]
    return np.sum(y * y)


def overlapping(x):  # what one trip reads, another one writes
    y = x.copy()
    for i in range(1, 15):
        for j in range(N - i):
            y[j + i] = 0.5 * y[j] + x[j]
    return np.sum(y * y)


def below_zero(x):  # begins at negative positions, which count from the end
    total = 0.0
    for i in range(15):
        for j in range(i - 3, N - 4):
            total += x[j] * x[i]
    return total


SIDE_BY_SIDE = (above, further, written)
IN_TURN = (overlapping, below_zero)


def program_of(f, x=X):
    g = ad.value_and_grad(f)
    g(x)
    return g._last.program, (x, *map(np.asarray, g._last.traced.captured))


@pytest.mark.parametrize("f", [*SIDE_BY_SIDE, *IN_TURN], ids=lambda f: f.__name__)
def test_the_same_numbers(f):
    program, args = program_of(f)
    expected = run(program.block, args)
    np.testing.assert_allclose(expected[0], f(X), rtol=1e-13)
    for a, b in zip(Program(program.block)(*args), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def cycles_within(f):
    made, _, signature = program_of(f)[0].generalized()
    steps = list(every_step(plan_kernel(made, signature.sizes).steps))
    outer = [s for s in steps if isinstance(s, Cycle)]
    inner = [i for s in outer for i in every_step(s.body)]
    return [i for i in inner if isinstance(i, Cycle)], [i for i in inner if isinstance(i, LoopNest) and i.domain]


@pytest.mark.parametrize("f", SIDE_BY_SIDE, ids=lambda f: f.__name__)
def test_inner_loops_are_nests(f):
    cycles, nests = cycles_within(f)
    assert nests
    assert not cycles


@pytest.mark.parametrize("f", IN_TURN, ids=lambda f: f.__name__)
def test_what_must_stay_a_loop(f):
    cycles, _ = cycles_within(f)
    assert cycles


@pytest.mark.parametrize("begin", [3, 30])
def test_the_first_index_that_is_wrong(begin):
    def f(x):
        total = 0.0
        for i in range(14):
            for j in range(15):
                total += x[begin * i + j + 2]
        return total

    block = ad.jit(f)
    with pytest.raises(IndexError) as expected:
        f(X)
    with pytest.raises(IndexError) as found:
        block(X)
    index = str(expected.value).split()[1]
    assert f"index {index} is out of bounds" in str(found.value)
