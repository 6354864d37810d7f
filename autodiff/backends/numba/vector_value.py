"""Scalar arithmetic written as formulas and emitted as LLVM instructions: the notation of `vector_math`.

A `Value` is a float64 or float32 in a block under construction, a `Bits` is an integer or a condition. Their
operators append one LLVM instruction each, so a formula such as ``x * LOG2E + magic`` is ordinary Python, runs
once per compilation, serves both widths, and costs Numba no type inference (which is what makes long `njit`
bodies slow to compile: about 5 ms per statement, against some microseconds here).

What holds for every formula:

* straight-line, no calls, no tables, choices by `select`: therefore LLVM can vectorise the loop around it;
* a Python number beside a `Value` becomes a constant of the same width;
* no instruction carries a flag that lets LLVM change its result: `reassoc` would delete rounding by magic numbers,
  `nnan` and `ninf` would delete the tests for nan and inf, and `contract` would fuse a formula with what stands
  around it. Products fuse with additions by the notation instead: a product that is added to or subtracted from
  something is one `llvm.fmuladd`, fused on every CPU that can. So the result of a formula depends on its operands
  alone: it has the same bits written out in a loop, called, and in a lane of a vector;
* a `Value` may be a vector of floats, one result per lane: the same formula then defines the vector version.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llvmlite import ir


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


def element(kind: ir.Type) -> ir.Type:
    """The type of one lane."""
    return kind.element if isinstance(kind, ir.VectorType) else kind


def alike(kind: ir.Type, lane: ir.Type) -> ir.Type:
    """`lane`, as often as `kind` has lanes."""
    return ir.VectorType(lane, kind.count) if isinstance(kind, ir.VectorType) else lane


class Splat(ir.Constant):
    """A vector of one number; llvmlite would write it out lane by lane."""

    def __init__(self, kind: ir.VectorType, number: float):
        self.type, self.constant = kind, ir.Constant(kind.element, number)

    def get_reference(self) -> str:
        return f"splat ({self.constant.type} {self.constant.get_reference()})"


def filled(kind: ir.Type, number: float) -> ir.Constant:
    """A constant, the same in every lane."""
    return Splat(kind, number) if isinstance(kind, ir.VectorType) else ir.Constant(kind, number)


class Bits:
    """An integer of the width of a float, or a condition (one bit)."""

    __slots__ = ("builder", "ir")

    def __init__(self, builder: ir.IRBuilder, value: ir.Value):
        self.builder, self.ir = builder, value

    def _apply(self, instruction: str, other: Bits | int) -> Bits:
        operand = other.ir if isinstance(other, Bits) else filled(self.ir.type, other)
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
        return Bits(self.builder, self.builder.icmp_unsigned("==", self.ir, filled(self.ir.type, 0)))

    def as_float(self) -> Value:
        """The float with these bits."""
        kind = self.ir.type
        float_type = next(f.float_type for f in (DOUBLE, SINGLE) if f.bits_type == element(kind))
        return Value(self.builder, self.builder.bitcast(self.ir, alike(kind, float_type)))


class Value:
    """A float64 or float32."""

    __slots__ = ("_ir", "builder", "kind")

    def __init__(self, builder: ir.IRBuilder, value: ir.Value):
        self.builder, self.kind, self._ir = builder, value.type, value

    @property
    def ir(self) -> ir.Value:
        return self._ir

    @property
    def format(self) -> Format:
        return DOUBLE if element(self.kind) == DOUBLE.float_type else SINGLE

    def constant(self, number: float) -> Value:
        return Value(self.builder, filled(self.kind, float(number)))

    def _operand(self, other: Value | float) -> ir.Value:
        return other.ir if isinstance(other, Value) else filled(self.kind, float(other))

    def _compare(self, relation: str, other: Value | float) -> Bits:
        return Bits(self.builder, self.builder.fcmp_ordered(relation, self.ir, self._operand(other)))

    def __add__(self, other):
        return Value(self.builder, self.builder.fadd(self.ir, self._operand(other)))

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        return Value(self.builder, self.builder.fsub(self.ir, self._operand(other)))

    def __rsub__(self, other):
        return Value(self.builder, self.builder.fsub(self._operand(other), self.ir))

    def __mul__(self, other):
        return Product(self.builder, self, other if isinstance(other, Value) else float(other))

    def __rmul__(self, other):
        return self * other

    def __truediv__(self, other):
        return Value(self.builder, self.builder.fdiv(self.ir, self._operand(other)))

    def __rtruediv__(self, other):
        return Value(self.builder, self.builder.fdiv(self._operand(other), self.ir))

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
        return Value(self.builder, intrinsic(self.builder, name, [self.ir, *map(self._operand, operands)]))

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
        return Bits(self.builder, self.builder.bitcast(self.ir, alike(self.kind, self.format.bits_type)))

    def widen(self) -> Value:
        if self.format is DOUBLE:
            return self
        return Value(self.builder, self.builder.fpext(self.ir, alike(self.kind, DOUBLE.float_type)))

    def narrow_like(self, model: Value) -> Value:
        same = self.kind == model.kind
        return self if same else Value(self.builder, self.builder.fptrunc(self.ir, model.kind))


class Product(Value):
    """left * right, computed when asked for; added to something it becomes a multiply-add.

    It is written down where the builder is when it is first asked for: before a branch, ask (`rounded`).
    """

    __slots__ = ("left", "right")

    def __init__(self, builder: ir.IRBuilder, left: Value, right: Value | float):
        self.builder, self.kind, self._ir = builder, left.kind, None
        self.left, self.right = left, right

    @property
    def ir(self) -> ir.Value:
        if self._ir is None:
            self._ir = self.builder.fmul(self.left.ir, self._operand(self.right))
        return self._ir

    def plus(self, other: Value | float) -> Value:
        return self.left.intrinsic("fmuladd", self.right, other)

    def negated(self) -> Product:
        return Product(self.builder, self.left, -self.right)

    # Python asks a subclass first, on whichever side it stands.
    def __add__(self, other):
        return self.plus(other)

    def __radd__(self, other):
        return self.plus(other)

    def __sub__(self, other):
        return self.plus(-other)

    def __rsub__(self, other):
        return self.negated().plus(other)


def intrinsic(builder: ir.IRBuilder, name: str, operands: list[ir.Value]) -> ir.Value:
    """A call of one of LLVM's functions, for operands of one type."""
    kind, module = operands[0].type, builder.module
    suffix = f"f{64 if element(kind) == DOUBLE.float_type else 32}"
    lanes = f"v{kind.count}" if isinstance(kind, ir.VectorType) else ""
    full = f"llvm.{name}.{lanes}{suffix}"
    function = module.globals.get(full) or ir.Function(module, ir.FunctionType(kind, [kind] * len(operands)), full)
    return builder.call(function, operands)


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


