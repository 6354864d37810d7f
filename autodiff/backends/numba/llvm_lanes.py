"""Which innermost loops can be written as vector code (`llvm_vector.py`), and how wide.

All that is asked of a loop: no trip touches what another one writes, what is written lies side by side, and every
statement is straight-line code.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from autodiff.backends.numba.cost import formulas
from autodiff.backends.numba.formula_code import vector_bytes
from autodiff.backends.numba.llvm_number import BOOL
from autodiff.backends.numba.llvm_scalar import INTRINSICS, LIBRARY, parsed
from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Buffer,
    Guarded,
    LoopNest,
    Statement,
    Store,
    accesses,
    sources,
)
from autodiff.backends.numba.vector_formulas import FORMULAS
from autodiff.config import config
from autodiff.ir.core import Instr
from autodiff.ops.families import Elementwise, Reduction
from autodiff.ops.op import Cast

CHOICES = ("maximum", "minimum", "fmax", "fmin", "abs", "sign", "isnan", "isinf", "isfinite")
SIMPLE = frozenset((*CHOICES, "logaddexp", "left_shift", "right_shift"))
WHOLE = (ast.FloorDiv, ast.Mod, ast.Pow)  # of integers: loops, or divisions that CPUs do one by one
FORMULA = 30  # instructions, about
SCATTER = 8  # instructions of a body for each store to places apart, from which vectors are worth it
SHORT = {4: 4, 12: 2}  # a body of up to so many instructions is written for so many vectors at once


def lanes_of(nest: LoopNest, root: Callable[[Buffer], Any]) -> int:
    """How many trips a vector takes; 0 where the innermost loop cannot be written in vectors.

    `root` says whose memory a buffer is.
    """
    if config.bounds or not nest.domain or nest.domain[-1] == "1":
        return 0
    inner = len(nest.domain) - 1
    if not all(_fits(item, inner) for item in nest.body) or not _apart(nest, root):
        return 0
    scattered = sum(isinstance(item, Store) and moves(item.target, inner) != 1 for item in nest.body)
    if weight(nest) < SCATTER * scattered:
        return 0  # to write numbers one by one is what takes long, with vectors or without
    widest = max([4, *(dtype.itemsize for item in nest.body for dtype in _dtypes(item) if dtype != BOOL)])
    return vector_bytes() // widest


def _dtypes(item: Statement | Store | Accumulate) -> Iterator[Any]:
    if isinstance(item, Statement) and item.instr is not None:
        yield from (o.aval.dtype for o in (*item.instr.operands, *item.instr.results))
    if isinstance(item, Accumulate):
        yield item.buffer.dtype
    yield from (a.buffer.dtype for a in accesses(item))


def _fits(item: Statement | Store | Accumulate, inner: int) -> bool:
    """Whether a statement can be said of vectors along a loop."""
    for source in sources(item):
        if isinstance(source, Guarded) and isinstance(source.source, Access) and moves(source.source, inner) == 0:
            return False  # nothing can be read ahead of the loop
    if isinstance(item, Statement):
        return item.instr is not None and _is_plain(item.instr)
    if isinstance(item, Store):
        return moves(item.target, inner) != 0
    op = item.instr.op
    if not isinstance(op, Reduction):
        return False
    if item.depth(inner + 1) < 0:
        return bool(item.buffer.shape) and moves(Access(item.buffer, item.kept), inner) == 1
    return op.additive or op.combine.startswith(("maximum", "minimum")) or item.buffer.dtype == BOOL


def moves(access: Access, axis: int) -> int | None:
    """How many elements on a loop's next trip is: 0, 1, or None, which is any other number."""
    moving = [k for k, index in enumerate(access.index) if index.axis == axis]
    if not moving:
        return 0
    k = moving[0]
    beside = len(moving) == 1 and access.index[k].step == 1
    return 1 if beside and all(n == "1" for n in access.buffer.shape[k + 1 :]) else None


def _is_plain(instr: Instr) -> bool:
    op = instr.op
    if isinstance(op, Elementwise):
        return _is_written(op.variants.get(instr.operands[0].aval.dtype.kind, op.scalar), config.math)
    return isinstance(op, Cast)


MOST_OPERANDS = 8  # of an elementwise op


@lru_cache(maxsize=1024)
def _is_written(template: str, math: str) -> bool:
    """Whether all that a template says is straight-line code for vectors."""
    for node in ast.walk(parsed(template, MOST_OPERANDS)):
        if isinstance(node, ast.BinOp) and isinstance(node.op, WHOLE):
            return False
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name not in SIMPLE and name not in INTRINSICS and name not in FORMULAS:
                return False
            if math == "libm" and (name in LIBRARY or name == "logaddexp"):
                return False
    return True


def _apart(nest: LoopNest, root: Callable[[Buffer], Any]) -> bool:
    """Whether no trip touches what another one writes."""
    touched: dict[Any, set[Any]] = {}
    written: set[Any] = set()
    for item in nest.body:
        under = {s.source for s in sources(item) if isinstance(s, Guarded) and isinstance(s.source, Access)}
        targets = [item.target] if isinstance(item, Store) else []
        if isinstance(item, Accumulate) and item.buffer.shape:
            targets.append(Access(item.buffer, item.kept))
        for access in (*accesses(item), *targets):
            touched.setdefault(root(access.buffer), set()).add(place_of(access, access in under))
        written.update(root(t.buffer) for t in targets)
    return all(p is q or _never_meet(p, q) for memory in written for p in touched[memory] for q in touched[memory])


def _never_meet(p: tuple[Any, ...], q: tuple[Any, ...]) -> bool:
    """Whether two places are of different columns, say, of an array."""
    if p[0] != q[0]:
        return False
    fixed = [(a.start, b.start) for a, b in zip(p[1], q[1], strict=True) if a.axis is None and b.axis is None]
    return any(a.isdigit() and b.isdigit() and int(a) != int(b) for a, b in fixed)


def place_of(access: Access, guarded: bool = False) -> tuple[Any, ...]:
    return access.buffer.shape, access.index, access.buffer.dtype, guarded


def weight(nest: LoopNest) -> int:
    """Instructions of a body, about."""
    return len(nest.body) + FORMULA * formulas(nest)


def copies_of(nest: LoopNest) -> int:
    """Vectors that one trip of the loop takes: several where it would else be done before its first sum is."""
    found = weight(nest)
    return next((copies for most, copies in SHORT.items() if found <= most), 1)


def is_vector(nest: LoopNest, root: Callable[[Buffer], Any]) -> bool:
    """Whether all loops of a nest that are worth it are written in vectors; the pieces of a long one are, if it is."""
    return all(size == "1" for size in nest.domain) or lanes_of(nest, root) > 0
