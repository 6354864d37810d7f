"""What one tape has on record: instructions, the values it watches, and the variables these came from.

An instruction is taken when one of its operands is watched; its results are then watched too. What is
not watched is a constant, whoever asks for its gradient later.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import DTypeError
from autodiff.frontends import tapes
from autodiff.frontends.arguments import described
from autodiff.frontends.array import ArrayMethods
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.storage import freeze
from autodiff.frontends.tensor import Tensor, constant
from autodiff.frontends.variable import Variable
from autodiff.ir.aval import is_differentiable
from autodiff.ir.core import Instr
from autodiff.ops.arithmetic import identity


class Recording:
    """The instructions and watched values of one tape."""

    __slots__ = ("_explicit", "_since", "_watch_accessed", "_watched", "instrs", "variables")

    def __init__(self, watch_accessed: bool) -> None:
        self._watch_accessed = watch_accessed
        self.clear()

    def clear(self) -> None:
        self.instrs: list[Instr] = []
        self._watched: set[Any] = set()
        # Per variable: itself, and the tensors that reads of it returned.
        self.variables: dict[int, tuple[Variable, list[Any]]] = {}
        self._explicit: set[int] = set()
        self.begin()

    def begin(self) -> None:
        """Uses of unwatched values before now are not this recording's."""
        self._since = tapes.clock.now

    def consume(self) -> None:
        """Forget everything but the names of the variables."""
        kept = self.variables
        self.clear()
        self.variables = {key: (variable, []) for key, (variable, _) in kept.items()}

    def forget_consumed(self) -> None:
        """Forget the variables too, but for those that were watched since `consume`."""
        self.variables = {key: entry for key, entry in self.variables.items() if entry[1]}

    # ---- while it records -----------------------------------------------------------------

    def offer(self, instr: Instr) -> bool:
        """An instruction ran while this tape records; keep it if it reads a watched value."""
        if self._watched.isdisjoint(instr.operands):
            tapes.clock.now += 1
            for operand in instr.operands:
                if type(operand) is Tensor:
                    operand.used_at = tapes.clock.now
            return False
        self.instrs.append(instr)
        self._watched.update(instr.results)
        return True

    def read(self, variable: Variable, tensor: Any) -> None:
        """A variable was read while this tape records (called by the variable)."""
        if tensor in self._watched and id(variable) in self.variables:
            return
        wanted = (self._watch_accessed and variable.trainable) or id(variable) in self._explicit
        if wanted and is_differentiable(variable.dtype):
            self.variables.setdefault(id(variable), (variable, []))[1].append(tensor)
            self._watched.add(tensor)

    def watches(self, x: Any) -> bool:
        """Whether a value is on this tape."""
        return x in self._watched  # a recorded value, not what an array holds by now

    # ---- watching -------------------------------------------------------------------------

    def watch(self, x: Any, late: list[Any]) -> Any:
        """Watch one array from now on; appends to `late` what was used before. Returns what is watched.

        Raises
        ------
        DTypeError
            For integers, booleans, Python numbers and anything that is not an array.
        """
        if isinstance(x, np.ndarray):
            x = constant(x)
        if not isinstance(x, ArrayMethods):
            raise DTypeError(f"watch: cannot watch {described(x)}", "wrap it first: x = ad.constant(...)")
        if not is_differentiable(x.dtype):
            raise DTypeError(f"watch: dtype {x.dtype} is not differentiable", "cast to float: x.astype(float)")
        value = x.peek() if isinstance(x, Variable) else lift(x)
        freeze(x)
        if value not in self._watched and self._was_used(value):
            late.append(x)
        if isinstance(x, Variable):
            self._explicit.add(id(x))
            self.read(x, value)
        else:
            self._watched.add(value)
        return x

    def _was_used(self, x: Any) -> bool:
        """Whether an unwatched value was used; uses on record get a stand-in, for they stay constant."""
        places = [k for k, instr in enumerate(self.instrs) if any(o is x for o in instr.operands)]
        if places:
            stand_in = identity(x)
            for k in places:
                self.instrs[k] = _with_operand(self.instrs[k], x, stand_in)
        return bool(places) or (isinstance(x, Tensor) and x.used_at > self._since)

    # ---- what a gradient is asked of ------------------------------------------------------

    def values(self, targets: list[Any], sources: list[Any]) -> tuple[list[Any], list[list[Any]]]:
        """The targets' values, and for each source the values on the tape that it stands for."""
        # A variable as a target is its current value, read or not.
        current = {id(t): t.peek() for t in targets if isinstance(t, Variable)}
        if current:
            targets = [current.get(id(t), t) for t in targets]
        reached = set(targets)
        return targets, [self._parts(s, reached, current) for s in sources]

    def _parts(self, source: Any, targets: set[Any], current: dict[int, Any]) -> list[Any]:
        """The values on the tape that a source stands for; none when it was not watched."""
        if not isinstance(source, Variable):
            return [source] if source in self._watched or source in targets else []
        parts = list(self.variables.get(id(source), (source, []))[1])
        value = current.get(id(source))
        return parts if value is None or any(p is value for p in parts) else [*parts, value]


def _with_operand(instr: Instr, old: Any, new: Any) -> Instr:
    operands = tuple([new if o is old else o for o in instr.operands])
    return Instr(instr.op, operands, instr.params, instr.results, instr.blocks, instr.location)
