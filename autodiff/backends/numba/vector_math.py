"""Elementary functions that LLVM can vectorise inside a fused loop.

A call of `math.exp` in a compiled loop is a scalar call of the C library, 4 to 9 ns per element, and keeps the whole
loop scalar: llvmlite from PyPI has no vector library (SVML). The functions here are straight-line arithmetic
without calls, tables or branches, so the loop around them becomes vector code. (One exception: sin, cos and tan of
angles beyond 2**20 go to the C library, lane by lane, in a way that keeps the loop a vector loop.)

`FUNCTIONS` maps a name to a Numba function of one scalar (two for arctan2, power and hypot) that is inlined wherever
it is called: float32 in, float32 out; any other number is computed as float64. Each is compiled at its first use.
Called from Python they work on scalars. The signs of zeros, subnormal numbers, inf, nan and overflow are those of
NumPy; no floating-point warnings are raised.

`vector_value` has the notation and the rules that every formula keeps; the formulas are in `vector_exp`, `vector_log`,
`vector_trig`, `vector_erf` and `vector_root`; `vector_rare` has the way out for huge angles. Read `vector_exp` first.

The table is read by the tests, which hold each function to its two bounds: the error in units in the last place, for
float64 and float32, against mpmath over the whole range, subnormal results included; each bound is the largest error
measured, and a little. "widened" means that float32 is computed as float64 and rounded once. The bounds hold with and
without fused multiply-add in the CPU; without it `power`, `erf` and `erfc` are right but slow: they ask for it by name.
"vectorised" holds for x86-64 with AVX2; with vectors of two float64 LLVM finds some of them (tan) not worth it.

========== ======================================================= ======= ======= ==========
function   method                                                  float64 float32 vectorised
========== ======================================================= ======= ======= ==========
exp        Cody-Waite reduction, polynomial                        1.2     1.2     yes
exp2       exact reduction, the polynomial of exp                  1.2     1.2     yes
expm1      as exp, 2**k q + (2**k - 1)                             1.9     1.7     yes
log        fdlibm's form, polynomial in (f / (2 + f))**2           0.9     1.0     yes
log1p      log, and the rounding of 1 + x                          0.9     1.0     yes
log2       k + log(1 + f) / ln 2, exact at powers of two           1.6     1.8     yes
log10      as log2, k log10(2) in two parts                        1.8     2.0     yes
sin        Cody-Waite to 2**20, beyond it the C library; widened   1.0     0.6     yes
cos        as sin; widened                                         1.0     0.6     yes
tan        sin / cos; widened                                      2.0     0.6     yes
tanh       from expm1(-2|x|)                                       2.6     2.6     yes
sinh       from expm1(|x|) / 2                                     1.9     1.9     yes
cosh       from exp(|x|) / 2                                       1.5     1.5     yes
arcsin     polynomial, square root beyond 1/2; widened             1.5     0.6     yes
arccos     as arcsin; widened                                      1.6     0.6     yes
arctan     one turned quotient, polynomial; widened                1.7     0.6     yes
arctan2    the quotient of arctan, mirrored; widened               1.8     0.6     yes
arcsinh    log1p                                                   1.6     1.5     yes
arccosh    log1p                                                   2.0     1.7     yes
arctanh    log1p                                                   1.6     1.8     yes
sigmoid    exp(-|x|)                                               2.0     2.0     yes
softplus   log1p(exp(-|x|))                                        1.7     1.8     yes
erf        polynomial, 1 - erfc beyond 1; widened                  1.6     0.6     yes
erfc       exp(-x**2) with a paired square, polynomial; widened    3.2     0.6     yes
power      exp(y log|x|), the logarithm as a pair; widened         1.2     0.6     yes
cbrt       exp(log|x| / 3) and a step of Newton's method; widened  0.8     0.6     yes
hypot      square root of the scaled squares; widened              1.2     0.6     yes
========== ======================================================= ======= ======= ==========
"""

from __future__ import annotations

from collections.abc import Callable

from numba import njit, types
from numba.core.extending import intrinsic

from autodiff.backends.numba.vector_formulas import BINARY, FORMULAS
from autodiff.backends.numba.vector_value import Value


def _emitter(formula: Callable[..., Value]):
    def emit(_context, builder, _signature, operands):
        return formula(*(Value(builder, x) for x in operands)).ir

    return emit


def _result_type(*operands: types.Type) -> types.Type:
    return types.float32 if all(x == types.float32 for x in operands) else types.float64


def unary(name: str, formula: Callable[[Value], Value]) -> Callable:
    """The Numba function of one scalar that a formula defines; compiled at its first use."""

    @intrinsic
    def emitted(_typing_context, x):
        return _result_type(x)(_result_type(x)), _emitter(formula)

    def function(x):
        return emitted(x)

    function.__name__ = function.__qualname__ = name
    return njit(forceinline=True, error_model="numpy")(function)


def binary(name: str, formula: Callable[[Value, Value], Value]) -> Callable:
    """As `unary`, for a function of two scalars."""

    @intrinsic
    def emitted(_typing_context, x, y):
        result = _result_type(x, y)
        return result(result, result), _emitter(formula)

    def function(x, y):
        return emitted(x, y)

    function.__name__ = function.__qualname__ = name
    return njit(forceinline=True, error_model="numpy")(function)


FUNCTIONS: dict[str, Callable] = {
    name: (binary if name in BINARY else unary)(name, formula) for name, formula in FORMULAS.items()
}
