"""Guards: what Python decided on the values of a call, and whether other values decide alike.

A function that asks for values while it is traced (`frontends/questions.py`) becomes a program that is right only
where the answers are the same. So the program computes what was asked, besides its results, and whoever runs it
compares: a difference (a *miss*) means that the results are those of another path through the function, and
they are thrown away (`frontends/specialisations.py`).

A number of the kernel may differ from NumPy's in its last bit. A guard of a float is therefore compared with
what the kernel gave for the values that the program was recorded with; and where no program fits by what the
kernels say, one that fits by what NumPy says is as good.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.backends.interpreter import Interpreter
from autodiff.errors import describe_location
from autodiff.frontends.asking import Kind, Site
from autodiff.frontends.replay import relevant
from autodiff.ir.build import building, continuing, inline
from autodiff.ir.core import Block, Instr, Literal, Value
from autodiff.ops.families import cast, not_equal
from autodiff.ops.loop import loop_op
from autodiff.ops.region import Region
from autodiff.ops.while_loop import while_op
from autodiff.passes.pipeline import optimize
from autodiff.records import record
from autodiff.runtime.tiers import Program

INT64 = np.dtype(np.int64)
EXACT = 2.0**53  # floats below are integers that an int64 holds


@record
class Guard:
    """One question and its answer: the number asked for, the type it was asked as, and the user's line."""

    value: Any
    kind: Kind
    answer: Any
    site: Site


class Guards:
    """The guards of one program, in the order in which Python asked.

    Attributes
    ----------
    answers : what Python decided, as NumPy computes it
    expected : what the kernel gives where the guards hold
    block : a program that computes the values, from the parameters whose numbers are `places`
    come_first : the values are needed before the program may be run: a loop of another path may take for ever
    """

    def __init__(self, guards: Sequence[Guard], params: Sequence[Value], instrs: Sequence[Instr]) -> None:
        self.guards = guards
        # As integers: to compare a truth value of NumPy's with Python's takes 3 us, a number 0.1.
        self.answers = tuple([int(g.answer) if g.kind is bool else g.answer for g in guards])
        self.expected = self.answers
        self.has_floats = any(isinstance(a, float | complex) for a in self.answers)
        self.block, self.places = _program(guards, params, instrs)
        self.come_first = _may_take_long(instrs)
        self._run: Callable[..., tuple[Any, ...]] | None = None

    def __len__(self) -> int:
        return len(self.guards)

    def alone(self, params: Sequence[Value]) -> Block:
        """The values that are to be checked as a block of these parameters."""
        with building([p.aval for p in params], [p.hint for p in params]) as b:
            return b.block(inline(self.block, [b.params[k] for k in self.places]))

    def added_to(self, block: Block) -> Block:
        """The block, with the values that are to be checked after its own results."""
        with continuing(block) as (b, outs):
            return b.block([*outs, *inline(self.block, [b.params[k] for k in self.places])])

    def by_numpy(self, args: Sequence[Any]) -> Sequence[Any]:
        """The values for these arguments of the program, up to the first that cannot be computed."""
        self._run = self._run or prepared(self.block)
        given = [args[k] for k in self.places]
        try:
            return self._run(*given)
        except Exception:  # an index out of range, say: they are not the arguments it was recorded with
            return self._one_by_one(given)

    def _one_by_one(self, given: Sequence[Any]) -> list[Any]:
        values: list[Any] = []
        for wanted in self.block.results:
            instrs = relevant(self.block.instrs, [wanted])
            try:
                values += prepared(Block(self.block.params, instrs, (wanted,)))(*given)
            except Exception:
                break
        return values

    def adopt(self, values: Sequence[Any]) -> None:
        """These are the kernel's values where the guards hold: remember how it rounds."""
        pairs = zip(self.answers, values, strict=True)
        self.expected = tuple([v if isinstance(a, float | complex) else a for a, v in pairs])


def prepared(block: Block) -> Callable[..., tuple[Any, ...]]:
    """A block ready to be run: by NumPy, or as a kernel if it has loops, for which Python would take too long."""
    loops = any(isinstance(i.op, Region) for i in block.instrs)
    return Program(optimize(block)) if loops else Interpreter(block)


def first_miss(values: Sequence[Any], expected: Sequence[Any]) -> int | None:
    """The number of the first guard that does not hold, or whose value is missing."""
    for k, (a, b) in enumerate(zip(values, expected, strict=False)):
        if a != b if type(b) is int else not _same(a, b):
            return k
    return None if len(values) == len(expected) else len(values)


def _same(a: Any, b: Any) -> bool:
    """Equal for all that Python can tell: NaN is NaN, and -0.0 is not 0.0."""
    if isinstance(a, complex | np.complexfloating) or isinstance(b, complex):
        x, y = complex(a), complex(b)
        return _same(x.real, y.real) and _same(x.imag, y.imag)
    if a != a:
        return bool(b != b)
    return bool(a == b) and (bool(a) or math.copysign(1.0, a) == math.copysign(1.0, b))


def _program(
    guards: Sequence[Guard], params: Sequence[Value], instrs: Sequence[Instr]
) -> tuple[Block, tuple[int, ...]]:
    """The values of the guards as a block of its own, and the numbers of the parameters it takes."""
    wanted = [g.value for g in guards]
    needed = relevant(instrs, wanted)
    read = {*wanted, *(o for i in needed for o in i.operands)}
    places = tuple([k for k, p in enumerate(params) if p in read])
    taken = tuple([params[k] for k in places])
    with building([p.aval for p in taken], [p.hint for p in taken]) as b:
        values = inline(Block(taken, needed, tuple(wanted)), b.params)
        return b.block([_checked(g, v) for g, v in zip(guards, values, strict=True)]), places


def _checked(guard: Guard, value: Any) -> Any:
    """What tells whether the answer is the same: whether a number is zero, its integral part, or itself."""
    kind = value.aval.dtype.kind
    if guard.kind is bool and kind != "b":
        value = not_equal(value, 0)
    whole = kind == "f" and guard.kind is int and abs(guard.answer) < EXACT
    return cast(value, dtype=INT64) if value.aval.dtype.kind == "b" or whole else value


def _may_take_long(instrs: Sequence[Instr]) -> bool:
    """Whether there is a loop among them, or in one of their blocks, whose trips nobody knows before it runs."""
    blocks = [v for i in instrs for v in i.params.values() if isinstance(v, Block)]
    loops = any(i.op is while_op or (i.op is loop_op and type(i.operands[0]) is not Literal) for i in instrs)
    return loops or any(_may_take_long(b.instrs) for b in blocks)


# ---- lines that decide in ever new ways ------------------------------------------------------------

_unstable: set[Site] = set()


def is_unstable(site: Site) -> bool:
    """Whether a line (file, number) has decided in so many ways that it had better be part of the program."""
    return site in _unstable


def mark_unstable(site: Site) -> bool:
    """Say so from now on; whether that is news."""
    news = site not in _unstable
    _unstable.add(site)
    return news


def described(site: Site) -> str:
    """A line in a message."""
    return describe_location(site)
