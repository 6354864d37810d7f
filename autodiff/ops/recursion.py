"""What a function that calls itself is made of: `again`, and the region that its calls are run in.

`again` stands for a call of the function within a block that is one activation of it. It never leaves the trace: as
soon as the activation is known, `passes/recursion.py` writes the calls down as two loops, which are `apart`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autodiff.errors import InternalError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import building, emitter
from autodiff.ir.core import Block
from autodiff.ops.batching import size_of
from autodiff.ops.checkpoint import Checkpoint
from autodiff.ops.cond import cond
from autodiff.ops.families import zeros_like
from autodiff.ops.loop import loop
from autodiff.ops.op import Arrays, Op, applied
from autodiff.ops.region import Workers
from autodiff.ops.region_batch import present, with_axis
from autodiff.ops.stack import blank
from autodiff.ops.trip import AT, TRIP
from autodiff.ops.window import set_window, window
from autodiff.records import record


@record
class Again(Op):
    """A call of the function whose activation the block around it is: its results are of the avals `given`."""

    name: str = "again"
    takes_complex = True

    def infer(self, *avals: ArrayAval, given: tuple[ArrayAval, ...]) -> tuple[ArrayAval, ...]:
        return given

    def evaluate(self, *arrays: Any, **params: Any) -> Arrays:
        raise InternalError("a call of a function within itself is left in a program")


@record
class Apart(Checkpoint):
    """A block that is not batched: of a batch, one entry is run after the other.

    Each entry has a tree of calls of its own. As for every checkpoint, the adjoint runs the block again.
    """

    name: str = "apart"

    def batch_with(
        self, operands: Sequence[Any], batched: Sequence[bool], params: Any, ad: Workers, active: Any
    ) -> Any:
        body, given = params["body"], [*operands, *present(active)]
        flags = (*batched, *(True for _ in present(active)))
        size = size_of(given, flags)
        wholes = [with_axis(r.aval, size) for r in body.results]
        with building([TRIP, *wholes, *(x.aval for x in given)]) as b:
            t, made, read = b.params[0], b.params[1 : 1 + len(wholes)], b.params[1 + len(wholes) :]
            own = [window(x, t, **AT) if flag else x for x, flag in zip(read, flags, strict=True)]
            found = apart(body, own) if active is None else _if_active(body, own)
            one = b.block(set_window(y, r, t, **AT) for y, r in zip(made, found, strict=True))
        begun = [applied(blank, (), {"aval": aval})[0] for aval in wholes]
        return loop(one, size, begun, given), [True] * len(wholes)


def _if_active(body: Block, operands: Sequence[Any]) -> list[Any]:
    """The region for an entry, whose last operand says whether it takes part: else it might never end."""
    *own, active = operands
    avals = [x.aval for x in own]
    with building(avals) as b:
        then = b.block(apart(body, b.params))
    with building(avals) as b:
        otherwise = b.block(zeros_like(r.aval) for r in body.results)
    return cond(active, then, otherwise, own)


again_op, apart_op = Again(), Apart()


def again(operands: Sequence[Any], given: Sequence[ArrayAval]) -> list[Any]:
    """Emit a call of the function whose activation is being traced."""
    lift = emitter().lift
    return list(emitter().emit(again_op, tuple(map(lift, operands)), {"given": tuple(given)}))


def apart(body: Block, operands: Sequence[Any]) -> list[Any]:
    """Emit a block (*operands) -> (*results) that is not batched; its results."""
    return apart_op.emitted(body, operands)
