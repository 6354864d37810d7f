"""Passes and kernels keep what random programs compute, and what their adjoints compute."""

import pytest
from derivatives import check_differences, check_modes_agree, directions, richardson
from kernels import Kernel, agree, close
from programs_random import floats, program

from autodiff.backends.interpreter import run
from autodiff.ir.verify import verify
from autodiff.passes.cse import cse
from autodiff.passes.dce import dce
from autodiff.passes.expand import expand
from autodiff.passes.generalize import generalize
from autodiff.passes.pipeline import lowerable, optimize
from autodiff.passes.simplify import simplify
from autodiff.passes.stabilize import stabilize
from autodiff.transforms.forward import jvp
from autodiff.transforms.reverse import vjp

SEEDS = range(150)
PASSES = (stabilize, simplify, cse, dce, expand, optimize, lowerable)


def adjoint(seed):
    """A random program together with its cotangents, and arguments."""
    block, args = program(seed)
    cts = directions(run(block, args), range(len(block.results)), seed=seed)
    return vjp(block, floats(block)), [*args, *cts]


@pytest.mark.parametrize("seed", SEEDS)
def test_passes_keep_the_results(seed):
    block, args = adjoint(seed)
    expected = run(block, args)
    for rewrite in PASSES:
        # Sums in another order may differ in the last bits, and cotangents amplify them.
        close(run(verify(rewrite(block)), args), expected, rewrite.__name__, rtol=1e-11)


@pytest.mark.parametrize("seed", SEEDS)
def test_generalize_keeps_the_results(seed):
    block, args = adjoint(seed)
    general, literals = generalize(block)
    found = run(verify(general), [*args, *(lit.aval.dtype.type(lit.value) for lit in literals)])
    close(found, run(block, args))


@pytest.mark.parametrize("seed", SEEDS)
def test_source_agrees(seed):
    agree(*program(seed))


@pytest.mark.parametrize("seed", range(0, 150, 2))
def test_source_of_adjoint_agrees(seed):
    block, args = adjoint(seed)
    kernel = Kernel(block)
    close(kernel.python(args), run(block, args), kernel.source, rtol=1e-11)


@pytest.mark.parametrize("seed", SEEDS)
def test_modes_agree(seed):
    block, args = program(seed)
    check_modes_agree(block, args, floats(block), rtol=1e-11)


@pytest.mark.parametrize("seed", SEEDS)
def test_jvp_against_differences(seed):
    block, args = program(seed)
    wrt = floats(block)
    tangents = directions(args, wrt, seed=seed)
    found = run(jvp(block, wrt), [*args, *tangents])[len(block.results) :]
    check_differences(found, richardson(lambda *a: run(block, a), args, wrt, tangents), str(seed))


COMPILED = [*((k, "native") for k in range(1000, 1020)), (1000, "numba"), (1001, "numba")]


@pytest.mark.parametrize(("seed", "by"), COMPILED)
def test_compiled_agrees(seed, by):
    block, args = program(seed, size=12)
    cts = directions(run(block, args), range(len(block.results)), seed=seed)
    both, args = vjp(block, floats(block)), [*args, *cts]
    kernel = Kernel(both)
    close(kernel.compiled(args, by=by), run(both, args), kernel.source, rtol=1e-11)
