"""What a kernel is made of: steps over buffers, in order.

    kernel  = ( buffer* params, step* steps, result* results )
    step    = nest | call | alias | cycle | branch | reserve | begin | locate
    nest    = loops over one index domain around statements, stores and accumulators
    call    = one native function applied to whole buffers
    alias   = a buffer under another shape (no memory of its own)
    cycle   = steps that run again and again: a loop of the program
    branch  = steps of which one side runs
    reserve = room in a stack for one more item; begin = a stack of so many zeros;
    locate  = an index, checked

An `Access` reads or writes one element: per axis of the buffer, `start + step * loop`.
Sizes are text (`n0`, `3`), never numbers: a kernel must not depend on a size that its
signature does not contain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autodiff.ir.core import Instr

if TYPE_CHECKING:
    import numpy as np


Order = tuple[int, ...]  # of axes


@dataclass(frozen=True, slots=True)
class Index:
    """One axis of an access: `start + step * (loop variable of axis)`; no loop when axis is None."""

    axis: int | None
    start: str = "0"
    step: int = 1

    def through(self, inner: Index) -> Index:
        """This position, when what it counts along is itself read through `inner`."""
        return Index(inner.axis, plus(self.start, times(self.step, inner.start)), self.step * inner.step)


def sources(item: Statement | Store | Accumulate) -> tuple[Source, ...]:
    """What a statement reads."""
    return item.operands if isinstance(item, Statement) else (item.value,)


def unguarded(source: Source) -> str | Constant | Access:
    """What is read where it is read at all."""
    return source.source if isinstance(source, Guarded) else source


def accesses(item: Statement | Store | Accumulate) -> list[Access]:
    """The elements of memory that a statement reads, and the one that it writes."""
    found = [*map(unguarded, sources(item)), *((item.target,) if isinstance(item, Store) else ())]
    return [s for s in found if isinstance(s, Access)]


def plus(a: str, b: str) -> str:
    """The sum of two size expressions, zeros dropped."""
    return b if a == "0" else a if b == "0" else f"{a} + {b}"


def times(step: int, expression: str) -> str:
    """A size expression times a small integer."""
    if step == 1 or expression == "0":
        return expression
    if step == -1 and (expression.isdigit() or expression.isidentifier()):
        return f"-{expression}"
    return f"-({expression})" if step == -1 else f"{step} * ({expression})"


@dataclass(eq=False, slots=True)
class Buffer:
    """Memory of one array: a parameter, an intermediate or a result. Shape () is a scalar."""

    name: str
    shape: tuple[str, ...]
    dtype: np.dtype
    zeroed: bool = False
    stack: bool = False  # grows while the kernel runs: its first axis counts items


@dataclass(frozen=True, slots=True)
class Access:
    """One element of a buffer."""

    buffer: Buffer
    index: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A number in the program text."""

    value: bool | int | float
    dtype: np.dtype


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition on the loops: this position is one of `0 <= position < size`."""

    index: Index
    size: str


@dataclass(frozen=True, slots=True)
class Guarded:
    """What is read where all guards hold; a zero elsewhere, and nothing is read there."""

    source: str | Constant | Access
    guards: tuple[Guard, ...]
    zero: Constant


Source = str | Constant | Access | Guarded  # a local of the nest, a number, an element of memory


@dataclass(frozen=True, slots=True)
class Statement:
    """`target = op(operands)` on scalars; `instr` None is a plain copy."""

    target: str
    instr: Instr | None
    operands: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """Write a local to memory."""

    target: Access
    value: Source


@dataclass(frozen=True, slots=True)
class Accumulate:
    """Combine a local into a reduction, whose result is `buffer[kept]`.

    `total` and `part` name its accumulators: of the whole reduction, of the innermost loop.
    """

    instr: Instr
    buffer: Buffer
    value: Source
    axes: tuple[int, ...]  # loops that are reduced over
    kept: tuple[Index, ...]
    total: str
    part: str

    def depth(self, rank: int) -> int:
        """How many of `rank` loops lie outside of the accumulator; -1: it has to be memory.

        Only the innermost axes, all of them, can be added up in a register.
        """
        first = min(self.axes, default=0)
        trailing = bool(self.axes) and tuple(range(first, rank)) == tuple(sorted(self.axes))
        return first if trailing else -1


@dataclass(eq=False, slots=True)
class LoopNest:
    """Loops over `domain` around `body`. Shape () is straight-line code."""

    domain: tuple[str, ...]
    body: list[Statement | Store | Accumulate] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class NativeCall:
    """`outs = op(arrays)` on whole buffers; an operand may be read transposed: with a buffer goes
    which axis of the operand each of its axes is.

    `work` is memory that native code needs besides (`llvm_calls.with_work`).
    """

    instr: Instr
    outs: tuple[Buffer, ...]
    operands: tuple[tuple[Buffer, Order], ...]
    work: tuple[Buffer, ...] = ()


@dataclass(eq=False, slots=True)
class Alias:
    """`buffer` is `base` under another shape."""

    buffer: Buffer
    base: Buffer


@dataclass(eq=False, slots=True)
class Cell:
    """A scalar that a cycle carries: `name` holds it within a trip, `result` after the last one."""

    name: str
    result: str
    dtype: np.dtype
    first: Source
    next: Source


@dataclass(frozen=True, slots=True)
class Kept:
    """A state that a counted loop keeps: `held` is item `t` of `items` on trip `t`, `made` is the next trip's item.

    Before the first trip and after the last one it lies in memory of its own, whose name in Python is `last`.
    """

    held: Buffer
    made: Buffer
    items: Buffer
    last: str


@dataclass(eq=False, slots=True)
class Cycle:
    """`body` again and again: so many `trips`, numbered by the local `number`, or while `test` holds.

    `cells` are the scalars that it carries; arrays are carried in memory. `test` is (steps, source of a bool).
    """

    instr: Instr
    body: list[Step]
    cells: list[Cell]
    trips: Source | None = None
    number: str = ""
    reverse: bool = False
    test: tuple[list[Step], Source] | None = None
    swaps: tuple[tuple[Buffer, Buffer], ...] = ()  # memory that changes places after each trip
    kept: tuple[Kept, ...] = ()

    @property
    def moving(self) -> set[Buffer]:
        """Arrays that lie elsewhere from trip to trip."""
        return {b for pair in self.swaps for b in pair} | {b for kept in self.kept for b in (kept.held, kept.made)}


@dataclass(eq=False, slots=True)
class Branch:
    """One of two sides: each is steps, and the sources of the scalars that the branch results in."""

    instr: Instr
    condition: Source
    sides: tuple[tuple[list[Step], list[Source]], tuple[list[Step], list[Source]]]
    results: list[Buffer]


@dataclass(eq=False, slots=True)
class Reserve:
    """Room for item `at` in a stack."""

    stack: Buffer
    at: Source
    location: tuple[str, int] | None = None


@dataclass(eq=False, slots=True)
class Begin:
    """Let a stack have `count` items, all zero."""

    stack: Buffer
    count: Source


@dataclass(eq=False, slots=True)
class Locate:
    """`target` is an index counted from the start of its axis; an IndexError if there is no such element.

    `size` is how many there are, or that is a number of the program, `count`. An `exact` one is an error unless index
    and size are equal, and then 0. `text` says what is wrong, of the two numbers.
    """

    target: str
    index: Source
    size: str
    axis: int
    text: str
    count: Source | None = None
    exact: bool = False
    least: Source | None = None  # of a check of all trips' indices, each one more: the first, for the message


Step = LoopNest | NativeCall | Alias | Cycle | Branch | Reserve | Begin | Locate


def inner_steps(step: Step) -> list[list[Step]]:
    """The lists of steps within a step."""
    if isinstance(step, Cycle):
        return [*([step.test[0]] if step.test else []), step.body]
    return [side for side, _ in step.sides] if isinstance(step, Branch) else []


def every_step(steps: list[Step]) -> Iterator[Step]:
    """All steps, those within others too."""
    for step in steps:
        yield step
        for inner in inner_steps(step):
            yield from every_step(inner)


@dataclass(eq=False, slots=True)
class KernelPlan:
    """A whole kernel: what `source.py` prints."""

    params: list[Buffer]
    allocated: list[Buffer]
    steps: list[Step]
    results: list[Buffer]
    sizes: tuple[str, ...]
