"""Each spelling of the table in `passes/stabilize.py`: replaced by the op that was meant, and nothing else is."""

import numpy as np
import pytest

from autodiff.backends.interpreter import run
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building
from autodiff.ir.verify import verify
from autodiff.ops import arithmetic as ar
from autodiff.ops import transcendental as tr
from autodiff.passes.stabilize import stabilize
from autodiff.transforms.reverse import vjp

VECTOR = ArrayAval((3,), np.dtype(np.float64))
MEANT = {
    "log sigmoid": (
        lambda x: tr.log(tr.sigmoid(x)),
        "softplus",
        [-1000.0, 0.0, 2.0],
        [1.0, 0.5, 1 / (1 + np.exp(2.0))],
    ),
    "log 1 + exp": (lambda x: tr.log(1.0 + tr.exp(x)), "softplus", [1000.0, 0.0, -1000.0], [1.0, 0.5, 0.0]),
    "log exp + 1": (lambda x: tr.log(tr.exp(x) + 1.0), "softplus", [1000.0, 0.0, -1000.0], [1.0, 0.5, 0.0]),
    "log1p exp": (lambda x: tr.log1p(tr.exp(x)), "softplus", [1000.0, 0.0, -1000.0], [1.0, 0.5, 0.0]),
    "root of a product": (lambda x: tr.sqrt(x * x), "abs", [0.0, -3.0, 1e-200], [0.0, -1.0, 1.0]),
    "root of a power": (lambda x: tr.sqrt(x**2.0), "abs", [0.0, -3.0, 2.0], [0.0, -1.0, 1.0]),
    "root of a square": (lambda x: tr.sqrt(ar.square(x)), "abs", [0.0, -3.0, 2.0], [0.0, -1.0, 1.0]),
}
LOOKALIKES = {
    "log 2 + exp": lambda x: tr.log(2.0 + tr.exp(x)),
    "log 1 + x": lambda x: tr.log(1.0 + x),
    "log 1 + sin": lambda x: tr.log(1.0 + tr.sin(x)),
    "log x + exp": lambda x: tr.log(x + tr.exp(x)),
    "exp 1 + exp": lambda x: tr.exp(1.0 + tr.exp(x)),
    "log exp": lambda x: tr.log(tr.exp(x)),
    "log1p sin": lambda x: tr.log1p(tr.sin(x)),
    "exp sigmoid": lambda x: tr.exp(tr.sigmoid(x)),
    "root of two": lambda x: tr.sqrt(x * tr.exp(x)),
    "root of a cube": lambda x: tr.sqrt(x**3.0),
    "root of x to the x": lambda x: tr.sqrt(x**x),
    "root of x": lambda x: tr.sqrt(x),
    "root of a sum": lambda x: tr.sqrt(x + x),
    "tanh of a square": lambda x: tr.tanh(x * x),
}


def block_of(f):
    with building([VECTOR], ["x"]) as b:
        return b.block([f(*b.params)])


def names(block):
    return [i.op.name for i in block.instrs]


@pytest.mark.parametrize("name", MEANT)
def test_what_was_meant(name):
    f, op, x, slopes = MEANT[name]
    block = block_of(f)
    stable = verify(stabilize(block))
    assert op not in names(block)
    assert op in names(stable)
    near = np.array([0.3, 1.7, 2.0])
    np.testing.assert_allclose(run(stable, [near]), run(block, [near]), rtol=1e-14)
    _, found = run(vjp(stable, [0]), [np.array(x), np.ones(3)])
    np.testing.assert_allclose(found, slopes, rtol=1e-14, atol=1e-300)


@pytest.mark.parametrize("name", LOOKALIKES)
def test_what_only_looks_like_it(name):
    block = block_of(LOOKALIKES[name])
    assert names(stabilize(block)) == names(block)


def test_literals_are_let_be():
    block = block_of(lambda x: tr.log(2.0) * x + tr.sqrt(4.0))
    assert names(stabilize(block)) == names(block)


@pytest.mark.parametrize("name", MEANT)
def test_locations_are_kept(name):
    block = block_of(MEANT[name][0])
    for k, instr in enumerate(block.instrs):
        instr.location = ("f.py", k)
    assert stabilize(block).instrs[-1].location == ("f.py", len(block.instrs) - 1)
