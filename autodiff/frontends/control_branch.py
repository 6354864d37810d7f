"""Branches: decided by Python, or traced on both sides and emitted as `cond`.

Outside of loops Python takes the branch that the values say, and the kernel checks the decision. Within loops, after
a `break` or `return` in one, and where there are no values (`vmap`), both sides are traced; what they assign and write
has to be of one type on both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.errors import ConcretizationError, LoopStateError, user_location
from autodiff.frontends import trees as optree
from autodiff.frontends.control_carry import Unsettled, common_dtype, described, filler, of_type, same
from autodiff.frontends.control_depth import in_loop
from autodiff.frontends.control_facts import Branch
from autodiff.frontends.control_notes import NOWHERE, check_obstacles, decided, reason
from autodiff.frontends.control_recursion import finding_types, one_side
from autodiff.frontends.control_region import (
    Adoption,
    RegionBuilder,
    Written,
    closed,
    in_region,
    is_number,
    resumed,
    root,
    tracing,
    tracing_region,
)
from autodiff.frontends.control_state import UNSET, Slot, Surroundings, Variable, cells_of
from autodiff.frontends.control_store import promote
from autodiff.frontends.control_truth import as_bool, truth
from autodiff.frontends.guards import is_unstable
from autodiff.frontends.surface import storage
from autodiff.frontends.syntax_jumps import CONTROL, VALUE
from autodiff.frontends.tracer import Tracer
from autodiff.ir.build import emitter, inline
from autodiff.ops.cond import cond as emit_cond
from autodiff.ops.families import Elementwise, cast

Side = Callable[[], Any]
ATTEMPTS = 50
GOING = "going"  # what tests of jumps are called


def decides(test: Tracer) -> bool:
    """Whether a traced test becomes part of the program, rather than a guard."""
    return tracing() and (in_loop() or in_region() or test.hint == GOING)


def by_python(test: Any) -> bool | None:
    """What Python says a test of an expression is; None where the program decides, for want of a value too."""
    if isinstance(test, Tracer) and tracing():
        if decides(test):
            return None
        try:
            return truth(test)
        except ConcretizationError:
            return None
    return truth(test)


def if_(test: Any, then: Side, otherwise: Side | None, facts: tuple[Any, ...]) -> None:
    """An `if` of rewritten code."""
    branch_ = Branch.of(facts)
    if not isinstance(test, Tracer):
        if test:
            then()
        elif otherwise is not None:
            otherwise()
    elif finding_types() and decides(test):
        one_side(then, otherwise)
    elif decides(test) or (tracing() and is_unstable(user_location() or NOWHERE)):
        promote(branch_.written, cells_of(then, otherwise))
        branch(test, then, otherwise, None, branch_.assigned, branch_.out, branch_)
    else:
        _by_value(test, then, otherwise, branch_)


def _by_value(test: Tracer, then: Side, otherwise: Side | None, facts: Branch) -> None:
    """Outside of loops: Python decides, or both sides become part of the program if there is no value."""
    try:
        holds = truth(test)
    except ConcretizationError as error:
        try:
            promote(facts.written, cells_of(then, otherwise))
            _Branch(test, [then, otherwise], facts.assigned, facts.out, None).emit()
        except (Unsettled, ConcretizationError) as cause:
            raise error from cause
        return
    if holds:
        then()
    elif otherwise is not None:
        otherwise()


def branch(
    test: Tracer,
    then: Side,
    otherwise: Side | None,
    owner: Callable[..., Any] | None,
    assigned: Sequence[str],
    out: Sequence[str],
    facts: Branch | None = None,
) -> None:
    """Both sides as part of the program; by value if that cannot be and there is one."""
    if facts is not None:
        check_obstacles(facts.obstacles, "`if`")
    try:
        _Branch(test, [then, otherwise], assigned, out, owner).emit()
        decided("region", "if", "both sides are part of the program")
        return
    except Exception as error:
        cause = error
    try:
        holds = truth(test)
    except ConcretizationError:
        raise _no_branch(cause) from cause
    decided("guard", "if", f"both sides cannot be one program: {reason(cause)}")
    if holds:
        then()
    elif otherwise is not None:
        otherwise()


def _no_branch(cause: Exception) -> Exception:
    if isinstance(cause, Unsettled):
        said = "what is returned (`return`)" if cause.label == VALUE else repr(cause.label)
        return LoopStateError(
            f"{said} is {cause.before} on one side of a branch on a traced value and {cause.after} on the other",
            "give it one shape, dtype and structure on both sides, and a value before",
            cause.location,
        )
    if isinstance(cause, ConcretizationError | LoopStateError | AssertionError):
        return cause
    return ConcretizationError(
        f"one side of a branch within a loop raises {reason(cause)}; whether it does depends on a traced value",
        "check before the loop, or outside of the decorated function",
    )


def chosen(test: Tracer, then: Side, otherwise: Side) -> Any:
    """The value of one of two expressions."""
    if finding_types():
        return one_side(then, otherwise)
    made: list[Any] = []
    region = _Branch(test, [then, otherwise], (), (), None, made)
    try:
        region.emit()
    except Unsettled as cause:
        try:
            holds = truth(test)
        except ConcretizationError:
            raise _no_branch(cause) from cause
        return then() if holds else otherwise()
    return made[0]


def evaluated(rest: Side) -> Any:
    """The value of an expression, in the current trace, if evaluating it cannot fail or write; else None."""
    if not tracing():
        return rest()
    outer: Any = emitter()
    surroundings = Surroundings([rest])
    builder = RegionBuilder(outer.name, outer)
    with tracing_region(builder):
        builder.ask_outside()
        try:
            value = rest()
            if not isinstance(value, Tracer | bool | np.bool_) or surroundings.changed():
                return None
            result = builder.lift(value)
        except (Exception, Written):
            surroundings.restore()
            return None
    if not all(isinstance(i.op, Elementwise) for i in builder.instrs):
        return None
    if not isinstance(value, Tracer):
        return value
    (block,), operands = closed([(builder, (), [result])])
    (found,) = inline(block, operands)
    return outer.lift(found)


class _Branch:
    """Both sides of a branch, traced."""

    def __init__(
        self,
        test: Tracer,
        sides: Sequence[Side | None],
        assigned: Sequence[str],
        out: Sequence[str],
        owner: Callable[..., Any] | None,
        value: list[Any] | None = None,
    ) -> None:
        self._test = test
        self._sides = sides
        self._outer: Any = emitter()
        functions = [*sides, owner]
        cells = cells_of(*functions)
        self._surroundings = Surroundings(functions)
        self._slots: list[Slot] = [Variable(n, cells[n]) for n in out if n in cells]
        self._assigned = {Variable(n, cells[n]).key() for n in assigned if n in cells}
        self._arrays: list[Tracer] = []
        self._value = value  # where the value goes, when the sides are expressions

    def emit(self) -> None:
        """Emit the branch, and leave its results where the sides put them.

        Raises
        ------
        Unsettled
            When the sides differ in types.
        """
        made = None
        self._surroundings.check_before()
        for _ in range(ATTEMPTS):
            try:
                made = self._attempt()
            except Written as found:
                if found.array.home is not self._outer:
                    raise
                self._arrays.append(found.array)
                continue
            if made is not None:
                break
        if made is None:
            raise Unsettled("the state", "of one kind", "another")
        self._conclude(*made)

    def _attempt(self) -> Any:
        known = len(self._slots)
        traced = [self._traced(side) for side in self._sides]
        return None if len(self._slots) > known else traced

    def _traced(self, side: Side | None) -> tuple[RegionBuilder, list[Any], list[Any], Any]:
        """Builder of a side, what its slots and arrays hold at the end, and its value."""
        builder = RegionBuilder(self._outer.name, self._outer)
        adoption: Adoption | None = None
        value: Any = None
        with tracing_region(builder):
            try:
                adoption = Adoption(builder, [(a, a.hint) for a in self._arrays])
                builder.ask_outside()
                if side is not None:
                    value = side()
                known = {s.key() for s in self._slots} | self._assigned
                self._slots += [s for s in self._surroundings.changed() if s.key() not in known]
                places = [self._checked(slot.get(), slot.label) for slot in self._slots]
                arrays = [storage.held(a) for a in self._arrays]
                owned = [adoption.params[id(a)] for a in self._arrays]
            finally:
                self._surroundings.restore()
                if adoption is not None:
                    adoption.release()
        return builder, owned, [places, arrays], value

    def _checked(self, value: Any, label: str) -> Any:
        view = getattr(value, "storage", None)
        if isinstance(view, storage.View) and any(root(value) is a for a in self._arrays):
            raise Unsettled(label, "an array", "a view of an array that is written to")
        return value

    def _conclude(self, a: Any, b: Any) -> None:
        merge = _Merge(a[0], b[0])
        places = [merge.value(slot.label, x, y) for slot, x, y in zip(self._slots, a[2][0], b[2][0], strict=True)]
        arrays = [merge.leaf("an array", x, y) for x, y in zip(a[2][1], b[2][1], strict=True)]
        value = merge.value("the value", a[3], b[3]) if self._value is not None else None
        init = [emitter().lift(x) for x in self._arrays]
        blocks, captured = closed([(a[0], a[1], merge.results[0]), (b[0], b[1], merge.results[1])])
        outs: list[Any] = []
        if merge.results[0]:
            outs = emit_cond(as_bool(emitter().lift(self._test)), *blocks, [*init, *captured])
        for result, weak in zip(outs, merge.weak, strict=True):
            result.weak = weak
        for slot, made in zip(self._slots, places, strict=True):
            slot.set(made(outs))
        for array, made in zip(self._arrays, arrays, strict=True):
            storage.write(array, made(outs))
        if self._value is not None and value is not None:
            self._value.append(value(outs))


class _Merge:
    """Values of two sides as results of two blocks. What it returns finds the object among the results."""

    def __init__(self, *builders: RegionBuilder) -> None:
        self._builders = builders
        self.results: tuple[list[Any], list[Any]] = ([], [])
        self.weak: list[bool] = []

    def value(self, label: str, a: Any, b: Any) -> Callable[[list[Any]], Any]:
        if a is b:
            return lambda _: a
        if a is UNSET or b is UNSET:
            return self._one_sided(label, a, b)
        (xs, spec), (ys, other) = optree.tree_flatten(a), optree.tree_flatten(b)
        if spec != other:
            raise Unsettled(label, described(a), described(b))
        leaves = [self.leaf(label, x, y) for x, y in zip(xs, ys, strict=True)]
        return lambda outs: optree.tree_unflatten(spec, [leaf(outs) for leaf in leaves])

    def _one_sided(self, label: str, a: Any, b: Any) -> Callable[[list[Any]], Any]:
        if not label.startswith(CONTROL):
            raise Unsettled(label, described(a), described(b))
        leaves, spec = optree.tree_flatten(b if a is UNSET else a)
        made = [self.leaf(label, *((UNSET, x) if a is UNSET else (x, UNSET))) for x in leaves]
        return lambda outs: optree.tree_unflatten(spec, [leaf(outs) for leaf in made])

    def leaf(self, label: str, a: Any, b: Any) -> Callable[[list[Any]], Any]:
        if same(a, b):
            return lambda _: a
        given = [x for x in (a, b) if x is not UNSET]
        if not all(map(is_number, given)):
            if len(given) == 1:
                return lambda _: given[0]
            raise Unsettled(label, described(a), described(b))
        operands = [self._lifted(k, x) for k, x in enumerate((a, b))]
        pairs = [(o, x) for o, x in zip(operands, (a, b), strict=True) if o is not None]
        known = [(o.aval, type(x) in (int, float, complex) or o.weak) for o, x in pairs]
        (first, first_weak), (second, second_weak) = known[0], known[-1]
        if first.shape != second.shape:
            raise Unsettled(label, of_type(first, first_weak), of_type(second, second_weak))
        dtype = common_dtype(first.dtype, first_weak, second.dtype, second_weak)
        wanted = type(first)(first.shape, dtype)
        for k, operand in enumerate(operands):
            with resumed(self._builders[k]):
                operand = filler(wanted) if operand is None else operand
                operand = operand if operand.aval.dtype == dtype else cast(operand, dtype=dtype)
            self.results[k].append(operand)
        self.weak.append(first_weak and second_weak)
        place = len(self.weak) - 1
        return lambda outs: outs[place]

    def _lifted(self, k: int, x: Any) -> Any:
        if x is UNSET:
            return None
        with resumed(self._builders[k]):
            return self._builders[k].lift(x)
