"""Batching: from a program to the program that does the same for a whole batch, without a loop.

`vectorized` walks instructions once, in order. Values that depend on a batched one carry one
more axis, in front; what is the same for the whole batch is computed once, as before. Each op
says what it becomes (`Op.batch`), so the result is IR like any other: it can be differentiated,
batched again, and runs as one kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.errors import InternalError
from autodiff.ir.aval import ArrayAval, StackAval
from autodiff.ir.build import building, emitter
from autodiff.ir.core import Block, Literal, Operand
from autodiff.ops.batching import repeated
from autodiff.ops.region import Region
from autodiff.ops.region_batch import may_raise
from autodiff.transforms.workers import workers


def vectorized(
    block: Block, args: Sequence[Any], batched: Sequence[bool], active: Any = None
) -> tuple[list[Any], list[bool]]:
    """Emit `block`, applied to `args`; flagged ones have the batch axis in front of those of the parameter.

    Where entries of the batch go different ways, `active` holds a bool for each: whether it takes part. What is
    computed for those that do not nobody reads, and it never raises.

    Returns
    -------
    The results, and which of them have the batch axis in front.
    """
    env: dict[Operand, Any] = dict(zip(block.params, args, strict=True))
    found = {p for p, flag in zip(block.params, batched, strict=True) if flag}
    for instr in block.instrs:
        operands = [o if isinstance(o, Literal) else env[o] for o in instr.operands]
        flags = tuple([o in found for o in instr.operands])
        op: Any = instr.op
        part = active if active is not None and may_raise(instr) else None
        if isinstance(op, Region) and (any(flags) or part is not None):
            outs, own = op.batch_with(operands, flags, dict(instr.params), workers(), part)
            found.update(r for r, flag in zip(instr.results, own, strict=True) if flag)
        elif any(flags):
            operands = operands if part is None else op.harmless(operands, flags, part)
            outs = op.batch(operands, flags, dict(instr.params))
            found.update(instr.results)
        else:
            operands = operands if part is None else op.harmless(operands, flags, part)
            outs = emitter().emit(op, tuple(operands), instr.params)
        for old, new in zip(instr.results, outs, strict=True):
            _check(op, old, new, old in found)
            if old.hint and not getattr(new, "hint", "x"):
                new.hint = old.hint
            env[old] = new
    results = [r if isinstance(r, Literal) else env[r] for r in block.results]
    return results, [r in found for r in block.results]


def _check(op: Any, old: Any, new: Any, batched: bool) -> None:
    if isinstance(old.aval, StackAval):
        return  # of a batch of items
    shape = new.aval.shape[1:] if batched else new.aval.shape
    if new.aval.dtype != old.aval.dtype or shape != old.aval.shape:
        raise InternalError(f"the batching rule of {op.name} gave {new.aval} for a batch of {old.aval}")


def batch(block: Block, batched: Sequence[bool], size: int) -> Block:
    """The block for a batch of `size`: flagged parameters, and all results, have a leading axis of it."""
    avals = [batched_aval(p.aval, size) if flag else p.aval for p, flag in zip(block.params, batched, strict=True)]
    with building(avals, [p.hint for p in block.params]) as b:
        outs, flags = vectorized(block, b.params, batched)
        return b.block(y if flag else repeated(y, size) for y, flag in zip(outs, flags, strict=True))


def batched_aval(aval: ArrayAval, size: int) -> ArrayAval:
    """The aval with an axis of `size` in front."""
    return ArrayAval((size, *aval.shape), aval.dtype)
