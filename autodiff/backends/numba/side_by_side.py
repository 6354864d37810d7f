"""Trips of a loop that do not wait for one another run side by side: the loop becomes a nest.

That is so when each trip only reads what none writes, writes elements of its own, and adds to sums. Such a loop is
vectorised, and shared by threads, as the same thing written with arrays would be. Sums are then added up in another
order (as those of `np.sum` are); a loop that looks at its sum on the way stays as it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Branch,
    Buffer,
    Cell,
    Constant,
    Cycle,
    Guarded,
    Index,
    KernelPlan,
    Locate,
    LoopNest,
    Source,
    Statement,
    Step,
    Store,
    accesses,
    every_step,
    inner_steps,
    plus,
)
from autodiff.backends.numba.positions import Offset, moved_on, naturals
from autodiff.ir.aval import ArrayAval
from autodiff.ir.core import Instr, Value
from autodiff.ops.arithmetic import greater, maximum, sub
from autodiff.ops.families import Elementwise, add, reduce_sum

INT = np.dtype(np.int64)
Fresh = Callable[[str], str]
Item = Statement | Store


class Dependent(Exception):
    """One trip needs another."""


def side_by_side(plan: KernelPlan, roots: Callable[[Buffer], Buffer], fresh: Fresh) -> None:
    """Replace the loops of a plan, innermost first, whose trips are independent."""
    _replace(plan.steps, roots, fresh, naturals(plan.steps))


def _replace(steps: list[Step], root: Callable[[Buffer], Buffer], fresh: Fresh, known: set[str]) -> None:
    """`known` scalars are not negative."""
    found: list[Step] = []
    for step in steps:
        for inner in inner_steps(step):
            _replace(inner, root, fresh, known)
        if isinstance(step, Cycle):
            try:
                found += _Trips(step, root, fresh, known).steps()
                continue
            except Dependent:
                pass
        found.append(step)
    steps[:] = found


class _Trips:
    """One loop, looked at."""

    def __init__(self, cycle: Cycle, root: Callable[[Buffer], Buffer], fresh: Fresh, known: set[str]) -> None:
        if cycle.test is not None or cycle.swaps or cycle.trips is None:
            raise Dependent
        self.cycle, self.root, self.fresh = cycle, root, fresh
        self.before: list[Step] = []
        self.after: list[Step] = []
        self.outside = known - _made_in(cycle)  # scalars that are known before the loop, and not negative
        self.positions = {cycle.number: Offset()}
        self.varying = {cycle.number}
        self.body: list[Item | Accumulate] = []
        self.trips = self._trips()
        self.items = self._items()
        self.made = {i.target: i for i in self.items if isinstance(i, Statement)}
        self.uses = Counter(n for i in self.items for n in _names(i)) + Counter(
            c.next for c in cycle.cells if isinstance(c.next, str)
        )

    def steps(self) -> list[Step]:
        """What takes the place of the loop."""
        cells = {c.name: c for c in self.cycle.cells}
        self._keep_constants(cells)
        chains, dropped = self._sums(cells)
        added = self._additions()
        self._check_memory(added)
        dropped |= {id(store) for store in added.values()}
        for item in self.items:
            if id(item) in dropped:
                continue
            if id(item) in added:
                self._add_up(item, added[id(item)])
            else:
                self._item(item)
        for cell, terms in chains:
            self._total(cell, terms)
        if not any(isinstance(i, Store | Accumulate) for i in self.body):
            return [*self.before, *self.after]
        return [*self.before, LoopNest((self.trips,), self.body), *self.after]

    # ---- what is there --------------------------------------------------------------------

    def _trips(self) -> str:
        trips = self.cycle.trips
        if isinstance(trips, Constant):
            return str(max(int(trips.value), 0))
        if not isinstance(trips, str):
            raise Dependent
        name = self.fresh("trips")
        self.before.append(LoopNest((), [Statement(name, _instr(maximum, INT, 2), (trips, Constant(0, INT)))]))
        return name

    def _items(self) -> list[Item]:
        """Statements and stores of a trip; checks of indices are done before, for all trips."""
        found: list[Item] = []
        for step in self.cycle.body:
            if isinstance(step, Locate):
                self._locate(step)
            elif isinstance(step, LoopNest) and not step.domain:
                for item in step.body:
                    if isinstance(item, Accumulate):
                        raise Dependent
                    if isinstance(item, Store) and not item.target.buffer.shape:
                        raise Dependent
                    self._see(item)
                    found.append(item)
            else:
                raise Dependent
        return found

    def _see(self, item: Item) -> None:
        if not isinstance(item, Statement):
            return
        if self._is_varying(item):
            self.varying.add(item.target)
        moved = moved_on(item, self.positions, self.outside.__contains__)
        if moved is not None:
            self.positions[item.target] = moved

    def _is_varying(self, item: Statement) -> bool:
        cells = {c.name for c in self.cycle.cells}
        return any(not isinstance(o, str | Constant) or o in self.varying or o in cells for o in item.operands)

    def _locate(self, step: Locate) -> None:
        """Check an index before the loop: that of the last trip, or the one of all trips."""
        if step.count is not None or step.exact or not isinstance(step.index, str | Constant):
            raise Dependent
        if isinstance(step.index, str) and step.index in self.positions:
            self.positions[step.target] = self.positions[step.index]
            self.varying.add(step.target)
            self._locate_last(step, self.positions[step.index])
        elif isinstance(step.index, str) and (step.index in self.varying or self._is_cell(step.index)):
            raise Dependent
        else:
            name = self.fresh("at")
            self._if_any([replace(step, target=name)], [(step.target, name)])

    def _locate_last(self, step: Locate, offset: Offset) -> None:
        """Check the index of the last trip; what is said of it is the first one that is wrong."""
        first, trips, last, checked = map(self.fresh, ("first", "trips", "last", "checked"))
        base = offset.base if offset.base != "0" else Constant(0, INT)
        numbers = [
            Statement(first, _instr(add, INT, 2), (base, Constant(offset.number, INT))),
            Statement(trips, _instr(sub, INT, 2), (self.trips_source(), Constant(1, INT))),
            Statement(last, _instr(add, INT, 2), (first, trips)),
        ]
        self._if_any([LoopNest((), [*numbers]), replace(step, target=checked, index=last, least=first)], [])

    def _is_cell(self, name: str) -> bool:
        return any(c.name == name for c in self.cycle.cells)

    def trips_source(self) -> Source:
        """How many trips there are."""
        return Constant(int(self.trips), INT) if self.trips.isdigit() else self.trips

    def _if_any(self, steps: list[Step], results: Sequence[tuple[str, str]]) -> None:
        """Steps that run before the loop if it makes a trip; `results` are numbers: the name outside, and inside."""
        condition = self.fresh("any")
        asked = self.trips_source(), Constant(0, INT)
        test = Statement(condition, _instr(greater, INT, 2, np.dtype(np.bool_)), asked)
        outs = [Buffer(name, (), INT) for name, _ in results]
        sides: Any = ((steps, [inside for _, inside in results]), ([], [Constant(0, INT) for _ in results]))
        self.before += [LoopNest((), [test]), Branch(self.cycle.instr, condition, sides, outs)]

    # ---- what is carried ------------------------------------------------------------------

    def _keep_constants(self, cells: dict[str, Cell]) -> None:
        """State that no trip changes."""
        for name, cell in list(cells.items()):
            if cell.next == name:
                self.before.append(_named(name, cell.dtype, cell.first))
                self.after.append(_named(cell.result, cell.dtype, name))
                del cells[name]

    def _sums(self, cells: dict[str, Cell]) -> tuple[list[tuple[Cell, list[tuple[bool, Source]]]], set[int]]:
        """The sums that are carried, with their terms (whether subtracted, and what); and their additions."""
        depends: dict[str, set[str]] = {name: {name} for name in cells}
        for item in self.items:
            read = set().union(*(depends.get(n, set()) for n in _names(item)))
            if isinstance(item, Statement):
                depends[item.target] = read
            elif read:
                raise Dependent
        chains, dropped = [], set[int]()
        for cell in cells.values():
            if cell.dtype.kind not in "fi":
                raise Dependent
            chains.append((cell, self._chain(cell, depends, dropped)))
        for item in self.items:
            if isinstance(item, Statement) and depends[item.target] and id(item) not in dropped:
                raise Dependent
        return chains, dropped

    def _chain(self, cell: Cell, depends: dict[str, set[str]], dropped: set[int]) -> list[tuple[bool, Source]]:
        terms: list[tuple[bool, Source]] = []
        current: Source = cell.next
        while current != cell.name:
            item = self.made.get(current) if isinstance(current, str) else None
            if item is None or item.instr is None or self.uses[item.target] != 1 or item.instr.op not in (add, sub):
                raise Dependent
            mine = [isinstance(o, str) and bool(depends.get(o)) for o in item.operands]
            if mine == [True, False]:
                current, term = item.operands
            elif mine == [False, True] and item.instr.op is add:
                term, current = item.operands
            else:
                raise Dependent
            terms.append((item.instr.op is sub, term))
            dropped.add(id(item))
        return terms

    def _total(self, cell: Cell, terms: list[tuple[bool, Source]]) -> None:
        current: Source = cell.first
        for k, (subtracted, term) in enumerate(terms):
            total = self._accumulated(self._seen(term), cell.dtype, "total")
            name = cell.result if k == len(terms) - 1 else self.fresh("sum")
            op = sub if subtracted else add
            self.after.append(LoopNest((), [Statement(name, _instr(op, cell.dtype, 2), (current, total))]))
            current = name

    def _accumulated(self, value: Source, dtype: np.dtype, hint: str) -> str:
        """The name of the sum of a value over all trips."""
        out = Buffer(self.fresh(hint), (), dtype)
        vector, number = Value(ArrayAval((2,), dtype)), Value(ArrayAval((), dtype))
        instr = Instr(reduce_sum, (vector,), {"axes": (0,)}, (number,))
        names = self.fresh(f"total_{out.name}"), self.fresh(f"part_{out.name}")
        self.body.append(Accumulate(instr, out, value, (0,), (), *names))
        return out.name

    # ---- memory ---------------------------------------------------------------------------

    def _additions(self) -> dict[int, Store]:
        """Statements that add to an element, with the stores that follow; and these stores."""
        found: dict[int, Store] = {}
        for one, other in zip(self.items, self.items[1:], strict=False):
            if not (_adds(one, other) and isinstance(one, Statement) and isinstance(other, Store)):
                continue
            if self.uses[one.target] == 1 and self._place(other.target) is None:
                found[id(one)] = other
        return found

    def _place(self, access: Access) -> tuple[Index, ...] | None:
        """Where an element of the trip's own lies; None for one that is the same in all trips."""
        found, own = [], False
        for index in access.index:
            terms = index.start.split(" + ")
            moving = [t for t in terms if t in self.positions]
            words = _words(index.start)
            if index.axis is not None or any(w in self.varying and w not in moving for w in words):
                raise Dependent
            if not moving:
                found.append(index)
                continue
            if len(moving) > 1:
                raise Dependent
            rest = [t for t in terms if t not in moving]
            offset = self.positions[moving[0]].text
            for term in rest:
                offset = plus(offset, term)
            found.append(Index(0, offset))
            own = True
        return tuple(found) if own else None

    def _check_memory(self, added: dict[int, Store]) -> None:
        """Of an array that is written: all accesses are to the trip's own element, or all add."""
        stores = {id(s) for s in added.values()}
        everything: dict[Buffer, list[tuple[Any, bool]]] = {}
        written = set()
        for item in self.items:
            adds = id(item) in added or id(item) in stores
            for access in accesses(item):
                buffer = self.root(access.buffer)
                everything.setdefault(buffer, []).append((self._place(access), adds))
            if isinstance(item, Store):
                written.add(self.root(item.target.buffer))
        for buffer in written:
            found = everything[buffer]
            own = [place for place, adds in found if not adds]
            if any(place is None for place in own) or len(set(map(_row, own))) > 1:
                raise Dependent
            if own and any(adds for _, adds in found) and not self._only_adds(buffer):
                raise Dependent
            if buffer.stack:
                raise Dependent

    def _only_adds(self, buffer: Buffer) -> bool:
        """Whether elements of the trip's own are added to, too, and nothing else happens to them."""
        items = self.items
        for k, item in enumerate(items):
            for access in accesses(item):
                if self.root(access.buffer) is not buffer:
                    continue
                one, other = (item, items[k + 1] if k + 1 < len(items) else item)
                if isinstance(item, Store):
                    one, other = items[k - 1], item
                if not _adds(one, other):
                    return False
        return True

    def _add_up(self, item: Item, store: Store) -> None:
        """An element that all trips add to: the sum is added once, after them."""
        assert isinstance(item, Statement)
        dtype = store.target.buffer.dtype
        total = self._accumulated(self._seen(item.operands[1]), dtype, "added")
        name = self.fresh("sum")
        self.after.append(
            LoopNest((), [Statement(name, _instr(add, dtype, 2), (store.target, total)), Store(store.target, name)])
        )

    # ---- the rest -------------------------------------------------------------------------

    def _item(self, item: Item) -> None:
        if isinstance(item, Store):
            place = self._place(item.target)
            if place is None:
                raise Dependent
            self.body.append(Store(Access(item.target.buffer, place), self._seen(item.value)))
            return
        if item.target in self.positions:
            return  # only ever a position: `_seen` refuses it as a number
        if item.instr is None or not isinstance(item.instr.op, Elementwise):
            raise Dependent
        if item.target not in self.varying:
            self.before.append(LoopNest((), [item]))
            return
        self.body.append(Statement(item.target, item.instr, tuple(map(self._seen, item.operands))))

    def _seen(self, source: Source) -> Source:
        """A source within the nest."""
        if isinstance(source, Guarded):
            raise Dependent
        if isinstance(source, Access):
            place = self._place(source)
            return source if place is None else Access(source.buffer, place)
        if isinstance(source, str) and source in self.positions:
            raise Dependent
        return source


