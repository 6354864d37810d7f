"""Where the source of a function is: the node of the syntax tree that a code object was compiled from.

Files are parsed whole, once, so line numbers and columns are those of the file, and the class around a
method is known. Lambdas that share a line are told apart by the columns of their code.
"""

from __future__ import annotations

import ast
import linecache
import types
from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

FILES_KEPT = 32
Function = ast.FunctionDef | ast.Lambda


class Definition(NamedTuple):
    """A function in a file; `owner` is the class whose private names it can see, "" for none."""

    node: Function
    owner: str


class Missing(Exception):
    """There is no source to rewrite; the message completes "the function was traced as it is: ..."."""


_Index = dict[tuple[str, int], list[Definition]]
_files: OrderedDict[str, tuple[list[str], _Index]] = OrderedDict()


def definition(code: types.CodeType) -> Definition:
    """The source of a code object.

    Raises
    ------
    Missing
        When there is none, or when it cannot be told which part of the file it is.
    """
    found = [d for d in _index(code.co_filename).get((code.co_name, code.co_firstlineno), ()) if _takes(d.node, code)]
    if len(found) > 1:
        found = [d for d in found if _covers(d.node, code)]
    if len(found) != 1:
        raise Missing("its source is not found" if not found else "several functions stand on its line")
    return found[0]


def _index(file: str) -> _Index:
    linecache.checkcache(file)
    lines = linecache.getlines(file)
    kept = _files.get(file)
    if kept is None or kept[0] is not lines:
        kept = _files[file] = lines, _parsed(lines)
        while len(_files) > FILES_KEPT:
            _files.popitem(last=False)
    _files.move_to_end(file)
    return kept[1]


def _parsed(lines: list[str]) -> _Index:
    try:
        tree = ast.parse("".join(lines))
    except SyntaxError:  # a cell with magics in it, a template
        return {}
    index: _Index = {}
    for found in _definitions(tree, ""):
        node = found.node
        name = node.name if isinstance(node, ast.FunctionDef) else "<lambda>"
        index.setdefault((name, _first_line(node)), []).append(found)
    return index


def _definitions(node: ast.AST, owner: str) -> Iterator[Definition]:
    stack = [(node, owner)]
    while stack:
        node, owner = stack.pop()
        if isinstance(node, Function):
            yield Definition(node, owner)
        inside = node.name if isinstance(node, ast.ClassDef) else owner
        stack += [(child, inside) for child in ast.iter_child_nodes(node)]


def _first_line(node: Function) -> int:
    decorators = node.decorator_list if isinstance(node, ast.FunctionDef) else []
    return min([node.lineno, *(d.lineno for d in decorators)])


def _takes(node: Function, code: types.CodeType) -> bool:
    """Whether the arguments are those of the code: the file may have been edited since."""
    a = node.args
    names = [p.arg for p in (*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg)))]
    return tuple(names) == code.co_varnames[: len(names)] and len(a.kwonlyargs) == code.co_kwonlyargcount


def _covers(node: Function, code: types.CodeType) -> bool:
    """Whether the instructions lie within the body of a lambda."""
    if isinstance(node, ast.FunctionDef):
        return True
    body = node.body
    begin, end = (body.lineno, body.col_offset), (body.end_lineno or 0, body.end_col_offset or 0)
    spans = [p for p in code.co_positions() if None not in p and p[3]]  # those of no width stand for nothing
    inside = [begin <= (p[0] or 0, p[2] or 0) and (p[1] or 0, p[3] or 0) <= end for p in spans]
    # An inner lambda's body lies within the outer one's, but does not begin or end where its code does.
    return all(inside) and any((p[0], p[2]) == begin for p in spans) and any((p[1], p[3]) == end for p in spans)
