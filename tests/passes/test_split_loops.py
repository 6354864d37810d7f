"""Loops that branch on where they are, without the branch: the same trips in the same order."""

import operator

import numpy as np
import pytest

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.ir.core import blocks_of
from autodiff.ops.cond import Cond
from autodiff.passes.joint_loops import joint_loops
from autodiff.passes.pipeline import lowerable, optimize
from autodiff.passes.split_loops import split_loops
from autodiff.runtime.tiers import Program

N = 15
X = np.random.default_rng(4).normal(size=N)
COMPARISONS = (operator.ne, operator.eq, operator.lt, operator.le, operator.gt, operator.ge)


def others(x):
    total = 0.0
    for i in range(N):
        for j in range(N):
            if i != j:
                total += 1.0 / (1.0 + (x[i] - x[j]) ** 2)
    return total


def left_out(x):
    y = 0.3
    for i in range(N):
        for j in range(N):
            if j == i:
                continue
            y = np.sin(y) * 0.9 + x[j]
    return y


def two_sides(x):
    total = 0.0
    for i in range(N):
        for j in range(N):
            if j < i:
                total = total * 0.99 + x[i] * x[j]
            else:
                total = total - 0.5 * x[j] ** 2
    return total


def both_and_between(x):  # three parts: the branch stays
    total = 0.0
    for i in range(N):
        for j in range(N):
            total = total + x[j] ** 2 if i != j else total * 0.9
    return total


def elsewhere(x):  # a condition on something else
    total = 0.0
    for i in range(N):
        for j in range(N):
            if x[j] > 0.1 * i:
                total += x[j] * x[i]
    return total


SPLIT = (others, two_sides)
STAY = (both_and_between, elsewhere, left_out)  # the last one keeps something in every trip


def program_of(f):
    g = ad.value_and_grad(f)
    g(X)
    return g._last.program


def branches(block):
    own = sum(isinstance(i.op, Cond) for i in block.instrs)
    return own + sum(branches(b) for i in block.instrs for b in blocks_of(i))


def check(program, *args):
    expected = run(program.block, args)
    split = run(split_loops(program.block), args)
    np.testing.assert_array_equal(split[0], expected[0])
    for found in (split, Program(program.block)(*args)):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    return expected


@pytest.mark.parametrize("f", [*SPLIT, *STAY], ids=lambda f: f.__name__)
def test_the_same_numbers(f):
    value, _ = check(program_of(f), X)
    np.testing.assert_allclose(value, f(X), rtol=1e-13)


@pytest.mark.parametrize("f", SPLIT, ids=lambda f: f.__name__)
def test_no_branch_is_left(f):
    block = program_of(f).block
    assert branches(block) > 0 == branches(split_loops(block)) == branches(lowerable(block))


@pytest.mark.parametrize("f", [left_out, two_sides], ids=lambda f: f.__name__)
def test_the_order_of_trips(f):
    g = ad.jit(f)
    found = g(X)
    block = g._last.program.block
    assert branches(block) > 0 == branches(split_loops(block))
    assert run(split_loops(block), (X,)) == run(block, (X,))
    np.testing.assert_allclose(found, f(X), rtol=1e-13)


@pytest.mark.parametrize("f", STAY, ids=lambda f: f.__name__)
def test_branches_that_stay(f):
    block = program_of(f).block
    assert branches(split_loops(block)) == branches(block) > 0


@pytest.mark.parametrize("compare", COMPARISONS, ids=lambda f: f.__name__)
def test_limits_outside_of_the_loop(compare):
    def f(x, limit, trips):
        y = 0.1
        for j in range(trips):
            if compare(j, limit):
                y = 0.7 * y + x[j]
        return y

    g = ad.value_and_grad(f)
    low, high = np.iinfo(np.int64).min, np.iinfo(np.int64).max
    for limit in (-1, 0, 1, 6, N - 1, N, N + 1, low, high):
        for trips in (-2, 0, 1, 9, N):
            args = X, np.int64(limit), np.int64(trips)
            value, slopes = g(*args)
            np.testing.assert_allclose(value, f(*args), rtol=1e-14)
            check(g._last.program, *args[: len(g._last.program.block.params)])
            h = 1e-6 * np.eye(N)
            expected = [(f(X + d, *args[1:]) - f(X - d, *args[1:])) / 2e-6 for d in h]
            np.testing.assert_allclose(slopes, expected, atol=1e-8)


def test_parts_join_those_of_the_adjoint():
    block = optimize(split_loops(program_of(others).block))
    (outer,) = [i for i in joint_loops(block).instrs if blocks_of(i)]
    assert len([i for i in outer.params["body"].instrs if blocks_of(i)]) == 2
