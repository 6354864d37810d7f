"""A short last axis written out: the same numbers, one loop over what is left, and only where it pays."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.backends.numba.compile import plan_kernel
from autodiff.backends.numba.nest import LoopNest
from autodiff.ir.pretty import pretty
from autodiff.passes.pipeline import lowerable
from autodiff.passes.thin_axes import MOST, thin_axes
from autodiff.runtime.tiers import Program

N = 40
RNG = np.random.default_rng(2)
R, WIDE = RNG.normal(size=(N, 3)), RNG.normal(size=(N, MOST + 1))


def energy(r):
    d = r[:, None, :] - r[None, :, :]
    return np.sum(1.0 / np.sqrt(np.sum(d * d, axis=2) + 0.01))


def largest(r):
    d = np.abs(r[:, None, :] - 0.5 * r)
    return np.sum(np.max(d, axis=-1) + np.min(d, -1) ** 2)


def everything(r):  # over other axes too, and a part, turned
    d = (r[:, None] * np.exp(r[None]))[2:, ::-1]
    return np.sum(d, axis=(0, 2)) @ np.ones(N) + np.sum(np.transpose(d, (1, 0, 2)).sum(2)[3])


def weighted(r):  # something per place, something per pair
    d = r[:, None, :] - r[None, :, :]
    near = np.exp(-np.sum(d * d * np.array([1.0, 2.0, 3.0]), axis=2))
    return np.sum(np.mean(near[:, :, None] * d, axis=1) ** 2)


def kept(r):  # needed as a whole, but small
    d = r[:, None, :] - r[None, :, :]
    mean = np.sum(d, axis=1)
    return np.sum(np.sum(d * d, -1)) + np.sum(np.linalg.inv(mean.T @ mean))


def with_kinks(r):
    d = np.where(r[:, None, :] > r[None, :, :], r[:, None, :], 0.0)
    return np.sum(np.sqrt(np.sum(d, axis=2) ** 2 + 1.0))


def rows(r):  # nothing between is larger than what is read
    return np.sum(np.sqrt(np.sum(r * r, axis=1)))


def products(r):  # a large array is needed as a whole
    d = r[:, None, :] - r[None, :, :]
    return np.sum(np.sum(d * d, axis=2)) + np.sum(np.linalg.det(d[:3, :3]) + np.sum(d @ d[0].T))


PROGRAMS = {energy: True, largest: True, everything: True, weighted: True, kept: True, with_kinks: True}
APART = {**PROGRAMS, rows: False, products: False}


def program_of(f, x=R):
    g = ad.value_and_grad(f)
    g(x)
    return g._last.program, (x, *map(np.asarray, g._last.traced.captured))


@pytest.mark.parametrize("f", APART, ids=lambda f: f.__name__)
def test_the_same_numbers(f):
    program, args = program_of(f)
    expected = run(program.block, args)
    np.testing.assert_allclose(expected[0], f(R), rtol=1e-13)
    for found in (run(thin_axes(program.block), args), Program(program.block)(*args)):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("f", APART, ids=lambda f: f.__name__)
def test_where_it_pays(f):
    block, _ = program_of(f)
    large = "[40,40,3]"
    assert large in pretty(block.block) or f is rows
    assert (thin_axes(block.block) is not block.block) == APART[f]
    if APART[f]:
        assert large not in pretty(lowerable(block.block))


def test_not_of_long_axes():
    block, _ = program_of(energy, WIDE)
    assert thin_axes(block.block) is block.block


def test_in_a_loop():
    def f(r):
        total = 0.0
        for k in range(20):
            total = total + 0.9**k * energy(r * 1.01)
            r = r * 0.98
        return total

    program, args = program_of(f)
    assert "[40,40,3]" not in pretty(lowerable(program.block))
    for a, b in zip(Program(program.block)(*args), run(program.block, args), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)


def test_pairs_are_one_nest():
    made, _, signature = program_of(energy)[0].generalized()
    nests = [s for s in plan_kernel(made, signature.sizes).steps if isinstance(s, LoopNest)]
    (pairs,) = [n for n in nests if len(n.body) > 10]
    assert len(pairs.domain) == 2
