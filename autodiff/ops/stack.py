"""What a loop keeps when nobody knows how long it runs: one item per trip, as many as there will be.

Where the number of trips is known, an array does, which begins `blank`.

A stack is written and read at the number of a trip. It is an array whose first axis grows: nothing but the ops of
this file and loops ever meets one, and none leaves a program.

Unlike all other values a stack is changed where it lies: whoever writes to it is the last to have had the old one.
Loops are built so that this holds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from autodiff.errors import InternalError
from autodiff.ir.aval import ArrayAval, StackAval
from autodiff.ir.dims import Dims, DimShape
from autodiff.ops.batching import repeated
from autodiff.ops.families import zeros_like
from autodiff.ops.op import Active, Arrays, Batched, Op, applied
from autodiff.ops.reduction import reduce_max
from autodiff.records import record


class Stack(Op):
    """An op on stacks."""

    takes_complex = True

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return operands[0]

    def batch(self, operands: Sequence[Any], batched: Batched, params: dict[str, Any]) -> Arrays:
        """A batch of stacks is a stack of batches. Where loops of a batch differ in length, the longest leads."""
        n = next(_batch_size(o) for o, flag in zip(operands, batched, strict=True) if flag)
        *rest, at = [
            o if b or k == len(operands) - 1 else in_batch(o, n)
            for k, (o, b) in enumerate(zip(operands, batched, strict=True))
        ]
        if batched[-1]:
            at = reduce_max(at, axes=(0,))
        return applied(self, (*rest, at), {k: _with_axis(v, n) for k, v in params.items()})


def in_batch(x: Any, n: int) -> Any:
    """One for each of a batch."""
    return widen(x, size=n) if isinstance(x.aval, StackAval) else repeated(x, n)


def _batch_size(x: Any) -> int:
    return int(x.aval.shape[0])


def _with_axis(aval: ArrayAval, n: int) -> ArrayAval:
    return ArrayAval((n, *aval.shape), aval.dtype)


@record
class EmptyStack(Stack):
    """Zeros for a number of trips; 0 when that is not known yet."""

    name: str = "empty_stack"

    def infer(self, trips: ArrayAval, *, item: ArrayAval) -> tuple[ArrayAval, ...]:
        return (StackAval(item),)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return d.shape(result.shape)

    def evaluate(self, trips: Any, *, item: ArrayAval) -> Arrays:
        return ([np.zeros(item.shape, item.dtype)[()] for _ in range(int(trips))],)

    def connects(self, position: int) -> bool:
        return False

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return None

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        return [None]


@record
class Push(Stack):
    """The stack with the item of trip `at`, which is the next one or one that is there."""

    name: str = "push"
    kept_items: tuple[int, ...] = (1,)

    def infer(self, stack: ArrayAval, item: ArrayAval, at: ArrayAval) -> tuple[ArrayAval, ...]:
        if not isinstance(stack, StackAval) or stack.item != item:
            raise InternalError(f"push of {item} to {stack}")
        return (stack,)

    def evaluate(self, stack: Any, item: Any, at: Any) -> Arrays:
        if at < len(stack):
            stack[at] = item
        else:
            stack.append(item)
        return (stack,)

    def connects(self, position: int) -> bool:
        return position < 2

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        _, item, at = operands
        t_stack, t_item = tangents[0], tangents[1]
        if t_stack is None:
            raise InternalError("a stack without a tangent")
        return self(t_stack, zeros_like(item.aval) if t_item is None else t_item, at)

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        # Every item is written once and this cotangent read once: it need not be set to zero.
        return [ct, peek(ct, operands[2]) if active[1] else None, None]


@record
class Peek(Stack):
    """The item of a trip."""

    name: str = "peek"

    def infer(self, stack: ArrayAval, at: ArrayAval) -> tuple[ArrayAval, ...]:
        if not isinstance(stack, StackAval):
            raise InternalError(f"peek at {stack}")
        return (stack.item,)

    def evaluate(self, stack: Any, at: Any) -> Arrays:
        return (stack[at],)

    def connects(self, position: int) -> bool:
        return position == 0

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return None if tangents[0] is None else self(tangents[0], operands[1])

    def vjp_into(
        self, before: Sequence[Any], ct: Any, operands: Sequence[Any], params: dict[str, Any], active: Active
    ) -> list[Any]:
        """The cotangent of the stack, `before` included."""
        if before[0] is None:
            raise InternalError("a stack whose cotangent nobody began")
        return [raise_item(before[0], ct, operands[1]), None]


@record
class RaiseItem(Stack):
    """The stack with a number added to the item of a trip."""

    name: str = "raise_item"

    def infer(self, stack: ArrayAval, item: ArrayAval, at: ArrayAval) -> tuple[ArrayAval, ...]:
        if not isinstance(stack, StackAval) or stack.item != item:
            raise InternalError(f"{self.name}: {item} and {stack}")
        return (stack,)

    def evaluate(self, stack: Any, item: Any, at: Any) -> Arrays:
        stack[at] = stack[at] + item
        return (stack,)

    def connects(self, position: int) -> bool:
        return position < 2

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        if tangents[0] is None:
            raise InternalError("a stack without a tangent")
        return tangents[0] if tangents[1] is None else self(tangents[0], tangents[1], operands[2])

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        return [ct, peek(ct, operands[2]) if active[1] else None, None]


@record
class Blank(Op):
    """An array whose elements are written before anybody reads them; zeros, should somebody do so all the same."""

    name: str = "blank"
    takes_complex = True
    implied_params: tuple[str, ...] = ("aval",)

    def infer(self, *, aval: ArrayAval) -> tuple[ArrayAval, ...]:
        return (aval,)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return d.shape(result.shape)

    def evaluate(self, *, aval: ArrayAval) -> Arrays:
        return (np.zeros(aval.shape, aval.dtype),)


@record
class Widen(Stack):
    """A stack that nothing was written to yet, of items for a batch."""

    name: str = "widen"
    implied_params: tuple[str, ...] = ("size",)

    def dims(self, d: Dims, operands: Sequence[DimShape], result: ArrayAval, params: Mapping[str, Any]) -> DimShape:
        return (d.fresh(params["size"]), *operands[0])

    def infer(self, stack: ArrayAval, *, size: int) -> tuple[ArrayAval, ...]:
        if not isinstance(stack, StackAval):
            raise InternalError(f"widen of {stack}")
        return (StackAval(_with_axis(stack.item, size)),)

    def evaluate(self, stack: Any, *, size: int) -> Arrays:
        return ([np.zeros((size, *np.shape(item)), np.asarray(item).dtype) for item in stack],)

    def connects(self, position: int) -> bool:
        return False

    def jvp(self, tangents: Sequence[Any], y: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        return None

    def vjp(self, ct: Any, y: Any, operands: Sequence[Any], params: dict[str, Any], active: Active) -> list[Any]:
        return [None]


blank, empty_stack, push, peek, raise_item, widen = Blank(), EmptyStack(), Push(), Peek(), RaiseItem(), Widen()
