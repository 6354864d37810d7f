"""The functions of kernel source that are written here, as in `functions.py`: `OWN`, by name."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.llvm_number import BOOL, Scalar, constant
from autodiff.backends.numba.vector_value import Value

if TYPE_CHECKING:
    from autodiff.backends.numba.llvm_scalar import ScalarPrinter


def _picked(better: type[ast.cmpop], nan_wins: bool) -> Callable[..., Scalar]:
    """maximum and kin: x where it is better, or where a nan decides, else y."""

    def pick(p: ScalarPrinter, x: Scalar, y: Scalar) -> Scalar:
        ahead = p.compare(better(), x, y)
        if x.is_float:
            nan = x if nan_wins else y
            ahead = p._binary(ast.BitOr(), ahead, p.compare(ast.NotEq(), nan, nan))
        return p.select(ahead, x, y)

    return pick


def _absolute(p: ScalarPrinter, x: Scalar) -> Scalar:
    if x.is_float:
        return Scalar(Value(p.b, x.ir).intrinsic("fabs").ir, x.dtype)
    return p.select(p.compare(ast.Lt(), x, constant(0, x.dtype)), p._unary(ast.USub(), x), x)


def _sign(p: ScalarPrinter, x: Scalar) -> Scalar:
    zero, one = constant(0, x.dtype), constant(1, x.dtype)
    if x.dtype.kind == "u":
        return p.select(p.compare(ast.Gt(), x, zero), one, zero)
    zero, one, x = p.level(zero, one, x)
    rest = Scalar(p.b.fadd(x.ir, zero.ir), x.dtype) if x.is_float else x  # nan is its own sign, and that of -0.0 is 0.0
    other = p.select(p.compare(ast.Lt(), x, zero), constant(-1, x.dtype), rest)
    return p.select(p.compare(ast.Gt(), x, zero), one, other)


def _isnan(p: ScalarPrinter, x: Scalar) -> Scalar:
    return p.compare(ast.NotEq(), x, x)


def _isinf(p: ScalarPrinter, x: Scalar) -> Scalar:
    return p.compare(ast.Eq(), _absolute(p, x), constant(float("inf"), x.dtype))


def _isfinite(p: ScalarPrinter, x: Scalar) -> Scalar:
    return p.compare(ast.Lt(), _absolute(p, x), constant(float("inf"), x.dtype))


def _fmod(p: ScalarPrinter, x: Scalar, y: Scalar) -> Scalar:
    if not x.is_float:
        return _integer_parts(p, x, y)[1]
    return Scalar(p.b.frem(x.ir, y.ir), x.dtype)


def divided(p: ScalarPrinter, x: Scalar, y: Scalar) -> tuple[Scalar, Scalar]:
    """(x // y, x % y), rounded down, as NumPy's: 0 where an integer is divided by 0."""
    if not x.is_float:
        quotient, rest = _integer_parts(p, x, y)
        if x.dtype.kind == "u":
            return quotient, rest
        env = (quotient, rest, y)
        down = "(({1} != 0) & (({1} < 0) != ({2} < 0)))"
        return p.expression(f"({{0}} - 1 if {down} else {{0}})", env), p.expression(
            f"({{1}} + {{2}} if {down} else {{1}})", env
        )
    # CPython's float_divmod: the quotient is that of an exact multiple, so it is at most rounding away from whole.
    rest = _fmod(p, x, y)
    down = p.expression("(({0} != 0.0) & (({0} < 0.0) != ({1} < 0.0)))", (rest, y))
    quotient = p.expression("(({0} - {1}) / {2})", (x, rest, y))
    quotient = p.select(down, p.expression("({0} - 1.0)", (quotient,)), quotient)
    whole = Scalar(Value(p.b, quotient.ir).intrinsic("floor").ir, x.dtype)
    whole = p.expression("({1} + 1.0 if ({0} - {1}) > 0.5 else {1})", (quotient, whole))
    plain = p._binary(ast.Div(), x, y)
    zero = constant(0, x.dtype)
    whole = p.select(p.compare(ast.NotEq(), quotient, zero), whole, _with_sign(p, zero, plain))
    whole = p.select(p.compare(ast.Eq(), y, zero), plain, whole)
    rest = p.select(down, p.expression("({0} + {1})", (rest, y)), rest)
    return whole, p.select(p.compare(ast.Eq(), rest, zero), _with_sign(p, zero, y), rest)


def _with_sign(p: ScalarPrinter, x: Scalar, sign: Scalar) -> Scalar:
    name = f"llvm.copysign.f{8 * x.dtype.itemsize}"
    function = p.b.module.globals.get(name) or ir.Function(
        p.b.module, ir.FunctionType(x.ir.type, [x.ir.type] * 2), name
    )
    return Scalar(p.b.call(function, [x.ir, sign.ir]), x.dtype)


def _integer_parts(p: ScalarPrinter, x: Scalar, y: Scalar) -> tuple[Scalar, Scalar]:
    """Quotient and rest towards zero, both 0 for a divisor of 0."""
    signed = x.dtype.kind == "i"
    never = p.compare(ast.Eq(), y, constant(0, y.dtype))
    refused = never
    if signed:  # the smallest number by -1 has no quotient; hardware traps
        lowest = p.compare(ast.Eq(), x, constant(np.iinfo(x.dtype).min, x.dtype))
        minus = p.compare(ast.Eq(), y, constant(-1, y.dtype))
        refused = p._binary(ast.BitOr(), never, p._binary(ast.BitAnd(), lowest, minus))
    divisor = p.select(refused, constant(1, y.dtype), y)
    emit = (p.b.sdiv, p.b.srem) if signed else (p.b.udiv, p.b.urem)
    zero = constant(0, x.dtype)
    quotient, rest = (p.select(never, zero, Scalar(e(x.ir, divisor.ir), x.dtype)) for e in emit)
    return quotient, rest


def _integer_power(p: ScalarPrinter, x: Scalar, y: Scalar) -> Scalar:
    """x**y by squaring, wrapping around as NumPy's does; below 0 there is no result."""
    if y.dtype.kind == "i":
        p.refuse(p.compare(ast.Lt(), y, constant(0, y.dtype)))
    b, before = p.b, p.b.block
    loop, done = b.append_basic_block("power"), b.append_basic_block("powered")
    b.branch(loop)
    b.position_at_end(loop)
    result, base, rest = (Scalar(b.phi(s.ir.type), s.dtype) for s in (x, x, y))
    odd = b.trunc(rest.ir, ir.IntType(1))
    multiplied = b.select(odd, b.mul(result.ir, base.ir), result.ir)
    halved = Scalar(b.lshr(rest.ir, y.ir.type(1)), y.dtype)
    steps = (constant(1, x.dtype).ir, multiplied), (x.ir, b.mul(base.ir, base.ir)), (y.ir, halved.ir)
    for phi, (first, following) in zip((result, base, rest), steps, strict=True):
        phi.ir.add_incoming(first, before)
        phi.ir.add_incoming(following, b.block)
    b.cbranch(p.compare(ast.NotEq(), halved, constant(0, y.dtype)).ir, loop, done)
    b.position_at_end(done)
    return Scalar(multiplied, x.dtype)


def _logaddexp(p: ScalarPrinter, x: Scalar, y: Scalar) -> Scalar:
    text = "({0} if ({0} == {1}) & (({0} - {1}) != ({0} - {1})) else maximum({0}, {1}) + log1p(exp(-abs({0} - {1}))))"
    return p.expression(text, (x, y))


def _shifted(to_left: bool) -> Callable[..., Scalar]:
    """x << y or x >> y; by what is no number of places, all bits are lost but those of a sign."""

    def shift(p: ScalarPrinter, x: Scalar, y: Scalar) -> Scalar:
        bits, nothing = constant(8 * x.dtype.itemsize, y.dtype), constant(0, y.dtype)
        x, y, bits, nothing = p.level(x, y, bits, nothing)
        is_place = Scalar(p.b.icmp_unsigned("<", y.ir, bits.ir), BOOL)  # below 0 is beyond all places, unsigned
        places = p.select(is_place, y, nothing)
        if x.dtype.kind == "i" and not to_left:
            most = constant(8 * x.dtype.itemsize - 1, y.dtype)
            return Scalar(p.b.ashr(x.ir, p.select(is_place, y, most).ir), x.dtype)
        emit = p.b.shl if to_left else p.b.lshr
        return p.select(is_place, Scalar(emit(x.ir, places.ir), x.dtype), constant(0, x.dtype))

    return shift


OWN: dict[str, Callable[..., Scalar]] = {
    "maximum": _picked(ast.Gt, nan_wins=True),
    "minimum": _picked(ast.Lt, nan_wins=True),
    "fmax": _picked(ast.GtE, nan_wins=False),
    "fmin": _picked(ast.LtE, nan_wins=False),
    "abs": _absolute,
    "sign": _sign,
    "isnan": _isnan,
    "isinf": _isinf,
    "isfinite": _isfinite,
    "fmod": _fmod,
    "integer_fmod": _fmod,
    "mod": lambda p, x, y: divided(p, x, y)[1],
    "integer_power": _integer_power,
    "logaddexp": _logaddexp,
    "left_shift": _shifted(to_left=True),
    "right_shift": _shifted(to_left=False),
}
