"""`break`, `continue` and early `return` as plain branches and flags.

Where a branch ends in a jump, what follows the branch moves into its other side:

    if x < 0: return a          if x < 0: value = a
    b                   ->      else: b

Where only some paths through a statement jump, a flag says whether one was taken, and what follows is done under
`if going(flag)`. Loops are left through their flags. Afterwards no jump is left but one `return` at the end.

A `raise` within a loop is a jump as well: it leaves all loops, and is done behind the outermost. There Python can
decide whether it is. `assert test` within a loop is `if not test: raise AssertionError`.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

CONTROL = "ad__"  # what rewritten code calls `frontends/control.py`, and how all names made here begin
VALUE, RETURNED = f"{CONTROL}value", f"{CONTROL}returned"
Exits = frozenset[str]
NEXT, RETURN, BREAK, CONTINUE, RAISE = "next", "return", "break", "continue", "raise "


def exits(statements: Sequence[ast.stmt]) -> Exits:
    """How a block may be left: by its end ("next"), or by a jump; never by what follows a jump."""
    found: set[str] = set()
    for statement in statements:
        ways = _exits(statement)
        found |= ways - {NEXT}
        if NEXT not in ways:
            return frozenset(found)
    return frozenset(found | {NEXT})


def _exits(node: ast.stmt) -> Exits:
    match node:
        case ast.Return():
            return frozenset({RETURN})
        case ast.Break():
            return frozenset({BREAK})
        case ast.Continue():
            return frozenset({CONTINUE})
        case ast.Raise():
            return frozenset({_raising(node)} if hasattr(node, "ad_flag") else ())
        case ast.If():
            return exits(node.body) | exits(node.orelse)
        case ast.While(test=ast.Constant(value=holds)) if holds and BREAK not in exits(node.body):
            return exits(node.body) - {NEXT, CONTINUE}  # `while True:` is left by a jump, or never
        case ast.For() | ast.While() | ast.AsyncFor():
            return (exits(node.body) - {NEXT, BREAK, CONTINUE}) | exits(node.orelse) | {NEXT}
        case ast.With() | ast.AsyncWith():
            return exits(node.body)
        case ast.Try() | ast.TryStar():
            parts = [node.body, node.orelse, node.finalbody, *(h.body for h in node.handlers)]
            return frozenset({NEXT}).union(*map(exits, parts))
        case ast.Match():
            return frozenset({NEXT}).union(*(exits(case.body) for case in node.cases))
    return frozenset({NEXT})


def _raising(node: ast.Raise) -> str:
    """The jump that a `raise` within a loop is: each has a flag of its own."""
    return f"{RAISE}{node.ad_flag}"  # type: ignore[attr-defined]


def name(identifier: str, store: bool = False) -> ast.Name:
    return ast.Name(identifier, ast.Store() if store else ast.Load())


def control(function: str, *args: ast.expr) -> ast.Call:
    """A call into `frontends/control.py`."""
    return ast.Call(ast.Attribute(name(CONTROL), function, ast.Load()), list(args), [])


def assign(identifier: str, value: ast.expr, place: ast.AST) -> ast.stmt:
    return ast.fix_missing_locations(ast.copy_location(ast.Assign([name(identifier, store=True)], value), place))


def without_jumps(body: list[ast.stmt]) -> list[ast.stmt]:
    """The body of a function in which at most the last statement is a jump."""
    _mark_raises(body)
    early, last = (body[:-1], body[-1:]) if isinstance(body[-1], ast.Return) else (body, [])
    if RETURN not in exits(early):
        return [*_Lowering().block(early), *last] if early else last
    if NEXT in exits(body):
        body = [*body, ast.copy_location(ast.Return(None), body[-1])]
    end = ast.fix_missing_locations(ast.copy_location(ast.Return(name(VALUE)), body[-1]))
    start = assign(RETURNED, ast.Constant(False), body[0])
    return [start, *_Lowering().block(body), end]


def _mark_raises(body: Sequence[ast.stmt]) -> None:
    """Give every `raise` and `assert` within a loop a flag, unless there is a `try` that may catch it."""
    stack: list[tuple[ast.AST, bool]] = [(s, False) for s in body]
    count = 0
    while stack:
        node, inside = stack.pop()
        if isinstance(node, ast.Try | ast.TryStar | ast.With | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        inside = inside or isinstance(node, ast.For | ast.While)
        for field in ("body", "orelse"):
            listed = getattr(node, field, None)
            if inside and isinstance(listed, list):
                setattr(node, field, [_as_raise(s) for s in listed])
        if inside and isinstance(node, ast.Raise) and node.exc is not None:
            count += 1
            node.ad_flag = f"{CONTROL}raised_{count}"  # type: ignore[attr-defined]
        stack += [(child, inside) for child in ast.iter_child_nodes(node)]


def _as_raise(node: ast.stmt) -> ast.stmt:
    if not isinstance(node, ast.Assert):
        return node
    error = ast.Call(name("AssertionError"), [node.msg] if node.msg else [], [])
    made = ast.If(ast.UnaryOp(ast.Not(), node.test), [ast.Raise(error, None)], [])
    return ast.fix_missing_locations(ast.copy_location(made, node))


class _Lowering:
    """Statements without jumps; `_loop` is the number of the innermost loop."""

    def __init__(self) -> None:
        self._loop = 0
        self._loops = 0
        self._raises: dict[str, ast.Raise] = {}  # by flag

    def _flag(self, jump: str) -> str:
        if jump.startswith(RAISE):
            return jump.removeprefix(RAISE)
        return RETURNED if jump == RETURN else f"{CONTROL}{jump}_{self._loop}"

    def _going(self, jumps: Exits, body: list[ast.stmt], place: ast.stmt) -> ast.stmt:
        flags = [name(self._flag(j)) for j in sorted(jumps)]
        branch = ast.If(control("going", *flags), body, [])
        return ast.fix_missing_locations(ast.copy_location(branch, place))

    def block(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        found: list[ast.stmt] = []
        for k, statement in enumerate(statements):
            ways, rest = _exits(statement), list(statements[k + 1 :])
            jumps = ways - {NEXT}
            if isinstance(statement, ast.If) and jumps and rest:
                moved = self._moved(statement, rest)
                if moved is not None:
                    return [*found, moved]
            found += self.statement(statement)
            if NEXT not in ways:
                return found
            if jumps and rest:
                return [*found, self._going(jumps, self.block(rest), rest[0])]
        return found or [ast.Pass()]

    def _moved(self, node: ast.If, rest: list[ast.stmt]) -> ast.If | None:
        """A branch of which one side always jumps, with the rest in the other one."""
        if NEXT not in exits(node.body):
            sides = self.block(node.body), self.block([*node.orelse, *rest])
        elif NEXT not in exits(node.orelse):
            sides = self.block([*node.body, *rest]), self.block(node.orelse)
        else:
            return None
        return ast.copy_location(ast.If(node.test, *sides), node)

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        match node:
            case ast.Return():
                value = node.value or ast.copy_location(ast.Constant(None), node)
                return [assign(VALUE, value, node), assign(RETURNED, ast.Constant(True), node)]
            case ast.Break() | ast.Continue():
                jump = BREAK if isinstance(node, ast.Break) else CONTINUE
                return [assign(self._flag(jump), ast.Constant(True), node)]
            case ast.Raise() if hasattr(node, "ad_flag"):
                self._raises[node.ad_flag] = node
                return [assign(node.ad_flag, ast.Constant(True), node)]
            case ast.If():
                node.body, node.orelse = self.block(node.body), self.block(node.orelse) if node.orelse else []
            case ast.For() | ast.While():
                return self._lowered_loop(node)
            case ast.With():
                node.body = self.block(node.body)
            case ast.Match():
                for case in node.cases:
                    case.body = self.block(case.body)
            case ast.Try():
                self._lower_try(node)
        return [node]

    def _lower_try(self, node: ast.Try) -> None:
        jumps = exits(node.body) - {NEXT}
        node.body = self.block(node.body)
        for handler in node.handlers:
            handler.body = self.block(handler.body)
        if node.orelse:
            lowered = self.block(node.orelse)
            node.orelse = [self._going(jumps, lowered, node.orelse[0])] if jumps else lowered
        node.finalbody = self.block(node.finalbody) if node.finalbody else []

    def _lowered_loop(self, node: ast.For | ast.While) -> list[ast.stmt]:
        outer = self._loop
        self._loops += 1
        self._loop = self._loops
        if isinstance(node, ast.While) and any(isinstance(n, ast.NamedExpr) for n in ast.walk(node.test)):
            # What the test assigns belongs to the trip: while True: if not test: break; ...
            leave = ast.If(ast.UnaryOp(ast.Not(), node.test), [ast.Break()], [])
            node.body = [ast.fix_missing_locations(ast.copy_location(leave, node.test)), *node.body]
            node.test = ast.copy_location(ast.Constant(True), node.test)
        ways, place = exits(node.body), node
        body = self.block(node.body)
        before = []
        if CONTINUE in ways:
            body = [assign(self._flag(CONTINUE), ast.Constant(False), place), *body]
        if BREAK in ways:
            before.append(assign(self._flag(BREAK), ast.Constant(False), place))
        raises = sorted(j for j in ways if j.startswith(RAISE))
        flags = [self._flag(j) for j in (BREAK, RETURN, *raises) if j in ways]
        node.body = body
        node.ad_flags = flags  # type: ignore[union-attr]
        if isinstance(node, ast.While) and flags:
            going = control("going", *map(name, flags))
            node.test = ast.fix_missing_locations(
                ast.copy_location(ast.BoolOp(ast.And(), [going, node.test]), node.test)
            )
        broken = ways - {NEXT, CONTINUE}
        after: list[ast.stmt] = []
        if node.orelse:
            flagged = frozenset(broken)
            lowered = self._else(node.orelse, outer)
            after = [self._going(flagged, lowered, node.orelse[0])] if flagged else lowered
        node.orelse = []
        self._loop = outer
        if not outer:
            before += [assign(self._flag(j), ast.Constant(False), place) for j in raises]
            after = [*map(self._raised, raises), *after]
        return [*before, node, *after]

    def _raised(self, jump: str) -> ast.stmt:
        """The `raise` itself, behind the outermost loop."""
        flag = self._flag(jump)
        node = self._raises[flag]
        return ast.fix_missing_locations(ast.copy_location(ast.If(control("raising", name(flag)), [node], []), node))

    def _else(self, statements: list[ast.stmt], outer: int) -> list[ast.stmt]:
        """The `else` of a loop: its jumps are those of the loop around."""
        inner, self._loop = self._loop, outer
        lowered = self.block(statements)
        self._loop = inner
        return lowered
