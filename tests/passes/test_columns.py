"""Arrays of few columns, transposed for nested loops: the same bits, in vectors, where it pays."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.backends.numba.compile import plan_kernel
from autodiff.backends.numba.llvm_lanes import lanes_of
from autodiff.backends.numba.nest import LoopNest, every_step
from autodiff.ir.pretty import pretty
from autodiff.passes.columns import columns
from autodiff.passes.pipeline import lowerable
from autodiff.runtime.tiers import Program

N = 24
R = np.random.default_rng(7).normal(size=(N, 3))


def pairs(r):
    total = 0.0
    for i in range(N):
        for j in range(i):
            dx, dy, dz = r[i, 0] - r[j, 0], r[i, 1] - r[j, 1], r[i, 2] - r[j, 2]
            total += 1.0 / np.sqrt(dx * dx + dy * dy + dz * dz + 0.1)
    return total


def above(r):
    total = 0.0
    for i in range(N):
        for j in range(i + 1, N):
            total += np.sqrt((r[i, 0] - r[j, 0]) ** 2 + (r[i, 2] - r[j, 2]) ** 2 + 0.1)
    return total


def steps(r):  # within another loop
    total = 0.0
    for k in range(3):
        for i in range(N):
            for j in range(N):
                total += 0.1 * (r[i, 0] - k * r[j, 1]) ** 2
        r = r * 0.9
    return total


def one_loop(r):  # as much work as transposing
    total = 0.0
    for i in range(N):
        total += r[i, 0] * r[i, 1] / r[i, 2]
    return total


def seldom(r):  # a few of many rows
    total = 0.0
    for i in range(2):
        for j in range(3):
            total += r[i, 0] * r[j, 1]
    return total


def any_column(r):
    total = 0.0
    for i in range(N):
        for j in range(N):
            total += r[j, i % 3] * r[i, 0]
    return total


def sequence(r):  # trips that wait for one another
    y = 0.5
    for i in range(N):
        for j in range(N):
            y = 0.5 * np.sin(y) + r[i, 0] * r[j, 1]
    return y


def rows(r):  # also read as a whole
    total = 0.0
    for i in range(N):
        for j in range(N):
            total += r[j, 0] * np.max(r[i]) + np.sum(r)
    return total


PROGRAMS = {pairs: True, above: True, steps: True, one_loop: False, seldom: False, any_column: False, sequence: False}


def program_of(f):
    g = ad.value_and_grad(f)
    g(R)
    return g._last.program


@pytest.mark.parametrize("f", [*PROGRAMS, rows], ids=lambda f: f.__name__)
def test_every_bit_stays(f):
    block = program_of(f).block
    expected = run(block, (R,))
    for a, b in zip(run(columns(block), (R,)), expected, strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(Program(block)(R), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("f", PROGRAMS, ids=lambda f: f.__name__)
def test_where_it_pays(f):
    program = program_of(f)
    assert ("transpose" in pretty(columns(program.block))) == PROGRAMS[f]
    assert ("transpose" in pretty(lowerable(program.block))) == PROGRAMS[f]


def test_the_inner_loop_is_vector_code():
    made, _, signature = program_of(pairs).generalized()
    plan = plan_kernel(made, signature.sizes)
    inner = [s for s in every_step(plan.steps) if isinstance(s, LoopNest) and len(s.body) > 20]
    assert inner
    assert all(lanes_of(nest, lambda b: b) for nest in inner)
