"""A scaled array that is shifted: one nest, the same bits, and only where the scale is a number that keeps zeros."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.backends.numba.compile import plan_kernel
from autodiff.backends.numba.nest import Cycle, LoopNest
from autodiff.passes.scaled_movements import scaled_movements

X = np.random.default_rng(0).normal(size=(9, 11))


def stencil(x, scale=0.1):
    return np.sum((x + scale * (np.roll(x, 1, 0) + np.roll(x, -1, 1) - 2.0 * x)) ** 3)


def adjoint(f, *args):
    g = ad.grad(f)
    g(X, *args)
    return g._last.program


@pytest.mark.parametrize("scale", [0.1, -0.1, 0.0, 3.0, np.inf])
def test_every_bit_stays(scale):
    block = adjoint(lambda x: stencil(x, scale)).block
    before, after = run(block, (X,)), run(scaled_movements(block), (X,))
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_adjoint_of_a_stencil_is_two_nests():
    made, _, signature = adjoint(stencil).generalized()
    nests = [s for s in plan_kernel(made, signature.sizes).steps if isinstance(s, LoopNest) and len(s.domain) == 2]
    assert len(nests) <= 2


def diffused(x, scale=0.1):
    for _ in range(12):
        x = x + scale * (np.roll(x, 1, 0) + np.roll(x, -1, 1) - 2.0 * x)
    return np.sum(x * x)


@pytest.mark.parametrize("args", [(), (0.1,)], ids=["number", "argument"])
def test_a_step_of_the_adjoint_is_one_nest(args):
    made, _, signature = adjoint(diffused, *args).generalized()
    loops = [s for s in plan_kernel(made, signature.sizes).steps if isinstance(s, Cycle)]
    assert [len(loop.body) for loop in loops] == [1, 1]
