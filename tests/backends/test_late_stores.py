"""What a trip keeps is written where it is computed, and arrays that nobody reads are not written at all."""

import numpy as np
from kernels import Kernel, close

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.backends.numba.lives import loose_buffers, reads_of, roots_of
from autodiff.backends.numba.nest import Cycle, LoopNest, NativeCall, Store, every_step

X, V = np.random.default_rng(0).normal(size=(2, 40))


def coupled(x, v):
    for _ in range(12):
        x, v = x + 0.1 * v * v, v - 0.1 * np.sin(x) * v
    return np.sum(x * v)


def summed_and_kept(x, v):
    """What is kept is also read by another nest: the sum must be complete before."""
    for _ in range(12):
        y = np.sin(x) * v
        x = y / (1.0 + np.sum(y * y))
    return np.sum(x)


def kernel_of(f):
    g = ad.grad(f, argnums=(0, 1))
    g(X, V)
    block = g._last.program.block
    return block, Kernel(block)


def check(f):
    block, kernel = kernel_of(f)
    expected = run(block, (X, V))
    close(kernel.python((X, V)), expected, kernel.source)
    close(kernel.compiled((X, V)), expected, kernel.source)
    return kernel.plan


def test_a_trip_is_one_nest():
    plan = check(coupled)
    first = next(s for s in plan.steps if isinstance(s, Cycle))
    assert len(first.body) == 1
    assert not any(_only_copies(s) and "n1" in s.domain for s in plan.steps if isinstance(s, LoopNest))


def test_a_sum_is_stored_after_its_loop():
    """Of one element, where the copy for a native call runs as often as the sum."""

    def program(v):
        return np.take_along_axis(v, np.argsort(np.sum(v, axis=None, keepdims=True), axis=0), axis=0)

    v = np.array([0.5])
    value, pull = ad.vjp(program, v)
    assert (value, *pull(np.array([2.0]))) == (v, np.array([2.0]))


def test_every_array_is_read():
    for program in (coupled, summed_and_kept):
        plan = check(program)
        roots, read = roots_of(plan), list(plan.results)
        for step in every_step(plan.steps):
            if isinstance(step, LoopNest):
                read += [a.buffer for a in reads_of(step)]
            elif not isinstance(step, NativeCall):
                read += loose_buffers(step)
        assert {roots.get(b, b) for b in read} >= set(plan.allocated)


def _only_copies(nest):
    return all(isinstance(s, Store) for s in nest.body)
