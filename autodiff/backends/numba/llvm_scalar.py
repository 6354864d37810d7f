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
from autodiff.backends.numba.llvm_number import BOOL, TYPES, Scalar, constant, spread
from autodiff.backends.numba.llvm_own import OWN, divided
from autodiff.backends.numba.special_symbols import symbol
from autodiff.backends.numba.vector_formulas import FAR, FORMULAS
from autodiff.backends.numba.vector_library import declared
from autodiff.backends.numba.vector_value import Value, alike
from autodiff.config import config
from autodiff.ops.special import CALLED, SEVERAL, WRITTEN

CONTRACT = ("contract",)
FREE = ("contract", "reassoc", "nsz")  # for the additions of a sum, and nothing else
# The C library's names of the formulas that it has; sigmoid and softplus remain formulas.
SHARED = "exp expm1 exp2 log log1p log2 log10 sin cos tan tanh sinh cosh erf erfc cbrt hypot"
LIBRARY = {
    **{name: name for name in SHARED.split()},
    **{f"arc{name}": f"a{name}" for name in ("sin", "cos", "tan", "tan2", "sinh", "cosh", "tanh")},
    "power": "pow",
}
INTRINSICS = {"sqrt": "sqrt", "floor": "floor", "ceil": "ceil", "rint": "rint", "trunc": "trunc"}
COMPARISONS: dict[type, str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
ARITHMETIC: dict[type, tuple[str, str]] = {
    ast.Add: ("fadd", "add"),
    ast.Sub: ("fsub", "sub"),
    ast.Mult: ("fmul", "mul"),
}
LOGIC: dict[type, str] = {ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor"}


@lru_cache(maxsize=1024)
def parsed(template: str, count: int) -> ast.expr:
    """The expression of a template, its operands named `_0`, `_1`, ..."""
    text = template.format(*(f"_{k}" for k in range(count)), zero="0", one="1")
    return ast.parse(text, mode="eval").body


class ScalarPrinter:
    """Emits expressions at the current point of a builder.

    Vector formulas are written out where they are used, or, `called`, are functions of the
    library (`vector_library.py`). Loops around them vectorise either way.
    """

    def __init__(self, builder: ir.IRBuilder, called: bool = False) -> None:
        self.b = builder
        self.called = called
        # What the function around provides: whom to tell that an operand has no result; functions written in Python.
        self.refuse: Callable[[Scalar], None] = _cannot_refuse
        self.written: Callable[[ScalarPrinter, str, list[Scalar]], Scalar] = _not_written

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

    def level(self, *operands: Scalar) -> list[Scalar]:
        """Numbers beside vectors as vectors."""
        lanes = max(x.lanes for x in operands)
        return [spread(self.b, x, lanes) for x in operands] if lanes else list(operands)

    # ---- operators ----------------------------------------------------------------------

    def _binary(self, op: ast.operator, x: Scalar, y: Scalar) -> Scalar:
        x, y = self.level(x, y)
        if type(op) in ARITHMETIC and x.dtype != BOOL:
            real, whole = ARITHMETIC[type(op)]
            emit = getattr(self.b, real if x.is_float else whole)
            return Scalar(emit(x.ir, y.ir, flags=CONTRACT if x.is_float else ()), x.dtype)
        if isinstance(op, ast.Div) and x.is_float:
            return Scalar(self.b.fdiv(x.ir, y.ir), x.dtype)
        if isinstance(op, ast.FloorDiv) and x.dtype != BOOL:
            return divided(self, x, y)[0]
        if type(op) in LOGIC and not x.is_float:
            return Scalar(getattr(self.b, LOGIC[type(op)])(x.ir, y.ir), x.dtype)
        raise NoKernel(f"no native code for {type(op).__name__} of {x.dtype}")

    def _unary(self, op: ast.unaryop, x: Scalar) -> Scalar:
        if isinstance(op, ast.Not) and x.dtype == BOOL:
            return Scalar(self.b.not_(x.ir), BOOL)
        if isinstance(op, ast.Invert) and x.dtype != BOOL and not x.is_float:
            return Scalar(self.b.not_(x.ir), x.dtype)
        if isinstance(op, ast.USub) and x.dtype != BOOL:
            return Scalar(self.b.fneg(x.ir) if x.is_float else self.b.neg(x.ir), x.dtype)
        if isinstance(op, ast.UAdd):
            return x
        raise NoKernel(f"no native code for {type(op).__name__} of {x.dtype}")

    def compare(self, op: ast.cmpop, x: Scalar, y: Scalar) -> Scalar:
        sign = COMPARISONS[type(op)]
        x, y = self.level(x, y)
        if x.is_float:
            # Only `!=` is true for nan.
            emit = self.b.fcmp_unordered if sign == "!=" else self.b.fcmp_ordered
        else:
            emit = self.b.icmp_signed if x.dtype.kind == "i" else self.b.icmp_unsigned
        return Scalar(emit(sign, x.ir, y.ir), BOOL)

    def select(self, condition: Scalar, x: Scalar, y: Scalar) -> Scalar:
        condition, x, y = self.level(condition, x, y)
        return Scalar(self.b.select(condition.ir, x.ir, y.ir), x.dtype)

    # ---- functions ----------------------------------------------------------------------

    def call(self, name: str, operands: list[Scalar]) -> Scalar:
        operands = self.level(*operands)
        x = operands[0]
        if name in OWN:
            return OWN[name](self, *operands)
        if not x.is_float:
            raise NoKernel(f"no native code for {name} of {x.dtype}")
        if name in LIBRARY and config.math == "libm":
            return self._library(LIBRARY[name], operands)
        if name in FORMULAS:
            return Scalar((self._called if self.called or name in FAR else self._formula)(name, operands), x.dtype)
        if name in INTRINSICS:
            return Scalar(Value(self.b, x.ir).intrinsic(INTRINSICS[name]).ir, x.dtype)
        if name in SEVERAL:
            return self._several(name, x)
        if name in WRITTEN or name == "zeta":
            return self.written(self, name, operands)
        if name in CALLED:
            return self._special(name, operands)
        raise NoKernel(f"no native code for {name}")

    def _formula(self, name: str, operands: list[Scalar]) -> ir.Value:
        return FORMULAS[name](*[Value(self.b, o.ir) for o in operands]).ir

    def _called(self, name: str, operands: list[Scalar]) -> ir.Value:
        return self.b.call(declared(self.b.module, name, operands[0].ir.type), [o.ir for o in operands])

    def _library(self, name: str, operands: list[Scalar]) -> Scalar:
        kind, module = operands[0].ir.type, self.b.module
        symbol = name if isinstance(kind, ir.DoubleType) else f"{name}f"
        if symbol not in module.globals:
            ir.Function(module, ir.FunctionType(kind, [kind] * len(operands)), symbol)
        return Scalar(self.b.call(module.globals[symbol], [o.ir for o in operands]), operands[0].dtype)

    def _several(self, name: str, x: Scalar) -> Scalar:
        """One of the results that a function of SciPy's writes through pointers, in float64; rounded once."""
        real, module, own = ir.DoubleType(), self.b.module, f"one_{name}"
        if own not in module.globals:
            kinds = [real, real.as_pointer(), real.as_pointer()]
            both = module.globals.get(symbol(name)) or ir.Function(
                module, ir.FunctionType(ir.VoidType(), kinds), symbol(name)
            )
            function = ir.Function(module, ir.FunctionType(real, [real]), own)
            function.linkage = "internal"
            b = ir.IRBuilder(function.append_basic_block())
            places = [b.alloca(real), b.alloca(real)]
            b.call(both, [function.args[0], *places])
            b.ret(b.load(places[SEVERAL[name][1]]))
        wide = self.cast(x, np.dtype("f8"))
        return self.cast(Scalar(self.b.call(module.globals[own], [wide.ir]), wide.dtype), x.dtype)

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
        b, kind = self.b, alike(x.ir.type, TYPES[dtype])
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
        number = Scalar(self.b.fptosi(safe.ir, alike(x.ir.type, TYPES[wide])), wide)
        if dtype == np.uint64:
            # The upper half: what lies beyond the largest signed number, from there.
            above = self.compare(ast.GtE(), x, limit)
            rest = self._truncated(self._binary(ast.Sub(), x, limit), wide)
            number = self.select(fits, number, constant(np.iinfo(wide).min, wide))
            upper = self._binary(ast.Add(), rest, constant(np.iinfo(wide).min, wide))
            return Scalar(self.select(above, upper, number).ir, dtype)
        return self.cast(self.select(fits, number, constant(lowest, wide)), dtype)


def _cannot_refuse(_condition: Scalar) -> None:
    raise NoKernel("no native code, here, for what may have no result")


def _not_written(_p: ScalarPrinter, name: str, _operands: list[Scalar]) -> Scalar:
    raise NoKernel(f"no native code, here, for {name}")


def _is_number(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant))


def _number(node: ast.expr) -> Any:
    return ast.literal_eval(node)


__all__ = ["BOOL", "TYPES", "Scalar", "ScalarPrinter", "constant", "spread"]
