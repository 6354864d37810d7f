"""Whether NumPy would have the elements of an array in C order.

Elementwise functions keep the order of their operands, so `x.T + 1` lies in memory column by
column, and a reshape of it is a copy where one of `x + 1` is a view. The question comes up
only when one of the two is written to, hence it is answered then, from the instructions.
Arguments and captured arrays count as copies in C order, which is what kernels are given.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from autodiff.ir.core import Instr
from autodiff.ops.families import broadcast
from autodiff.ops.indexing import take
from autodiff.ops.movement import transpose


def in_c_order(x: Any) -> bool:
    """True when it certainly is; an array of one axis always is."""
    return _one_order(x) or (x.starts_in_c_order() and x not in out_of_order(x.history()))


def _one_order(x: Any) -> bool:
    return sum(n > 1 for n in x.aval.shape) < 2


def out_of_order(instrs: Iterable[Instr]) -> set[Any]:
    """The results that may have another order."""
    found: set[Any] = set()
    for instr in instrs:
        if instr.op is broadcast and not instr.operands[0].aval.shape:
            continue
        strange = _reorders(instr) or any(o in found or _foreign(o) for o in instr.operands)
        if strange:
            found.update(r for r in instr.results if not _one_order(r))
    return found


def _foreign(operand: Any) -> bool:
    """An operand from before the recording whose order is not that of C."""
    asked = getattr(operand, "starts_in_c_order", None)
    return asked is not None and not _one_order(operand) and not asked()


def _reorders(instr: Instr) -> bool:
    if instr.op is transpose:
        perm = instr.params["perm"]
        long = [p for p in perm if instr.operands[0].aval.shape[p] > 1]
        return long != sorted(long)
    if instr.op is broadcast:
        return True  # what is gathered from repeated rows lies in memory as it was read, which is not row by row
    # NumPy puts the index in front when it gathers: the result of x[:, i] is in the order of its transpose.
    return instr.op is take and instr.params["axis"] > 0
