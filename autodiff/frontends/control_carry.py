"""The state of a loop: which places it changes, what they hold, and how their types settle.

The body is traced on parameters that stand for the state, again and again until it gives back the types that it was
given. A Python number is of a *weak* dtype and takes that of what it meets, as in NumPy: a sum that begins with
`0.0` over float32 numbers is float32. A structure that changes is `Unsettled`, a shape or a dtype `Retyped`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from autodiff.frontends import trees as optree
from autodiff.frontends.control_region import Adoption, Rebound, RegionBuilder, is_number, root
from autodiff.frontends.control_state import UNSET, Slot
from autodiff.frontends.surface import storage
from autodiff.frontends.tracer import Tracer
from autodiff.ir.aval import ArrayAval, short_dtype
from autodiff.ir.build import PYTHON_SCALARS, emitter, literal
from autodiff.ir.core import Value
from autodiff.ops.families import cast, full

_SIMPLE = (str, bytes, bool, int, float, complex, type(None))
_USUAL = {np.dtype(t) for t in (np.float64, np.int64, np.bool_, np.complex128)}
_PYTHON: dict[str, Any] = {"i": 0, "f": 0.0, "c": 0j}


class Unsettled(Exception):
    """A place changes its type from trip to trip."""

    def __init__(self, label: str, before: str, after: str, location: tuple[str, int] | None = None) -> None:
        super().__init__(f"{label!r} is {before} before a trip and {after} after it")
        self.label, self.before, self.after = label, before, after
        self.location = location  # the line that made what is there after it, if it is known


class Retyped(Unsettled):
    """A number or an array changes its shape or dtype: no loop has a place for it."""


def typed(x: Any) -> tuple[ArrayAval, bool]:
    """Aval of a number or an array, and whether its dtype is weak."""
    if hasattr(x, "aval"):
        return x.aval, x.weak
    array = np.asarray(x)
    return ArrayAval(array.shape, array.dtype), type(x) in (int, float, complex)


def described(x: Any) -> str:
    """A value in a message."""
    if x is UNSET:
        return "without a value"
    leaves, spec = optree.tree_flatten(x)
    if spec.is_leaf() and is_number(x):
        aval, weak = typed(x)
        return f"a Python {type(x).__name__}" if type(x) in PYTHON_SCALARS else of_type(aval, weak)
    if spec.is_leaf():
        return repr(x) if isinstance(x, _SIMPLE) else f"a {type(x).__name__}"
    return f"a {type(x).__name__} of {len(leaves)}"


def of_type(aval: ArrayAval, weak: bool = False) -> str:
    if weak:
        return f"a number ({short_dtype(aval.dtype)})"
    return f"an array of shape {aval.shape} and dtype {aval.dtype}" if aval.shape else f"a number of dtype {aval.dtype}"


def common_dtype(a: np.dtype, a_weak: bool, b: np.dtype, b_weak: bool) -> np.dtype:
    """The dtype that holds both, by NumPy's rules for what is computed from them."""
    return np.result_type(*(_PYTHON.get(d.kind, d) if weak else d for d, weak in ((a, a_weak), (b, b_weak))))


def filler(aval: ArrayAval) -> Any:
    """In place of a value that nobody reads: what shows when somebody does."""
    kind = aval.dtype.kind
    value: Any = math.nan if kind in "fc" else int(np.iinfo(aval.dtype).min) if kind == "i" else kind == "u" and 0
    return full(aval, value) if aval.shape else literal(value, aval.dtype)


def same(a: Any, b: Any) -> bool:
    """Whether a Python object is still what it was."""
    return a is b or (type(a) is type(b) and isinstance(a, _SIMPLE) and bool(a == b))


