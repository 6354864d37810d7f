"""Loops, branches and stacks in the source of a kernel: Python's own."""

from __future__ import annotations

from collections.abc import Callable

from autodiff.backends.numba.nest import (
    Access,
    Alias,
    Begin,
    Branch,
    Buffer,
    Cycle,
    Index,
    Kept,
    Locate,
    Reserve,
    Source,
    Step,
)

Lines = Callable[[Step], list[str]]
Read = Callable[[Source], str]


class RegionSource:
    """Prints the steps that hold others; `lines` prints any step, `read` a source, `dtype` a dtype's name."""

    def __init__(self, lines: Lines, read: Read, dtype: Callable[[Buffer], str], aliases: list[Alias]) -> None:
        self.lines, self.read, self.dtype = lines, read, dtype
        self.aliases = aliases

    def step(self, step: Cycle | Branch | Reserve | Begin | Locate) -> list[str]:
        if isinstance(step, Cycle):
            return self._cycle(step)
        if isinstance(step, Branch):
            return self._branch(step)
        if isinstance(step, Locate):
            size = step.size if step.count is None else self.read(step.count)
            check = "matched" if step.exact else "located"
            return [f"{step.target} = {check}({self.read(step.index)}, {size}, {step.axis})"]
        name = step.stack.name
        if isinstance(step, Reserve):
            return [f"if {self.read(step.at)} >= {name}.shape[0]:", f"    {name} = grown({name})"]
        shape = ", ".join((f"max({self.read(step.count)}, 1)", *step.stack.shape[1:]))
        return [f"{name} = np.zeros(({shape},), {self.dtype(step.stack)})"]

    def block(self, steps: list[Step]) -> list[str]:
        """Steps within a step."""
        return [f"    {line}" for step in steps for line in self.lines(step)]

    def _cycle(self, step: Cycle) -> list[str]:
        cells = step.cells
        lines = [f"{c.name} = {self.read(c.first)}" for c in cells]
        for kept in step.kept:
            lines += self._first_item(step, kept)
        if step.test is None:
            assert step.trips is not None
            trips = self.read(step.trips)
            over = f"range({trips} - 1, -1, -1)" if step.reverse else f"range({trips})"
            lines.append(f"for {step.number} in {over}:")
        else:
            lines += ["while True:", *self.block(step.test[0])]
            lines += [f"    if not ({self.read(step.test[1])}):", "        break"]
        lines += [f"    {line}" for kept in step.kept for line in self._next_item(step, kept)]
        lines += self.block(step.body) or ["    pass"]
        moved = [c for c in cells if c.next != c.name]
        if moved:
            names, values = ", ".join(c.name for c in moved), ", ".join(self.read(c.next) for c in moved)
            lines.append(f"    {names} = {values}")
        for held, made in step.swaps:
            lines.append(f"    {held.name}, {made.name} = {made.name}, {held.name}")
            lines += [f"    {line}" for line in self._aliases_of(held, made)]
        for kept in step.kept:
            lines += [f"    {line}" for line in (f"{kept.held.name} = {kept.made.name}", *self._aliases_of(kept.held))]
        return [*lines, *(f"{c.result} = {c.name}" for c in cells)]

    def _aliases_of(self, *buffers: Buffer) -> list[str]:
        return [f"{a.buffer.name} = {a.base.name}" for a in self.aliases if a.base in buffers]

    def _first_item(self, step: Cycle, kept: Kept) -> list[str]:
        """The state is the item of the first trip, if there is one."""
        assert step.trips is not None
        trips, held = self.read(step.trips), kept.held.name
        item = f"{kept.items.name}[{f'{trips} - 1' if step.reverse else '0'}]"
        moved = [f"{item} = {held}", f"{held} = {item}", *self._aliases_of(kept.held)]
        return [f"{kept.last} = {held}", f"if {trips} > 0:", *(f"    {line}" for line in moved)]

    def _next_item(self, step: Cycle, kept: Kept) -> list[str]:
        """What a trip makes is the item of the next one, if there is one."""
        assert step.trips is not None
        t, trips, made = step.number, self.read(step.trips), kept.made.name
        there, number = (f"{t} > 0", f"{t} - 1") if step.reverse else (f"{t} + 1 < {trips}", f"{t} + 1")
        return [f"{made} = {kept.items.name}[{number}] if {there} else {kept.last}", *self._aliases_of(kept.made)]

    def _branch(self, step: Branch) -> list[str]:
        lines = []
        for head, (steps, sources) in zip((f"if {self.read(step.condition)}:", "else:"), step.sides, strict=True):
            named = [f"    {b.name} = {self.read(s)}" for b, s in zip(step.results, sources, strict=True)]
            lines += [head, *((*self.block(steps), *named) or ["    pass"])]
        return lines


def whole(source: Source) -> str:
    """An element of memory that is read outside of every nest."""
    assert isinstance(source, Access)
    return f"{source.buffer.name}[{', '.join(_start(i) for i in source.index)}]"


def _start(index: Index) -> str:
    assert index.axis is None
    return index.start
