"""Where the source of a function is: the node of the syntax tree that a code object was compiled from.

The lines of the function are parsed by themselves where that works; where it does not (a lambda in the middle of a
statement, private names, for which the class around has to be known) the file is parsed whole, once: 1,000 lines
take 50 ms. Line numbers and columns are those of the file. Lambdas that share a line are told apart by columns.
"""

from __future__ import annotations

import ast
import linecache
import re
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


_PRIVATE = re.compile(r"\b__\w+(?<!__)\b")
_Index = dict[tuple[str, int], list[Definition]]
_files: OrderedDict[str, tuple[list[str], _Index]] = OrderedDict()


def definition(code: types.CodeType) -> Definition:
    """The source of a code object.

    Raises
    ------
    Missing
        When there is none, or when it cannot be told which part of the file it is.
    """
    linecache.checkcache(code.co_filename)
    lines = linecache.getlines(code.co_filename)
    found = _matching(_parsed(_own_lines(lines, code)), code)
    if len(found) != 1:
        found = _matching(_index(code.co_filename, lines), code)
    if len(found) != 1:
        raise Missing("its source is not found" if not found else "several functions stand on its line")
    return found[0]


def _matching(index: _Index, code: types.CodeType) -> list[Definition]:
    found = [d for d in index.get((code.co_name, code.co_firstlineno), ()) if _takes(d.node, code)]
    return found if len(found) < 2 else [d for d in found if _covers(d.node, code)]


def _own_lines(lines: list[str], code: types.CodeType) -> list[str]:
    """The lines of a function, those before them empty; none when the class around it has to be known."""
    first = code.co_firstlineno
    own = lines[first - 1 : _last_line(code)]
    if not own or _PRIVATE.search("".join(own)):
        return []
    indented = own[0][:1].isspace()
    if indented and first < 2:
        return []
    return [*["\n"] * (first - 1 - indented), *(["if 1:\n"] if indented else []), *own]


def _last_line(code: types.CodeType) -> int:
    """The last line that any instruction belongs to."""
    inner = [_last_line(c) for c in code.co_consts if isinstance(c, types.CodeType)]
    return max([code.co_firstlineno, *inner, *(p[1] or 0 for p in code.co_positions())])


def _index(file: str, lines: list[str]) -> _Index:
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