class Leaf:
    """One array, number or other object of the state.

    An array of the surrounding trace that is only written to in place stays the object that it is (`array`), so
    that every other name of it sees the writes. One whose name becomes that of another array is a value like a number:
    what the first trip may have written into the object itself cannot be told afterwards (`Rebound`).

    Attributes
    ----------
    value : what it is before the loop
    fixed : whether it is a Python object that no trip changes
    array : whether it is an array that is written to in place
    param, result : its operands at the beginning and at the end of the traced trip
    final : the object that is there at the end of the traced trip
    written : whether a trip writes to the object that it finds
    """

    def __init__(self, label: str, value: Any, fixed: bool, in_place: bool = False) -> None:
        self.label = label
        self.value = value
        self.fixed = fixed
        traced = not fixed and isinstance(value, Tracer) and bool(value.aval.shape)
        self.own = traced and value.home is emitter() and root(value) is value
        self.array = self.own and in_place
        self.param: Any = None
        self.result: Any = None
        self.final: Any = None
        self.written = False
        self.made: tuple[str, int] | None = None  # the line that made what is there at the end of a trip
        if not fixed:
            self.aval, self.weak = typed(value)
            self.aval = ArrayAval(self.aval.shape, self.aval.dtype)

    @property
    def changes(self) -> bool:
        return not self.fixed and self.result is not self.param

    def begin(self, builder: RegionBuilder, adoption: Adoption) -> Any:
        """What the body finds."""
        if self.fixed:
            return self.value
        if self.array:
            self.param = adoption.params[id(self.value)]
            return self.value
        self.param = builder.argument(self.aval, self.label, self.weak)
        return self.param

    def finish(self, builder: RegionBuilder, final: Any) -> bool:
        """Compare with what the body leaves; False when it has to be traced again."""
        self.final = final
        if self.fixed:
            return self._finish_fixed(final)
        if not is_number(final):
            raise Unsettled(self.label, of_type(self.aval, self.weak), described(final))
        if self.array:
            self.result = storage.held(self.value)
            self.array = final is self.value
            return self.array
        if isinstance(self.param, Tracer) and self.param.storage is not None and self.param.aval.shape:
            self.written = True
            if final is self.param and self.own:
                self.array = True
                return False
            if not self.own or builder.has_captured(storage.held(self.value)):
                raise Unsettled(self.label, "an array that is also known by another name", "written to")
        self._check_view(final)
        operand = builder.lift(final)
        weak = type(final) in (int, float, complex) or operand.weak
        return self._settle(operand, weak, builder)

    def _finish_fixed(self, final: Any) -> bool:
        if same(final, self.value):
            return True
        if not (is_number(final) and is_number(self.value)):
            raise Unsettled(self.label, described(self.value), described(final))
        self.fixed = self.array = False
        self.aval, self.weak = typed(self.value)
        return False

    def _check_view(self, final: Any) -> None:
        """A view of what the loop writes to would change with it, and the state of a loop is values."""
        view = getattr(final, "storage", None)
        if isinstance(view, storage.View) and isinstance(root(final).storage, storage.Owned):
            raise Unsettled(self.label, of_type(self.aval), "a view of an array that the loop writes to")

    def begin_late(self, builder: RegionBuilder, final: Any) -> None:
        """A value that only the loop gives."""
        self._check_view(final)
        self.value = UNSET
        self.param, self.result = Value(self.aval, self.label), builder.lift(final)

    def _settle(self, operand: Any, weak: bool, builder: RegionBuilder) -> bool:
        aval = operand.aval
        self.made = made_at(builder, operand)
        wanted = common_dtype(self.aval.dtype, self.weak, aval.dtype, weak)
        # Python's numbers adapt; arrays and NumPy's numbers are of one dtype all the time.
        adapts = (self.weak or wanted == self.aval.dtype) and (weak or wanted == aval.dtype)
        if aval.shape != self.aval.shape or not adapts:
            raise Retyped(self.label, of_type(self.aval, self.weak), of_type(aval, weak), self.made)
        if wanted != self.aval.dtype:
            self.aval, self.weak = ArrayAval(aval.shape, wanted), self.weak and weak
            return False
        if aval.dtype != wanted:
            operand = cast(operand, dtype=wanted)
        self.result = operand
        if self.weak and not weak:
            self.weak = False
            return self.param is None or _usual(builder)
        return True

    def init(self) -> Any:
        """The operand that the loop begins with."""
        if self.value is UNSET:
            return filler(self.aval)
        operand = emitter().lift(self.value)
        return operand if operand.aval.dtype == self.aval.dtype else cast(operand, dtype=self.aval.dtype)

    def conclude(self, result: Any) -> Any:
        """The object that is there after the loop; `result` is None when no trip changed it."""
        if self.fixed:
            return self.value
        if result is None:
            copied = self.own and not self.array and self.final is not self.param
            return storage.copied(self.value) if copied else self.value
        if self.array:
            storage.write(self.value, result)
            return self.value
        result.weak = self.weak
        return result


def made_at(builder: RegionBuilder, operand: Any) -> tuple[str, int] | None:
    """The user's line that computed a value of a region."""
    return next((i.location for i in reversed(builder.instrs) if any(r is operand for r in i.results)), None)


def _usual(builder: RegionBuilder) -> bool:
    """Whether a weak dtype makes no difference: nothing was computed in other dtypes than Python's."""
    return all(r.aval.dtype in _USUAL for i in builder.instrs for r in i.results if isinstance(r.aval, ArrayAval))


