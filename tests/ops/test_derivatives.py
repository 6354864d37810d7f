"""Derivatives of every op: both modes against 60 digits, at orders one and two, and against each other."""

import numpy as np
import pytest
from derivatives import check_modes_agree, cotangents, directions, floats
from op_samples import ALL, C128, F32, F64, is_smooth, one_op, samples
from reference_table import COSTLY, SLOWEST
from references import Reference, rounded

from autodiff.backends.interpreter import run
from autodiff.ops import OPS
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import vjp

SMOOTH = [name for name in ALL if is_smooth(OPS[name])]
QUICK = [name for name in SMOOTH if name not in SLOWEST]
# Derivatives of others that have no second derivative of their own: tests/ops/test_special_shape.py sees them refused.
TWICE = [name for name in SMOOTH if name not in ("gammainc_aa", "betainc_a", "betainc_b")]
ORDER_ONE = {"f8": 1e-12, "c16": 1e-12, "f4": 1e-5, "c8": 1e-5}
ORDER_TWO = {"f8": 1e-9, "c16": 1e-9, "f4": 1e-4, "c8": 1e-4}


def smooth_samples(name, dtype=F64):
    """(sample, block, positions of results) wherever something varies and something depends on it."""
    for sample in samples(OPS[name], dtype):
        # Examples that are arrays have the dtype they have: once is enough.
        if dtype != F64 and all(a.dtype != dtype for a in sample.arrays):
            continue
        block = one_op(sample)
        if sample.floats and floats(block):
            yield sample, block, floats(block)


def small(name, dtype=F64, size=60):
    """The samples small enough for many evaluations, each in many digits."""
    size = 3 if name in COSTLY else size
    sized = [(s, [np.size(a) for a in s[0].arrays]) for s in smooth_samples(name, dtype)]
    return [s for s, sizes in sized if min(sizes) > 0 and sum(sizes) <= size]


def close(found, expected, tolerances, note):
    """Relative to each number; numbers that cancel, relative to the largest one."""
    for a, b in zip(found, expected, strict=True):
        a, b = np.asarray(a), rounded(b, a.dtype)
        assert a.shape == b.shape, note
        rtol = tolerances[a.dtype.str[1:]]
        # Operands and directions are numbers around 1: 1e-15 is rounding where everything cancels, as in det.
        size = np.max(np.abs(b), initial=1e-2)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=0.1 * rtol * size, err_msg=note)


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("dtype", [F64, F32, C128], ids=str)
def test_pushforward(name, dtype):
    for sample, block, smooth in small(name, dtype, 40)[: 1 if name in SLOWEST else None]:
        tangents, n = directions(sample.arrays, sample.floats), len(block.results)
        results = run(jvp(block, sample.floats), [*sample.arrays, *tangents])
        exact = Reference(sample, smooth)
        close([results[k] for k in smooth], exact.values(), ORDER_ONE, f"{sample} value")
        close([results[n + k] for k in smooth], exact.along(tangents), ORDER_ONE, f"{sample} tangent")


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("dtype", [F64, F32, C128], ids=str)
def test_pullback(name, dtype):
    for sample, block, smooth in small(name, dtype, 9):
        cts, n = directions(run(block, sample.arrays), range(len(block.results)), seed=3), len(block.results)
        found = run(vjp(block, sample.floats), [*sample.arrays, *cts])[n:]
        close(found, Reference(sample, smooth).cotangents([cts[k] for k in smooth]), ORDER_ONE, str(sample))


@pytest.mark.parametrize("name", QUICK)
def test_pushforward_of_pullback(name):
    """Order two: how the cotangents change along a direction, cotangents of the results kept."""
    for sample, block, smooth in small(name, F64, 9):
        cts, wrt = directions(run(block, sample.arrays), range(len(block.results)), seed=3), sample.floats
        adjoint, tangents = cotangents(block, wrt), directions(sample.arrays, wrt, seed=4)
        found = run(jvp(adjoint, wrt), [*sample.arrays, *cts, *tangents])[len(adjoint.results) :]
        expected = Reference(sample, smooth).cotangents([cts[k] for k in smooth], tangents)
        close(found, expected, ORDER_TWO, str(sample))


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("dtype", [F64, C128], ids=str)
def test_modes_agree(name, dtype):
    for sample, block, _ in smooth_samples(name, dtype):
        check_modes_agree(block, sample.arrays, sample.floats)


@pytest.mark.parametrize("name", SMOOTH)
def test_single_operands_are_differentiated_alone(name):
    for sample, block, _ in small(name):
        for k in sample.floats if len(sample.floats) > 1 else []:
            check_modes_agree(block, sample.arrays, [k])


@pytest.mark.parametrize("name", TWICE)
def test_modes_agree_at_order_two(name):
    for sample, block, _ in small(name):
        adjoint = cotangents(block, sample.floats)
        cts = directions(run(block, sample.arrays), range(len(block.results)), seed=3)
        arrays = [*sample.arrays, *cts]
        wrt = [*sample.floats, *(len(sample.arrays) + k for k in floats(block))]
        check_modes_agree(adjoint, arrays, wrt)
