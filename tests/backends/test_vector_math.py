"""Each function of `vector_math` against mpmath, NumPy's special values, and the promise that loops vectorise.

The bounds and the column "vectorised" are read from the table in the module's docstring, so that cannot go stale.
"""

from __future__ import annotations

import functools
import re

import mpmath
import numba
import numpy as np
import pytest
import scipy.special
from vector_samples import AVX2, BINARY, DTYPES, operands, special_values

from autodiff.backends.numba import vector_math
from autodiff.backends.numba.vector_math import FUNCTIONS

ROW = re.compile(r"^(\w+) +.*? +(\d\.\d) +(\d\.\d) +(yes|no)$", re.MULTILINE)
TABLE = {
    name: ({np.float64: float(double), np.float32: float(single)}, vectorised == "yes")
    for name, double, single, vectorised in ROW.findall(vector_math.__doc__)
}

MPMATH = {
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "log2": lambda x: mpmath.log(x, 2),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arctan2": mpmath.atan2,
    "arcsinh": mpmath.asinh,
    "arccosh": mpmath.acosh,
    "arctanh": mpmath.atanh,
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
}
SCIPY = {
    "sigmoid": lambda x: np.where(x < 0, np.exp(x), x.dtype.type(1)) / (1 + np.exp(-abs(x))),  # SciPy's flushes to 0,
    "softplus": lambda x: np.logaddexp(x.dtype.type(0), x),
    "erf": scipy.special.erf,
    "erfc": scipy.special.erfc,
}


@functools.cache
def mapped(name):
    """The function over arrays, in a compiled loop."""
    function = FUNCTIONS[name]

    def unary_loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    def binary_loop(x, y, out):
        for i in range(x.size):
            out[i] = function(x[i], y[i])

    return numba.njit(error_model="numpy")(binary_loop if name in BINARY else unary_loop)


def evaluate(name, *arrays):
    out = np.empty_like(arrays[0])
    mapped(name)(*arrays, out)
    return out


def ulp_error(computed, exact, dtype):
    """In units in the last place of the exact result; rounding to inf starts half a unit above the largest number."""
    info = np.finfo(dtype)
    if abs(exact) >= mpmath.mpf(2) ** info.maxexp * (1 - mpmath.mpf(float(info.epsneg)) / 2):
        return 0.0 if np.isinf(computed) and (computed > 0) == (exact > 0) else ulp_of_finite(computed, exact, info)
    return ulp_of_finite(computed, exact, info)


def ulp_of_finite(computed, exact, info):
    if not np.isfinite(computed):
        return float("inf")
    if exact == 0:
        return 0.0 if computed == 0 else float("inf")
    exponent = max(int(mpmath.frexp(exact)[1]) - 1, info.minexp) - info.nmant
    return float(abs(mpmath.mpf(float(computed)) - exact) / mpmath.ldexp(1, exponent))


def test_the_table_lists_every_function():
    assert set(TABLE) == set(FUNCTIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_error_stays_within_the_stated_bound(name, dtype):
    inputs = operands(name, dtype)
    results = evaluate(name, *inputs)
    reference = MPMATH.get(name) or getattr(mpmath, name)
    with mpmath.workprec(160):
        errors = [
            ulp_error(result, reference(*map(mpmath.mpf, numbers)), dtype)
            for result, *numbers in zip(results, *(x.astype(np.float64).tolist() for x in inputs), strict=True)
        ]
    worst = int(np.argmax(errors))
    assert len(errors) > 500
    assert errors[worst] <= TABLE[name][0][dtype], f"{name}{tuple(x[worst] for x in inputs)} = {results[worst]}"


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values_are_numpys(name, dtype):
    values = special_values(dtype)
    inputs = tuple(x.ravel() for x in np.meshgrid(values, values)) if name in BINARY else (values,)
    reference = SCIPY.get(name) or getattr(np, name)
    with np.errstate(all="ignore"):
        expected, result = reference(*inputs), evaluate(name, *inputs)
    described = [f"{name}{tuple(map(float, numbers))}" for numbers in zip(*inputs, strict=True)]
    for kind in (np.isnan, np.isinf, lambda x: x == 0, lambda x: np.signbit(x) & ~np.isnan(x)):
        differs = kind(expected) != kind(result)
        assert not differs.any(), [(described[i], expected[i], result[i]) for i in np.flatnonzero(differs)[:5]]
    finite = np.isfinite(expected)
    info = np.finfo(dtype)
    np.testing.assert_allclose(result[finite], expected[finite], rtol=8 * info.eps, atol=2 * info.smallest_subnormal)


@pytest.mark.skipif(not AVX2, reason="the promise is for x86-64 with AVX2")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", [name for name, (_, vectorised) in TABLE.items() if vectorised])
def test_a_sum_over_the_function_becomes_vector_code(name, dtype):
    function = FUNCTIONS[name]

    def unary_sum(x):
        total = x.dtype.type(0)
        for i in range(x.size):
            total += function(x[i])
        return total

    def binary_sum(x):
        total = x.dtype.type(0)
        for i in range(x.size):
            total += function(x[i], x[i])
        return total

    # Only the sum may be re-associated, and the flag must not reach into the formula.
    loop = numba.njit(fastmath={"reassoc", "nsz"})(binary_sum if name in BINARY else unary_sum)
    x = np.linspace(1.0 if name == "arccosh" else 0.01, 1.5 if name == "arccosh" else 0.9, 101).astype(dtype)
    expected = np.sum(evaluate(name, *[x] * (1 + (name in BINARY))), dtype=np.float64)
    assert loop(x) == pytest.approx(expected, rel=64 * float(np.finfo(dtype).eps))
    (text,) = loop.inspect_llvm().values()
    assert len(re.findall(r"call <\d+ x (?:double|float)> @llvm.fmuladd", text)) >= 5


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_dtype_is_kept_and_other_numbers_become_float64(name):
    function = FUNCTIONS[name]
    for argument, result in [(np.float32(1), numba.float32), (1.0, numba.float64), (1, numba.float64)]:
        types = (numba.typeof(argument),) * (1 + (name in BINARY))
        function(*(argument,) * len(types))
        assert function.overloads[types].signature.return_type == result


def test_whole_powers_of_two_and_small_integer_powers_are_exact():
    k = np.arange(-1074.0, 1024.0)
    powers = np.ldexp(1.0, k.astype(int))
    assert np.array_equal(evaluate("exp2", k), powers)
    assert np.array_equal(evaluate("log2", powers), k)
    base, exponent = (x.ravel() for x in np.meshgrid(np.arange(-20.0, 21.0), np.arange(0.0, 9.0)))
    assert np.array_equal(evaluate("power", base, exponent), np.round(base**exponent))
