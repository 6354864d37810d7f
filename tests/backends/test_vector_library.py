"""Formulas called: the same bits as written out, in vector code, whatever stands around them."""

import ctypes
import re
import threading

import numpy as np
import pytest
from kernels import Kernel
from llvmlite import ir
from vector_samples import AVX2, DTYPES, TRIGONOMETRIC, operands, special_values

import autodiff as ad
from autodiff.backends.interpreter import run
from autodiff.backends.numba import formula_code, native
from autodiff.backends.numba.llvm import WRITTEN, print_llvm
from autodiff.backends.numba.llvm_function import WORD, FunctionPrinter
from autodiff.backends.numba.llvm_scalar import TYPES, Scalar
from autodiff.backends.numba.vector_formulas import BINARY, FORMULAS
from autodiff.backends.numba.vector_library import library_text
from autodiff.backends.numba.vector_value import DOUBLE
from autodiff.config import config
from autodiff.ir.aval import aval_of
from autodiff.ir.build import building
from autodiff.ops import transcendental


def loop(name, dtype, called):
    """Text of a function of words (x, y, out, count): the formula over arrays."""
    dtype = np.dtype(dtype)
    module = ir.Module()
    f = FunctionPrinter(module, "kernel", [WORD.as_pointer()], called, public=True)
    words = [f.entry.load(f.entry.gep(f.body.args[0], [WORD(k)])) for k in range(4)]
    x, y, out = (f.entry.inttoptr(w, TYPES[dtype].as_pointer()) for w in words[:3])
    body = FunctionPrinter(module, "body", [x.type, x.type, x.type, WORD], called)
    for pointer in body.body.args[:3]:
        pointer.add_attribute("noalias")
    with body.loop(WORD(0), body.body.args[3]) as i:
        numbers = [Scalar(body.b.load(body.b.gep(p, [i])), dtype) for p in body.body.args[: 2 if name in BINARY else 1]]
        body.b.store(body.scalar.call(name, numbers).ir, body.b.gep(body.body.args[2], [i]))
    f.b.call(body.finish(), [x, y, out, words[3]])
    f.finish()
    return str(module)


class Loop:
    """The same loop, compiled."""

    def __init__(self, name, dtype, called):
        code = native.compiled(loop(name, dtype, called))
        self.symbols = code.data
        self._code = native.MachineCode(code, "kernel")
        self._call = native_function(self._code.address)

    def __call__(self, *arrays):
        out = np.empty_like(arrays[0])
        words = np.array([arrays[0].ctypes.data, arrays[-1].ctypes.data, out.ctypes.data, out.size])
        assert self._call(words.ctypes.data) == 0
        return out


def native_function(address):
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(address)


def bits(x):
    """Nan has many bit patterns, which are one number."""
    return np.where(np.isnan(x), -1, x.view(f"i{x.itemsize}"))


def inputs(name, dtype):
    x = operands(name, dtype, 300)
    special = special_values(dtype)
    specials = tuple(v.ravel() for v in np.meshgrid(special, special)) if name in BINARY else (special,)
    return tuple(np.concatenate(pair) for pair in zip(x, specials, strict=True))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_called_and_written_out_are_the_same_bits(name, dtype):
    arrays = inputs(name, dtype)
    called, written = Loop(name, dtype, True), Loop(name, dtype, False)
    expected = bits(written(*arrays))
    assert np.array_equal(bits(called(*arrays)), expected)
    for start in (*range(1, 20), arrays[0].size - 1):  # every number in every lane, and in the rest beyond them
        for stop in (start + 1, start + 13, None):
            part = slice(start, stop)
            cut = [a[part].copy() for a in arrays]
            assert np.array_equal(bits(called(*cut)), expected[part])
            assert np.array_equal(bits(written(*cut)), expected[part])


@pytest.mark.skipif(not AVX2, reason="the promise is for x86-64 with AVX2")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FORMULAS)
def test_loops_call_the_vector_version(name, dtype):
    width = formula_code.lanes(8 * np.dtype(dtype).itemsize)[0]
    symbol = f"autodiff_formula_{name}_f{8 * np.dtype(dtype).itemsize}_{width}"
    assert symbol.encode() + b"\0" in Loop(name, dtype, True).symbols