class Place:
    """A slot with its structure: what it holds, as leaves."""

    def __init__(self, slot: Slot, needed: bool, ignored: bool, in_place: bool) -> None:
        self.slot = slot
        self.needed = needed  # whether a trip, or what follows, may read what was there before
        self.leaves: list[Leaf] = []
        self.spec: Any = None
        self._in_place = in_place
        value = UNSET if ignored else slot.get()
        if value is not UNSET:
            leaves, self.spec = optree.tree_flatten(value)
            self.leaves = [self._leaf(k, v) for k, v in enumerate(leaves)]

    def _leaf(self, k: int, value: Any) -> Leaf:
        single = self.spec.is_leaf()
        label = self.slot.label if single else self.slot.label + "".join(f"[{p!r}]" for p in self.spec.paths()[k])
        fixed = not is_number(value) or (not single and type(value) in PYTHON_SCALARS)
        return Leaf(label, value, fixed, self._in_place)

    def begin(self, builder: RegionBuilder, adoption: Adoption) -> None:
        if self.spec is None:
            self.slot.set(UNSET)
        else:
            self.slot.set(optree.tree_unflatten(self.spec, [leaf.begin(builder, adoption) for leaf in self.leaves]))

    def finish(self, builder: RegionBuilder) -> bool:
        value = self.slot.get()
        if self.spec is None:
            return value is UNSET or self._begin_late(builder, value)
        if value is UNSET:
            raise Unsettled(self.slot.label, "a value", "nothing")
        leaves, spec = optree.tree_flatten(value)
        if spec != self.spec:
            before = optree.tree_unflatten(self.spec, [leaf.value for leaf in self.leaves])
            raise Unsettled(self.slot.label, described(before), described(value))
        settled = [leaf.finish(builder, final) for leaf, final in zip(self.leaves, leaves, strict=True)]
        return all(settled)

    def _begin_late(self, builder: RegionBuilder, value: Any) -> bool:
        """The loop gives a first value: from now on there is one of this type, which nobody reads."""
        finals, self.spec = optree.tree_flatten(value)
        for k, final in enumerate(finals):
            leaf = self._leaf(k, final)
            leaf.own = leaf.array = False
            leaf.final = final
            # What every trip sets to the same number stays a number of Python's.
            leaf.fixed = leaf.fixed or (type(final) in PYTHON_SCALARS and not self.needed)
            if not leaf.fixed:
                leaf.begin_late(builder, final)
            self.leaves.append(leaf)
        return not self.needed

    def conclude(self, results: dict[Leaf, Any]) -> None:
        if self.spec is not None:
            self.slot.set(optree.tree_unflatten(self.spec, [x.conclude(results.get(x)) for x in self.leaves]))


class State:
    """All that a loop changes.

    Parameters
    ----------
    places : the slots
    arrays : arrays of the surrounding trace that the body writes to, and what messages call them
    """

    def __init__(self, places: Sequence[Place], arrays: Sequence[tuple[Tracer, str]]) -> None:
        self.places = places
        once = {id(a): (a, label) for a, label in reversed(arrays)}
        self._more = [Leaf(label, a, False, in_place=True) for a, label in once.values()]
        self.arrays: list[Leaf] = []

    def leaves(self) -> list[Leaf]:
        return [leaf for p in self.places for leaf in p.leaves] + self.arrays

    def begin(self, builder: RegionBuilder) -> Adoption:
        """Put parameters in place of the state."""
        in_places = [x for p in self.places for x in p.leaves if not x.fixed and x.array]
        bound = {id(x.value): x for x in in_places}
        for leaf in in_places:
            # One array under two names: the second one is the same object, whatever is written to it.
            leaf.fixed = leaf is not bound[id(leaf.value)]
        self.arrays = [x for x in self._more if id(x.value) not in bound]
        adopted = [x for x in self.leaves() if not x.fixed and x.array]
        adoption = Adoption(builder, [(x.value, x.label) for x in adopted])
        try:
            for leaf in self.arrays:
                leaf.begin(builder, adoption)
            for place in self.places:
                place.begin(builder, adoption)
        except BaseException:
            adoption.release()
            raise
        return adoption

    def finish(self, builder: RegionBuilder) -> bool:
        """Take what the trip leaves; whether it is of the types that it was given."""
        settled = [leaf.finish(builder, leaf.value) for leaf in self.arrays]
        settled += [place.finish(builder) for place in self.places]
        values = [id(x.value) for x in self.leaves() if x.own and not x.fixed]
        for leaf in self.leaves():
            written = leaf.written or (leaf.array and leaf.changes)
            if written and values.count(id(leaf.value)) > 1:
                raise Unsettled(leaf.label, "an array that is also known by another name", "written to")
        return all(settled)

    def is_written(self) -> bool:
        """Whether an adopted array holds something else than its parameter."""
        arrays = [x for x in self.leaves() if not x.fixed and x.array]
        return any(storage.held(x.value) is not x.param for x in arrays)

    def conclude(self, results: dict[Leaf, Any]) -> None:
        """Put the results of the loop in place of the state."""
        for leaf in self.arrays:
            leaf.conclude(results.get(leaf))
        for place in self.places:
            place.conclude(results)
        values = [x for x in self.leaves() if x.own and not x.fixed and not x.array]
        params = {id(x.param): x for x in values}
        exchanged = [x for x in values if x.final is not x.param and id(x.final) in params]
        if any(x.written for x in values):
            for leaf in {*exchanged, *(params[id(x.final)] for x in exchanged), *(x for x in values if x.written)}:
                leaf.value.storage = Rebound(leaf.label, leaf.made)
