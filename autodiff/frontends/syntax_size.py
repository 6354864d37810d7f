"""How many operations a trip of a loop is, as far as its text tells: estimated from above.

Where even that is few, nobody needs to trace a trip to know (`control_size`).
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable

import numpy as np

MANY = 1 << 20  # for what the text does not tell: functions of the user's
EACH = 4  # of an operator, an index, a function of NumPy's: most are one or two
TRIPS = 8  # of a loop inside
OPERATORS = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Subscript, ast.AugAssign, ast.IfExp)
LOOPS = (ast.For, ast.While, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
KNOWN = frozenset(dir(builtins)) | frozenset(dir(np)) | frozenset(dir(np.ndarray))


def estimated(nodes: Iterable[ast.AST]) -> int:
    """The operations that statements record, at most."""
    return min(sum(map(_of, nodes)), MANY)


def _of(node: ast.AST) -> int:
    inner = estimated(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call):
        return inner + (EACH if _is_known(node.func) else MANY)
    return inner * TRIPS if isinstance(node, LOOPS) else inner + EACH * isinstance(node, OPERATORS)


def _is_known(function: ast.expr) -> bool:
    """Whether a function goes by a name of NumPy's, as `np.sin` and `x.sum`, or of Python's."""
    if isinstance(function, ast.Attribute):
        return function.attr in KNOWN
    return isinstance(function, ast.Name) and function.id in KNOWN