def test_formulas_lie_in_different_places_of_their_pages():
    texts = [library_text(name, DOUBLE) for name in FORMULAS]
    for what in (r"prefix \[(\d+) x i8\]", r"constant \[(\d+) x i8\]"):
        lines = [int(re.search(what, text)[1]) // 64 for text in texts]
        assert len(set(lines)) == len(lines)
        assert max(lines) < 64


def chain(count, dtype=np.float64):
    x = np.linspace(-0.9, 0.9, 37).astype(dtype)
    with building([aval_of(x)]) as b:
        y = b.params[0]
        for k in range(count):
            y = (transcendental.tanh, transcendental.exp, transcendental.arctan)[k % 3](y)
        block = b.block([y])
    return block, x


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("count", [1, WRITTEN, WRITTEN + 1, 40])
def test_few_are_written_out_and_many_called(count, dtype):
    block, x = chain(count, dtype)
    kernel = Kernel(block)
    assert ("autodiff_formula_" in print_llvm(kernel.plan)) == (count > WRITTEN)
    (found,), (expected,) = kernel.compiled([x]), run(block, [x])
    np.testing.assert_allclose(found, expected, rtol=40 * count * np.finfo(dtype).eps)


@pytest.mark.parametrize("name", sorted(TRIGONOMETRIC))
def test_the_way_out_for_huge_angles_is_never_written_out(name):
    x = np.array([1e300, 0.5, 2.0**21, -1e10, np.inf, np.nan, 3.0, 1e6, 7e8] * 3)
    with building([aval_of(x)]) as b:
        kernel = Kernel(b.block([getattr(transcendental, name)(b.params[0])]))
    assert f"@autodiff_formula_{name}_f64" in print_llvm(kernel.plan).replace('"', "")
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(kernel.compiled([x])[0], getattr(np, name)(x), rtol=1e-15)


def test_threads_that_ask_at_once_get_it():
    failures = []

    def work():
        try:
            formula_code.provide(["autodiff_formula_arccosh_f32", "autodiff_formula_hypot_f32_8"])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures
    assert Loop("arccosh", np.float32, True)(np.full(3, 1.5, np.float32))[0] == pytest.approx(np.arccosh(1.5))


def test_the_c_librarys_functions_on_request(monkeypatch):
    monkeypatch.setattr(config, "math", "libm")
    block, x = chain(3)
    kernel = Kernel(block)
    text = print_llvm(kernel.plan)
    assert "fmuladd" not in text
    assert all(f"@{name}(" in text.replace('"', "") for name in ("tanh", "exp", "atan"))
    np.testing.assert_allclose(kernel.compiled([x])[0], run(block, [x])[0], rtol=1e-14)


# ---- integer powers -----------------------------------------------------------------------------

INTEGERS = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]


@pytest.mark.parametrize("dtype", INTEGERS, ids=str)
def test_integer_powers_wrap_around_as_numpys(dtype):
    lowest = -20 if dtype.kind == "i" else 0
    base, exponent = (a.ravel().astype(dtype) for a in np.meshgrid(np.arange(lowest, 30), np.arange(0, 70)))
    with building([aval_of(base), aval_of(exponent)]) as b:
        kernel = Kernel(b.block([transcendental.power(*b.params)]))
    assert "power" in print_llvm(kernel.plan)  # no other way to compile it is tried
    (found,) = kernel.compiled([base, exponent])
    assert found.dtype == dtype
    assert np.array_equal(found, base**exponent)


@pytest.mark.parametrize("size", [3, 50, 1_500_000])
def test_a_negative_integer_power_is_numpys_error(size):
    @ad.jit
    def f(x, n):
        return np.sum(x * (n + 2) ** n)

    x, n = np.ones(size), np.arange(size) % 3
    assert f(x, n) == np.sum(x * (n + 2) ** n)
    n[size - 1] = -1
    for _ in range(2):
        with pytest.raises(ValueError, match="negative integer powers"):
            f(x, n)
    n[size - 1] = 2
    assert f(x, n) == np.sum(x * (n + 2) ** n)


def test_a_negative_integer_power_of_numbers_is_an_error():
    f = ad.jit(lambda x, n: x * n ** (n - 4))
    assert f(2.0, np.int64(6)) == 72.0
    with pytest.raises(ValueError, match="negative integer powers"):
        f(2.0, np.int64(1))
