"""Expressions as calls into `frontends/control.py`, wherever a traced value may decide what is evaluated.

f(x)             ad__.call(f, x)
a if c else b    ad__.choose(c, lambda: a, lambda: b)
a and b, a or b  ad__.both(a, lambda: b), ad__.either(a, lambda: b)
not a            ad__.negated(a)
a < b < c        ad__.compared(a, "<", lambda: b, "<", lambda: c)
a[i]             ad__.item(a, ad__.index[i])
"""

from __future__ import annotations

import ast
from typing import Any

from autodiff.frontends.syntax_jumps import CONTROL, control, name

# Functions that look at the frame they are called from.
FRAME_FUNCTIONS = {"locals", "globals", "vars", "dir", "eval", "exec", "super", "breakpoint"}
ITERATORS = {"range", "enumerate", "zip", "reversed"}
COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
# What an index is made of when it cannot be traced.
_KNOWN = (ast.Constant, ast.Slice, ast.Tuple, ast.UnaryOp, ast.USub, ast.expr_context)
_BINDS = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)


def later(value: ast.expr) -> ast.Lambda:
    """An expression that is evaluated when asked for."""
    arguments = ast.arguments([], [], None, [], [], None, [])
    return ast.Lambda(arguments, value)


def quoted(index: ast.expr) -> ast.expr:
    """What stands between the brackets, as a value."""
    return ast.Subscript(ast.Attribute(name(CONTROL), "index", ast.Load()), index, ast.Load())


def _binds(*nodes: ast.AST) -> bool:
    """Whether evaluating these in a function of their own would change what they bind."""
    return any(isinstance(part, _BINDS) for node in nodes for part in ast.walk(node))


class Expressions(ast.NodeTransformer):
    """Rewrites one expression; nested lambdas too.

    Parameters
    ----------
    owner : the class whose private names are meant, "" for none
    first : the name of the function's first parameter, which `super()` stands for
    """

    def __init__(self, owner: str, first: str) -> None:
        self._owner = owner.lstrip("_")
        self._first = first

    def of(self, node: Any) -> Any:
        """The rewritten expression (None stays None), with every line and column in place."""
        return node if node is None else ast.fix_missing_locations(self.visit(node))

    def visit(self, node: ast.AST) -> Any:
        made = super().visit(node)
        if made is not node and isinstance(node, ast.expr):
            ast.copy_location(made, node)
        return made

    # ---- names ----------------------------------------------------------------------------

    def mangled(self, identifier: str) -> str:
        """`__x` within a class is `_Class__x`."""
        private = self._owner and identifier.startswith("__") and not identifier.endswith("__")
        return f"_{self._owner}{identifier}" if private and "." not in identifier else identifier

    def visit_Attribute(self, node: ast.Attribute) -> Any:
        node.attr = self.mangled(node.attr)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> Any:
        node.id = self.mangled(node.id) if not node.id.startswith("ad__") else node.id
        return node

    # ---- calls ----------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> Any:
        function = node.func
        if isinstance(function, ast.Name) and function.id in FRAME_FUNCTIONS:
            if function.id == "super" and not node.args:
                node.args = [name("__class__"), name(self._first)]
                return node
            return self.generic_visit(node)
        self.generic_visit(node)
        return self._through("call", node)

    @staticmethod
    def _through(way: str, node: ast.Call) -> ast.Call:
        found = control(way, node.func, *node.args)
        found.keywords = node.keywords
        return found

    def iterated(self, node: ast.expr) -> ast.expr:
        """What a `for` runs over: calls of `range` and kin say what they were made of."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ITERATORS):
            return self.of(node)  # type: ignore[no-any-return]
        node.args = [self.iterated(a) for a in node.args]
        node.keywords = [ast.keyword(k.arg, self.of(k.value)) for k in node.keywords]
        return ast.fix_missing_locations(ast.copy_location(self._through("iterated", node), node))

    # ---- decisions ------------------------------------------------------------------------

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        lazy = not _binds(node.body, node.orelse)
        self.generic_visit(node)
        return control("choose", node.test, later(node.body), later(node.orelse)) if lazy else node

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        lazy = not _binds(*node.values[1:])
        self.generic_visit(node)
        way = "both" if isinstance(node.op, ast.And) else "either"
        return control(way, node.values[0], *map(later, node.values[1:])) if lazy else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        self.generic_visit(node)
        return control("negated", node.operand) if isinstance(node.op, ast.Not) else node

    def visit_Compare(self, node: ast.Compare) -> Any:
        lazy = len(node.ops) > 1 and not _binds(*node.comparators)
        self.generic_visit(node)
        if not lazy:
            return node
        parts: list[ast.expr] = []
        for op, right in zip(node.ops, node.comparators, strict=True):
            parts += [ast.Constant(COMPARISONS[type(op)]), later(right)]
        return control("compared", node.left, *parts)

    # ---- reading --------------------------------------------------------------------------

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        known = all(isinstance(n, _KNOWN) for n in ast.walk(node.slice))
        self.generic_visit(node)
        if known or not isinstance(node.ctx, ast.Load):
            return node
        return control("item", node.value, quoted(node.slice))

    # ---- what stays as it is --------------------------------------------------------------

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        node.args = self.visit(node.args)
        node.body = self.visit(node.body)
        return node