def even_odd(x: Value, coefficients: tuple[float, ...]) -> Value:
    """The same as E(x**2) + x O(x**2): one multiplication more, and done in half the time by a CPU that has to wait.

    Worth it in formulas that come late in long loops, where each step waits for the one before.
    """
    square = rounded(x * x)
    first, second = horner(square, coefficients[::2]), horner(square, coefficients[1::2])
    return first * x + second if len(coefficients) % 2 == 0 else second * x + first


def ordered_two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b and its rounding error, if |a| >= |b| or a is 0 (Dekker 1971)."""
    total = a + b
    return total, b - (total - a)


def two_sum(a: Value, b: Value) -> tuple[Value, Value]:
    """a + b and its rounding error, whatever their order (Knuth)."""
    total = a + b
    b_part = total - a
    return total, (a - (total - b_part)) + (b - b_part)


def rounded(x: Value) -> Value:
    """x as one number: a product that does not fuse with what it is added to."""
    return Value(x.builder, x.ir)


def two_product(a: Value, b: Value) -> tuple[Value, Value]:
    """a * b and its rounding error (Muller et al., Handbook of Floating-Point Arithmetic, 4.4).

    The product is no `Product`: fused into a later sum it would be exact there, and the error counted twice.
    """
    product = rounded(a * b)
    return product, a.fma(b, -product)


def in_double(formula: Callable[..., Value]) -> Callable[..., Value]:
    """A formula for float64 only; float32 goes through it and is rounded once at the end."""

    def widened(*operands: Value) -> Value:
        return formula(*(x.widen() for x in operands)).narrow_like(operands[0])

    widened.in_double = True  # type: ignore[attr-defined]
    return widened
