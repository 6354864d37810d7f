"""Loops and branches from functions that are given as arguments: what `autodiff.scan` and its kin are made of.

The functions are traced into blocks, over the leaves of nested containers; what they reach by other ways is captured.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from autodiff.errors import ArgumentError, LoopStateError, ShapeError
from autodiff.frontends import trees as optree
from autodiff.frontends.control import traced_form
from autodiff.frontends.control_carry import of_type, typed
from autodiff.frontends.control_region import RegionBuilder, closed, resumed, tracing_region
from autodiff.frontends.control_truth import as_bool
from autodiff.frontends.tracer import Tracer
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import emitter
from autodiff.ops.checkpoint import checkpoint as emit_checkpoint
from autodiff.ops.cond import cond as emit_cond
from autodiff.ops.families import cast
from autodiff.ops.loop import loop as emit_loop
from autodiff.ops.op import applied
from autodiff.ops.stack import blank
from autodiff.ops.trip import AT, TRIP
from autodiff.ops.while_loop import while_loop as emit_while
from autodiff.ops.window import set_window, window

Leaf = tuple[ArrayAval, bool]  # and whether its dtype is weak
ATTEMPTS = 8


class Piece:
    """A function traced into a region: its parameters, its results and their structure."""

    def __init__(self, what: str, leaves: Sequence[Leaf], call: Callable[..., Any]) -> None:
        """`call` takes one tracer per leaf."""
        self.builder = RegionBuilder(what, emitter())  # type: ignore[arg-type]
        with tracing_region(self.builder):
            self.params = [self.builder.argument(aval, "", weak) for aval, weak in leaves]
            found, self.spec = optree.tree_flatten(call(*self.params))
            self.results = [self.builder.lift(x) for x in found]
            weak = [type(x) in (int, float, complex) or r.weak for x, r in zip(found, self.results, strict=True)]
            self.leaves = [(r.aval, w) for r, w in zip(self.results, weak, strict=True)]

    def converted(self, wanted: Sequence[Leaf]) -> list[Any]:
        """The results, numbers of Python's converted to the dtypes wanted."""
        with resumed(self.builder):
            return [
                r if r.aval.dtype == aval.dtype else cast(r, dtype=aval.dtype)
                for r, (aval, _) in zip(self.results, wanted, strict=True)
            ]


def flattened(x: Any) -> tuple[list[Any], Any, list[Leaf]]:
    """Leaves, structure and types of what a loop begins with."""
    leaves, spec = optree.tree_flatten(x)
    return leaves, spec, [typed(leaf) for leaf in leaves]


def scan(f: Callable[..., Any], init: Any, xs: Any, length: int | None, reverse: bool) -> tuple[Any, Any]:
    """`autodiff.scan`."""
    f = traced_form(f)
    first, spec, types = flattened(init)
    rows, rows_spec, _ = flattened(xs)
    rows = [emitter().lift(x) for x in rows]
    n = _length(rows, length)

    def step(t: Any, *state: Any) -> Any:
        own = [window(x, t, **AT) for x in rows]
        out = f(optree.tree_unflatten(spec, state), optree.tree_unflatten(rows_spec, own))
        if not isinstance(out, tuple) or len(out) != 2:
            raise LoopStateError("scan: the function must return (carry, y)", "return carry, y; or carry, None")
        return out

    piece, types = _settled("scan: the carry", types, spec, lambda own: Piece("scan", [(TRIP, False), *own], step), 0)
    m = len(types)
    state = piece.converted([*types, *piece.leaves[m:]])
    made = [Tracer(ArrayAval((n, *aval.shape), aval.dtype), piece.builder, "ys") for aval, _ in piece.leaves[m:]]
    with resumed(piece.builder):
        stacked = [set_window(y, r, piece.params[0], **AT) for y, r in zip(made, state[m:], strict=True)]
    own = [*piece.params, *made]
    (body,), consts = closed([(piece.builder, own, [*state[:m], *stacked])])
    begun = [applied(blank, (), {"aval": y.aval})[0] for y in made]
    outs = emit_loop(body, n, [*_lifted(first, types), *begun], consts, reverse=reverse)
    _, ys_spec = piece.spec.children()
    return optree.tree_unflatten(spec, outs[:m]), optree.tree_unflatten(ys_spec, outs[m:])


def fori_loop(lower: Any, upper: Any, body: Callable[..., Any], init: Any) -> Any:
    """`autodiff.fori_loop`."""
    body = traced_form(body)
    first, spec, types = flattened(init)
    start = emitter().lift(lower)

    def step(t: Any, *state: Any) -> Any:
        return body(t + start, optree.tree_unflatten(spec, state))

    piece, types = _settled(
        "fori_loop: the state", types, spec, lambda own: Piece("fori_loop", [(TRIP, False), *own], step)
    )
    (block,), consts = closed([(piece.builder, piece.params, piece.converted(types))])
    trips = upper - lower
    if isinstance(trips, Tracer):
        trips = cast(trips, dtype=TRIP.dtype) if trips.aval.dtype != TRIP.dtype else trips
    outs = emit_loop(block, trips, _lifted(first, types), consts)
    return optree.tree_unflatten(spec, outs)


