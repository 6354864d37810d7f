"""The adjoint of `a[i] += v` leaves the cotangent of `a` as it is."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.ir.core import blocks_of
from autodiff.passes.pipeline import lowerable


def ops_of(block):
    for instr in block.instrs:
        yield instr.op.name
        for inner in blocks_of(instr):
            yield from ops_of(inner)


def element(x):
    a = np.zeros(20)
    for i in range(20):
        a[(i * 3) % 20] += x[i] ** 2
    return np.sum(a * a)


def part(x):
    a = x * 1.0
    for _ in range(12):
        a[3:6] -= x[3:6] * np.sum(x)
        a[::2] += 0.5
    return np.sum(a * a)


@pytest.mark.parametrize("f", [element, part], ids=lambda f: f.__name__)
def test_nothing_is_cleared(f):
    x = np.linspace(0.2, 1.0, 20)
    g = ad.grad(f)
    h = 1e-6 * np.eye(20)
    np.testing.assert_allclose(g(x), [(f(x + d) - f(x - d)) / 2e-6 for d in h], rtol=1e-6, atol=1e-7)
    backward = [b for i in lowerable(g._last.program.block).instrs for b in blocks_of(i)][-1]
    assert not {"overwrite", "set_window"} & set(ops_of(backward))
