"""In which order the loops of a nest run, and in which order its results lie in memory.

Loops run in the order in which most of the arrays that a nest reads lie in memory, so that its
innermost loop goes through neighbours. What the nest leaves for other steps lies in that order
too; only what the caller gets, or a native function takes, lies in the order of its axes.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from autodiff.backends.numba.nest import Access, Guarded, Order
from autodiff.backends.numba.place import Group
from autodiff.ir.core import Instr, Operand
from autodiff.ops.contraction import Matmul
from autodiff.ops.families import Reduction

if TYPE_CHECKING:
    from autodiff.backends.numba.fuse import Fuser


def arrange(fuser: Fuser) -> None:
    """Choose the orders of all nests, first to last, and lay out what they leave."""
    ordered = _in_order(fuser)
    for k, group in enumerate(fuser.places.steps):
        if isinstance(group, Group) and len(group.domain) > 1:
            order = _order(fuser, group, k, ordered)
            if order != tuple(range(len(group.domain))):
                fuser.orders[group] = order
                for instr in group.instrs:
                    _lay_out(fuser, instr, order, ordered)


def _in_order(fuser: Fuser) -> set[Operand]:
    """The values whose memory must be in the order of their axes."""
    found = {fuser.places.resolve(r)[0] for r in fuser.block.results}
    for step in fuser.places.steps:
        if isinstance(step, Instr):
            matrices = isinstance(step.op, Matmul) and step.results[0].aval.dtype.kind == "f"
            found.update(
                step.results if matrices else [fuser.places.resolve(o)[0] for o in (*step.operands, *step.results)]
            )
    return found


def _order(fuser: Fuser, group: Group, k: int, ordered: set[Operand]) -> Order:
    """The domain's axes, outermost first."""
    domain = group.domain
    natural = tuple(a for a, n in enumerate(domain) if n != "1")
    votes: Counter[Order] = Counter()
    seen: set[Any] = set()
    for instr in group.instrs:
        for operand in instr.operands:
            source = fuser.broadcast_source(operand, domain, k)
            access = source.source if isinstance(source, Guarded) else source
            if isinstance(access, Access) and access not in seen:
                seen.add(access)
                axes = tuple(i.axis for i in access.index if i.axis is not None and domain[i.axis] != "1")
                if sorted(axes) == list(natural):
                    votes[axes] += 1
        if not isinstance(instr.op, Reduction) and instr.results[0] in ordered and instr.results[0] in fuser.memory:
            votes[natural] += 1
    best = max(votes, key=votes.__getitem__, default=natural)
    if votes[natural] >= votes[best]:
        best = natural
    return (*(a for a, n in enumerate(domain) if n == "1"), *best) if best != natural else tuple(range(len(domain)))


def _lay_out(fuser: Fuser, instr: Instr, order: Order, ordered: set[Operand]) -> None:
    (y,) = instr.results
    if y not in fuser.memory or y in ordered or y.aval.ndim < 2:
        return
    reduced = instr.params["axes"] if isinstance(instr.op, Reduction) else ()
    kept = [a for a in range(len(order)) if a not in reduced]
    layout = tuple(kept.index(a) for a in order if a not in reduced)
    if layout != tuple(range(len(layout))):
        buffer = fuser.memory[y]
        fuser.layouts[y] = layout
        buffer.shape = tuple(buffer.shape[k] for k in layout)
