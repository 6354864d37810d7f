"""Two arrays one after the other, as the sum of two padded ones.

Written like this a concatenation, and so a roll, is part of the loops that read it, instead of an
array that is put together first. The padding is -0.0, so every bit stays: x + -0.0 is x.
"""

from __future__ import annotations

from typing import Any

from autodiff.ir.core import Block, Instr
from autodiff.ops.movement import concatenate, joined, part, roll, slice_axis
from autodiff.passes.rewrite import Rewriter, rewrite


def seams(block: Block) -> Block:
    """The block without rolls, and without concatenations of two arrays; itself when it has none."""
    return rewrite(block, _rule) if any(map(_has_seam, block.instrs)) else block


def _has_seam(instr: Instr) -> bool:
    op: Any = instr.op
    return op is roll or (op is concatenate and len(instr.operands) == 2)


def _rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
    if not _has_seam(instr):
        return None
    op: Any = instr.op
    axis = instr.params["axis"]
    if op is concatenate:
        a, b = operands
        return (_parts(a, b, axis),) if _is_padded(a) else None
    (x,) = operands
    n = x.aval.shape[axis]
    cut = -instr.params["shift"] % n if n else 0
    if not cut:
        return (x,)
    a, b = slice_axis(x, axis, cut, n), slice_axis(x, axis, 0, cut)
    return (_parts(a, b, axis) if _is_padded(x) else concatenate(a, b, axis=axis),)


def _is_padded(x: Any) -> bool:
    """Whether there is a number that adds nothing."""
    return x.aval.dtype.kind in "fiu"


def _parts(a: Any, b: Any, axis: int) -> Any:
    none = (0,) * a.aval.ndim

    def width(x: Any) -> tuple[int, ...]:
        return tuple(n if k == axis else 0 for k, n in enumerate(x.aval.shape))

    return joined(part(a, low=none, high=width(b), interior=none), part(b, low=width(a), high=none, interior=none))
