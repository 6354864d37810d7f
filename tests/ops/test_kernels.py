"""Kernels of every op: value, tangent and cotangents, as Python source and compiled."""

import numpy as np
import pytest
from derivatives import directions
from kernels import Kernel, close
from op_samples import ALL, grown, one_op, samples

from autodiff.backends.interpreter import run
from autodiff.ops import OPS
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import vjp

F32 = np.dtype(np.float32)
INTEGERS = [np.dtype(t) for t in ("i8", "i4", "u1", "?")]


def programs(sample):
    """(block, arguments): the op, with both derivatives where it has any."""
    block = one_op(sample)
    yield block, sample.arrays
    if sample.floats and block.results[0].aval.dtype.kind == "f":
        tangents = directions(sample.arrays, sample.floats)
        yield jvp(block, sample.floats), [*sample.arrays, *tangents]
        cts = directions(run(block, sample.arrays), [0], seed=2)
        yield vjp(block, sample.floats), [*sample.arrays, *cts]


def evaluated(block, args):
    """What the interpreter says; None where NumPy refuses the values."""
    with np.errstate(all="ignore"):
        try:
            return run(block, args)
        except ValueError:
            return None


@pytest.mark.parametrize("name", ALL)
def test_source_agrees_with_the_interpreter(name):
    for dtype in (np.dtype(np.float64), F32, *INTEGERS):
        for sample in samples(OPS[name], dtype):
            for block, args in programs(sample):
                if any(i.results[0].aval.dtype == np.float16 for i in block.instrs):
                    continue
                expected = evaluated(block, args)
                if expected is None:
                    continue
                kernel = Kernel(block)
                close(kernel.python(args), expected, f"{sample} {dtype}\n{kernel.source}\n")