def _made_in(cycle: Cycle) -> set[str]:
    """The scalars that a loop computes."""
    nests = [step for step in every_step(cycle.body) if isinstance(step, LoopNest)]
    made = {i.target for nest in nests for i in nest.body if isinstance(i, Statement)}
    return made | {step.target for step in every_step(cycle.body) if isinstance(step, Locate)} | {cycle.number}


def _adds(one: Item, other: Item) -> bool:
    """Whether two statements, one after the other, add to an element."""
    return (
        isinstance(one, Statement)
        and isinstance(other, Store)
        and one.instr is not None
        and one.instr.op is add
        and one.operands[0] == other.target
        and other.value == one.target
    )


def _row(place: tuple[Index, ...] | None) -> tuple[tuple[int, str], ...]:
    """Which part of an array is a trip's own: trips with one row each never meet."""
    return tuple((k, i.start) for k, i in enumerate(place or ()) if i.axis is not None)


def _names(item: Item) -> list[str]:
    """The scalars that a statement reads, positions of elements included."""
    read = item.operands if isinstance(item, Statement) else (item.value,)
    found = [s for s in read if isinstance(s, str)]
    return found + [w for a in accesses(item) for i in a.index for w in _words(i.start)]


def _words(text: str) -> list[str]:
    return [w for w in text.replace("(", " ").replace(")", " ").replace("-", " ").split() if w.isidentifier()]


def _named(name: str, dtype: np.dtype, source: Source) -> LoopNest:
    return LoopNest((), [Store(Access(Buffer(name, (), dtype), ()), source)])


def _instr(op: Any, dtype: np.dtype, count: int, result: np.dtype | None = None) -> Instr:
    """A use of an op on numbers."""
    operands = tuple(Value(ArrayAval((), dtype)) for _ in range(count))
    return Instr(op, operands, {}, (Value(ArrayAval((), result or dtype)),))
