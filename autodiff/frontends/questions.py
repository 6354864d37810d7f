"""What Python asks of traced arrays: their values, to take a branch, to count trips, to make a number.

While a decorated function is traced for a call, the values of its arguments are at hand. A question
(`bool(x)`, `int(n)`, `float(x)`, an index) is answered from them: the instructions that lead to what is asked
for are run, each at most once in a trace, so many questions cost no more than one pass. There are two ways:

* `Concrete`, for the outermost trace: NumPy runs the instructions, and the answer becomes a *guard*
  (`frontends/guards.py`), which the program checks whenever it is run with other arguments;
* `Enclosed`, for a trace within another one, or among recorded tensors: the instructions are emitted there, and
  the question is passed on to what they give. The guard then belongs to the outermost trace.

Some values do not exist: the entries of a batch under `vmap`, what a loop carries from trip to trip. They are
`Absent`, and a question about what depends on them is an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import PathBreakWarning, user_location
from autodiff.frontends.array import ArrayMethods
from autodiff.frontends.asking import Kind, function_called, statement
from autodiff.frontends.decision import Decision
from autodiff.frontends.guards import Guard, prepared
from autodiff.frontends.surface.storage import held
from autodiff.ir.build import emitting_to, inline
from autodiff.ir.core import Block, Instr, Literal
from autodiff.ops.region import connections

NOWHERE = ("<unknown>", 0)
_warned: dict[Any, Any] = {}  # by what `warnings` says the same of a line only once


class Absent:
    """In place of a value that does not exist while the function is traced; `why` completes a sentence."""

    def __init__(self, why: str) -> None:
        self.why = why


class Unknown(Exception):
    """What is asked for depends on something absent."""


class Questions:
    """Answers for one trace: what is known of its values so far.

    Parameters
    ----------
    builder : the trace
    given : what its arguments stand for, in order; an `Absent` where there is nothing
    differentiated : numbers of the arguments whose derivative is taken
    """

    def __init__(self, builder: Any, given: Sequence[Any], differentiated: Sequence[int] = ()) -> None:
        self.builder = builder
        self._given = given
        self._found: dict[Any, Any] = {}
        self._places: dict[Any, int] = {}  # the numbers of the parameters
        # What derivatives reach; parameters are all there before the first question is asked.
        self._sloped: set[Any] = {builder.params[k] for k in differentiated}

    def answer(self, x: Any, kind: Kind) -> Any:
        """The value of a traced number, as Python's `kind`.

        Raises
        ------
        Unknown
            When it depends on something absent.
        """
        raise NotImplementedError

    def _stand_in(self, k: int) -> Any:
        """What parameter `k` of the trace stands for: an argument, or a captured object."""
        n = len(self._given)
        found = self._given[k] if k < n else self.builder.captured[k - n]
        if isinstance(found, Absent):
            raise Unknown(f"{self.builder.params[k].hint or 'an argument'} {found.why}")
        return found

    def _bring(self, x: Any) -> Any:
        """What is known of `x`; the instructions that lead to it are run if they have not been."""
        if isinstance(x, Literal):
            return x
        instrs = self._missing(x)
        if instrs:
            results = tuple([r for i in instrs for r in i.results])
            inside = {*results}
            read = dict.fromkeys(o for i in instrs for o in i.operands if type(o) is not Literal and o not in inside)
            block = Block(tuple(read), instrs, results)
            self._found.update(zip(results, self._run(block, [self._found[o] for o in read]), strict=True))
            self._note(instrs)
        return self._found[x]

    def _run(self, block: Block, args: list[Any]) -> Sequence[Any]:
        raise NotImplementedError

    def _known_parameter(self, k: int) -> Any:
        raise NotImplementedError

    def _missing(self, x: Any) -> list[Instr]:
        """The instructions still to be run for `x`, in an order that works."""
        for k in range(len(self._places), len(self.builder.params)):
            self._places[self.builder.params[k]] = k
        order: dict[Instr, None] = {}
        stack: list[tuple[Any, bool]] = [(x, False)]
        while stack:
            value, ready = stack.pop()
            if value in self._found or type(value) is Literal:
                continue
            if value in self._places:
                self._found[value] = self._known_parameter(self._places[value])
                continue
            instr = self.builder.producer(value) or self.builder.producer_anew(value)
            if instr is None:
                raise Unknown("its computation was taken back")
            if ready:
                order[instr] = None
            elif instr not in order:
                stack.append((value, True))
                stack += [(o, False) for o in instr.operands]
        return list(order)

    def _note(self, instrs: list[Instr]) -> None:
        """Follow through instructions which values a derivative reaches."""
        for instr in instrs:
            for result, positions in zip(instr.results, connections(instr), strict=True):
                if result.aval.dtype.kind in "fc" and any(instr.operands[k] in self._sloped for k in positions):
                    self._sloped.add(result)

    def _check_derivative(self, x: Any, kind: Kind) -> None:
        """Warn when a number is made of a value that has a derivative, for the number has none.

        Raises
        ------
        Unknown
            Where nothing says that a number is meant: math.sin(x) would be a constant.
        """
        if kind not in (float, complex) or x not in self._sloped:
            return
        caller = function_called()
        if caller.rpartition(".")[2] not in ("", kind.__name__, "item"):
            raise Unknown("it depends on an argument to differentiate, and what is computed of a float is a constant")
        message = (
            f"{self.builder.name}: a Python {kind.__name__} was made of a traced array that depends on an argument to "
            "differentiate: what is computed from it is a constant of the derivative. Use the array itself, or "
            "ad.stop_gradient to say that a constant is meant"
        )
        warnings.warn_explicit(message, PathBreakWarning, *(user_location() or NOWHERE), registry=_warned)


class Concrete(Questions):
    """Answers from the arguments of the call that a function is traced for."""

    def __init__(self, builder: Any, given: Sequence[Any], differentiated: Sequence[int] = ()) -> None:
        super().__init__(builder, given, differentiated)
        self.guards: list[Guard] = []
        self._answers: dict[tuple[Any, Kind], Any] = {}
        self._varying: set[Any] = set()

    def answer(self, x: Any, kind: Kind) -> Any:
        x = held(x)
        if (x, kind) not in self._answers:
            value = self._bring(x)
            number = value.value if isinstance(value, Literal) else np.asarray(value).item()
            self._check_derivative(x, kind)
            answer = self._answers[x, kind] = kind(number)
            if x in self._varying:
                self._guard(Guard(x, kind, answer, user_location() or NOWHERE))
        return self._answers[x, kind]

    def _guard(self, guard: Guard) -> None:
        self.guards.append(guard)
        why = f"Python decided on the value, {guard.answer!r}; the kernel checks that it is the same"
        if guard.kind in (float, complex):
            why += ", so every other value is a program of its own"
        self.builder.decisions.append(Decision("guard", guard.site, statement(guard.kind, guard.site), why))

    def _known_parameter(self, k: int) -> Any:
        self._varying.add(self.builder.params[k])
        found = self._stand_in(k)
        return _value(found, self.builder.params[k].hint)

    def _run(self, block: Block, args: list[Any]) -> Sequence[Any]:
        return prepared(block)(*args)

    def _note(self, instrs: list[Instr]) -> None:
        super()._note(instrs)
        for instr in instrs:
            if not self._varying.isdisjoint(instr.operands):
                self._varying.update(instr.results)


def _value(x: Any, hint: str) -> Any:
    """The value of an argument or of a captured object, as it is now."""
    if not isinstance(x, ArrayMethods):
        return x
    peek: Callable[[], Any] | None = getattr(x, "peek", None)  # a variable, unseen by tapes and traces
    value: Callable[[], Any] | None = getattr(x if peek is None else peek(), "value", None)
    if value is None:
        raise Unknown(f"{hint or 'an array'} is a traced array of another function")
    return value()


class Enclosed(Questions):
    """Answers from what surrounds a trace: another trace, or the tensors of tapes."""

    def __init__(self, builder: Any, given: Sequence[Any], outer: Any, differentiated: Sequence[int] = ()) -> None:
        super().__init__(builder, given, differentiated)
        self._outer = outer

    def answer(self, x: Any, kind: Kind) -> Any:
        x = held(x)
        found = self._bring(x)
        if isinstance(found, Literal):
            return kind(found.value)
        if not isinstance(found, ArrayMethods):
            raise Unknown("the function is applied to values of a finished program")
        self._check_derivative(x, kind)
        return kind(found)

    def _known_parameter(self, k: int) -> Any:
        return self._outer.lift(self._stand_in(k))

    def _run(self, block: Block, args: list[Any]) -> Sequence[Any]:
        with emitting_to(self._outer):
            return inline(block, args)
