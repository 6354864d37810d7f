"""Loops cut where guards change: every size, every place of a cut, the same bits; and plain loads in between."""

import numpy as np
import pytest
from llvmlite import binding

import autodiff as ad
from autodiff.backends.numba import llvm_segments, native
from autodiff.config import config
from autodiff.runtime.kernels import KERNELS

SIZES = (*range(1, 36), 47, 48, 49, 63, 64, 65, 70)


def whole_numbers(shape, dtype=np.float64, seed=0):
    """Numbers whose sums and products are exact, so that only where they are read can make a difference."""
    return np.random.default_rng(seed).integers(1, 9, shape).astype(dtype)


def interpreted(f, *args):
    before, config.jit = config.jit, False
    try:
        return ad.jit(f)(*args)
    finally:
        config.jit = before


def check(f, *args):
    compiled = ad.jit(f)
    found, expected = compiled(*args), interpreted(f, *args)
    assert compiled.cache_info().interpreted_runs == 0, "there was no kernel"
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


def rolls(x):
    n = x.shape[-1]
    return np.roll(x, 1) + x, np.roll(x, 2) - np.roll(x, -3), np.roll(x, n // 2) * x, np.roll(x, 5 * n + 4)


def views_of_rolls(x):
    """Rolls that are read through slices, flips, paddings and other rolls."""
    y, z = np.roll(x, 2), np.roll(x, 1)
    strided = z[::2] * x[::2], z[::-2] - x[::-2], np.roll(x, -1)[1::3] + x[1::3]
    return *strided, y[1:] + x[:-1], y[::-1] * x, y[::2] - x[::2], np.pad(y, 2) + np.pad(x, 2), np.roll(y * x, -1)


def joins(x):
    return np.concatenate([x[1:], x]) * 2.0, np.concatenate([x * x, x[:3]]), np.concatenate([x, -x])[2:-2] + 1.0


def single_places(x):
    """Guards of one place, at the borders and in the midst."""
    return tuple(np.pad(x[k : k + 1], (k, len(x) - k - 1)) - x for k in (0, len(x) // 2, len(x) - 1))


def many_cuts(x):
    found = x
    for k in ad.unrolled(range(1, 12)):
        found = found + np.roll(x, k) * float(k)
    return (found,)


PROGRAMS = (rolls, views_of_rolls, joins, single_places, many_cuts)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_size(program):
    for n in SIZES:
        check(program, whole_numbers(n, seed=n))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.int32, np.uint8])
def test_dtypes(dtype):
    for n in (1, 3, 17, 66):
        check(rolls, whole_numbers(n, dtype))
        check(joins, whole_numbers(n, dtype))


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (3, 2), (2, 33), (7, 8), (17, 40), (40, 17), (3, 4, 19)])
def test_several_axes(shape):
    def stencil(x):
        around = sum(np.roll(x, s, axis) for axis in range(x.ndim) for s in (1, -1, 2))
        return around - 4.0 * x, np.roll(x, (1, -2), (0, -1)) * x, np.pad(x, 1) + 1.0, np.roll(x.T, 1, 0) + x.T

    check(stencil, whole_numbers(shape))


def test_gradients():
    for n in SIZES:
        x = whole_numbers(n)
        check(lambda x: tuple(ad.grad(lambda x, k=k: np.sum(rolls(x)[k] * x * x))(x) for k in range(4)), x)


@pytest.mark.parametrize("n", [9001, 40_001])  # in chunks, and in blocks
def test_reductions_over_segments(n):
    x = whole_numbers(n)
    check(lambda x: (np.sum(np.roll(x, 4000) * x), np.max(np.roll(x, -3) - x), np.min(x + np.roll(x, 5000))), x)


def test_one_kernel_for_all_sizes():
    KERNELS.clear()
    f = ad.jit(lambda x: np.roll(x, 9) + np.roll(x, -4))
    for n in range(20, 60):
        f(whole_numbers(n))
    assert len(KERNELS._kernels) == 1


def test_more_cuts_than_are_sorted(monkeypatch):
    KERNELS.clear()
    monkeypatch.setattr(llvm_segments, "MOST_CUTS", 2)
    check(rolls, whole_numbers(50))
    KERNELS.clear()


@pytest.mark.parametrize(("shift", "loads"), [((1, 0), 2), ((7, 0), 2), ((3, 1), 2), ((-1, 1), 2)])
def test_whole_vectors_are_read_by_plain_loads(monkeypatch, shift, loads):
    """Of x and of a rolled x, one load each, whichever side of a seam is the larger one."""
    found = _plain_loads(monkeypatch, lambda x: np.roll(x, *shift) + x, whole_numbers((40, 40)))
    assert found == loads


def test_the_adjoint_of_rolls_reads_as_often(monkeypatch):
    """As the rolls themselves: four neighbours, and what is in their midst."""

    def loss(x, weights):
        around = np.roll(x, 1, 0) + np.roll(x, -3, 0) + np.roll(x, 2, 1) + np.roll(x, -1, 1)
        return np.vdot(weights, around - 4.0 * x)

    found = _plain_loads(monkeypatch, ad.grad(loss), whole_numbers((40, 40)), whole_numbers((40, 40), seed=1))
    assert found == 5


def _plain_loads(monkeypatch, f, *args):
    """Vectors that the loop over whole vectors loads for each that it stores."""
    texts = []

    def keep(text, *rest):
        texts.append(text)
        return finished(text, *rest)

    finished = native.finished
    monkeypatch.setattr("autodiff.backends.numba.compile_native.finished", keep)
    KERNELS.clear()
    ad.jit(f)(*args)
    counts = set()
    with binding.parse_assembly(texts[-1]) as module:
        for block in (b for function in module.functions for b in function.blocks):
            instructions = list(block.instructions)
            stores = sum(i.opcode == "store" and "<" in str(i).split(",")[0] for i in instructions)
            reads = sum(i.opcode == "load" and str(i.type).startswith("<") for i in instructions)
            if stores:
                counts.add(reads / stores)
    (found,) = counts
    return found
