"""Loops over the same trips as one: the same numbers, and only where nobody can tell."""

import re

import numpy as np
import pytest

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.ir.core import blocks_of
from autodiff.ir.pretty import pretty
from autodiff.ops.loop import Loop
from autodiff.passes.joint_loops import joint_loops
from autodiff.passes.pipeline import lowerable
from autodiff.passes.sums import sums
from autodiff.runtime.tiers import Program

RNG = np.random.default_rng(5)
N = 14


def pairs(r):
    energy = 0.0
    for i in range(N):
        for j in range(i):
            dx, dy, dz = r[i, 0] - r[j, 0], r[i, 1] - r[j, 1], r[i, 2] - r[j, 2]
            energy = energy - 1.0 / np.sqrt(dx * dx + dy * dy + dz * dz + 0.01)
    return energy


def others(r):
    energy = 0.0
    for i in range(N - 1, -1, -1):
        for j in range(N):
            if i != j:
                dx, dy = r[i, 0] - r[j, 0], r[i, 1] - r[j, 1]
                energy += 1.0 / (0.3 + dx * dx + dy * dy)
    return energy


def one_loop(r):
    total = 0.0
    for i in range(N):
        q = np.sqrt(r[i, 0] ** 2 + r[i, 1] ** 2 + 1.0)
        total = total + r[i, 2] / q
    return total


def two_sums(r):
    a, b = 0.0, 0.0
    for i in range(N):
        a = a + 1.0 / np.sqrt(r[i, 0] ** 2 + 2.0)
    for i in range(N):
        b = b + r[i, 1] / np.sqrt(r[i, 0] ** 2 + 2.0)
    return a + b


def squared(r):  # the adjoint begins with the sum
    return pairs(r) ** 2


def recurrence(r):  # what is carried is looked at
    y = 0.1
    for i in range(N):
        y = y * np.sqrt(r[i, 0] ** 2 + 1.0) * 0.5
    return y


def running(r):  # a sum that is looked at on the way
    total, largest = 0.0, 0.0
    for i in range(N):
        total = total + r[i, 0] / np.sqrt(r[i, 1] ** 2 + 1.0)
        largest = largest + total * total
    return largest


def different(r):  # nothing in common but what is read
    a, b = 0.0, 0.0
    for i in range(N):
        a = a + r[i, 0] * r[i, 1]
    for i in range(N):
        b = b + (r[i, 2] + 3.0) * 2.0
    return a + b


def kept(r):  # a power is kept for the adjoint, in arrays and in stacks
    total = 0.0
    for i in range(N):
        for j in range(i + 1, N):
            total = total + np.exp(-np.sum((r[i] - r[j]) ** 2))
    return total


JOINED = {pairs: 2, one_loop: 1, two_sums: 2, kept: 2}
APART = (squared, recurrence, running)
R = RNG.normal(size=(N, 3))


def loops(block):
    own = sum(isinstance(i.op, Loop) for i in block.instrs)
    return own + sum(loops(b) for i in block.instrs for b in blocks_of(i))


def program_of(f):
    g = ad.value_and_grad(f)
    g(R)
    return g._last.program


@pytest.mark.parametrize("f", [*JOINED, *APART, different, others], ids=lambda f: f.__name__)
def test_the_same_numbers(f):
    program = program_of(f)
    expected = run(program.block, (R,))
    for found in (run(joint_loops(program.block), (R,)), Program(program.block)(R)):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    h = 1e-6
    ups = [np.where(np.arange(R.size).reshape(R.shape) == k, R + h, R) for k in range(R.size)]
    downs = [np.where(np.arange(R.size).reshape(R.shape) == k, R - h, R) for k in range(R.size)]
    slopes = [(f(u) - f(d)) / (2 * h) for u, d in zip(ups, downs, strict=True)]
    np.testing.assert_allclose(np.ravel(expected[1]), slopes, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("f", JOINED, ids=lambda f: f.__name__)
def test_one_loop_is_left(f):
    block = program_of(f).block
    assert loops(joint_loops(block)) == JOINED[f] < loops(block)


@pytest.mark.parametrize("f", APART, ids=lambda f: f.__name__)
def test_loops_stay_apart(f):
    block = program_of(f).block
    assert loops(joint_loops(block)) == loops(block)


def test_the_first_loop_keeps_its_rounding():
    value, _ = run(joint_loops(program_of(pairs).block), (R,))
    assert value == pairs(R)


def test_what_is_a_sum():
    def f(x):
        a = b = c = d = 0.0
        for i in range(N):
            a = a + x[i]
            b = b - x[i] * x[i]
            c = x[i] - c
            d = d + x[i] if i > 3 else d
        return a + b + c + d

    g = ad.jit(f)
    g(R[:, 0])
    (loop,) = [i for i in g._last.program.block.instrs if isinstance(i.op, Loop)]
    hints = [p.hint for p in loop.params["body"].params[1 : 1 + loop.params["carry"]]]
    assert dict(zip(hints, sums(loop), strict=True)) == {"a": True, "b": True, "c": False, "d": True}


def test_nothing_is_kept_for_a_loop_that_is_joined():
    names = pretty(lowerable(program_of(kept).block))
    assert "exp" in names
    assert not {"blank", "stack", "set_window", "push"} & set(re.findall(r"\w+", names))
