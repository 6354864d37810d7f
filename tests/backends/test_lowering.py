"""Random programs through all of lowering: views, layouts, joins, results in place; value and gradient.

What kernels say must be what the interpreter says, element by element. Programs are in `lowering_programs.py`. Most
tests run plans as Python, which is where lowering can go wrong; machine code takes a second to compile.
"""

import numpy as np
import pytest
from fuzz.programs import Program
from kernels import Kernel
from lowering_programs import program

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.backends.numba import compile_native, large, llvm_nest, llvm_step, native, strips
from autodiff.config import config
from autodiff.runtime.kernels import KERNELS
from autodiff.transforms.reverse import vjp

ROUNDING = 1e-12
GROUP = 20  # programs of a test


def differentiated(p: Program):
    """The value, results and gradients of a program."""
    weights = p.cotangents(p.run())

    def loss(*args):
        results = p.function(np, *args)
        return sum(np.sum(w * y) for w, y in zip(weights, results, strict=True)), results

    return ad.value_and_grad(loss, argnums=tuple(range(len(p.values))), has_aux=True)


def flat(found):
    (value, results), gradients = found
    return [np.asarray(x) for x in (value, *results, *gradients)]


def interpreted(p: Program):
    before, config.jit = config.jit, False
    try:
        return flat(differentiated(p)(*p.values))
    finally:
        config.jit = before


def close(found, expected, p: Program) -> None:
    """Equal up to rounding of the largest number of all."""
    scale = max(1.0, *(float(np.max(np.abs(x), initial=0.0)) for x in expected))
    assert len(found) == len(expected)
    for k, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert (np.shape(a), np.asarray(a).dtype) == (np.shape(b), np.asarray(b).dtype), f"result {k} of\n{p.text()}"
        np.testing.assert_allclose(a, b, rtol=0, atol=ROUNDING * scale, err_msg=f"result {k} of\n{p.text()}")


def check(p: Program) -> None:
    """Compare the kernel with the interpreter; raise AssertionError where they differ."""
    f = differentiated(p)
    found, again = flat(f(*p.values)), flat(f(*p.values))
    assert f.cache_info().interpreted_runs == 0, "there was no kernel"
    close(found, interpreted(p), p)
    for k, (a, b) in enumerate(zip(found, again, strict=True)):
        assert a.tobytes() == b.tobytes(), f"result {k} differs from call to call:\n{p.text()}"


def check_plan(p: Program) -> None:
    """Compare the source of the kernel with the unoptimised program."""
    block, args = p.traced()
    pulled, given = vjp(block, p.floats), [*args, *p.cotangents(p.run())]
    close(Kernel(pulled).python(given), run(pulled, given), p)


@pytest.mark.parametrize("group", range(10))
def test_plans(group):
    for seed in range(group * GROUP, (group + 1) * GROUP):
        check_plan(program(seed))


@pytest.mark.parametrize("seed", range(1000, 1006))
def test_machine_code(seed):
    check(program(seed, 6))


@pytest.fixture
def small_blocks(monkeypatch):
    """Loops in blocks and bodies in pieces of a few, by threads, with all places checked: as if all was large."""
    before = ad.get_num_threads()
    monkeypatch.setattr(compile_native, "compiled", lambda text: native.compiled(text, quick=True))
    monkeypatch.setattr(config, "bounds", True)
    for name, value in {"BLOCK": 7, "LARGE": 0, "CHUNK": 4}.items():
        monkeypatch.setattr(llvm_step, name, value)
    monkeypatch.setattr(llvm_nest, "CHUNK", 4)
    # A piece has to be shorter than what is cut, stores included.
    for name, value in {"LONG": 8, "PIECE": 4, "LENGTHS": (4, 8)}.items():
        monkeypatch.setattr(strips, name, value)
    large.expect_large_work()
    ad.set_num_threads(3)
    KERNELS.clear()
    yield
    ad.set_num_threads(before)
    KERNELS.clear()


@pytest.mark.parametrize("seed", range(2000, 2006))
def test_small_blocks(small_blocks, seed):
    check(program(seed, 6))


def test_programs_use_everything():
    text = "".join(program(seed).text() for seed in range(60))
    for name in (
        "transpose",
        "pad",
        "roll",
        "concatenate",
        "matmul",
        "einsum",
        "::-2",
        "broadcast_to",
        "prod",
        "stack",
    ):
        assert name in text, name
