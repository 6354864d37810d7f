"""What a step of a kernel costs, roughly: enough to know which are long.

The figures are nanoseconds per element on one core of a 3 GHz machine with wide vectors and
everything in cache. A kernel that is wrong by a factor of three is divided among threads somewhat
too early or too late; nothing else depends on them.
"""

from __future__ import annotations

import importlib
from functools import lru_cache

from autodiff.backends.numba.nest import Accumulate, LoopNest, NativeCall, Statement, Step, Store, accesses
from autodiff.ops.contraction import Matmul
from autodiff.ops.families import Elementwise

BLOCK = 16384  # elements; no loop is cut into smaller pieces
MOST_BLOCKS = 256
MEMORY, SIMPLE, SLOW, FORMULA = 0.25, 0.1, 0.5, 1.0
PRODUCT = 0.1  # of a multiplication and an addition in a matrix product


def nanoseconds(nest: LoopNest) -> float:
    """Of one element."""
    return sum(map(_item, nest.body))


def cost_of(step: Step) -> tuple[float, tuple[str, ...]] | None:
    """Nanoseconds per element, and the shape it goes over."""
    if isinstance(step, LoopNest):
        return nanoseconds(step), step.domain
    if not isinstance(step, NativeCall):
        return None
    if isinstance(step.instr.op, Matmul):
        (left, order), _ = step.operands
        return PRODUCT, (*step.outs[0].shape, left.shape[order.index(len(order) - 1)])
    return SLOW, max((b.shape for b in (*step.outs, *(b for b, _ in step.operands))), key=len)


def _item(item: Statement | Store | Accumulate) -> float:
    if isinstance(item, Statement):
        return _operation(item) + MEMORY * len(accesses(item))
    return MEMORY * (1 + len(accesses(item)))


def _operation(item: Statement) -> float:
    op = item.instr.op if item.instr is not None else None
    if not isinstance(op, Elementwise):
        return SIMPLE
    if is_formula(op):
        return FORMULA
    return SLOW if "/" in op.scalar or "sqrt" in op.scalar else SIMPLE


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    """What has a vector formula. The formulas are imported when one is planned: who only loads kernels needs none."""
    return tuple(importlib.import_module("autodiff.backends.numba.vector_formulas").FORMULAS)


def is_formula(op: Elementwise) -> bool:
    """Whether a vector formula is part of an op."""
    return _has_formula(op.scalar)


@lru_cache(maxsize=1024)
def _has_formula(template: str) -> bool:
    return any(f"{name}(" in template for name in _names())


def formulas(nest: LoopNest) -> int:
    """How many statements of a nest are vector formulas."""
    ops = [s.instr.op for s in nest.body if isinstance(s, Statement) and s.instr is not None]
    return sum(isinstance(op, Elementwise) and is_formula(op) for op in ops)
