"""What recordings were like before: a tree, one branch an instruction.

A training loop records the same instructions again and again. A recording follows the path of earlier ones down this
tree: the next instruction is found by its op, what it reads, and its params. What it reads is the number of a value
met before on this path, or the aval of a new one. Whatever depends on that alone was worked out the first time: the
aval of the result; and at the end of a path, the programs of the gradients that were asked for there
(`frontends/replay.py`). So the key of a recording is made while it is recorded, and asking for a gradient is one
look-up, with no walk through the instructions.

Python floats are inputs of a program and so no part of the path, but for the special ones (`passes.generalize`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.ir.aval import ArrayAval
from autodiff.ir.core import Instr, Literal, blocks_of
from autodiff.passes.generalize import KEPT, is_kept

# Steps of all paths together. A program whose recordings are never the same (batches of ever other sizes) would fill
# the memory: then the tree is forgotten, and grows anew from what is recorded.
LIMIT = 30_000  # about a kilobyte each
SAME = "same"  # in a key: the second operand is the first one, and new
PLAIN = "number"  # in a key: a float that is an input


class Step:
    """Where a recording is: `after` it comes one more instruction, or a gradient is asked for (`plans`)."""

    __slots__ = ("after", "plans")

    def __init__(self) -> None:
        self.after: dict[Any, Follow] = {}
        self.plans: dict[Any, Any] = {}


# The aval of the result, the dtype of a number among the operands, the next step, and the avals that keys name by
# their identity, which live as long. No aval: it has to be recorded the long way.
Follow = tuple[ArrayAval | None, np.dtype | None, Step, list[ArrayAval]]


class _Tree:
    __slots__ = ("root", "size")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Start anew; recordings under way keep their branch."""
        self.root, self.size = Step(), 0


tree = _Tree()


def learn(step: Step, key: Any, aval: ArrayAval | None, number: np.dtype | None, kept: list[ArrayAval]) -> Follow:
    """Add a branch."""
    if tree.size >= LIMIT:
        tree.forget()
    tree.size += 1
    found = step.after[key] = aval, number, Step(), kept
    return found


def number_text(value: float) -> str:
    """How a float appears in a key."""
    return repr(value) if value in KEPT or value - value != 0.0 else PLAIN


def advance(step: Step | None, instr: Instr, slots: dict[Any, int], leaves: list[Any]) -> Step | None:
    """The step after an instruction that was recorded the long way; numbers what it reads and makes.

    None for one that holds blocks: they are no part of a key.
    """
    if step is None or blocks_of(instr):
        return None
    key: list[Any] = [instr.op]
    kept = []
    for operand in instr.operands:
        if type(operand) is Literal:
            text = repr(operand.value)
            if not is_kept(operand):
                leaves.append(operand)
                text = PLAIN
            key.append((text, id(operand.aval)))
            kept.append(operand.aval)
            continue
        slot = slots.get(operand)
        if slot is None:
            slots[operand] = len(slots)
            leaves.append(operand)
            kept.append(operand.aval)
            slot = -id(operand.aval)
        key.append(slot)
    for result in instr.results:
        slots[result] = len(slots)
    whole = (*key, *instr.params.items())
    found = step.after.get(whole) or learn(step, whole, None, None, kept)
    return found[2]
