"""Which names statements read and write, and which are still read afterwards (*live*).

What a loop carries is found here: of the names that its body assigns, those that a later trip or the
statements after the loop may read. Reads are over-estimated, so a name that is not live is never read.

Liveness runs backwards over blocks without `break`, `continue` and `return` (`syntax_jumps` has replaced them);
Aho, Lam, Sethi and Ullman, Compilers, 2006, section 9.2.5.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

Names = frozenset[str]
NONE: Names = frozenset()
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def reads(*nodes: ast.AST | None) -> Names:
    """Names that are looked up, in nested functions too."""
    found: set[str] = set()
    for root in nodes:
        for node in ast.walk(root) if root is not None else ():
            if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store):
                found.add(node.id)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
    return frozenset(found)


def writes(*nodes: ast.AST | None) -> Names:
    """Names that are assigned in the function's own scope."""
    found: set[str] = set()
    stack: list[tuple[ast.AST, bool]] = [(n, False) for n in nodes if n is not None]
    while stack:
        node, inside = stack.pop()  # inside a comprehension only `:=` reaches the function
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.NamedExpr):
            found.add(node.target.id)
        found.update(_names_of(node, inside))
        inside = inside or isinstance(node, COMPREHENSIONS)
        stack += [(child, inside) for child in ast.iter_child_nodes(node)]
    return frozenset(found)


def _names_of(node: ast.AST, inside: bool) -> Iterable[str]:
    """The names that one node binds by itself."""
    if isinstance(node, ast.Name):
        return () if inside or isinstance(node.ctx, ast.Load) else (node.id,)
    if isinstance(node, ast.alias):
        return ((node.asname or node.name).split(".")[0],)
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        return (node.name,) if node.name else ()
    if isinstance(node, ast.MatchMapping):
        return (node.rest,) if node.rest else ()
    return ()


def captured(function: ast.AST) -> Names:
    """Names of the function that functions defined in it may look up at any time."""
    found: set[str] = set()
    for node in ast.walk(function):
        if node is not function and isinstance(node, FUNCTIONS):
            found |= reads(node)
            found |= {n for inner in ast.walk(node) if isinstance(inner, ast.Nonlocal) for n in inner.names}
    return frozenset(found)


def stored(nodes: Iterable[ast.AST]) -> Names:
    """Names of arrays that are written to: `a[i] = v`, `a[i] += v`, `a += v`."""
    found = set()
    for root in nodes:
        for node in ast.walk(root):
            if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
                found.add(node.value.id)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
    return frozenset(found)


def appended(body: Sequence[ast.stmt]) -> Names:
    """Names that are only used as lists to append to: `out.append(v)`, a statement by itself."""
    calls = [
        n.value.func.value.id
        for s in body
        for n in ast.walk(s)
        if isinstance(n, ast.Expr)
        and isinstance(n.value, ast.Call)
        and isinstance(n.value.func, ast.Attribute)
        and isinstance(n.value.func.value, ast.Name)
        and n.value.func.attr == "append"
        and len(n.value.args) == 1
    ]
    uses = [n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name)]
    return frozenset(n for n in calls if uses.count(n) == calls.count(n)) - writes(*body)


def flags(loop: ast.For | ast.While) -> Names:
    """Flags by which the loop is left (`syntax_jumps` notes them): they are read before every trip."""
    return frozenset(getattr(loop, "ad_flags", ()))


class Liveness:
    """Names that are live before statements, given those that are live after them.

    Parameters
    ----------
    always : names that are live everywhere, since nested functions may read them
    """

    def __init__(self, always: Names) -> None:
        self.always = always

    def before(self, statements: Sequence[ast.stmt], after: Names) -> Names:
        for statement in reversed(statements):
            after = self.before_one(statement, after)
        return after

    def before_one(self, node: ast.stmt, after: Names) -> Names:
        return self._before_one(node, after) | self.always

    def _before_one(self, node: ast.stmt, after: Names) -> Names:
        match node:
            case ast.If():
                return reads(node.test) | self.before(node.body, after) | self.before(node.orelse, after)
            case ast.While():
                return self.head(node, after) | reads(node.test)
            case ast.For():
                return (self.head(node, after) - writes(node.target)) | after | reads(node.iter, node.target)
            case ast.With():
                return reads(*node.items) | (self.before(node.body, after) - writes(*node.items))
            case ast.Return():
                return reads(node)
            case ast.Try() | ast.Match() | ast.AsyncFor() | ast.AsyncWith() | ast.ClassDef() | ast.TryStar():
                return after | reads(node)
            case ast.AugAssign():
                return after | reads(node)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                return (after - {node.name}) | reads(node)
        return (after - writes(node)) | reads(node)

    def head(self, loop: ast.For | ast.While, after: Names) -> Names:
        """Names live where a trip begins.

        What is live before statements is what they read, and of what is live after them all that they do not
        assign. So a second trip finds nothing that the first one did not, and one look at the body is enough; with
        more of them, nests of loops would take a time that is exponential in their depth.
        """
        live = after | flags(loop) | (reads(loop.test) if isinstance(loop, ast.While) else NONE)
        begin = self.before(loop.body, live)
        return live | (begin - writes(loop.target) if isinstance(loop, ast.For) else begin)

    def carried(self, loop: ast.For | ast.While, after: Names) -> Names:
        """Names whose value at the beginning of a trip matters to it or to those that follow it."""
        end = self.head(loop, after)
        begin = self.before(loop.body, end)
        if isinstance(loop, ast.While):
            return begin | reads(loop.test)
        return (begin - writes(loop.target)) | flags(loop)
