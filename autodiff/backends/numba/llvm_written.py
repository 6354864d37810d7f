"""Functions of one's own, written in Python for numbers, as LLVM functions of float64.

`ops` defines some special functions by formulas (`special_shape.py`, `special_lambert.py`), and
`special_zeta.py` one by a loop. Their source is read and said again in LLVM: assignments, `if`,
`while`, `for` over a range that is known, `return`, and expressions of numbers. A function they call
is translated too, or is one that kernels know. Arguments that are no numbers of the kernel, such as an
order, are known here: what depends on them alone is decided now.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from functools import lru_cache
from types import FunctionType
from typing import Any

import numpy as np
from llvmlite import ir

from autodiff.backends.numba.fuse import NoKernel
from autodiff.backends.numba.llvm_scalar import BOOL, TYPES, Scalar, ScalarPrinter, constant
from autodiff.backends.numba.special_zeta import hurwitz_zeta
from autodiff.ops.special import CALLED, WRITTEN

DOUBLE = np.dtype("f8")
INDEX = ir.IntType(64)
KNOWN = (bool, int, float, tuple)


@lru_cache(maxsize=64)
def source(function: FunctionType) -> ast.FunctionDef:
    """What the function says."""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError) as reason:
        raise NoKernel(f"the source of {function.__name__} is not there") from reason
    assert isinstance(tree, ast.FunctionDef)
    return tree


def written(module: ir.Module, function: FunctionType, arguments: Sequence[Any]) -> ir.Function:
    """The LLVM function for these arguments: numbers of the kernel (`Scalar`), which it takes, and known ones."""
    given = [a for a in arguments if isinstance(a, Scalar)]
    known = [a.dtype.char if isinstance(a, Scalar) else repr(a) for a in arguments]
    name = f"written_{function.__name__}({' '.join(known)})"
    if name not in module.globals:
        kinds = [TYPES[a.dtype] for a in given]
        emitted = ir.Function(module, ir.FunctionType(TYPES[DOUBLE], kinds), name)
        emitted.linkage = "internal"
        for attribute in ("noinline", "nounwind"):
            emitted.attributes.add(attribute)
        _Routine(emitted, function, arguments)
    return module.globals[name]


def call_written(p: ScalarPrinter, name: str, operands: list[Scalar]) -> Scalar:
    """One of the special functions of `ops` that are written, in float64; rounded once."""
    function, constants = (hurwitz_zeta, ()) if name == "zeta" else WRITTEN[name]
    wide = [p.cast(o, DOUBLE) for o in operands]
    callee = written(p.b.module, function, [*wide, *constants])
    return p.cast(Scalar(p.b.call(callee, [o.ir for o in wide]), DOUBLE), operands[0].dtype)


class _Routine(ScalarPrinter):
    """Emits one function. `slots` are its variables, `known` what has its value now."""

    def __init__(self, emitted: ir.Function, function: FunctionType, arguments: Sequence[Any]) -> None:
        self.entry = ir.IRBuilder(emitted.append_basic_block("entry"))
        super().__init__(ir.IRBuilder(emitted.append_basic_block("start")), called=True)
        start = self.b.block
        self.written = call_written
        self.globals, self.home = function.__globals__, function.__module__
        self.slots: dict[str, tuple[ir.Value, np.dtype]] = {}
        self.known: dict[str, Any] = {}
        tree, rest = source(function), list(emitted.args)
        for parameter, argument in zip(tree.args.args, arguments, strict=True):
            if isinstance(argument, Scalar):
                self._assign(parameter.arg, Scalar(rest.pop(0), argument.dtype))
            else:
                self.known[parameter.arg] = argument
        self._block(tree.body)
        if not self.b.block.is_terminated:
            self.b.unreachable()
        self.entry.branch(start)

    # ---- statements -----------------------------------------------------------------------------

    def _block(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if self.b.block.is_terminated:
                return
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, ast.Return) and node.value is not None:
            self.b.ret(self.emit(node.value).ir)
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            self._assignment(node.targets[0], node.value)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            value = ast.BinOp(ast.Name(node.target.id), node.op, node.value)
            self._assign(node.target.id, self.emit(value))
        elif isinstance(node, ast.If):
            self._if(node)
        elif isinstance(node, ast.While):
            self._while(node)
        elif isinstance(node, ast.For) and isinstance(node.target, ast.Name):
            self._for(node, node.target.id)
        elif not isinstance(node, ast.Expr):  # a docstring
            raise NoKernel(f"no native code for {ast.unparse(node)}")

    def _assignment(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(value, ast.IfExp) and isinstance(target, ast.Tuple):
            value = value.body if self._value(value.test) else value.orelse
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for name, number in zip(target.elts, [self.emit(v) for v in value.elts], strict=True):
                assert isinstance(name, ast.Name)
                self._assign(name.id, number)
        elif isinstance(target, ast.Name):
            self._assign(target.id, self.emit(value))
        else:
            raise NoKernel(f"no native code for an assignment to {ast.unparse(target)}")

    def _assign(self, name: str, value: Scalar) -> None:
        if name not in self.slots:
            self.slots[name] = self.entry.alloca(value.ir.type), value.dtype
        self.b.store(value.ir, self.slots[name][0])

    def _if(self, node: ast.If) -> None:
        if self._is_known(node.test):
            self._block(node.body if self._value(node.test) else node.orelse)
            return
        then, other, after = (self.b.append_basic_block(n) for n in ("then", "else", "after"))
        self.b.cbranch(self.emit(node.test).ir, then, other)
        for place, body in ((then, node.body), (other, node.orelse)):
            self.b.position_at_end(place)
            self._block(body)
            if not self.b.block.is_terminated:
                self.b.branch(after)
        self.b.position_at_end(after)

    def _while(self, node: ast.While) -> None:
        head, body, done = (self.b.append_basic_block(n) for n in ("head", "body", "done"))
        self.b.branch(head)
        self.b.position_at_end(head)
        self.b.cbranch(self.emit(node.test).ir, body, done)
        self.b.position_at_end(body)
        self._block(node.body)
        self.b.branch(head)
        self.b.position_at_end(done)

    def _for(self, node: ast.For, name: str) -> None:
        """The trips are known; the loop is one of LLVM's all the same, as a hundred trips would be long code."""
        trips = self._value(node.iter)
        if not isinstance(trips, range) or not trips:
            raise NoKernel(f"no native code for a loop over {ast.unparse(node.iter)}")
        body, done = (self.b.append_basic_block(n) for n in ("body", "done"))
        before = self.b.block
        self.b.branch(body)
        self.b.position_at_end(body)
        k = self.b.phi(INDEX)
        k.add_incoming(INDEX(trips[0]), before)
        self._assign(name, Scalar(k, np.dtype("i8")))
        self._block(node.body)
        following = self.b.add(k, INDEX(trips.step))
        k.add_incoming(following, self.b.block)
        self.b.cbranch(self.b.icmp_signed("==", k, INDEX(trips[-1])), done, body)
        self.b.position_at_end(done)

    # ---- what is known --------------------------------------------------------------------------

    def _is_known(self, node: ast.expr) -> bool:
        return all(
            n.id not in self.slots and (n.id in self.known or n.id in ("np", "len", "range") or self._is_constant(n.id))
            for n in ast.walk(node)
            if isinstance(n, ast.Name)
        )

    def _is_constant(self, name: str) -> bool:
        return isinstance(self.globals.get(name), (*KNOWN, np.ndarray))

    def _value(self, node: ast.expr) -> Any:
        """What an expression of known things comes to."""
        if not self._is_known(node):
            raise NoKernel(f"no native code where {ast.unparse(node)} is not known")
        scope = {**self.globals, **self.known}
        return eval(compile(ast.Expression(ast.fix_missing_locations(node)), "<written>", "eval"), scope)

    # ---- expressions ----------------------------------------------------------------------------

    def emit(self, node: ast.expr) -> Scalar:
        found = self._emit(node, {})
        return found if found.dtype == BOOL else self.cast(found, DOUBLE)

    def _alike(self, nodes: list[ast.expr], _env: dict[str, Scalar]) -> list[Scalar]:
        return [self.emit(n) for n in nodes]

    def _emit(self, node: ast.expr, env: dict[str, Scalar]) -> Scalar:
        if self._is_known(node):
            value = self._value(node)
            return constant(value, BOOL if isinstance(value, bool) else DOUBLE)
        if isinstance(node, ast.Name):
            place, dtype = self.slots[node.id]
            return Scalar(self.b.load(place), dtype)
        if isinstance(node, ast.IfExp) and self._is_known(node.test):
            return self.emit(node.body if self._value(node.test) else node.orelse)
        if isinstance(node, ast.BoolOp):
            return self._logical(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
            return self.call("power", [self.emit(node.left), self.emit(node.right)])
        if isinstance(node, ast.Subscript):
            return self._element(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        return super()._emit(node, env)

    def _logical(self, node: ast.BoolOp) -> Scalar:
        """Both sides are computed: they have no effects."""
        first, *rest = (self.emit(v) for v in node.values)
        for value in rest:
            first = self._binary(ast.BitAnd() if isinstance(node.op, ast.And) else ast.BitOr(), first, value)
        return first

    def _element(self, node: ast.Subscript) -> Scalar:
        """One number of a known table."""
        table, module, name = self._value(node.value), self.b.module, f"{self.home}.{ast.unparse(node.value)}"
        kind = ir.ArrayType(TYPES[DOUBLE], len(table))
        holder = module.globals.get(name)
        if holder is None:
            holder = ir.GlobalVariable(module, kind, name)
            holder.initializer, holder.global_constant = ir.Constant(kind, [float(x) for x in table]), True
            holder.linkage = "internal"
        k = self._emit(node.slice, {})
        return Scalar(self.b.load(self.b.gep(holder, [INDEX(0), k.ir])), DOUBLE)

    def _call(self, node: ast.Call) -> Scalar:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "pick":
            condition, x, y = (self.emit(a) for a in node.args)
            return self.select(condition, x, y)
        function: Callable[..., Any] | None = self.globals.get(name)
        if not isinstance(function, FunctionType) or name in CALLED:
            return self.call(name, [self.emit(a) for a in node.args])
        arguments = [self._argument(a) for a in node.args]
        callee = written(self.b.module, function, arguments)
        return Scalar(self.b.call(callee, [a.ir for a in arguments if isinstance(a, Scalar)]), DOUBLE)

    def _argument(self, node: ast.expr) -> Any:
        """Orders, and what is either so or not, are handed on as they are; numbers as numbers."""
        known = self._is_known(node) and isinstance(self._value(node), bool | int)
        return self._value(node) if known else self.emit(node)
