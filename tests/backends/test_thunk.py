"""Calling machine code: what the thunk passes, what it refuses, and that nothing outlives its memory."""

import gc
import subprocess
import sys
import threading

import numpy as np
import pytest
from llvmlite import ir

import autodiff as ad
from autodiff.backends.numba.native import MachineCode
from autodiff.backends.numba.native_kernel import ARENA
from autodiff.backends.numba.thunk import invoke

WORD, DOUBLE = ir.IntType(64), ir.DoubleType()


@pytest.fixture(scope="module")
def scaled():
    """int scaled(words): out[0] = x[0] * factor + count."""
    module = ir.Module("scaled")
    function = ir.Function(module, ir.FunctionType(ir.IntType(32), [WORD.as_pointer()]), "scaled")
    b = ir.IRBuilder(function.append_basic_block())
    x, out, factor, count = (b.load(b.gep(function.args[0], [WORD(k)])) for k in range(4))
    value = b.load(b.inttoptr(x, DOUBLE.as_pointer()))
    product = b.fmul(value, b.bitcast(factor, DOUBLE))
    b.store(b.fadd(product, b.sitofp(count, DOUBLE)), b.inttoptr(out, DOUBLE.as_pointer()))
    b.ret(ir.IntType(32)(0))
    return MachineCode(str(module), "scaled")


@pytest.mark.parametrize("factor", [2.5, np.float64(2.5)], ids=["float", "float64"])
def test_arrays_floats_and_ints_are_passed(scaled, factor):
    x, out = np.array([3.0]), np.empty(1)
    assert invoke()(scaled.address, x, out, factor, -4) is None
    assert out[0] == 3.5


@pytest.mark.parametrize(
    "bad",
    [np.ones((3, 4)).T, np.ones(6)[::2], np.ones(6)[::-1], np.float32(1), True, None, "x", [1.0], 1j],
    ids=["transposed", "strided", "reversed", "float32", "bool", "None", "str", "list", "complex"],
)
def test_anything_else_raises_before_it_runs(scaled, bad):
    out = np.array([-1.0])
    with pytest.raises(TypeError, match="a kernel takes"):
        invoke()(scaled.address, bad, out, 2.0, 0)
    assert out[0] == -1.0


def test_references_are_balanced(scaled):
    x, out = np.array([3.0]), np.empty(1)
    before = sys.getrefcount(x), sys.getrefcount(out)
    for _ in range(1000):
        invoke()(scaled.address, x, out, 2.0, 1)
        with pytest.raises(TypeError):
            invoke()(scaled.address, x, None, 2.0, 1)
    assert (sys.getrefcount(x), sys.getrefcount(out)) == before


def test_a_kernel_outlives_its_function():
    f = ad.grad(lambda x: np.sum(np.cos(x) * x))
    f(np.ones(3))
    run = f._last.program.run
    del f
    gc.collect()
    np.testing.assert_allclose(run(np.ones(3))[0], np.cos(1) - np.sin(1))


def test_the_arena_grows_under_programs_that_use_it():
    # Row maxima need memory between the nests of the kernel.
    f = ad.value_and_grad(lambda x: np.sum((x - x.max(axis=1, keepdims=True)) ** 2))
    rng = np.random.default_rng(0)
    small, large = rng.normal(size=(3, 4)), rng.normal(size=(300, 400))
    expected = f(small)
    before = ARENA.memory.size
    f(large)
    assert ARENA.memory.size > before
    value, gradient = f(small)
    assert value == expected[0]
    np.testing.assert_array_equal(gradient, expected[1])


def test_threads_share_kernels_and_arena():
    f = ad.value_and_grad(lambda x: np.sum((x - x.max(axis=1, keepdims=True)) ** 2))
    inputs = [np.random.default_rng(k).normal(size=(5 + k, 7)) for k in range(4)]
    expected = [f(x) for x in inputs]
    wrong = []

    def work(k):
        for _ in range(200):
            value, gradient = f(inputs[k])
            if value != expected[k][0] or not np.array_equal(gradient, expected[k][1]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_a_process_with_kernels_ends_well():
    code = "import numpy as np, autodiff as ad; print(ad.grad(lambda x: np.sum(np.exp(x)))(np.zeros(2)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[1. 1.]"


def test_numba_is_not_imported_for_native_kernels():
    code = (
        "import sys, numpy as np, autodiff as ad; ad.grad(lambda x: np.sum(np.exp(x)))(np.zeros(2));"
        "print('numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
