"""Functions rewritten so that their loops and branches can be traced.

`rewritten(f)` is the function with its `for`, `while`, `if`, `and`, ... as calls into `frontends/control.py`, which
decides while tracing what becomes of each. It is purely syntactic, and done once per code object; the new function
has the closure cells, globals and defaults of the old one, its file and its lines. A function that cannot
be rewritten is returned as it is, and `why_not` says why.

Read on in `syntax_statements`; `syntax_source` finds the source, `syntax_jumps` and `syntax_names` prepare it.
"""

from __future__ import annotations
import __future__

import ast
import copy
import types
from collections.abc import Callable
from typing import Any

from autodiff.frontends.codes import ORIGINALS
from autodiff.frontends.syntax_jumps import CONTROL
from autodiff.frontends.syntax_source import Definition, Missing, definition
from autodiff.frontends.syntax_statements import rewrite

_Code = types.CodeType
_forms: dict[tuple[_Code, str], _Code | None] = {}
_reasons: dict[tuple[_Code, str], str] = {}
_NAME = f"{CONTROL}function"
GENERATORS = 0x20 | 0x80 | 0x200  # CO_GENERATOR, CO_COROUTINE, CO_ASYNC_GENERATOR


class _Hook:
    """What rewritten code calls `ad__`; `frontends/control.py` puts itself there."""

    cell = types.CellType()


def install(control: Any) -> None:
    """Say what rewritten code calls."""
    _Hook.cell.cell_contents = control


def rewritten(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its control flow made visible; itself when it cannot be rewritten."""
    if not isinstance(function, types.FunctionType):
        return function
    code = _form(function.__code__)
    if code is None:
        return function
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    cells[CONTROL] = _Hook.cell
    closure = tuple([cells[n] for n in code.co_freevars])
    made = types.FunctionType(code, function.__globals__, function.__name__, function.__defaults__, closure)
    made.__kwdefaults__ = function.__kwdefaults__
    made.__qualname__ = function.__qualname__
    made.__module__ = function.__module__
    return made


def why_not(code: _Code) -> str:
    """Why the function of this code was not rewritten; "" when it was, or was not tried."""
    return _reasons.get((code, code.co_filename), "")


def _form(code: _Code) -> _Code | None:
    """The rewritten code, None when there is none."""
    key = code, code.co_filename
    if key not in _forms:
        if code in ORIGINALS:  # a function within one that was rewritten
            return None
        try:
            _forms[key] = _compiled(code)
        except Missing as reason:
            _forms[key], _reasons[key] = None, str(reason)
    return _forms[key]


def _compiled(code: _Code) -> _Code:
    if code.co_flags & GENERATORS:
        raise Missing("it is a generator" if code.co_flags & 0x20 else "it is asynchronous")
    found = definition(code)
    node = _as_statement(copy.deepcopy(found))
    rewrite(node, found.owner)
    _on_one_line(node)
    made = _within_factory(node, code)
    _remember(code, made)
    return made


def _as_statement(found: Definition) -> ast.FunctionDef:
    """The function without decorators; a lambda as a statement."""
    node = found.node
    if isinstance(node, ast.FunctionDef):
        node.decorator_list, node.returns = [], None
        for argument in ast.walk(node.args):
            if isinstance(argument, ast.arg):
                argument.annotation = None
    else:
        body = ast.copy_location(ast.Return(node.body), node.body)
        node = ast.copy_location(ast.FunctionDef(_NAME, node.args, [body], [], None), node)
    node.name = _NAME  # its own would hide the global of that name from the function
    # The defaults are those of the function; they are not evaluated again.
    nothing = ast.Constant(None)
    node.args.defaults = [nothing for _ in node.args.defaults]
    node.args.kw_defaults = [d and nothing for d in node.args.kw_defaults]
    return ast.fix_missing_locations(node)


def _on_one_line(function: ast.AST) -> None:
    """Let calls into `control` stand on the line where their statement begins, not where it ends."""
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == CONTROL:
            node.end_lineno, node.end_col_offset = node.lineno, node.col_offset


def _within_factory(node: ast.FunctionDef, code: _Code) -> _Code:
    """The code of the function, compiled where its free names are those of a function around it."""
    names = [*code.co_freevars, CONTROL]
    arguments = ast.arguments([], [ast.arg(n) for n in names], None, [], [], None, [])
    factory = ast.FunctionDef("factory", arguments, [node], [], None)
    module = ast.fix_missing_locations(ast.Module([ast.copy_location(factory, node)], []))
    flags = code.co_flags & __future__.annotations.compiler_flag
    inner = compile(module, code.co_filename, "exec", flags=flags, dont_inherit=True)
    for wanted in ("factory", _NAME):
        inner = next(c for c in inner.co_consts if isinstance(c, _Code) and c.co_name == wanted)
    # Lines are counted from the first one, which is that of `def`: the decorators above it are gone.
    return inner.replace(co_name=code.co_name, co_qualname=code.co_qualname)


def _remember(code: _Code, made: _Code) -> None:
    """Note for the rewritten code, and all code in it, what the user wrote."""
    nested = {(c.co_name, c.co_firstlineno): c for c in _codes(code)}
    stack = [(made, code)]
    while stack:
        new, old = stack.pop()
        ORIGINALS[new] = old
        inner = [c for c in new.co_consts if isinstance(c, _Code)]
        stack += [(c, nested.get((c.co_name, c.co_firstlineno), old)) for c in inner]


def _codes(code: _Code) -> list[_Code]:
    found = [c for c in code.co_consts if isinstance(c, _Code)]
    return [*found, *(d for c in found for d in _codes(c))]
