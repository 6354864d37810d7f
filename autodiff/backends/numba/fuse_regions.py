"""Loops, branches and what they keep, as steps of a plan.

A block within another is lowered like the whole program, by a `Fuser` of its own; names are shared, and so is
memory: what a body reads from outside is read where it lies, and what a loop carries lies where its result will be.
Scalars are carried in registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autodiff.backends.numba.nest import (
    Access,
    Begin,
    Branch,
    Buffer,
    Cell,
    Constant,
    Cycle,
    Index,
    Locate,
    LoopNest,
    Reserve,
    Source,
    Statement,
    Step,
    Store,
)
from autodiff.backends.numba.place import NoKernel, is_identity, window_map
from autodiff.ir.aval import ArrayAval, StackAval
from autodiff.ir.core import Block, Instr, Literal, Operand, Value
from autodiff.ops.checkpoint import Checkpoint
from autodiff.ops.cond import Cond
from autodiff.ops.extents import Agreed, Checked
from autodiff.ops.families import add
from autodiff.ops.loop import Loop
from autodiff.ops.stack import Blank, EmptyStack, Push, RaiseItem, Widen
from autodiff.ops.window import AddWindow, Written

if TYPE_CHECKING:
    from autodiff.backends.numba.fuse import Fuser


def share_stacks(fuser: Fuser, instr: Instr) -> None:
    """A stack is one, however many values of it there are."""
    if isinstance(instr.op, EmptyStack | Widen):
        (y,) = instr.results
        fuser.memory[y] = Buffer(fuser.names(y), ("1", *fuser.shape(y)), y.aval.dtype, stack=True)
        return
    carried = instr.operands if not isinstance(instr.op, Loop) else instr.operands[1:]
    for y, x in zip(instr.results, carried, strict=False):
        if isinstance(y.aval, StackAval):
            fuser.memory[y] = fuser.memory[x]


def steps_of(fuser: Fuser, instr: Instr) -> list[Step]:
    """The steps of one instruction."""
    op = instr.op
    if isinstance(op, Blank):
        return []
    if isinstance(op, EmptyStack):
        return [Begin(fuser.memory[instr.results[0]], _scalar(fuser, instr.operands[0]))]
    if isinstance(op, Widen):
        begun = fuser.producers.get(instr.operands[0])
        if begun is None or not isinstance(begun.op, EmptyStack):
            raise NoKernel("a stack for a batch that is not begun where it is made")
        return [Begin(fuser.memory[instr.results[0]], _scalar(fuser, begun.operands[0]))]
    if isinstance(op, Checked):
        return [_located(fuser, instr, op)]
    if isinstance(op, Push | RaiseItem):
        return _stacked(fuser, instr)
    if isinstance(op, Written):
        return _written(fuser, instr)
    if isinstance(op, Checkpoint):
        return _inlined(fuser, instr)
    return _branch(fuser, instr) if isinstance(op, Cond) else _cycle(fuser, instr)


def _located(fuser: Fuser, instr: Instr, op: Checked) -> Locate:
    name, axis = fuser.memory[instr.results[0]].name, instr.params["axis"]
    text = op.says.format("%lld", "%lld", axis=axis)
    index, *counts = (_scalar(fuser, o) for o in instr.operands)
    if counts:
        return Locate(name, index, "", axis, text, counts[0], isinstance(op, Agreed))
    (size,) = fuser.sizes.starts[instr, "size"]
    return Locate(name, index, size, axis, text)


def _scalar(fuser: Fuser, operand: Operand) -> Source:
    return fuser.source(operand, len(fuser.places.steps))


# ---- elements and windows ----------------------------------------------------------------------------


def _written(fuser: Fuser, instr: Instr) -> list[Step]:
    """The array copied, and the part stored into the copy; `no_copies` does without where it may."""
    x, part, *starts = instr.operands
    out = fuser.memory[instr.results[0]]
    index = window_map(x.aval.ndim, instr.params, [fuser.places.start(s) for s in starts])
    whole = Access(out, tuple(map(Index, range(x.aval.ndim))))
    added = isinstance(instr.op, AddWindow)
    return [fuser.copy(x, whole), _stored(fuser, part, Access(out, index), added)]


def _stored(fuser: Fuser, part: Operand, target: Access, added: bool) -> LoopNest:
    value = fuser.source(part, len(fuser.places.steps))
    domain = fuser.shape(part)
    if not added:
        return LoopNest(domain, [Store(target, value)])
    name = fuser.names.fresh("sum")
    scalar = ArrayAval((), part.aval.dtype)
    instr = Instr(add, (Value(scalar), Value(scalar)), {}, (Value(scalar),))
    return LoopNest(domain, [Statement(name, instr, (target, value)), Store(target, name)])


def _stacked(fuser: Fuser, instr: Instr) -> list[Step]:
    stack, item, at = instr.operands
    buffer = fuser.memory[stack]
    start = fuser.places.start(at)
    target = Access(buffer, (Index(None, start), *map(Index, range(item.aval.ndim))))
    stored = _stored(fuser, item, target, isinstance(instr.op, RaiseItem))
    return [Reserve(buffer, _scalar(fuser, at), instr.location), stored] if isinstance(instr.op, Push) else [stored]


# ---- blocks ------------------------------------------------------------------------------------------


class Inner:
    """A block within another, lowered: its steps, and where its results are."""

    def __init__(self, outer: Fuser, block: Block, given: dict[Operand, Any]) -> None:
        self.outer, self.block = outer, block
        self.fuser = type(outer)(block, outer.sizes, outer.names, given)
        self.fuser.materialise()
        self.steps = self.fuser.emit()
        outer.allocated += self.fuser.allocated

    def scalar(self, result: Operand) -> Source:
        return _scalar(self.fuser, result)

    def finish(self, results: Sequence[tuple[Operand, Buffer]]) -> None:
        """Bring array results to where they belong, after the other steps."""
        copies = [(r, out) for r, out in results if self._memory(r) is not out]
        moved: list[Step] = []
        for result, out in copies:
            whole = tuple(map(Index, range(result.aval.ndim)))
            base = self.fuser.places.resolve(result)[0]
            if self.fuser.memory.get(base) in [b for _, b in copies]:
                # What is read here is written there: two arrays that change places, for one.
                aside = self.outer.fresh("aside", out.shape, out.dtype)
                self.steps.append(self.fuser.copy(result, Access(aside, whole)))
                moved.append(LoopNest(out.shape, [Store(Access(out, whole), Access(aside, whole))]))
            else:
                moved.append(self.fuser.copy(result, Access(out, whole)))
        self.steps += moved

    def _memory(self, result: Operand) -> Buffer | None:
        """The memory that a result is in, as it is."""
        base, index = self.fuser.places.resolve(result)
        own = self.fuser.memory.get(base)
        if own is None or base in self.fuser.layouts or result in self.fuser.places.guards:
            return None
        return own if is_identity(index, result.aval.ndim) and own.shape == self.fuser.shape(result) else None


def _given(fuser: Fuser, operand: Operand, steps: list[Step]) -> Any:
    """What a parameter of an inner block stands for that is the same as `operand`."""
    if isinstance(operand.aval, StackAval):
        return fuser.memory[operand]
    if operand.aval.shape:
        return fuser.whole(operand, steps, False)[0]
    source = _scalar(fuser, operand)
    if isinstance(source, Constant):
        return Literal(source.value, operand.aval)
    if not isinstance(source, str):  # an element of memory, read now
        own = Buffer(fuser.names.fresh("x"), (), operand.aval.dtype)
        steps.append(LoopNest((), [Store(Access(own, ()), source)]))
        return own
    return Buffer(source, (), operand.aval.dtype)


def _cycle(fuser: Fuser, instr: Instr) -> list[Step]:
    """A loop: its arrays begin as copies of what they are given, in the memory of its results."""
    counted = isinstance(instr.op, Loop)
    before: list[Step] = []
    lead, n, body = int(counted), instr.params["carry"], instr.params["body"]
    operands = instr.operands[lead:]
    given: dict[Operand, Any] = {}
    cells: list[Cell] = []
    for operand, param, result, after in zip(operands, body.params[lead:], instr.results, body.results, strict=False):
        if isinstance(param.aval, StackAval):
            given[param] = fuser.memory[operand]
        elif param.aval.shape:
            given[param] = out = fuser.memory[result]
            made = fuser.producers.get(fuser.places.resolve(operand)[0])
            if made is None or not isinstance(made.op, Blank):
                before.append(fuser.copy(operand, Access(out, tuple(map(Index, range(len(out.shape)))))))
        else:
            name = fuser.names.fresh(param.hint or "state")
            given[param] = Buffer(name, (), param.aval.dtype)
            cells.append(Cell(name, fuser.memory[result].name, param.aval.dtype, _scalar(fuser, operand), after))
    consts = [_given(fuser, o, before) for o in operands[n:]]
    given.update(zip(body.params[lead + n :], consts, strict=True))
    cycle = Cycle(instr, [], cells)
    if counted:
        cycle.trips, cycle.reverse = _scalar(fuser, instr.operands[0]), instr.params["reverse"]
        cycle.number = fuser.names.fresh(body.params[0].hint or "t")
        given[body.params[0]] = Buffer(cycle.number, (), body.params[0].aval.dtype)
    else:
        test = instr.params["test"]
        own = {p: given[q] for p, q in zip(test.params, body.params, strict=True)}
        seen = Inner(fuser, test, own)
        cycle.test = seen.steps, seen.scalar(test.results[0])
    inner = Inner(fuser, body, given)
    states = [(r, given[p]) for r, p in zip(body.results, body.params[lead : lead + n], strict=True) if _is_array(p)]
    inner.finish(states)
    for cell in cells:
        cell.next = inner.scalar(cell.next)  # type: ignore[arg-type]
    cycle.body = inner.steps
    return [*before, cycle]


def _is_array(value: Operand) -> bool:
    return bool(value.aval.shape) and not isinstance(value.aval, StackAval)


def _inlined(fuser: Fuser, instr: Instr) -> list[Step]:
    """A block that runs once, where it stands."""
    before: list[Step] = []
    block = instr.params["body"]
    given = {p: _given(fuser, o, before) for p, o in zip(block.params, instr.operands, strict=True)}
    inner = Inner(fuser, block, given)
    pairs = list(zip(block.results, instr.results, strict=True))
    inner.finish([(r, fuser.memory[y]) for r, y in pairs if _is_array(y)])
    scalars = [(inner.scalar(r), fuser.memory[y]) for r, y in pairs if not y.aval.shape]
    named = LoopNest((), [Store(Access(out, ()), source) for source, out in scalars])
    return [*before, *inner.steps, *([named] if scalars else [])]


def _branch(fuser: Fuser, instr: Instr) -> list[Step]:
    """A branch: both sides leave their arrays in the memory of its results."""
    before: list[Step] = []
    pred, *operands = instr.operands
    shared = [_given(fuser, o, before) for o in operands]
    sides = []
    for key in ("then", "otherwise"):
        block = instr.params[key]
        inner = Inner(fuser, block, dict(zip(block.params, shared, strict=True)))
        pairs = zip(block.results, instr.results, strict=True)
        inner.finish([(r, fuser.memory[y]) for r, y in pairs if _is_array(y)])
        scalars = [inner.scalar(r) for r in block.results if not r.aval.shape and not isinstance(r.aval, StackAval)]
        sides.append((inner.steps, scalars))
    results = [fuser.memory[y] for y in instr.results if not y.aval.shape and not isinstance(y.aval, StackAval)]
    return [*before, Branch(instr, _scalar(fuser, pred), (sides[0], sides[1]), results)]