def while_loop(test: Callable[..., Any], body: Callable[..., Any], init: Any) -> Any:
    """`autodiff.while_loop`."""
    test, body = traced_form(test), traced_form(body)
    first, spec, types = flattened(init)

    def step(*state: Any) -> Any:
        return body(optree.tree_unflatten(spec, state))

    piece, types = _settled("while_loop: the state", types, spec, lambda own: Piece("while_loop", own, step))
    asked = Piece("while_loop", types, lambda *state: as_bool(test(optree.tree_unflatten(spec, state))))
    regions = [(asked.builder, asked.params, asked.results), (piece.builder, piece.params, piece.converted(types))]
    (question, block), consts = closed(regions)
    return optree.tree_unflatten(spec, emit_while(question, block, _lifted(first, types), consts))


def cond(pred: Any, then: Callable[..., Any], otherwise: Callable[..., Any], operands: Sequence[Any]) -> Any:
    """`autodiff.cond`."""
    return _branches("cond", as_bool(pred), [traced_form(then), traced_form(otherwise)], operands)


def switch(index: Any, branches: Sequence[Callable[..., Any]], operands: Sequence[Any]) -> Any:
    """`autodiff.switch`."""
    if not branches:
        raise ArgumentError("switch: no branches", "give one function at least")
    forms = [traced_form(b) for b in branches]
    at = emitter().lift(index)

    def chosen(k: int) -> Callable[..., Any]:
        if k == len(forms) - 1:
            return forms[k]
        return lambda *args: _branches("switch", as_bool(emitter().lift(at) <= k), [forms[k], chosen(k + 1)], args)  # type: ignore[operator]

    return chosen(0)(*operands)


def checkpoint(f: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """`autodiff.checkpoint`."""
    form = traced_form(f)
    piece = Piece("checkpoint", [], lambda: form(*args, **kwargs))
    (block,), consts = closed([(piece.builder, [], piece.results)])
    return optree.tree_unflatten(piece.spec, emit_checkpoint(block, consts))


# ---- what they share ---------------------------------------------------------------------------------


def _branches(what: str, pred: Any, sides: Sequence[Callable[..., Any]], operands: Sequence[Any]) -> Any:
    one, other = (Piece(what, [], lambda f=f: f(*operands)) for f in sides)  # type: ignore[misc]
    if one.spec != other.spec:
        raise LoopStateError(f"{what}: the branches return {one.spec} and {other.spec}", "return the same structure")
    types = [_common(what, a, b) for a, b in zip(one.leaves, other.leaves, strict=True)]
    regions = [(piece.builder, [], piece.converted(types)) for piece in (one, other)]
    (then, otherwise), consts = closed(regions)
    return optree.tree_unflatten(one.spec, emit_cond(pred, then, otherwise, consts))


def _common(what: str, a: Leaf, b: Leaf) -> Leaf:
    if a[0].shape != b[0].shape or (a[0].dtype != b[0].dtype and not (a[1] or b[1])):
        raise LoopStateError(
            f"{what}: one branch returns {of_type(*a)}, the other {of_type(*b)}", "return the same shapes and dtypes"
        )
    return b if a[1] else a


def _settled(
    label: str, types: list[Leaf], spec: Any, trace: Callable[[list[Leaf]], Piece], child: int | None = None
) -> tuple[Piece, list[Leaf]]:
    """The piece whose results have the types of its state: numbers of Python's take those of what they meet."""
    for _ in range(ATTEMPTS):
        piece = trace(types)
        made = piece.spec if child is None else piece.spec.children()[child]
        if made != spec:
            raise LoopStateError(f"{label} is {spec} before a trip and {made} after it", "return the same structure")
        after = piece.leaves[: len(types)]
        for k, (old, new) in enumerate(zip(types, after, strict=True)):
            if old[0].shape != new[0].shape or (old[0].dtype != new[0].dtype and not (old[1] or new[1])):
                place = "".join(f"[{p!r}]" for p in spec.paths()[k])
                raise LoopStateError(
                    f"{label}{place} is {of_type(*old)} before a trip and {of_type(*new)} after it",
                    "keep shape and dtype from trip to trip: convert what it begins with",
                )
        wanted = [new if old[1] and not new[1] else old for old, new in zip(types, after, strict=True)]
        if [a for a, _ in wanted] == [a for a, _ in types]:
            return piece, wanted
        types = wanted
    raise LoopStateError(f"{label} does not settle", "give arrays of fixed dtypes")


def _lifted(values: Sequence[Any], types: Sequence[Leaf]) -> list[Any]:
    found = [emitter().lift(x) for x in values]
    return [x if x.aval.dtype == a.dtype else cast(x, dtype=a.dtype) for x, (a, _) in zip(found, types, strict=True)]


def _length(rows: Sequence[Any], length: int | None) -> int:
    sizes = {x.aval.shape[0] for x in rows if x.aval.shape}
    if any(not x.aval.shape for x in rows) or len(sizes) > 1 or (length is not None and sizes - {length}):
        shapes = ", ".join(str(x.aval.shape) for x in rows)
        raise ShapeError(f"scan: xs have shapes {shapes}, length is {length}", "give arrays with one first axis")
    if not sizes and length is None:
        raise ArgumentError("scan: neither xs nor length says how many trips there are", "give length=")
    return int(length if length is not None else next(iter(sizes)))
