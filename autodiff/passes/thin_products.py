"""Matrix products with a side of length 1, in elementwise terms.

An outer product and an inner one do nothing that BLAS is good at: as a product of elements, and a
sum of them, they become part of the loops around them.
"""

from __future__ import annotations

from typing import Any

from autodiff.ir.core import Block, Instr
from autodiff.ops.contraction import matmul, swap
from autodiff.ops.families import mul, reduce_sum, reshape
from autodiff.passes.rewrite import Rewriter, rewrite


def thin_products(block: Block) -> Block:
    """The block with its thin products written out; itself when it has none."""
    return rewrite(block, _rule) if any(map(_is_thin, block.instrs)) else block


def _is_thin(instr: Instr) -> bool:
    op: Any = instr.op
    if op is not matmul or instr.results[0].aval.dtype.kind != "f":
        return False
    return _is_outer(instr) or instr.results[0].aval.shape[-2:] == (1, 1)


def _is_outer(instr: Instr) -> bool:
    return bool(instr.operands[0].aval.shape[-1] == 1)


def _rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
    if not _is_thin(instr):
        return None
    a, b = operands
    if _is_outer(instr):
        return (mul(a, b),)
    total = reduce_sum(mul(a, swap(b)), axes=(a.aval.ndim - 1,))
    return (reshape(total, shape=instr.results[0].aval.shape),)
