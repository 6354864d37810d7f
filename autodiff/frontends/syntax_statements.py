"""Statements as local functions and a call into `frontends/control.py`.

    for x in xs:            def ad__for_3(ad__item):
        y = y + x               nonlocal x, y
                                x = ad__item
                                y = y + x
                            ad__.for_(xs, ad__for_3, <what is known of the names>)

The functions share the names they assign with the function around them (`nonlocal`), so Python itself runs them
where nothing is traced, and `control` reads and sets the state through their closure cells. What it is told about
the names, as tuples of strings and numbers, is what `Loop` and `Branch` of `frontends/control_facts.py` hold.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Any

from autodiff.frontends.syntax_expressions import Expressions, later, quoted
from autodiff.frontends.syntax_jumps import CONTROL, control, name, without_jumps
from autodiff.frontends.syntax_names import Liveness, Names, appended, captured, reads, stored, writes
from autodiff.frontends.syntax_size import estimated

ITEM = f"{CONTROL}item"
OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+=",
    ast.Sub: "-=",
    ast.Mult: "*=",
    ast.Div: "/=",
    ast.FloorDiv: "//=",
    ast.Mod: "%=",
    ast.Pow: "**=",
    ast.MatMult: "@=",
    ast.BitAnd: "&=",
    ast.BitOr: "|=",
    ast.BitXor: "^=",
    ast.LShift: "<<=",
    ast.RShift: ">>=",
}


def rewrite(function: ast.FunctionDef, owner: str) -> None:
    """Rewrite the body of a function in place, nested functions too."""
    _Function(function, owner).rewrite()


def _constant(value: Any) -> ast.expr:
    """A tuple of tuples of strings and numbers."""
    if isinstance(value, list | tuple | frozenset):
        items = sorted(value) if isinstance(value, frozenset) else value
        return ast.Tuple([_constant(v) for v in items], ast.Load())
    return ast.Constant(value)


class _Function:
    def __init__(self, node: ast.FunctionDef, owner: str) -> None:
        self._node = node
        a = node.args
        listed = [*a.posonlyargs, *a.args]
        self._parameters = frozenset(p.arg for p in (*listed, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))))
        self._owner = owner
        self._expressions = Expressions(owner, listed[0].arg if listed else "")
        self._declared = {n for s in _own(node.body) if isinstance(s, ast.Global) for n in s.names}
        self._outer = {n for s in _own(node.body) if isinstance(s, ast.Nonlocal) for n in s.names}
        self._shared: set[str] = set()  # names that the local functions assign
        self._tries: list[int] = []  # lines of the `try` statements around
        self._made = 0
        self._private: set[str] = set()  # names made here that stay within their block

    def rewrite(self) -> None:
        node = self._node
        node.body = without_jumps(node.body)
        self._locals = (writes(*node.body) | self._parameters) - self._declared
        escaping = captured(node) | frozenset(self._outer)
        self._live = Liveness(escaping & self._locals | frozenset(self._outer))
        node.body = self.block(node.body, self._live.always)
        unbound = sorted(self._shared - self._parameters - self._outer)
        if unbound:  # only local functions assign these now: say that they are names of this one
            binding = ast.Assign([name(n, store=True) for n in unbound], ast.Constant(None))
            never = ast.If(ast.Constant(0), [binding], [])
            node.body.insert(0, ast.fix_missing_locations(ast.copy_location(never, node.body[0])))

    # ---- blocks ---------------------------------------------------------------------------

    def block(self, statements: Sequence[ast.stmt], after: Names) -> list[ast.stmt]:
        """The rewritten statements; `after` is live behind them."""
        found: list[list[ast.stmt]] = []
        for statement in reversed(statements):
            before = self._live.before_one(statement, after)
            made = self._statement(statement, after)
            for new in made:
                ast.fix_missing_locations(ast.copy_location(new, statement) if not hasattr(new, "lineno") else new)
            found.append(made)
            after = before
        return [s for made in reversed(found) for s in made]

    def _statement(self, node: ast.stmt, after: Names) -> list[ast.stmt]:
        match node:
            case ast.For():
                return self._for(node, after)
            case ast.While():
                return self._while(node, after)
            case ast.If():
                return self._if(node, after)
            case ast.Assign():
                return self._assign(node)
            case ast.AugAssign():
                return self._augmented(node)
            case ast.Assert():
                return self._assert(node)
            case ast.FunctionDef():
                self._nested(node)
            case ast.With():
                for item in node.items:
                    item.context_expr = self._of(item.context_expr)
                node.body = self.block(node.body, after)
            case ast.Try():
                self._try(node, after)
            case ast.Match():
                node.subject = self._of(node.subject)
                for case in node.cases:
                    case.guard = self._of(case.guard)
                    case.body = self.block(case.body, after)
            case ast.ClassDef() | ast.Import() | ast.ImportFrom() | ast.Global() | ast.Nonlocal():
                pass
            case _:
                return [self._of(node)]
        return [node]

    def _of(self, node: Any) -> Any:
        return self._expressions.of(node)

    def _nested(self, node: ast.FunctionDef) -> None:
        node.args = self._expressions.visit(node.args)
        if not any(isinstance(n, ast.Yield | ast.YieldFrom | ast.Await) for n in ast.walk(node)):
            _Function(node, self._owner).rewrite()

    def _try(self, node: ast.Try, after: Names) -> None:
        elsewhere = after | reads(*node.handlers, *node.orelse, *node.finalbody)
        self._tries.append(node.lineno)
        node.body = self.block(node.body, elsewhere)
        self._tries.pop()
        for handler in node.handlers:
            handler.body = self.block(handler.body, elsewhere)
        node.orelse = self.block(node.orelse, elsewhere)
        node.finalbody = self.block(node.finalbody, elsewhere)

    # ---- local functions ------------------------------------------------------------------

    def _function(self, kind: str, body: list[ast.stmt], place: ast.AST, *parameters: str) -> tuple[ast.stmt, ast.expr]:
        """A local function, and its name to call it by."""
        self._made += 1
        line = getattr(place, "lineno", 0)
        identifier = f"{CONTROL}{kind}_{line}_{self._made}"
        assigned = writes(*body) - set(parameters) - self._private
        outside = sorted(assigned & self._declared)
        shared = sorted(assigned - self._declared)
        self._shared.update(shared)
        head: list[ast.stmt] = [ast.Global(outside)] if outside else []
        head += [ast.Nonlocal(shared)] if shared else []
        arguments = ast.arguments([], [ast.arg(p) for p in parameters], None, [], [], None, [])
        self._private.add(identifier)
        made = ast.FunctionDef(identifier, arguments, [*head, *body], [], None)
        return ast.fix_missing_locations(ast.copy_location(made, place)), name(identifier)

    def _call(self, node: ast.stmt, way: str, *args: ast.expr) -> ast.stmt:
        made = ast.Expr(control(way, *args))
        return ast.fix_missing_locations(ast.copy_location(made, node))

    def _obstacles(self, body: Iterable[ast.stmt]) -> tuple[int, int, tuple[str, ...]]:
        """Line of a `try` around, line of a `try` inside, globals that are assigned."""
        inside = [n.lineno for s in body for n in ast.walk(s) if isinstance(n, ast.Try | ast.TryStar)]
        around = self._tries[-1] if self._tries else 0
        return around, min(inside, default=0), tuple(sorted(writes(*body) & self._declared))

    def _for(self, node: ast.For, after: Names) -> list[ast.stmt]:
        inner = self._live.head(node, after)
        carried = self._live.carried(node, after)
        assigned = (writes(node.target) | writes(*node.body)) - self._declared
        written = (stored(node.body) | stored_through(node.target)) & self._locals
        facts = (
            assigned,
            assigned & carried,
            assigned & after,
            tuple(getattr(node, "ad_flags", ())),
            written,
            self._obstacles(node.body),
            node.lineno,
            appended(node.body),
            estimated(node.body),
        )
        iterable = self._expressions.iterated(node.iter)
        target = ast.Assign([node.target], name(ITEM))
        ast.fix_missing_locations(ast.copy_location(target, node.target))
        body = [*self._assign(target), *self.block(node.body, inner)]
        made, called = self._function("for", body, node, ITEM)
        return [made, self._call(node, "for_", iterable, called, _constant(facts))]

    def _while(self, node: ast.While, after: Names) -> list[ast.stmt]:
        inner = self._live.head(node, after)
        assigned = (writes(*node.body) | writes(node.test)) - self._declared
        facts = (
            assigned,
            assigned & self._live.carried(node, after),
            assigned & after,
            tuple(getattr(node, "ad_flags", ())),
            stored(node.body) & self._locals,
            self._obstacles(node.body),
            node.lineno,
        )
        test = ast.copy_location(ast.Return(self._of(node.test)), node.test)
        asks, asked = self._function("while_test", [test], node.test)
        made, called = self._function("while", self.block(node.body, inner), node)
        return [asks, made, self._call(node, "while_", asked, called, _constant(facts))]

    def _if(self, node: ast.If, after: Names) -> list[ast.stmt]:
        assigned = (writes(*node.body) | writes(*node.orelse)) - self._declared
        written = (stored(node.body) | stored(node.orelse)) & self._locals
        facts = (assigned, assigned & after, written, self._obstacles([*node.body, *node.orelse]), node.lineno)
        test = self._of(node.test)
        then, then_name = self._function("if", self.block(node.body, after), node)
        made = [then]
        otherwise: ast.expr = ast.Constant(None)
        if node.orelse:
            other, otherwise = self._function("else", self.block(node.orelse, after), node.orelse[0])
            made.append(other)
        return [*made, self._call(node, "if_", test, then_name, otherwise, _constant(facts))]

    def _assert(self, node: ast.Assert) -> list[ast.stmt]:
        message = self._of(node.msg) or ast.Constant(None)
        return [self._call(node, "assert_", self._of(node.test), later(message))]

    # ---- writing --------------------------------------------------------------------------

    def _assign(self, node: ast.Assign) -> list[ast.stmt]:
        """`a[i] = v` becomes a call, so that a plain array can give way to a traced one."""
        node.value = self._of(node.value)
        if not any(
            isinstance(n, ast.Subscript) and isinstance(n.ctx, ast.Store) for t in node.targets for n in ast.walk(t)
        ):
            node.targets = [self._of(t) for t in node.targets]
            return [node]
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Subscript):
            return [self._stored(node.targets[0], node.value)]
        temporary = self._temporary()
        found: list[ast.stmt] = [ast.Assign([name(temporary, store=True)], node.value)]
        for target in node.targets:
            stores: list[ast.stmt] = []
            simple = self._of(self._without_stores(target, stores))
            found += [ast.Assign([simple], name(temporary)), *stores]
        return [ast.fix_missing_locations(ast.copy_location(s, node)) for s in found]

    def _temporary(self) -> str:
        self._made += 1
        self._private.add(f"{CONTROL}part_{self._made}")
        return f"{CONTROL}part_{self._made}"

    def _without_stores(self, target: ast.expr, stores: list[ast.stmt]) -> ast.expr:
        """The target with a name in place of every subscript, and the stores to do afterwards."""
        if isinstance(target, ast.Subscript):
            part = self._temporary()
            stores.append(self._stored(target, name(part)))
            return ast.copy_location(name(part, store=True), target)
        if isinstance(target, ast.Tuple | ast.List):
            target.elts = [self._without_stores(e, stores) for e in target.elts]
        elif isinstance(target, ast.Starred):
            target.value = self._without_stores(target.value, stores)
        return target

    def _place(self, target: ast.Subscript) -> tuple[ast.expr, ast.expr]:
        """The array and the index of a subscript, to be evaluated."""
        array, index = self._of(target.value), self._of(target.slice)
        return array, ast.copy_location(quoted(index), target)

    def _is_own(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and node.id in self._locals and node.id not in self._outer

    def _stored(self, target: ast.Subscript, value: ast.expr) -> ast.stmt:
        array, index = self._place(target)
        return self._kept(array, control("stored", value, array, index, _constant(self._is_own(array))), target)

    def _kept(self, array: ast.expr, call: ast.expr, place: ast.AST) -> ast.stmt:
        """The call, whose result takes the place of the array where that is a name of the function."""
        if isinstance(array, ast.Name) and self._is_own(array):
            made: ast.stmt = ast.Assign([name(array.id, store=True)], call)
        else:
            made = ast.Expr(call)
        return ast.fix_missing_locations(ast.copy_location(made, place))

    def _augmented(self, node: ast.AugAssign) -> list[ast.stmt]:
        target, value, sign = node.target, self._of(node.value), ast.Constant(OPERATORS[type(node.op)])
        if isinstance(target, ast.Subscript):
            array, index = self._place(target)
            loaded = control("loaded", array, index)
            call = control("updated", loaded, sign, value, _constant(self._is_own(array)))
            return [self._kept(array, call, node)]
        if isinstance(target, ast.Name) and target.id in self._locals:
            made = ast.Assign([name(target.id, store=True)], control("augmented", name(target.id), sign, value))
            return [ast.fix_missing_locations(ast.copy_location(made, node))]
        node.target, node.value = self._of(target), value
        return [node]


def stored_through(target: ast.expr) -> Names:
    """Arrays that the target of a loop is written into: `for a[0] in xs`."""
    return stored([target])


def _own(body: Iterable[ast.stmt]) -> Iterable[ast.AST]:
    """All nodes of a function but those of functions and classes within it."""
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            stack += ast.iter_child_nodes(node)
