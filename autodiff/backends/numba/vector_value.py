"""Scalar arithmetic written as formulas and emitted as LLVM instructions: the notation of `vector_math`.

A `Value` is a float64 or float32 in a block under construction, a `Bits` is an integer or a condition. Their
operators append one LLVM instruction each, so a formula such as ``x * LOG2E + magic`` is ordinary Python, runs
once per compilation, serves both widths, and costs Numba no type inference (which is what makes long `njit`
bodies slow to compile: about 5 ms per statement, against some microseconds here).

What holds for every formula:

* straight-line, no calls, no tables, choices by `select`: therefore LLVM can vectorise the loop around it;
* a Python number beside a `Value` becomes a constant of the same width;
* additions, subtractions and products carry the flag `contract` (they may fuse into one multiply-add) and no
  other: `reassoc` would delete rounding by magic numbers, `nnan` and `ninf` would delete the tests for nan and inf.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir

CONTRACT = ("contract",)


@dataclass(frozen=True, slots=True)
class Format:
    """The layout of an IEEE 754 number, and the constants that depend on it."""

    float_type: ir.Type
    bits_type: ir.IntType
    mantissa: int  # stored bits of the fraction
    bias: int
    ln2_high: float  # ln 2 with enough trailing zeros that k * ln2_high is exact for every exponent k (fdlibm)
    ln2_low: float

    @property
    def magic(self) -> float:
        """1.5 * 2**mantissa: adding it rounds to an integer, found in the low bits of the sum (Cody & Waite 1980)."""
        return 1.5 * 2.0**self.mantissa

    @property
    def magic_bits(self) -> int:
        return ((self.mantissa + self.bias) << self.mantissa) | (1 << (self.mantissa - 1))

    @property
    def smallest_normal(self) -> float:
        return 2.0 ** (1 - self.bias)

    @property
    def epsilon(self) -> float:
        return 2.0**-self.mantissa


DOUBLE = Format(ir.DoubleType(), ir.IntType(64), 52, 1023, 6.93147180369123816490e-01, 1.90821492927058770002e-10)
SINGLE = Format(ir.FloatType(), ir.IntType(32), 23, 127, 6.9313812256e-01, 9.0580006145e-06)


class Bits:
    """An integer of the width of a float, or a condition (one bit)."""

    __slots__ = ("builder", "ir")

    def __init__(self, builder: ir.IRBuilder, value: ir.Value):
        self.builder, self.ir = builder, value

    def _apply(self, instruction: str, other: Bits | int) -> Bits:
        operand = other.ir if isinstance(other, Bits) else ir.Constant(self.ir.type, other)
        return Bits(self.builder, getattr(self.builder, instruction)(self.ir, operand))

    def __add__(self, other):
        return self._apply("add", other)

    def __sub__(self, other):
        return self._apply("sub", other)

    def __and__(self, other):
        return self._apply("and_", other)

    def __or__(self, other):
        return self._apply("or_", other)

    def __xor__(self, other):
        return self._apply("xor", other)

    def __lshift__(self, count):
        return self._apply("shl", count)

    def __rshift__(self, count):
        return self._apply("lshr", count)

    def is_zero(self) -> Bits:
        return Bits(self.builder, self.builder.icmp_unsigned("==", self.ir, ir.Constant(self.ir.type, 0)))

    def as_float(self) -> Value:
        """The float with these bits."""
        float_type = next(f.float_type for f in (DOUBLE, SINGLE) if f.bits_type == self.ir.type)
        return Value(self.builder, self.builder.bitcast(self.ir, float_type))


class Value:
    """A float64 or float32."""

    __slots__ = ("builder", "ir")

    def __init__(self, builder: ir.IRBuilder, value: ir.Value):
        self.builder, self.ir = builder, value

    @property
    def format(self) -> Format:
        return DOUBLE if self.ir.type == DOUBLE.float_type else SINGLE

    def constant(self, number: float) -> Value:
        return Value(self.builder, ir.Constant(self.ir.type, float(number)))

    def _operand(self, other: Value | float) -> ir.Value:
        return other.ir if isinstance(other, Value) else self.constant(other).ir

    def _arithmetic(self, instruction: str, left: Value | float, right: Value | float) -> Value:
        emit = getattr(self.builder, instruction)
        return Value(self.builder, emit(self._operand(left), self._operand(right), flags=CONTRACT))

    def _compare(self, relation: str, other: Value | float) -> Bits:
        return Bits(self.builder, self.builder.fcmp_ordered(relation, self.ir, self._operand(other)))

    def __add__(self, other):
        return self._arithmetic("fadd", self, other)

    def __radd__(self, other):
        return self._arithmetic("fadd", other, self)

    def __sub__(self, other):
        return self._arithmetic("fsub", self, other)

    def __rsub__(self, other):
        return self._arithmetic("fsub", other, self)

    def __mul__(self, other):
        return self._arithmetic("fmul", self, other)

    def __rmul__(self, other):
        return self._arithmetic("fmul", other, self)

    def __truediv__(self, other):
        return self._arithmetic("fdiv", self, other)

    def __rtruediv__(self, other):
        return self._arithmetic("fdiv", other, self)

    def __neg__(self):
        return Value(self.builder, self.builder.fneg(self.ir))

    # Comparisons are false when an operand is nan; `equals` is no operator because Python's `==` must stay a bool.
    def __lt__(self, other):
        return self._compare("<", other)

    def __le__(self, other):
        return self._compare("<=", other)

    def __gt__(self, other):
        return self._compare(">", other)

    def __ge__(self, other):
        return self._compare(">=", other)

    def equals(self, other):
        return self._compare("==", other)

    def intrinsic(self, name: str, *operands: Value | float) -> Value:
        signature = ir.FunctionType(self.ir.type, [self.ir.type] * (1 + len(operands)))
        function = self.builder.module.declare_intrinsic(f"llvm.{name}", [self.ir.type], signature)
        return Value(self.builder, self.builder.call(function, [self.ir, *map(self._operand, operands)]))

    def __abs__(self):
        return self.intrinsic("fabs")

    def sqrt(self):
        return self.intrinsic("sqrt")

    def floor(self):
        return self.intrinsic("floor")

    def copysign(self, sign):
        return self.intrinsic("copysign", sign)

    def fma(self, factor: Value, summand: Value | float) -> Value:
        """self * factor + summand with one rounding; a library call where the CPU has no such instruction."""
        return self.intrinsic("fma", factor, summand)

    def clamp(self, low: float, high: float) -> Value:
        """nan stays nan: both comparisons are then false."""
        x = select(self > high, high, self)
        return select(x < low, low, x)

    def as_bits(self) -> Bits:
        return Bits(self.builder, self.builder.bitcast(self.ir, self.format.bits_type))

    def widen(self) -> Value:
        wide = self.ir if self.format is DOUBLE else self.builder.fpext(self.ir, DOUBLE.float_type)
        return Value(self.builder, wide)

    def narrow_like(self, model: Value) -> Value:
        same = self.ir.type == model.ir.type
        return self if same else Value(self.builder, self.builder.fptrunc(self.ir, model.ir.type))


def select(condition: Bits, chosen: Value | float, otherwise: Value | float) -> Value:
    """One of two numbers, both computed: no branch."""
    model = chosen if isinstance(chosen, Value) else otherwise
    operands = model._operand(chosen), model._operand(otherwise)
    return Value(model.builder, model.builder.select(condition.ir, *operands))


def horner(x: Value, coefficients: tuple[float, ...]) -> Value:
    """The polynomial with these coefficients, highest power first."""
    total = x.constant(coefficients[0])
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total


def ordered_two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b and its rounding error, if |a| >= |b| or a is 0 (Dekker 1971)."""
    total = a + b
    return total, b - (total - a)


def two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b and its rounding error, whatever their order (Knuth)."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def two_product(a: Value, b: Value) -> tuple[Value, Value]:
    """a * b and its rounding error (Muller et al., Handbook of Floating-Point Arithmetic, 4.4).

    The product carries no `contract`: fused into a later sum it would be exact there, and the error counted twice.
    """
    product = Value(a.builder, a.builder.fmul(a.ir, b.ir))
    return product, a.fma(b, -product)


def in_double(formula: Callable[..., Value]) -> Callable[..., Value]:
    """A formula for float64 only; float32 goes through it and is rounded once at the end."""

    def widened(*operands: Value) -> Value:
        return formula(*(x.widen() for x in operands)).narrow_like(operands[0])

    return widened
