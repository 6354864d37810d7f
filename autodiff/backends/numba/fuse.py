"""From a block to as few loop nests as possible.

`place.Places` decides which instruction runs in which nest. Here values get memory, if someone
outside their own nest or the caller reads them (`materialise`), and the nests get their bodies
(`emit`). Start at `fuse`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.backends.numba.arrange import arrange
from autodiff.backends.numba.fuse_regions import share_stacks, steps_of
from autodiff.backends.numba.in_place import in_place
from autodiff.backends.numba.kept_states import keep_states
from autodiff.backends.numba.lives import roots_of
from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Alias,
    Buffer,
    Constant,
    Guard,
    Guarded,
    Index,
    KernelPlan,
    LoopNest,
    NativeCall,
    Order,
    Source,
    Statement,
    Step,
    Store,
)
from autodiff.backends.numba.no_copies import without_copies
from autodiff.backends.numba.place import Given, Group, Map, NoKernel, Places, Shape, is_identity, through, unit_reshape
from autodiff.backends.numba.side_by_side import side_by_side
from autodiff.ir.core import Block, Instr, Literal, Operand, blocks_of
from autodiff.ir.pretty import Namer
from autodiff.ir.signature import Sizes
from autodiff.ops.contraction import Matmul
from autodiff.ops.extents import Checked
from autodiff.ops.families import Reduction, reshape
from autodiff.ops.movement import Placement
from autodiff.ops.region import Region
from autodiff.ops.stack import Blank, Stack
from autodiff.ops.window import Written

__all__ = ["Fuser", "NoKernel", "fuse"]

RESERVED = ("kernel", "chunk", "range", "min", "max", "abs", "bool", "int", "float")
LOOP_NAMES = (*"ijklmpqrs", *(f"i{k}" for k in range(9, 64)))  # NumPy has 64 axes at most


class Fuser:
    """The state of one lowering: what is in memory, and what everything is called."""

    def __init__(self, block: Block, sizes: Sizes, names: Namer, given: Given) -> None:
        """`given` says what the parameters of an inner block are: buffers, numbers, scalars by name."""
        self.block = block
        self.sizes = sizes
        self.names = names
        self.given = given
        self.producers = {r: i for i in block.instrs for r in i.results}
        for param, what in given.items():
            if isinstance(what, Buffer):
                names.call(param, what.name)
        self.places = Places(block, sizes, names, given)
        self.memory: dict[Operand, Buffer] = {}
        self.allocated: list[Buffer] = []
        self.locals: dict[Operand, str] = {}
        self.layouts: dict[Operand, Order] = {}  # of values that do not lie in the order of their axes
        self.orders: dict[Group, Order] = {}  # of the loops of nests that do not run in that order

    # ---- shapes and names -------------------------------------------------------------

    def shape(self, value: Operand) -> Shape:
        return self.sizes.shape(value)

    def buffer(self, value: Operand, zeroed: bool = False) -> Buffer:
        return Buffer(self.names(value), self.shape(value), value.aval.dtype, zeroed)

    def local(self, value: Operand) -> str:
        """The name of a value inside its own nest; its memory, if any, is called otherwise."""
        if value not in self.locals:
            stored = value.aval.shape and value in self.memory
            self.locals[value] = self.names.fresh(f"{self.names(value)}_i") if stored else self.names(value)
        return self.locals[value]

    # ---- memory -----------------------------------------------------------------------

    def materialise(self) -> None:
        """Give memory to every value that is read outside of its own nest."""
        for param in self.block.params:
            if not isinstance(self.given.get(param), Literal):
                self.memory[param] = self.given.get(param) or self.buffer(param)
        for k, step in enumerate(self.places.steps):
            for instr in step.instrs if isinstance(step, Group) else [step]:
                for operand in instr.operands:
                    self._need(operand, k)
                if isinstance(instr.op, Stack | Region):
                    share_stacks(self, instr)
                if not isinstance(step, Group) or isinstance(instr.op, Reduction):
                    for result in instr.results:
                        self._allocate(result, zeroed=_needs_zeros(instr))
        for result in self.block.results:
            self._need(result, len(self.places.steps))
        arrange(self)

    def _need(self, operand: Operand, step: int) -> None:
        """Whoever reads a value in another step than its own reads memory."""
        base, _ = self.places.resolve(operand)
        if base in self.places.pointwise and self.places.home(base) != step:
            self._allocate(base)

    def _allocate(self, value: Operand, zeroed: bool = False) -> None:
        if value not in self.memory:
            self.memory[value] = self.buffer(value, zeroed)
            if value.aval.shape:
                self.allocated.append(self.memory[value])

    # ---- emitting ---------------------------------------------------------------------

    def source(self, operand: Operand, step: int) -> Source:
        """How a statement in nest `step` reads an operand."""
        base, index = self.places.resolve(operand)
        guards = self.places.guards.get(operand)
        found: str | Constant | Access
        if isinstance(base, Literal):
            found = Constant(base.value, base.aval.dtype)
        elif base in self.places.pointwise and self.places.home(base) == step:
            found = self.local(base)
        elif not self.memory[base].shape:
            found = self.memory[base].name
        else:
            found = Access(self.memory[base], self._laid_out(base, index))
        if not guards:
            return found
        dtype = operand.aval.dtype
        neutral = self.places.fillings[operand] and dtype.kind == "f"
        return Guarded(found, guards, Constant(-0.0 if neutral else 0, dtype))

    def _laid_out(self, value: Operand, index: Map) -> Map:
        """A position on the axes of a value, on those of its memory."""
        layout = self.layouts.get(value)
        return index if layout is None else tuple(index[k] for k in layout)

    def broadcast_source(self, operand: Operand, domain: Shape, step: int) -> Source:
        """The same, aligned to a larger domain the way NumPy broadcasts."""
        found = self.source(operand, step)
        if not isinstance(found, Access | Guarded):
            return found
        shape = self.shape(operand)
        if shape == domain:
            return found
        offset = len(domain) - len(shape)
        aligned = tuple(
            Index(None) if n == "1" and domain[k + offset] != "1" else Index(k + offset) for k, n in enumerate(shape)
        )
        return reindexed(found, aligned)

    def emit(self) -> list[Step]:
        steps: list[Step] = []
        for k, step in enumerate(self.places.steps):
            if isinstance(step, Group):
                steps.append(self._nest(step, k))
            else:
                steps += self._single(step)
        return steps

    def _nest(self, group: Group, k: int) -> LoopNest:
        rank = len(group.domain)
        order = self.orders.get(group, tuple(range(rank)))
        nest = LoopNest(tuple(group.domain[a] for a in order))
        loops = tuple(Index(order.index(axis)) for axis in range(rank))
        for instr in group.instrs:
            (y,) = instr.results
            operands = tuple(reindexed(self.broadcast_source(o, group.domain, k), loops) for o in instr.operands)
            if isinstance(instr.op, Reduction):
                names = [self.names.fresh(f"{kind}_{self.names(y)}") for kind in ("total", "part")]
                reduced = instr.params["axes"]
                kept = self._laid_out(y, tuple(i for a, i in enumerate(loops) if a not in reduced))
                axes = tuple(sorted(order.index(a) for a in reduced))
                nest.body.append(Accumulate(instr, self.memory[y], operands[0], axes, kept, *names))
                continue
            nest.body.append(Statement(self.local(y), instr, operands))
            if y in self.memory and y.aval.shape:
                nest.body.append(Store(Access(self.memory[y], self._laid_out(y, loops)), self.local(y)))
        return nest

    def _single(self, instr: Instr) -> list[Step]:
        outs = [self.memory[r] for r in instr.results]
        if isinstance(instr.op, Region | Stack | Blank | Written) or _is_scalar_check(instr):
            return steps_of(self, instr)
        if isinstance(instr.op, Placement):
            return self._placement(instr, instr.op, outs[0])
        steps: list[Step] = []
        operands = tuple(self.whole(o, steps, isinstance(instr.op, Matmul)) for o in instr.operands)
        if instr.op is reshape:
            base, _ = operands[0]
            self.allocated.remove(outs[0])
            return [*steps, Alias(outs[0], base)]
        # A native function writes memory: a scalar goes through an array of one element.
        cells = [out if out.shape else self.fresh("cell", ("1",), out.dtype) for out in outs]
        scalars = [(out, cell) for out, cell in zip(outs, cells, strict=True) if out is not cell]
        read = [Store(Access(out, ()), Access(cell, (Index(None),))) for out, cell in scalars]
        return [*steps, NativeCall(instr, tuple(cells), operands), *([LoopNest((), [*read])] if read else [])]

    def fresh(self, hint: str, shape: tuple[str, ...], dtype: np.dtype) -> Buffer:
        """Memory that belongs to no value; scalars (shape ()) are locals and need none."""
        made = Buffer(self.names.fresh(hint), shape, dtype)
        if shape:
            self.allocated.append(made)
        return made

    def _placement(self, instr: Instr, op: Placement, out: Buffer) -> list[Step]:
        steps: list[Step] = []
        shapes = [self.shape(o) for o in instr.operands]
        low = self.sizes.starts.get((instr, "low"), ())
        for operand, part in zip(instr.operands, op.parts(shapes, low, instr.params), strict=True):
            starts = [" + ".join(t for t in terms if t != "0") or "0" for terms, _ in part]
            index = tuple(Index(k, a, step) for k, (a, (_, step)) in enumerate(zip(starts, part, strict=True)))
            steps.append(self.copy(operand, Access(out, index)))
        return steps

    def copy(self, operand: Operand, target: Access) -> LoopNest:
        """A nest that writes every element of `operand` to `target`."""
        return LoopNest(self.shape(operand), [Store(target, self.source(operand, len(self.places.steps)))])

    def whole(self, operand: Operand, before: list[Step], transposable: bool) -> tuple[Buffer, Order]:
        """A buffer that holds `operand` entirely: its own (transposed, reshaped), or a copy."""
        base, index = self.places.resolve(operand)
        own, shape = self.memory.get(base), self.shape(operand)
        natural = tuple(range(len(shape)))
        if own is not None and own.shape and operand not in self.places.guards:
            order = transposition(self._laid_out(base, index), own.shape, shape)
            if order is not None and (order == natural or (transposable and order[-1] >= len(shape) - 2)):
                return own, order
            if base not in self.layouts and index == unit_reshape(own.shape, shape):
                return self._alias(own, shape, before), natural
        # A native function takes arrays: a scalar becomes an array of one element.
        copy = self.fresh("copy", shape or ("1",), operand.aval.dtype)
        whole = tuple(Index(k) for k in range(len(shape))) or (Index(None),)
        before.append(self.copy(operand, Access(copy, whole)))
        return copy, natural or (0,)

    def _alias(self, base: Buffer, shape: Shape, steps: list[Step]) -> Buffer:
        alias = Buffer(self.names.fresh(base.name), shape, base.dtype)
        steps.append(Alias(alias, base))
        return alias

    def results(self, steps: list[Step]) -> list[Buffer]:
        """Fresh memory for the results: never a parameter's, never the same twice."""
        taken: set[Buffer] = set()
        return [self._own_result(r, taken, steps) or self._copied_result(r, steps) for r in self.block.results]

    def _own_result(self, result: Operand, taken: set[Buffer], steps: list[Step]) -> Buffer | None:
        """The memory a result is in already, when nobody else holds it."""
        base, index = self.places.resolve(result)
        own, shape = self.memory.get(base), self.shape(result)
        if own is None or own in taken or result in self.places.guards:
            return None
        whole = base not in self.layouts and own.shape == shape and is_identity(index, len(shape))
        if not own.shape:
            return own if whole else None  # scalars are not memory: nothing can alias them
        reshaped = base not in self.layouts and index == unit_reshape(own.shape, shape)
        if own not in self.allocated or not shape or not (whole or reshaped):
            return None
        taken.add(own)
        return own if whole else self._alias(own, shape, steps)

    def _copied_result(self, result: Operand, steps: list[Step]) -> Buffer:
        own = self.fresh("out", self.shape(result), result.aval.dtype)
        steps.append(self.copy(result, Access(own, tuple(Index(k) for k in range(len(own.shape))))))
        return own


