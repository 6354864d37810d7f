"""Scalar expressions as LLVM instructions: the second reading of an op's `scalar` template.

A template is one Python expression; the source printer prints it, `ScalarPrinter` parses it
and emits what it says, in the dtypes of the operands. Functions are those that kernel source
may call: vector formulas, LLVM's intrinsics, and the few that are written here.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.fuse import NoKernel
from autodiff.backends.numba.special_symbols import symbol
from autodiff.backends.numba.vector_formulas import FORMULAS
from autodiff.backends.numba.vector_value import Value
from autodiff.ops.special import CALLED, SEVERAL, WRITTEN

BOOL = np.dtype(np.bool_)
CONTRACT = ("contract",)
FREE = ("contract", "reassoc", "nsz")  # for the additions of a sum, and nothing else
TYPES: dict[np.dtype, ir.Type] = {
    np.dtype("f8"): ir.DoubleType(),
    np.dtype("f4"): ir.FloatType(),
    BOOL: ir.IntType(1),
    **{np.dtype(f"{kind}{size}"): ir.IntType(8 * size) for kind in "iu" for size in (1, 2, 4, 8)},
}
INTRINSICS = {"sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "rint": "rint", "trunc": "trunc"}
LIBRARY = {"cbrt": 1, "hypot": 2}  # from the C library: no vector versions
COMPARISONS: dict[type, str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
ARITHMETIC: dict[type, tuple[str, str]] = {
    ast.Add: ("fadd", "add"),
    ast.Sub: ("fsub", "sub"),
    ast.Mult: ("fmul", "mul"),
}
LOGIC: dict[type, str] = {ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor"}


class Scalar:
    """A number in a register, and its dtype."""

    __slots__ = ("dtype", "ir")

    def __init__(self, value: ir.Value, dtype: np.dtype) -> None:
        self.ir = value
        self.dtype = dtype

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f"


def constant(value: Any, dtype: np.dtype) -> Scalar:
    """A number of this dtype."""
    kind = TYPES[dtype]
    return Scalar(ir.Constant(kind, float(value) if dtype.kind == "f" else int(value)), dtype)


@lru_cache(maxsize=1024)
def parsed(template: str, count: int) -> ast.expr:
    """The expression of a template, its operands named `_0`, `_1`, ..."""
    text = template.format(*(f"_{k}" for k in range(count)), zero="0", one="1")
    return ast.parse(text, mode="eval").body


class ScalarPrinter:
    """Emits expressions at the current point of a builder.

    Vector formulas are written out where they are used, which lets the loop around them
    vectorise; `outlined`, they are functions of the module, which compile once.
    """

    def __init__(self, builder: ir.IRBuilder, outlined: bool = False) -> None:
        self.b = builder
        self.outlined = outlined

    def expression(self, template: str, operands: tuple[Scalar, ...]) -> Scalar:
        """A template applied to operands."""
        return self._emit(parsed(template, len(operands)), {f"_{k}": o for k, o in enumerate(operands)})

    def _emit(self, node: ast.expr, env: dict[str, Scalar]) -> Scalar:
        if isinstance(node, ast.Name):
            return env[node.id]
        if isinstance(node, ast.BinOp):
            return self._binary(node.op, *self._same(node.left, node.right, env))
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            return self.compare(node.ops[0], *self._same(node.left, node.comparators[0], env))
        if isinstance(node, ast.IfExp):
            chosen, other = self._same(node.body, node.orelse, env)
            return self.select(self._emit(node.test, env), chosen, other)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node.op, self._emit(node.operand, env))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return self.call(node.func.id, self._alike(node.args, env))
        raise NoKernel(f"no native code for {ast.unparse(node)}")

    def _same(self, left: ast.expr, right: ast.expr, env: dict[str, Scalar]) -> tuple[Scalar, Scalar]:
        first, second = self._alike([left, right], env)
        return first, second

    def _alike(self, nodes: list[ast.expr], env: dict[str, Scalar]) -> list[Scalar]:
        """Several operands; numbers in the text take the dtype of the others."""
        found = {k: self._emit(n, env) for k, n in enumerate(nodes) if not _is_number(n)}
        if not found:
            raise NoKernel("no native code for an expression of numbers only")
        model = next(iter(found.values())).dtype
        return [found[k] if k in found else constant(_number(n), model) for k, n in enumerate(nodes)]

    # ---- operators ----------------------------------------------------------------------

    def _binary(self, op: ast.operator, x: Scalar, y: Scalar) -> Scalar:
        if type(op) in ARITHMETIC and x.dtype != BOOL:
            real, whole = ARITHMETIC[type(op)]
            emit = getattr(self.b, real if x.is_float else whole)
            return Scalar(emit(x.ir, y.ir, flags=CONTRACT if x.is_float else ()), x.dtype)
        if isinstance(op, ast.Div) and x.is_float:
            return Scalar(self.b.fdiv(x.ir, y.ir), x.dtype)
        if isinstance(op, ast.FloorDiv) and x.dtype != BOOL:
            return _divmod(self, x, y)[0]
        if type(op) in LOGIC and x.dtype == BOOL:
            return Scalar(getattr(self.b, LOGIC[type(op)])(x.ir, y.ir), BOOL)
        raise NoKernel(f"no native code for {type(op).__name__} of {x.dtype}")

    def _unary(self, op: ast.unaryop, x: Scalar) -> Scalar:
        if isinstance(op, ast.Not) and x.dtype == BOOL:
            return Scalar(self.b.not_(x.ir), BOOL)
        if isinstance(op, ast.USub) and x.dtype != BOOL:
            return Scalar(self.b.fneg(x.ir) if x.is_float else self.b.neg(x.ir), x.dtype)
        if isinstance(op, ast.UAdd):
            return x
        raise NoKernel(f"no native code for {type(op).__name__} of {x.dtype}")

    def compare(self, op: ast.cmpop, x: Scalar, y: Scalar) -> Scalar:
        sign = COMPARISONS[type(op)]
        if x.is_float:
            # Only `!=` is true for nan.
            emit = self.b.fcmp_unordered if sign == "!=" else self.b.fcmp_ordered
        else:
            emit = self.b.icmp_signed if x.dtype.kind == "i" else self.b.icmp_unsigned
        return Scalar(emit(sign, x.ir, y.ir), BOOL)

    def select(self, condition: Scalar, x: Scalar, y: Scalar) -> Scalar:
        return Scalar(self.b.select(condition.ir, x.ir, y.ir), x.dtype)

    # ---- functions ----------------------------------------------------------------------

    def call(self, name: str, operands: list[Scalar]) -> Scalar:
        x = operands[0]
        if name in OWN:
            return OWN[name](self, *operands)
        if not x.is_float:
            raise NoKernel(f"no native code for {name} of {x.dtype}")
        if name in FORMULAS:
            return Scalar((self._outlined if self.outlined else self._formula)(name, operands), x.dtype)
        if name in INTRINSICS:
            return Scalar(Value(self.b, x.ir).intrinsic(INTRINSICS[name]).ir, x.dtype)
        if name in LIBRARY:
            return self._library(name, operands)
        if name in CALLED and name not in WRITTEN and name not in SEVERAL and name != "zeta":
            return self._special(name, operands)
        raise NoKernel(f"no native code for {name}")

    def _formula(self, name: str, operands: list[Scalar]) -> ir.Value:
        return FORMULAS[name](*[Value(self.b, o.ir) for o in operands]).ir

    def _outlined(self, name: str, operands: list[Scalar]) -> ir.Value:
        kind = operands[0].ir.type
        module, symbol = self.b.module, f"{name}_{kind}"
        if symbol not in module.globals:
            function = ir.Function(module, ir.FunctionType(kind, [kind] * len(operands)), symbol)
            function.linkage = "internal"
            function.attributes.add("noinline")
            inside = ScalarPrinter(ir.IRBuilder(function.append_basic_block()))
            arguments = [Scalar(a, o.dtype) for a, o in zip(function.args, operands, strict=True)]
            inside.b.ret(inside._formula(name, arguments))
        return self.b.call(module.globals[symbol], [o.ir for o in operands])

    def _library(self, name: str, operands: list[Scalar]) -> Scalar:
        kind = operands[0].ir.type
        symbol = name if isinstance(kind, ir.DoubleType) else f"{name}f"
        module = self.b.module
        if symbol not in module.globals:
            ir.Function(module, ir.FunctionType(kind, [kind] * len(operands)), symbol)
        return Scalar(self.b.call(module.globals[symbol], [o.ir for o in operands]), operands[0].dtype)

    def _special(self, name: str, operands: list[Scalar]) -> Scalar:
        """One of SciPy's, in float64; rounded once."""
        real, module, name = ir.DoubleType(), self.b.module, symbol(name)
        if name not in module.globals:
            ir.Function(module, ir.FunctionType(real, [real] * len(operands) + [ir.IntType(32)]), name)
        wide = [self.cast(o, np.dtype("f8")).ir for o in operands]
        found = self.b.call(module.globals[name], [*wide, ir.IntType(32)(0)])
        return self.cast(Scalar(found, np.dtype("f8")), operands[0].dtype)

    def plus(self, x: Scalar, y: Scalar) -> Scalar:
        """x + y, with leave to be reordered."""
        return Scalar(self.b.fadd(x.ir, y.ir, flags=FREE), x.dtype)

    def cast(self, x: Scalar, dtype: np.dtype) -> Scalar:
        """NumPy's `astype`."""
        b, kind = self.b, TYPES[dtype]
        if x.dtype == dtype:
            return x
        if dtype == BOOL:
            return self.compare(ast.NotEq(), x, constant(0, x.dtype))
        if dtype.kind == "f" and x.is_float:
            wider = dtype.itemsize > x.dtype.itemsize
            return Scalar(b.fpext(x.ir, kind) if wider else b.fptrunc(x.ir, kind), dtype)
        if dtype.kind == "f":
            emit = b.sitofp if x.dtype.kind == "i" else b.uitofp
            return Scalar(emit(x.ir, kind), dtype)
        if x.is_float:
            return self._truncated(x, dtype)
        width = 1 if x.dtype == BOOL else 8 * x.dtype.itemsize
        if 8 * dtype.itemsize <= width:
            return Scalar(b.trunc(x.ir, kind) if 8 * dtype.itemsize < width else x.ir, dtype)
        return Scalar(b.sext(x.ir, kind) if x.dtype.kind == "i" else b.zext(x.ir, kind), dtype)

    def _truncated(self, x: Scalar, dtype: np.dtype) -> Scalar:
        """A float as an integer; nan, and what does not fit, as NumPy on x86 has it: only the highest bit is set."""
        wide = np.dtype("i8" if dtype.itemsize == 8 or dtype == np.uint32 else "i4")
        lowest = np.iinfo(wide).min if dtype != np.uint32 else np.iinfo(np.int32).min
        limit = constant(float(2**32) if dtype == np.uint32 else -float(lowest), x.dtype)
        fits = self._binary(
            ast.BitAnd(),
            self.compare(ast.GtE(), x, constant(float(lowest), x.dtype)),
            self.compare(ast.Lt(), x, limit),
        )
        safe = self.select(fits, x, constant(0, x.dtype))
        number = Scalar(self.b.fptosi(safe.ir, TYPES[wide]), wide)
        if dtype == np.uint64:
            # The upper half: what lies beyond the largest signed number, from there.
            above = self.compare(ast.GtE(), x, limit)
            rest = self._truncated(self._binary(ast.Sub(), x, limit), wide)
            number = self.select(fits, number, constant(np.iinfo(wide).min, wide))
            upper = self._binary(ast.Add(), rest, constant(np.iinfo(wide).min, wide))
            return Scalar(self.select(above, upper, number).ir, dtype)
        return self.cast(self.select(fits, number, constant(lowest, wide)), dtype)


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant))


def _number(node: ast.expr) -> Any:
    return ast.literal_eval(node)


# ---- functions written here, as in `functions.py` ----------------------------------------------


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


def _divmod(p: ScalarPrinter, x: Scalar, y: Scalar) -> tuple[Scalar, Scalar]:
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


def _logaddexp(p: ScalarPrinter, x: Scalar, y: Scalar) -> Scalar:
    text = "({0} if ({0} == {1}) & (({0} - {1}) != ({0} - {1})) else maximum({0}, {1}) + log1p(exp(-abs({0} - {1}))))"
    return p.expression(text, (x, y))


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
    "mod": lambda p, x, y: _divmod(p, x, y)[1],
    "logaddexp": _logaddexp,
}
