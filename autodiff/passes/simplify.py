"""Local simplifications that keep every bit (signed zeros and nan included), or follow NumPy.

Runs after differentiation, so it may drop what only differentiation cares about
(`stop_gradient`, `tie`). One rule per op, in the table at the end; a rule sees the operands
in the new block and returns what replaces the result, or None.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autodiff.ir.core import Block, Instr, Literal, Value
from autodiff.ops.arithmetic import div, identity, positive, stop_gradient, sub, tie
from autodiff.ops.families import (
    Elementwise,
    Reduction,
    add,
    broadcast,
    broadcast_to,
    cast,
    logical_and,
    logical_not,
    mul,
    neg,
    reshape,
    select,
)
from autodiff.ops.movement import slice_, transpose
from autodiff.ops.op import OPS
from autodiff.ops.transcendental import logaddexp, power, softplus, sqrt
from autodiff.ops.window import add_window
from autodiff.passes.rewrite import Rewriter, rewrite
from autodiff.passes.simplify_writes import restored_slice, restored_window

Producers = dict[Any, Instr]
Rewrite = Callable[[Any, tuple[Any, ...], Mapping[str, Any], Producers], Any]


def simplify(block: Block) -> Block:
    """The block after one pass of the table below, in program order."""
    return rewrite(block, _rule)


def _rule(instr: Instr, operands: tuple[Any, ...], new: Rewriter) -> tuple[Any, ...] | None:
    op: Any = instr.op
    if len(instr.results) > 1:
        return None
    aval = instr.results[0].aval
    given = operands
    if aval.shape and isinstance(op, Elementwise):
        operands = _without_broadcasts(operands, aval.shape, new.producers)
    rule = RULES.get(op)
    found = None if rule is None else rule(aval, operands, instr.params, new.producers)
    if found is None:
        return None if operands is given else new.emit(op, operands, instr.params)
    return (broadcast_to(found, aval.shape),)


def _source(x: Any, op: Any, producers: Producers) -> Instr | None:
    """The instruction that made `x`, if it is a use of `op`."""
    instr = producers.get(x) if isinstance(x, Value) else None
    return instr if instr is not None and instr.op is op else None


def _without_broadcasts(operands: tuple[Any, ...], shape: tuple[int, ...], producers: Producers) -> tuple[Any, ...]:
    """Elementwise ops broadcast by themselves: read the smaller array where that suffices."""
    spread = [k for k, x in enumerate(operands) if _source(x, broadcast, producers) is not None]
    if not spread:
        return operands
    found = list(operands)
    for k in spread:
        x = found[k]
        made = producers[x]
        (inner,) = made.operands
        trailing = tuple(range(x.aval.ndim - inner.aval.ndim, x.aval.ndim))
        rest = [o.aval.shape for j, o in enumerate(found) if j != k]
        if made.params["dims"] == trailing and np.broadcast_shapes(inner.aval.shape, *rest) == shape:
            found[k] = inner
    return tuple(found)


def _constant(x: Any, producers: Producers) -> Any:
    """The number that `x` is everywhere, or None."""
    if isinstance(x, Literal):
        return x.value
    made = _source(x, broadcast, producers)
    return made.operands[0].value if made is not None and isinstance(made.operands[0], Literal) else None


def _mul(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    for x, other in (operands, operands[::-1]):
        number = _constant(x, producers)
        if number == 1 and not isinstance(number, bool):
            return other
        if number == -1:
            return neg(other)
    return None


def _div(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    return operands[0] if _constant(operands[1], producers) == 1 else None


def _neg(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    made = _source(operands[0], neg, producers)
    return None if made is None else made.operands[0]


def _add(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    for x, other in (operands, operands[::-1]):
        made = _source(x, neg, producers)
        if made is not None and aval.dtype.kind != "b":
            return sub(other, made.operands[0])
        restored = restored_slice(x, other, producers)
        if restored is not None:
            return restored
    return None


def _sub(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    number = _constant(operands[1], producers)
    return operands[0] if number == 0 and not np.signbit(number) and aval.dtype.kind == "f" else None


def _logaddexp(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    for x, other in (operands, operands[::-1]):
        if _constant(x, producers) == 0:
            return softplus(other)
    return None


def _pow(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    """The exponents for which NumPy's `**` itself does not call pow, and 3."""
    x, number = operands[0], _constant(operands[1], producers)
    if number is None or aval.dtype.kind != "f":
        return None
    if number == 1:
        return x
    if number == 2:
        return mul(x, x)
    if number == 3:
        return mul(mul(x, x), x)
    if number == -1:
        return div(1.0, x)
    return sqrt(x) if number == 0.5 else None


def _select(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    pred, x, y = operands
    negated = _source(pred, logical_not, producers)
    if negated is not None:
        return select(negated.operands[0], y, x)
    # select(p, select(p, x, _), y): the lanes were already chosen.
    made = _source(x, select, producers)
    if made is not None and made.operands[0] is pred:
        return select(pred, made.operands[1], y)
    return x if x is y else None


def _first(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    return operands[0]


def _and(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    return operands[0] if operands[0] is operands[1] else None


def _cast(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    return operands[0] if operands[0].aval.dtype == params["dtype"] else None


def _reduction(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    """Along no axes there is nothing to combine."""
    if params["axes"]:
        return None
    (x,) = operands
    return x if x.aval.dtype == aval.dtype else cast(x, dtype=aval.dtype)


def _reshape(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    (x,) = operands
    if x.aval.shape == aval.shape:
        return x
    made = _source(x, reshape, producers)
    return None if made is None else reshape(made.operands[0], shape=aval.shape)


def _transpose(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    (x,), perm = operands, params["perm"]
    if perm == tuple(range(len(perm))):
        return x
    made = _source(x, transpose, producers)
    if made is None:
        return None
    composed = tuple(made.params["perm"][p] for p in perm)
    if composed == tuple(range(len(perm))):
        return made.operands[0]
    return transpose(made.operands[0], perm=composed)


def _broadcast(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    (x,), dims = operands, params["dims"]
    if x.aval.shape == aval.shape and dims == tuple(range(aval.ndim)):
        return x
    made = _source(x, broadcast, producers)
    if made is None:
        return None
    composed = tuple(dims[d] for d in made.params["dims"])
    return broadcast(made.operands[0], shape=aval.shape, dims=composed)


def _slice(aval: Any, operands: tuple[Any, ...], params: Mapping[str, Any], producers: Producers) -> Any:
    return operands[0] if operands[0].aval.shape == aval.shape and set(params["steps"]) <= {1} else None


RULES: dict[Any, Rewrite] = {
    **{op: _reduction for op in OPS.values() if isinstance(op, Reduction)},
    mul: _mul,
    div: _div,
    neg: _neg,
    add: _add,
    sub: _sub,
    logaddexp: _logaddexp,
    power: _pow,
    select: _select,
    logical_and: _and,
    cast: _cast,
    reshape: _reshape,
    transpose: _transpose,
    broadcast: _broadcast,
    slice_: _slice,
    add_window: lambda aval, operands, params, producers: restored_window(operands, params, producers),
    tie: _first,
    identity: _first,
    stop_gradient: _first,
    positive: _first,
}
