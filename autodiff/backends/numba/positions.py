"""Positions that move on by one with each trip of a loop: `i`, `i + 1`, `first + i`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from autodiff.backends.numba.nest import Constant, Cycle, Locate, LoopNest, Source, Statement, Step, every_step, plus
from autodiff.ops.arithmetic import maximum, minimum
from autodiff.ops.families import add, mul


@dataclass(frozen=True, slots=True)
class Offset:
    """A position is the number of the trip, and so much: a scalar from outside of the loop (or none), and a number."""

    base: str = "0"
    number: int = 0

    @property
    def text(self) -> str:
        """As part of an index."""
        return plus(self.base, str(self.number))


def moved_on(item: Statement, positions: Mapping[str, Offset], outside: Callable[[str], bool]) -> Offset | None:
    """Of a statement that adds something that is not negative to a position: where that is.

    `outside` says which scalars are known ahead of the loop, and not negative.
    """
    if item.instr is None or item.instr.op is not add or len(item.operands) != 2:
        return None
    for one, other in (item.operands, item.operands[::-1]):
        if not (isinstance(one, str) and one in positions):
            continue
        at = positions[one]
        if isinstance(other, Constant) and int(other.value) >= 0:
            return Offset(at.base, at.number + int(other.value))
        if isinstance(other, str) and at.base == "0" and outside(other):
            return Offset(other, at.number)
    return None


def naturals(steps: list[Step]) -> set[str]:
    """The scalars of a plan that cannot be negative, as far as that is plain."""
    found: set[str] = set()
    for step in every_step(steps):
        if isinstance(step, Cycle) and step.trips is not None:
            found.add(step.number)
        elif isinstance(step, Locate):
            found.add(step.target)
        elif isinstance(step, LoopNest) and not step.domain:
            found.update(i.target for i in step.body if isinstance(i, Statement) and _is_natural(i, found))
    return found


def _is_natural(item: Statement, known: Collection[str]) -> bool:
    op: Any = item.instr.op if item.instr is not None else None
    if op is None or any(o.aval.dtype.kind not in "iu" for o in item.instr.operands):  # type: ignore[union-attr]
        return False

    def natural(source: Source) -> bool:
        return source in known if isinstance(source, str) else isinstance(source, Constant) and source.value >= 0

    if op is maximum:
        return any(map(natural, item.operands))
    return op in (add, mul, minimum) and all(map(natural, item.operands))