def reindexed(source: Source, loops: Map) -> Source:
    """What is read at positions on some loops, at positions on others."""
    if isinstance(source, Access):
        return Access(source.buffer, tuple(through(i, loops) for i in source.index))
    if isinstance(source, Guarded):
        inner = reindexed(source.source, loops)
        assert not isinstance(inner, Guarded)
        return Guarded(inner, tuple(Guard(through(g.index, loops), g.size) for g in source.guards), source.zero)
    return source


def transposition(index: Map, memory: Shape, shape: Shape) -> Order | None:
    """Which axis of a value each axis of its memory is; None when it is more than a transposition."""
    order = tuple(-1 if i.axis is None or i != Index(i.axis) else i.axis for i in index)
    if sorted(order) != list(range(len(shape))) or any(n != shape[a] for n, a in zip(memory, order, strict=True)):
        return None
    return order


def _is_scalar_check(instr: Instr) -> bool:
    """Whether a check is one of the kernel itself; that of a batch is a function."""
    return isinstance(instr.op, Checked) and not instr.results[0].aval.shape


def _needs_zeros(instr: Instr) -> bool:
    return isinstance(instr.op, Placement) and not instr.op.filled


def fuse(block: Block, sizes: Sizes, reserved: tuple[str, ...] = ()) -> KernelPlan:
    """Lower a generalised block.

    Raises
    ------
    NoKernel
        When the block holds an op, or a dtype, that kernels do not have.
    """
    check_dtypes(block)
    names = Namer((*RESERVED, *LOOP_NAMES, *reserved, *sizes.values))
    fuser = Fuser(block, sizes, names, {})
    fuser.materialise()
    params = [fuser.memory[p] for p in block.params]
    steps = fuser.emit()
    results = fuser.results(steps)
    plan = in_place(without_copies(KernelPlan(params, fuser.allocated, steps, results, tuple(sizes.values))))
    roots = roots_of(plan)
    side_by_side(plan, lambda buffer: roots.get(buffer, buffer), names.fresh)
    keep_states(plan, names.fresh)
    return plan


def check_dtypes(block: Block) -> None:
    """Refuse values that kernels have no type for."""
    for value in (*block.params, *(r for i in block.instrs for r in i.results)):
        if value.aval.dtype not in KERNEL_DTYPES:
            raise NoKernel(f"kernels have no dtype {value.aval.dtype}")
    for instr in block.instrs:
        for inner in blocks_of(instr):
            check_dtypes(inner)


KERNEL_DTYPES: frozenset[Any] = frozenset(
    map(np.dtype, ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"))
)
