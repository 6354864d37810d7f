"""Lists that a loop appends to, and nothing else: the items of all trips become one array.

`syntax_names.appended` finds the names that a loop body only uses as `out.append(v)`. While it is traced, a `Recorder`
is there in place of the list; afterwards the list has the rows of the array. `as_array` knows such rows when they are
put together again (`np.array(out)`), and gives the array.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from autodiff.frontends import trees as optree
from autodiff.frontends.array import stacked
from autodiff.frontends.control_carry import typed
from autodiff.frontends.control_region import RegionBuilder, is_number
from autodiff.frontends.control_state import Grown
from autodiff.frontends.surface.shapes import concatenate
from autodiff.frontends.surface.storage import copied
from autodiff.frontends.tracer import TraceBuilder, Tracer
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import emitter, literal
from autodiff.ops.op import applied
from autodiff.ops.stack import blank
from autodiff.ops.trip import AT
from autodiff.ops.window import INT, set_window, window

MOST = 16  # items that one trip may append
_rows: weakref.WeakKeyDictionary[TraceBuilder, dict[int, tuple[Tracer, Tracer, int]]] = weakref.WeakKeyDictionary()


class Recorder:
    """Takes the items that one trip appends to a list."""

    def __init__(self, label: str, target: list[Any], builder: RegionBuilder) -> None:
        self.label = label
        self.target = target
        self._builder = builder
        self._items: list[tuple[list[Any], Any]] = []  # leaves and structure

    def append(self, item: Any) -> None:
        leaves, spec = optree.tree_flatten(item)
        if emitter() is not self._builder or len(self._items) == MOST or not all(map(is_number, leaves)):
            raise Grown(self.label)  # in a branch only some trips append; other objects cannot be stacked
        self._items.append((leaves, spec))

    def stack(self, t: Tracer, count: int) -> list[Collected]:
        """The items of the trip, written to arrays of those of all trips."""
        return [Collected(self.target, spec, leaves, t, count, self._builder) for leaves, spec in self._items]


class Collected:
    """What one `append` collects: an array for each leaf of the item, with an axis of trips in front."""

    def __init__(
        self, target: list[Any], spec: Any, leaves: Sequence[Any], t: Tracer, count: int, builder: RegionBuilder
    ) -> None:
        self.target = target
        self._spec = spec
        self._weak = [typed(x)[1] for x in leaves]
        operands = [builder.lift(x) for x in leaves]
        self.avals = [ArrayAval((count, *x.aval.shape), x.aval.dtype) for x in operands]
        # Parameters of the block, after its others: they are not known before the trip was traced.
        self.params = [Tracer(aval, builder, "collected") for aval in self.avals]
        self.results = [set_window(p, x, t, **AT) for p, x in zip(self.params, operands, strict=True)]

    def init(self) -> list[Any]:
        return [applied(blank, (), {"aval": aval})[0] for aval in self.avals]

    def item(self, stacks: Sequence[Any], k: int) -> Any:
        """Item `k` of the list."""
        leaves = []
        for stack, weak in zip(stacks, self._weak, strict=True):
            row = window(stack, literal(k, INT), **AT)
            row.weak = weak
            _rows.setdefault(row.home, {})[id(row)] = row, stack, k
            leaves.append(row)
        return optree.tree_unflatten(self._spec, leaves)


def extend(collected: Sequence[Collected], results: Sequence[Any], count: int) -> None:
    """Append the items of all trips, in the order in which they would have been."""
    parts = iter(results)
    stacks = [[next(parts) for _ in c.avals] for c in collected]
    for k in range(count):
        for c, stack in zip(collected, stacks, strict=True):
            c.target.append(c.item(stack, k))


def as_array(items: Sequence[Any]) -> Any:
    """A list of arrays as one; rows that were collected by a loop are not taken apart and put together again."""
    known = _rows.get(emitter(), {})  # type: ignore[call-overload]
    parts: list[Any] = []
    k = 0
    while k < len(items):
        stack = _stack_from(items, k, known)
        parts.append(stacked(items[k : k + 1]) if stack is None else stack)
        k += 1 if stack is None else stack.aval.shape[0]
    if len(parts) == len(items):
        return stacked(items)
    return copied(parts[0]) if len(parts) == 1 else concatenate(parts)


def _stack_from(items: Sequence[Any], at: int, known: dict[int, tuple[Tracer, Tracer, int]]) -> Tracer | None:
    """The array all of whose rows, in order, stand in a list from a place on."""
    if id(items[at]) not in known:
        return None
    _, stack, _ = known[id(items[at])]
    run = [known.get(id(x)) for x in items[at : at + stack.aval.shape[0]]]
    whole = len(run) == stack.aval.shape[0] > 1
    return stack if whole and all(r is not None and r[1] is stack and r[2] == j for j, r in enumerate(run)) else None
