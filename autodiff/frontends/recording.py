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
from autodiff.frontends.paths import PLAIN, SAME, Follow, Step, advance, learn, number_text, tree
from autodiff.frontends.surface.common import lift
from autodiff.frontends.surface.storage import freeze
from autodiff.frontends.tensor import Tensor, constant
from autodiff.frontends.variable import Variable
from autodiff.ir.aval import is_differentiable
from autodiff.ir.build import literal, use_of
from autodiff.ir.core import Instr, Params
from autodiff.ops.arithmetic import identity


class Recording:
    """The instructions and watched values of one tape."""

    __slots__ = ("_explicit", "_since", "_watch_accessed", "_watched", "instrs", "leaves", "slots", "step", "variables")

    def __init__(self, watch_accessed: bool) -> None:
        self._watch_accessed = watch_accessed
        self.clear()

    def clear(self) -> None:
        self.instrs: list[Instr] = []
        self._watched: set[Any] = set()
        # Per variable: itself, and the tensors that reads of it returned.
        self.variables: dict[int, tuple[Variable, list[Any]]] = {}
        self._explicit: set[int] = set()
        # Where it is in the tree of recordings (`frontends/paths.py`), None when it left it; the numbers of the values
        # on the way, and those of them that no instruction made, numbers of the program among them.
        self.step: Step | None = tree.root
        self.slots: dict[Any, int] = {}
        self.leaves: list[Any] = []
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

    def follow(self, op: Any, first: Any, second: Any, params: Params) -> Tensor | None:
        """Record the use of an op that was recorded at this place before; None when it takes the long way.

        `first` is a tensor, `second` another one, a Python float or None. Most of what a recording costs is here.
        """
        step, slots = self.step, self.slots
        if step is None:
            return None
        slot = other = slots.get(first)
        key: Any = op, -id(first.aval) if slot is None else slot
        args: Any = (first,)
        if second is not None:
            if type(second) is float:
                place: Any = number_text(second)
            elif second is first:
                place = SAME if slot is None else slot
            else:
                other = slots.get(second)
                place = -id(second.aval) if other is None else other
            key, args = (*key, place), (first, second)
        if params:
            key = (*key, *params.items())
        aval, number, after, _ = step.after.get(key) or _learnt(step, key, op, args, params)
        if aval is None or (self._watched.isdisjoint(args)):
            return None
        if number is not None:
            value = literal(second, number)
            if value.value is not second and number_text(value.value) != place:
                return None  # special in its own dtype: 0.5 when rounded to float32, perhaps
            args = first, value
        if slot is None:
            slots[first] = len(slots)
            self.leaves.append(first)
        if number is not None:
            if place is PLAIN:
                self.leaves.append(args[1])
        elif other is None and second is not None and second is not first:
            slots[second] = len(slots)
            self.leaves.append(second)
        result = Tensor(aval)
        instr = result._instr = Instr(op, args, params, (result,))
        slots[result] = len(slots)
        self.instrs.append(instr)
        self._watched.add(result)
        self.step = after
        return result

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
        # Of nested tapes, the inner one's gradients are recorded themselves: no programs of its own.
        self.step = advance(self.step, instr, self.slots, self.leaves) if len(tapes.active()) == 1 else None
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
            self.step = None
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
        read = self.variables.get(id(source))
        parts = [] if read is None else read[1]
        value = current.get(id(source)) if current else None
        return parts if value is None or any(p is value for p in parts) else [*parts, value]


def _learnt(step: Step, key: Any, op: Any, args: Any, params: Params) -> Follow:
    aval, number, kept = use_of(op, args, params)
    return learn(step, key, aval, number, kept)


def _with_operand(instr: Instr, old: Any, new: Any) -> Instr:
    operands = tuple([new if o is old else o for o in instr.operands])
    return Instr(instr.op, operands, instr.params, instr.results, instr.location)
