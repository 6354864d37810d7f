"""Derivatives of every op: against differences, and the two modes against each other, twice."""

import numpy as np
import pytest
from derivatives import check_differences, check_modes_agree, complex_step, cotangents, directions, richardson
from op_samples import ALL, is_smooth, one_op, samples

from autodiff.backends.interpreter import run
from autodiff.ops import OPS
from autodiff.transforms.forward import jvp

SMOOTH = [name for name in ALL if is_smooth(OPS[name])]


def small(name):
    """The samples small enough for second derivatives."""
    return [s for s in samples(OPS[name]) if s.floats and sum(np.size(a) for a in s.arrays) < 60]


@pytest.mark.parametrize("name", SMOOTH)
def test_jvp_against_differences(name):
    for sample in small(name):
        block, wrt = one_op(sample), sample.floats
        tangents = directions(sample.arrays, wrt)
        y, found = run(jvp(block, wrt), [*sample.arrays, *tangents])
        if y.dtype != np.float64:
            continue

        def f(*arrays, sample=sample):
            return sample.op.evaluate(*arrays, **sample.params)

        (expected,) = richardson(f, sample.arrays, wrt, tangents)
        check_differences([found], [expected], str(sample))
        stepped = complex_step(f, sample.arrays, wrt, tangents)
        # abs, maximum and their kind have complex versions that are not analytic: another function.
        if stepped is None:
            continue
        sure = ~np.isnan(expected)
        if np.allclose(np.asarray(stepped[0])[sure], expected[sure], 1e-5, 1e-7):
            size = 1e-12 * np.max(np.abs(stepped[0]), initial=0.0)
            np.testing.assert_allclose(found, stepped[0], rtol=1e-12, atol=size, err_msg=str(sample))


@pytest.mark.parametrize("name", SMOOTH)
def test_modes_agree(name):
    for sample in samples(OPS[name]):
        if sample.floats:
            check_modes_agree(one_op(sample), sample.arrays, sample.floats)


@pytest.mark.parametrize("name", SMOOTH)
def test_single_operands_are_differentiated_alone(name):
    for sample in small(name):
        for k in sample.floats if len(sample.floats) > 1 else []:
            check_modes_agree(one_op(sample), sample.arrays, [k])


@pytest.mark.parametrize("name", SMOOTH)
def test_modes_agree_at_order_two(name):
    for sample in small(name):
        block = one_op(sample)
        if block.results[0].aval.dtype.kind != "f":
            continue
        adjoint = cotangents(block, sample.floats)
        arrays = [*sample.arrays, *directions(run(block, sample.arrays), [0], seed=3)]
        wrt = [*sample.floats, len(arrays) - 1]
        check_modes_agree(adjoint, arrays, wrt, rtol=1e-11)


@pytest.mark.parametrize("name", SMOOTH)
def test_order_two_against_differences(name):
    for sample in small(name):
        block = one_op(sample)
        if block.results[0].aval.dtype != np.float64:
            continue
        adjoint = cotangents(block, sample.floats)
        arrays = [*sample.arrays, *directions(run(block, sample.arrays), [0], seed=3)]
        wrt = sample.floats
        tangents, n = directions(arrays, wrt), len(adjoint.results)
        found = run(jvp(adjoint, wrt), [*arrays, *tangents])[n:]
        expected = richardson(lambda *a, adjoint=adjoint: run(adjoint, a), arrays, wrt, tangents)
        check_differences(found, expected, str(sample))
