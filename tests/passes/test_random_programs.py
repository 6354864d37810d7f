"""Passes and kernels keep what random programs compute, and what their adjoints compute."""

import pytest
from derivatives import check_modes_agree
from fuzz.checks import block_and_arguments
from fuzz.generator import program
from kernels import Kernel, agree, close

from autodiff.backends.interpreter import run
from autodiff.ir.verify import verify
from autodiff.passes.cse import cse
from autodiff.passes.dce import dce
from autodiff.passes.expand import expand
from autodiff.passes.generalize import generalize
from autodiff.passes.pipeline import lowerable, optimize
from autodiff.passes.simplify import simplify
from autodiff.passes.stabilize import stabilize

SEEDS = range(5000, 5050)
PASSES = (stabilize, simplify, cse, dce, expand, optimize, lowerable)


def rounding(block):
    """Sums in another order may differ in the last bits, and cotangents amplify them."""
    values = [v for i in block.instrs for v in (*i.operands, *i.results)]
    return 1e-4 if any(v.aval.dtype == "float32" for v in values) else 1e-10


@pytest.mark.parametrize("seed", SEEDS)
def test_passes_keep_the_results(seed):
    block, args = block_and_arguments(program(seed))
    expected = run(block, args)
    for rewrite in PASSES:
        close(run(verify(rewrite(block)), args), expected, rewrite.__name__, rtol=rounding(block))


@pytest.mark.parametrize("seed", SEEDS)
def test_generalize_keeps_the_results(seed):
    block, args = block_and_arguments(program(seed))
    general, literals = generalize(block)
    found = run(verify(general), [*args, *(lit.aval.dtype.type(lit.value) for lit in literals)])
    close(found, run(block, args))


@pytest.mark.parametrize("seed", SEEDS)
def test_source_agrees(seed):
    agree(*program(seed, size=15).traced())


@pytest.mark.parametrize("seed", SEEDS[::2])
def test_source_of_adjoint_agrees(seed):
    block, args = block_and_arguments(program(seed, size=15))
    kernel = Kernel(block)
    close(kernel.python(args), run(block, args), kernel.source, rtol=rounding(block))


@pytest.mark.parametrize("seed", SEEDS)
def test_modes_agree(seed):
    p = program(seed)
    block, args = p.traced()
    check_modes_agree(block, args, p.floats, rtol=1e-10)
