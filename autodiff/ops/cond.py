"""One of two blocks, as a bool says.

    cond pred *operands  { (*operands) -> (*results) }  { (*operands) -> (*results) }  -> *results

Only the branch that is taken runs. So does its adjoint: a branch keeps nothing, its adjoint computes again what it
needs of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import LoopStateError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building, emitter, emitting_to
from autodiff.ir.core import Block, Instr, Wire
from autodiff.ops.batching import size_of
from autodiff.ops.families import logical_and, logical_not
from autodiff.ops.op import Arrays
from autodiff.ops.region import Region, Run, Workers, moving, paths, pulled_once, pushed_once
from autodiff.ops.region_batch import chosen, in_batch, present, vectorized_in
from autodiff.records import record

BOOL = ArrayAval((), np.dtype(np.bool_))


@record
class Cond(Region):
    """`then(*operands) if pred else otherwise(*operands)`."""

    name: str = "cond"
    blocks: tuple[str, ...] = ("then", "otherwise")
    takes_complex = True

    def infer(self, *avals: ArrayAval, then: Block, otherwise: Block) -> tuple[ArrayAval, ...]:
        if avals[0] != BOOL:
            raise LoopStateError(f"the condition of a branch is {avals[0]}, not one bool", "use .any() or .all()")
        one, other = (tuple(r.aval for r in block.results) for block in (then, otherwise))
        if one != other:
            raise LoopStateError(
                f"the branches of a condition give {one} and {other}", "give the same shapes and dtypes"
            )
        return one

    def connects(self, position: int) -> bool:
        return position > 0

    def wires(self, instr: Instr) -> list[Wire]:
        return [Wire(instr.params[k], instr.operands[1:], instr.results, {}) for k in self.blocks]

    def reads(self, params: Mapping[str, Any]) -> list[set[int]]:
        both = zip(paths(params["then"]), paths(params["otherwise"]), strict=True)
        return [{k + 1 for k in a | b} for a, b in both]

    def evaluate_with(self, run: Run, arrays: list[Any], *, then: Block, otherwise: Block) -> Arrays:
        return run(then if arrays.pop(0) else otherwise, arrays)

    def pull(self, instr: Instr, cts: list[Any], before: list[Any], active: Sequence[bool], ad: Workers) -> list[Any]:
        pred, *operands = instr.operands
        reads = self.reads(dict(instr.params))
        useful = set().union(*(reads[k] for k, ct in enumerate(cts) if ct is not None))
        wanted = [k for k in range(1, len(active)) if active[k] and k in useful]
        if not wanted:
            return list(before)
        sides = [instr.params[k] for k in self.blocks]
        (then, otherwise), read = pulled_once(sides, operands, cts, before[1:], [k - 1 for k in wanted], ad)
        found = dict(zip(wanted, cond(pred, then, otherwise, read), strict=True))
        return [found.get(k, ct) for k, ct in enumerate(before)]

    def push(self, instr: Instr, tangents: list[Any], ad: Workers) -> list[Any]:
        pred, *operands = instr.operands
        moves = moving(self.reads(dict(instr.params)), tangents)
        if not moves:
            return [None] * len(instr.results)
        sides = [instr.params[k] for k in self.blocks]
        (then, otherwise), read = pushed_once(sides, operands, tangents[1:], moves, ad)
        made = dict(zip(moves, cond(pred, then, otherwise, read), strict=True))
        return [made.get(k) for k in range(len(instr.results))]

    def batch_with(
        self, operands: Sequence[Any], batched: Sequence[bool], params: Any, ad: Workers, active: Any
    ) -> Any:
        flags = list(batched[1:])
        if batched[0]:
            return self._selected(operands, flags, params, ad, active)
        given = [*operands[1:], *present(active)]
        size = size_of(given, (*flags, *(True for _ in present(active))))
        sides: list[Any] = []
        for name in self.blocks:
            with building([o.aval for o in given]) as b:
                sides.append((b, *vectorized_in(b, params[name], flags, ad)))
        wanted = [p or q for p, q in zip(*(own for _, _, own in sides), strict=True)]
        blocks = []
        for b, outs, own in sides:
            with emitting_to(b):
                blocks.append(b.block(in_batch(outs, own, wanted, size)))
        then, otherwise = blocks
        return cond(operands[0], then, otherwise, given), wanted

    def _selected(self, operands: Sequence[Any], flags: Sequence[bool], params: Any, ad: Workers, active: Any) -> Any:
        """Some of the batch take one branch, some the other: both run, and each takes its own results."""
        pred, *given = operands
        sides = []
        for name, taken in zip(self.blocks, (pred, logical_not(pred)), strict=True):
            part = taken if active is None else logical_and(taken, active)
            outs, own = ad.vectorized(params[name], given, flags, part)
            sides.append(in_batch(outs, own, [True] * len(outs), pred.aval.shape[0]))
        made = [chosen(pred, a, True, b) for a, b in zip(*sides, strict=True)]
        return made, [True] * len(made)


cond_op = Cond()


def cond(pred: Any, then: Block, otherwise: Block, operands: Sequence[Any]) -> list[Any]:
    """Emit a branch.

    Parameters
    ----------
    pred : a bool operand of shape ()
    then, otherwise : (*operands) -> (*results), of equal shapes and dtypes
    operands : what either branch reads

    Returns
    -------
    The results of the branch that is taken.

    Raises
    ------
    LoopStateError
        When the branches give different shapes or dtypes, or the condition is not one bool.
    """
    lift = emitter().lift
    given = (lift(pred), *map(lift, operands))
    return list(emitter().emit(cond_op, given, {"then": then, "otherwise": otherwise}))
