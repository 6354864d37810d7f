"""Mutation of derivative rules: the ways in which a rule can be a little wrong, as changes of its syntax tree.

`mutants(path, root)` lists them for one file, always the same ones. An operator looks at one node and yields (what it
did, the node that takes its place). Only code that computes derivatives, or rewrites programs, is mutated: in
`autodiff/ops` the rules that the definitions name and the helpers these call, elsewhere whole functions. Loops, shape
rules and NumPy references are left alone: they say what an op is, and are compared with NumPy elsewhere.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Which arguments of an op's definition are rules: by position and by name.
RULES: dict[str, tuple[tuple[int, ...], frozenset[str]]] = {
    "Elementwise": ((3,), frozenset({"partials", "masks"})),
    "Reduction": ((4, 5), frozenset({"derivative", "tangent"})),
    "Movement": ((3,), frozenset({"transpose"})),
    "Call": ((), frozenset({"rule", "tangent"})),
    "Composite": ((), frozenset({"derivative", "tangent"})),
}
METHODS = {"jvp", "vjp", "_pull", "_partial", "_mask"}
DROPPED = {"flip", "swap", "shift", "restore", "sum_to", "cumsum", "neg", "broadcast_to", "transpose", "sqrt", "square"}
SWAPPED = {
    "sin": "cos",
    "cos": "sin",
    "sinh": "cosh",
    "cosh": "sinh",
    "maximum": "minimum",
    "logical_or": "logical_and",
}
OPERATIONS: dict[type, type] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
_OPPOSITES = ((ast.Lt, ast.GtE), (ast.Gt, ast.LtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot), (ast.In, ast.NotIn))
COMPARED: dict[type, type] = {**dict(_OPPOSITES), **{b: a for a, b in _OPPOSITES}}
# Operands of rules that may be taken for one another.
CONFUSED = {"x": "y", "y": "x", "z": "x", "ct": "y", "t": "x", "a": "b", "b": "a", "t_a": "t_b", "t_b": "t_a"}

Change = tuple[str, ast.AST]


@dataclass(frozen=True)
class Mutant:
    """One change of one file. `ops` are the ops whose derivative it is part of; none named: anything."""

    path: str
    line: int
    place: int  # of the node, in the order of `ast.walk`
    variant: int  # which of the changes of that node
    what: str
    before: str
    after: str
    ops: tuple[str, ...]
    inside: str  # the definition it is in
    text: str  # of the line
    column: int

    @property
    def name(self) -> str:
        """Tells it from others, and stays the same when other code moves."""
        return f"{self.path}: {self.inside}: {self.text} [{self.column}] {self.before} -> {self.after}"

    def source(self, root: Path) -> str:
        """The file with this change."""
        tree = ast.parse((root / self.path).read_text(encoding="utf-8"))
        node = list(ast.walk(tree))[self.place]
        new = list(changes(node))[self.variant][1]
        return ast.unparse(ast.fix_missing_locations(_Replace(node, new).visit(tree)))

    def diff(self, root: Path) -> str:
        original = ast.unparse(ast.parse((root / self.path).read_text(encoding="utf-8"))).splitlines()
        lines = difflib.unified_diff(original, self.source(root).splitlines(), lineterm="", n=0)
        return "\n".join(f"    {line}" for line in list(lines)[2:] if not line.startswith("@@"))

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def mutants(path: Path, root: Path) -> list[Mutant]:
    """Every mutant of a file, in the order of its source."""
    lines = path.read_text(encoding="utf-8").splitlines()
    tree, place = ast.parse("\n".join(lines)), path.relative_to(root).as_posix()
    places, names = {id(node): k for k, node in enumerate(ast.walk(tree))}, arguments(tree)
    found: dict[tuple[int, int], Mutant] = {}
    for code, ops in rule_code(tree, in_ops="/ops/" in place):
        for node in live(code):
            for variant, (what, new) in enumerate(changes(node)):
                if isinstance(new, ast.Name) and isinstance(node, ast.Name) and new.id not in names[id(node)]:
                    continue  # there is no such operand here: the mutant would not run at all
                texts = ast.unparse(node), ast.unparse(ast.fix_missing_locations(new))
                line = lines[node.lineno - 1]
                where = definition(tree, node), line.strip(), node.col_offset - len(line) + len(line.lstrip())
                mutant = Mutant(place, node.lineno, places[id(node)], variant, what, *texts, ops, *where)
                found.setdefault((mutant.place, variant), mutant)
    return sorted(found.values(), key=lambda m: (m.line, m.place, m.variant))


def definition(tree: ast.Module, node: ast.AST) -> str:
    """The function, class or name at the top of the file that a node is part of."""
    (top,) = (n for n in tree.body if n.lineno <= node.lineno <= n.end_lineno)
    return getattr(top, "name", "") or ast.unparse(top).partition(" ")[0]


def arguments(tree: ast.AST) -> dict[int, frozenset[str]]:
    """The arguments of all functions around each node."""
    found: dict[int, frozenset[str]] = {}

    def walk(node: ast.AST, names: frozenset[str]) -> None:
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            names |= {a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)}
        found[id(node)] = names
        for child in ast.iter_child_nodes(node):
            walk(child, names)

    walk(tree, frozenset())
    return found


# ---- where --------------------------------------------------------------------------------------


def rule_code(tree: ast.Module, in_ops: bool) -> Iterator[tuple[ast.AST, tuple[str, ...]]]:
    """The pieces of a file that hold rules, and the ops they belong to."""
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    if not in_ops:
        yield from ((f, ()) for f in functions.values())
        return
    readers: dict[str, set[str]] = {}
    for op, rules in definitions(tree):
        for rule in rules:
            yield rule, (op,)
            for name in called(rule, functions):
                readers.setdefault(name, set()).add(op)
    for name, ops in readers.items():
        yield functions[name], tuple(sorted(ops))
    for cls in (n for n in tree.body if isinstance(n, ast.ClassDef)):
        own = next((_text(n.value) for n in cls.body if _is_name(n)), "")
        for method in cls.body:
            if isinstance(method, ast.FunctionDef) and method.name in METHODS:
                yield method, (own,) if own else ()


def _is_name(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == "name" and node.value is not None


def _text(node: ast.AST | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def definitions(tree: ast.Module) -> Iterator[tuple[str, list[ast.AST]]]:
    """Ops defined at the top of a file: name, and the expressions that are their rules."""
    for node in tree.body:
        call = node.value if isinstance(node, ast.Assign) else None
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") in RULES and call.args and _text(call.args[0]):
            places, names = RULES[call.func.id]  # type: ignore[attr-defined]
            rules = [call.args[k] for k in places if k < len(call.args)]
            yield _text(call.args[0]), [*rules, *(k.value for k in call.keywords if k.arg in names)]


def called(code: ast.AST, functions: dict[str, ast.FunctionDef]) -> set[str]:
    """The functions of this file that some code uses, directly or through one another."""
    found: set[str] = set()
    todo: list[ast.AST] = [code]
    while todo:
        names = {n.id for n in ast.walk(todo.pop()) if isinstance(n, ast.Name)} & functions.keys() - found
        found |= names
        todo += [functions[n] for n in names]
    return found


def live(code: ast.AST) -> Iterator[ast.AST]:
    """The nodes of code that run: no annotations, no defaults, no messages of errors, no docstrings."""
    for field, value in ast.iter_fields(code):
        if field in {"annotation", "returns", "args", "decorator_list", "type_comment"} and not isinstance(
            code, ast.Call
        ):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST) and not _idle(node):
                if hasattr(node, "lineno"):
                    yield node
                yield from live(node)


def _idle(node: ast.AST) -> bool:
    """Docstrings, errors, and `strict=True`, which says of right code that it is right."""
    if isinstance(node, ast.Expr):
        return bool(_text(node.value))
    return isinstance(node, ast.Raise | ast.Assert) or (isinstance(node, ast.keyword) and node.arg == "strict")


# ---- what ---------------------------------------------------------------------------------------


def changes(node: ast.AST) -> Iterator[Change]:
    """Everything that may be done to one node; the node itself stays as it is."""
    for operator in (
        _arithmetic,
        _signs,
        _constants,
        _comparisons,
        _operands,
        _calls,
        _branches,
        _orders,
        _statements,
    ):
        yield from operator(node)


def _arithmetic(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATIONS:
        other = OPERATIONS[type(node.op)]()
        yield f"{type(node.op).__name__} to {type(other).__name__}", ast.BinOp(node.left, other, node.right)
        yield "right operand dropped", node.left
        yield "left operand dropped", node.right


def _signs(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield "sign or negation dropped", node.operand


def _constants(node: ast.AST) -> Iterator[Change]:
    if not isinstance(node, ast.Constant):
        return
    if isinstance(node.value, bool):
        yield "truth value negated", ast.Constant(not node.value)
    elif isinstance(node.value, float):
        yield "factor 2", ast.Constant(2.0 * node.value if node.value else 1.0)
    elif isinstance(node.value, int):
        yield "off by one", ast.Constant(node.value + 1)
        if node.value:  # of one operand, the last is the first
            yield "off by one, below", ast.Constant(node.value - 1)


def _comparisons(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in COMPARED:
        yield "comparison negated", ast.Compare(node.left, [COMPARED[type(node.ops[0])]()], node.comparators)


def _operands(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in CONFUSED:
        yield "wrong operand", ast.Name(CONFUSED[node.id], node.ctx)


def _calls(node: ast.AST) -> Iterator[Change]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        return
    name, args = node.func.id, node.args
    if name in DROPPED and args:
        yield f"{name} dropped", args[0]
    if name in SWAPPED:
        yield f"{name} to {SWAPPED[name]}", ast.Call(ast.Name(SWAPPED[name], ast.Load()), args, node.keywords)
    if name == "select" and len(args) == 3:
        yield "mask dropped", args[1]
        yield "branches of select exchanged", ast.Call(node.func, [args[0], args[2], args[1]], [])
    if name == "Masked":
        yield "mask dropped", args[0]


def _branches(node: ast.AST) -> Iterator[Change]:
    # A test that is a comparison or a negation is changed by itself.
    if isinstance(node, ast.IfExp) and not isinstance(node.test, ast.Compare | ast.UnaryOp):
        yield "branches exchanged", ast.IfExp(node.test, node.orelse, node.body)
    if isinstance(node, ast.If) and not isinstance(node.test, ast.Compare | ast.UnaryOp):
        yield "condition negated", ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    if isinstance(node, ast.BoolOp):
        yield "and, or exchanged", ast.BoolOp(ast.And() if isinstance(node.op, ast.Or) else ast.Or(), node.values)


def _orders(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Slice) and isinstance(node.step, ast.UnaryOp):
        yield "order kept", ast.Slice(node.lower, node.upper, None)


def _statements(node: ast.AST) -> Iterator[Change]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "statement dropped", ast.Pass()
    if isinstance(node, ast.AugAssign):
        yield "accumulation dropped", ast.Assign([node.target], node.value)
