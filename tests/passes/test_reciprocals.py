"""One division for each square root, and no bit of difference."""

import numpy as np
import pytest

from autodiff.backends.interpreter import run
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ops import arithmetic as ar
from autodiff.ops import transcendental as tr
from autodiff.passes.reciprocals import EXACT, reciprocals


def made(f, dtype):
    with building([ArrayAval((), np.dtype(dtype))], ["x"]) as b:
        (x,) = b.params
        return b.block(f(x))


def divisions(block):
    return sum(i.op is ar.div for i in block.instrs)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("number", EXACT)
def test_every_bit_stays(number, dtype):
    info = np.finfo(dtype)
    ends = [info.smallest_subnormal, info.tiny, info.max, 0.0, -0.0, np.inf, -1.0, np.nan, 1.0, 3.0]
    random = np.frombuffer(np.random.default_rng(0).bytes(4000), np.dtype(dtype))

    def f(x):
        root = tr.sqrt(x)
        return [ar.div(1.0, root), ar.div(number, root)]

    block = made(f, dtype)
    assert divisions(reciprocals(block)) == 1
    with np.errstate(all="ignore"):
        for x in np.concatenate([np.array(ends, dtype), random]):
            before, after = run(block, (x,)), run(reciprocals(block), (x,))
            np.testing.assert_array_equal(after, before)
            np.testing.assert_array_equal(np.signbit(after), np.signbit(before))


def twice(x):  # 1 / x is subnormal, or infinite, where 0.5 / x or 2 / x is not
    return [ar.div(1.0, x), ar.div(0.5, x)]


def thirds(x):
    root = tr.sqrt(x)
    return [ar.div(1.0, root), ar.div(3.0, root)]


def unknown(x):
    root = tr.sqrt(x)
    return [ar.div(2.0, root), ar.div(0.5, root)]


@pytest.mark.parametrize("f", [twice, thirds, unknown], ids=lambda f: f.__name__)
def test_other_divisions_stay(f):
    block = made(f, "f8")
    assert divisions(reciprocals(block)) == 2


def test_why_only_roots():
    """Of a large number the reciprocal is subnormal: it has lost bits that twice the reciprocal has."""
    x = np.linspace(1e308, 1.7e308, 100)
    assert np.any(2.0 * (1.0 / x) != 2.0 / x)
