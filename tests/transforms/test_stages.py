"""Small programs through every stage, as text: read the golden files to see what the engine does."""

import numpy as np
import pytest
from kernels import Kernel, close
from programs_small import PROGRAMS, arguments, floats, traced

from autodiff.backends.interpreter import run
from autodiff.ir.aval import aval_of
from autodiff.ir.build import building
from autodiff.ir.pretty import pretty
from autodiff.ir.signature import signature
from autodiff.ops.families import reduce_sum
from autodiff.passes.pipeline import optimize
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import value_and_gradient, vjp


@pytest.mark.parametrize("name", PROGRAMS)
def test_stages(name, golden):
    block = traced(name)
    adjoint = value_and_gradient(block, floats(name))
    kernel = Kernel(adjoint)
    stages = {
        "traced": pretty(block),
        "value and gradient": pretty(adjoint),
        "optimised": pretty(optimize(adjoint)),
        "lowered": pretty(kernel.block),
        "signature": kernel.signature.text,
        "kernel": kernel.source,
    }
    golden("\n".join(f"# ---- {title}\n\n{text.rstrip()}\n" for title, text in stages.items()), name)


@pytest.mark.parametrize("name", PROGRAMS)
def test_stages_agree(name):
    adjoint, args = value_and_gradient(traced(name), floats(name)), arguments(name)
    kernel, expected = Kernel(adjoint), run(adjoint, args)
    close(run(optimize(adjoint), args), expected)
    close(kernel.python(args), expected, kernel.source)


@pytest.mark.parametrize("name", ["chain", "masked", "embedding"])
def test_forward(name, golden):
    golden(pretty(jvp(traced(name), floats(name))), f"{name}_jvp")


@pytest.mark.parametrize("name", ["softmax_loss", "broadcasting"])
def test_vjp(name, golden):
    golden(pretty(vjp(traced(name), floats(name))), f"{name}_vjp")


def test_gradient_of_gradient(golden):
    first = value_and_gradient(traced("chain"), [0])
    golden(pretty(optimize(vjp(first, [0]))), "chain_second_order")


def test_programs_have_signatures_of_their_own():
    texts = {signature(optimize(value_and_gradient(traced(name), floats(name)))).text for name in PROGRAMS}
    assert len(texts) == len(PROGRAMS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_sources_are_python(name):
    compile(Kernel(value_and_gradient(traced(name), floats(name))).source, name, "exec")


def test_unconnected_parameter_has_zero_gradient():
    with building([aval_of(np.zeros(3))] * 2) as b:
        block = b.block([reduce_sum(b.params[0], axes=(0,))])
    _, ct_x, ct_y = run(value_and_gradient(block, [0, 1]), [np.ones(3), np.ones(3)])
    assert ct_x.tolist() == [1.0, 1.0, 1.0]
    assert ct_y.tolist() == [0.0, 0.0, 0.0]
