"""Shape rules and values: an op agrees with NumPy, and leaves its arguments alone."""

import numpy as np
import pytest
from op_samples import ALL, SHAPES, elementwise, one_op, samples

from autodiff.backends.interpreter import run
from autodiff.ir.aval import aval_of
from autodiff.ops import OPS
from autodiff.ops.families import Elementwise

DTYPES = [np.dtype(t) for t in ("f8", "f4", "i8", "i4", "?")]
ELEMENTWISE = [name for name in ALL if isinstance(OPS[name], Elementwise)]
UFUNCS = [name for name in ELEMENTWISE if isinstance(OPS[name].numpy, np.ufunc)]


@pytest.mark.parametrize("name", ALL)
def test_has_samples(name):
    found = samples(OPS[name])
    assert found, f"{name} does not say how it is tested: give it a domain or examples"
    assert any(max(np.shape(a), default=0) > 8 for s in found for a in s.arrays), f"{name}: no example with a long axis"


@pytest.mark.parametrize("name", ALL)
def test_shape_rule_agrees_with_evaluation(name):
    for dtype in DTYPES:
        for sample in samples(OPS[name], dtype):
            block = one_op(sample)
            (result,) = block.results
            with np.errstate(all="ignore"):
                try:
                    (found,) = run(block, sample.arrays)
                except ValueError:
                    # NumPy refuses values that no dtype tells: integers to negative powers.
                    assert dtype.kind == "i"
                    continue
            assert aval_of(found) == result.aval, str(sample)
            # The op itself must keep its rule too: the interpreter only converts scalars.
            instr = block.instrs[-1]
            if len(block.instrs) == 1:
                (raw,) = instr.op.evaluate(*sample.arrays, **sample.params)
                assert np.asarray(raw).dtype == result.aval.dtype, str(sample)


@pytest.mark.parametrize("name", UFUNCS)
def test_agrees_with_numpy(name):
    op = OPS[name]
    for dtype in DTYPES:
        for shape in SHAPES:
            sample = elementwise(op, shape, dtype)
            if sample is None:
                continue
            with np.errstate(all="ignore"):
                try:
                    expected = op.numpy(*sample.arrays)
                except ValueError:
                    continue
                (found,) = run(one_op(sample), sample.arrays)
            assert (np.shape(found), found.dtype) == (np.shape(expected), expected.dtype), str(sample)
            np.testing.assert_array_equal(found, expected, err_msg=str(sample))


@pytest.mark.parametrize("name", ALL)
def test_arguments_are_unchanged(name):
    for sample in samples(OPS[name]):
        before = [np.array(a) for a in sample.arrays]
        results = run(one_op(sample), sample.arrays)
        for a, b in zip(sample.arrays, before, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=str(sample))
            assert not any(np.shares_memory(r, a) for r in results), str(sample)
