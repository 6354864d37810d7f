"""Batches of ops that run blocks: bodies for a batch, and who of it takes part.

Where entries of a batch take different branches or make different numbers of trips, all of them run, and each keeps its
own. One bool for each then says who takes part: one more operand of whatever runs inside (`present`), down to the ops
that may raise, which see to it that the others do not (`Op.harmless`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.ir.aval import ArrayAval, StackAval
from autodiff.ir.build import Builder, building
from autodiff.ir.core import Block, Instr, blocks_of
from autodiff.ops import stack
from autodiff.ops.families import reshape, select
from autodiff.ops.region import Workers


def may_raise(instr: Instr) -> bool:
    """Whether an instruction may raise, or run forever, over operands that no entry of the program has."""
    op: Any = instr.op
    return op.raises or any(may_raise(i) for block in blocks_of(instr) for i in block.instrs)


def batched_body(
    body: Block, lead: int, n: int, size: int, batched: Sequence[bool], ad: Workers, part: Sequence[Any]
) -> tuple[Block, list[bool]]:
    """The body for a batch, and which carries have the batch axis: those that do after any number of trips.

    `part`, if there is one, is one more operand of the new body: who of the batch takes part.
    """
    flags = list(batched)
    hints = [*(p.hint for p in body.params), *("active" for _ in part)]
    while True:
        every = [*[False] * lead, *flags]
        avals = [with_axis(p.aval, size) if f else p.aval for p, f in zip(body.params, every, strict=True)]
        with building([*avals, *(a.aval for a in part)], hints) as b:
            outs, found = vectorized_in(b, body, every, ad)
            wanted = [a or c for a, c in zip(found, flags[:n], strict=True)]
            if wanted == flags[:n]:
                return b.block(in_batch(outs, found, wanted, size)), wanted
        flags[:n] = wanted


def present(active: Any) -> list[Any]:
    """Who of the batch takes part, as one more operand; none where all do."""
    return [] if active is None else [active]


def vectorized_in(b: Builder, block: Block, flags: Sequence[bool], ad: Workers) -> tuple[list[Any], list[bool]]:
    """`block` for a batch, over the parameters of a builder; one more than it has says who takes part."""
    n = len(block.params)
    return ad.vectorized(block, b.params[:n], flags, *b.params[n:])


def in_batch(values: Sequence[Any], batched: Sequence[bool], wanted: Sequence[bool], size: int) -> list[Any]:
    """The values, repeated where the batch axis is wanted and not there."""
    return [stack.in_batch(v, size) if w and not b else v for v, b, w in zip(values, batched, wanted, strict=True)]


def with_axis(aval: ArrayAval, size: int) -> ArrayAval:
    """The aval of a batch; a batch of stacks is a stack of batches."""
    if isinstance(aval, StackAval):
        return StackAval(with_axis(aval.item, size))
    return ArrayAval((size, *aval.shape), aval.dtype)


def chosen(mask: Any, y: Any, is_batched: bool, before: Any) -> Any:
    """`y` where the mask over a batch holds, else what was there before.

    Of a stack, nobody reads what one of the batch has written after its end.
    """
    if isinstance(before.aval, StackAval):
        return y
    y = y if is_batched else stack.in_batch(y, mask.aval.shape[0])
    return select(reshape(mask, shape=(mask.aval.shape[0], *(1,) * (before.aval.ndim - 1))), y, before)
