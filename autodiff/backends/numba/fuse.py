"""From a block to as few loop nests as possible.

Every elementwise op and every reduction has a domain, the shape it runs over. An instruction
joins the first nest over its domain that starts late enough for all it reads; only when there
is none does it open a new one. Because forward and backward are one block, the adjoint of an
elementwise chain lands in the nest of the chain itself.

Movements (transpose, slice, flip, broadcast) are never executed: whoever reads their result
reads the source through an index map. A value gets memory only if someone outside its own
nest, or the caller, reads it.

Three steps: `_place` puts instructions into nests, `_materialise` finds which values need
memory, `_emit` writes the bodies. Start at `fuse`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Alias,
    Buffer,
    Constant,
    Index,
    KernelPlan,
    LoopNest,
    NativeCall,
    Source,
    Statement,
    Step,
    Store,
)
from autodiff.ir.core import Block, Instr, Literal, Operand, Value
from autodiff.ir.pretty import Namer
from autodiff.ir.signature import Sizes
from autodiff.ops.contraction import Matmul
from autodiff.ops.families import Elementwise, Movement, Reduction, broadcast, reshape
from autodiff.ops.movement import Placement, flip, slice_, transpose
from autodiff.ops.op import Call, Cast

BEFORE = -1  # the "step" in which parameters are computed
RESERVED = ("kernel", "chunk", "range", "min", "max", "abs", "bool", "int", "float")
LOOP_NAMES = (*"ijklmpqrs", *(f"i{k}" for k in range(9, 64)))  # NumPy has 64 axes at most


class NoKernel(Exception):
    """This block holds something that kernels cannot do; the interpreter runs it."""


Map = tuple[Index, ...]
Shape = tuple[str, ...]  # sizes as text: equal text is equal size


@dataclass(eq=False)
class _Group:
    """A nest in the making: its domain and the instructions placed in it."""

    domain: Shape
    instrs: list[Instr] = field(default_factory=list)


class Fuser:
    """The state of one lowering: where each value is, and what it is called."""

    def __init__(self, block: Block, sizes: Sizes, reserved: tuple[str, ...] = ()) -> None:
        self.block = block
        self.sizes = sizes
        self.names = Namer((*RESERVED, *LOOP_NAMES, *reserved, *sizes.values))
        self.views: dict[Operand, tuple[Operand, Map]] = {}
        self.home: dict[Operand, int] = dict.fromkeys(block.params, BEFORE)
        self.pointwise: set[Operand] = set()
        self.steps: list[_Group | Instr] = []
        self.memory: dict[Operand, Buffer] = {}
        self.allocated: list[Buffer] = []
        self.locals: dict[Operand, str] = {}
        self.waiting: dict[Operand, Instr] = {}

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

    # ---- views ------------------------------------------------------------------------

    def resolve(self, value: Operand) -> tuple[Operand, Map]:
        """The value whose elements are read, and through which map."""
        return self.views.get(value) or (value, tuple(Index(k) for k in range(value.aval.ndim)))

    def add_view(self, instr: Instr, own: Map) -> None:
        """Record that a movement's result reads its operand through `own`."""
        base, inner = self.resolve(instr.operands[0])
        composed = tuple(
            outer if outer.axis is None else outer.through(own[outer.axis]) for outer in inner
        )
        self.views[instr.results[0]] = (base, composed)

    def movement_map(self, instr: Instr) -> Map | None:
        """Index map of a movement, per axis of its operand; None when it is not affine."""
        op, p, shape = instr.op, instr.params, self.shape(instr.operands[0])
        if op is transpose:
            return tuple(Index(p["perm"].index(k)) for k in range(len(shape)))
        if op is broadcast:
            return tuple(Index(None) if n == "1" else Index(d) for n, d in zip(shape, p["dims"], strict=True))
        if op is slice_:
            starts = self.sizes.starts[instr, "starts"]
            return tuple(Index(k, a, s) for k, (a, s) in enumerate(zip(starts, p["steps"], strict=True)))
        if op is flip:
            return tuple(Index(k, minus_one(n), -1) if k in p["axes"] else Index(k) for k, n in enumerate(shape))
        return unit_reshape(shape, self.shape(instr.results[0])) if op is reshape else None

    # ---- placing ----------------------------------------------------------------------

    def place(self) -> None:
        """Give every instruction a step: a nest, or one of its own.

        Elementwise instructions wait until somebody needs them, so that what the adjoint alone
        reads is computed in the adjoint's nest instead of being kept for it.
        """
        for instr in self.block.instrs:
            own = self.movement_map(instr) if isinstance(instr.op, Movement) else None
            if own is not None:
                self.add_view(instr, own)
            elif isinstance(instr.op, Elementwise | Cast):
                self.waiting[instr.results[0]] = instr
                self.pointwise.update(instr.results)
            elif isinstance(instr.op, Reduction):
                self._join(instr, self.shape(instr.operands[0]))
            elif isinstance(instr.op, Call | Matmul | Placement) or instr.op is reshape:
                self._place_operands(instr)
                self._alone(instr)
            else:
                raise NoKernel(f"{instr.op.name} has no kernel")
        for result in self.block.results:
            self._place_value(self.resolve(result)[0])

    def _place_operands(self, instr: Instr) -> None:
        for operand in instr.operands:
            self._place_value(self.resolve(operand)[0])

    def _place_value(self, value: Operand) -> None:
        """Place a waiting instruction, in a nest of its own domain."""
        instr = self.waiting.get(value)
        if instr is not None:
            self._join(instr, self.shape(value))

    def _join(self, instr: Instr, domain: Shape) -> None:
        """Put an instruction, and what waits to be computed for it, into one nest."""
        chain = self._chain(instr, domain)
        first = max((self._ready(o, domain) for i in chain for o in i.operands), default=0)
        k = self._group_at(first, domain)
        group = self.steps[k]
        assert isinstance(group, _Group)
        group.instrs += chain
        for placed in chain:
            self.home.update(dict.fromkeys(placed.results, k))
            self.waiting.pop(placed.results[0], None)

    def _chain(self, instr: Instr, domain: Shape) -> list[Instr]:
        """`instr` and the waiting instructions it reads pointwise, in order; others are placed."""
        chain: dict[Instr, None] = {}
        stack = [(instr, False)]
        while stack:
            current, expanded = stack.pop()
            if current in chain:
                continue
            if expanded:
                chain[current] = None
                continue
            stack.append((current, True))
            for operand in current.operands:
                base, index = self.resolve(operand)
                waiting = self.waiting.get(base)
                if waiting is None:
                    continue
                if self._is_pointwise(base, index, domain):
                    stack.append((waiting, False))
                else:
                    self._place_value(base)
        return list(chain)

    def _is_pointwise(self, base: Operand, index: Map, domain: Shape) -> bool:
        return self.shape(base) == domain and _is_identity(index, len(domain))

    def _ready(self, operand: Operand, domain: Shape) -> int:
        """The first step in which a nest over `domain` can read `operand`."""
        base, index = self.resolve(operand)
        if isinstance(base, Literal) or base in self.waiting:
            return 0  # a number, or computed in the same nest
        if base in self.pointwise and self._is_pointwise(base, index, domain):
            return self.home[base]
        return self.home[base] + 1

    def _group_at(self, first: int, domain: Shape) -> int:
        """The first nest over `domain` that starts no earlier than `first`; a new one if need be."""
        for k in range(first, len(self.steps)):
            group = self.steps[k]
            if isinstance(group, _Group) and group.domain == domain:
                return k
            if not domain:
                # Scalars never wait: one that waited would hold up every nest that reads it.
                return self._insert(k, domain)
        return self._insert(len(self.steps), domain)

    def _insert(self, k: int, domain: Shape) -> int:
        self.steps.insert(k, _Group(domain))
        self.home = {v: h + 1 if h >= k else h for v, h in self.home.items()}
        return k

    def _alone(self, instr: Instr) -> None:
        self.home.update(dict.fromkeys(instr.results, len(self.steps)))
        self.steps.append(instr)

    # ---- memory -----------------------------------------------------------------------

    def materialise(self) -> None:
        """Give memory to every value that is read outside of its own nest."""
        for param in self.block.params:
            self.memory[param] = self.buffer(param)
        for k, step in enumerate(self.steps):
            for instr in step.instrs if isinstance(step, _Group) else [step]:
                for operand in instr.operands:
                    self._need(operand, k, step)
                if not isinstance(step, _Group) or isinstance(instr.op, Reduction):
                    self._allocate(instr.results[0], zeroed=_needs_zeros(instr))
        for result in self.block.results:
            self._need(result, len(self.steps), None)

    def _need(self, operand: Operand, step: int, group: _Group | Instr | None) -> None:
        if isinstance(operand, Literal):
            return
        base, index = self.resolve(operand)
        if isinstance(base, Literal) or base not in self.pointwise:
            return
        domain = group.domain if isinstance(group, _Group) else None
        inside = self.home[base] == step and domain is not None and _is_identity(index, len(domain))
        if not inside:
            self._allocate(base)

    def _allocate(self, value: Operand, zeroed: bool = False) -> None:
        if value not in self.memory:
            self.memory[value] = self.buffer(value, zeroed)
            if value.aval.shape:
                self.allocated.append(self.memory[value])

    # ---- emitting ---------------------------------------------------------------------

    def source(self, operand: Operand, step: int) -> Source:
        """How a statement in nest `step` reads an operand."""
        if isinstance(operand, Literal):
            return Constant(operand.value, operand.aval.dtype)
        base, index = self.resolve(operand)
        if isinstance(base, Literal):
            return Constant(base.value, base.aval.dtype)
        if base in self.pointwise and self.home[base] == step:
            return self.local(base)
        if not base.aval.shape:
            return self.memory[base].name
        return Access(self.memory[base], index)

    def _broadcast_source(self, operand: Operand, domain: Shape, step: int) -> Source:
        """The same, aligned to a larger domain the way NumPy broadcasts."""
        found = self.source(operand, step)
        if not isinstance(found, Access):
            return found
        shape = self.shape(operand)
        offset = len(domain) - len(shape)
        aligned = tuple(
            Index(None) if n == "1" and domain[k + offset] != "1" else Index(k + offset) for k, n in enumerate(shape)
        )
        return Access(found.buffer, tuple(i if i.axis is None else i.through(aligned[i.axis]) for i in found.index))

    def emit(self) -> list[Step]:
        steps: list[Step] = []
        for k, step in enumerate(self.steps):
            if isinstance(step, _Group):
                steps.append(self._nest(step, k))
            else:
                steps += self._single(step)
        return steps

    def _nest(self, group: _Group, k: int) -> LoopNest:
        nest = LoopNest(group.domain)
        whole = tuple(Index(axis) for axis in range(len(group.domain)))
        for instr in group.instrs:
            (y,) = instr.results
            operands = tuple(self._broadcast_source(o, group.domain, k) for o in instr.operands)
            if isinstance(instr.op, Reduction):
                names = [self.names.fresh(f"{kind}_{self.names(y)}") for kind in ("total", "part")]
                nest.body.append(Accumulate(instr, self.memory[y], operands[0], instr.params["axes"], *names))
                continue
            nest.body.append(Statement(self.local(y), instr, operands))
            if y in self.memory and y.aval.shape:
                nest.body.append(Store(Access(self.memory[y], whole), self.local(y)))
        return nest

    def _single(self, instr: Instr) -> list[Step]:
        out = self.memory[instr.results[0]]
        if isinstance(instr.op, Placement):
            return self._placement(instr, instr.op, out)
        steps: list[Step] = []
        operands = tuple(self._whole(o, steps, isinstance(instr.op, Matmul)) for o in instr.operands)
        if instr.op is reshape:
            base, _ = operands[0]
            self.allocated.remove(out)
            return [*steps, Alias(out, base)]
        if out.shape:
            return [*steps, NativeCall(instr, out, operands)]
        cell = self._fresh("cell", ("1",), out.dtype)
        read = LoopNest((), [Store(Access(out, ()), Access(cell, (Index(None),)))])
        return [*steps, NativeCall(instr, cell, operands), read]

    def _fresh(self, hint: str, shape: tuple[str, ...], dtype: np.dtype) -> Buffer:
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
            steps.append(self._copy(operand, Access(out, index)))
        return steps

    def _copy(self, operand: Operand, target: Access) -> LoopNest:
        """A nest that writes every element of `operand` to `target`."""
        return LoopNest(self.shape(operand), [Store(target, self.source(operand, len(self.steps)))])

    def _whole(self, operand: Operand, before: list[Step], transposable: bool) -> tuple[Buffer, bool]:
        """A buffer that holds `operand` entirely: its own (transposed, reshaped), or a copy."""
        base, index = self.resolve(operand)
        own, shape = self.memory.get(base), self.shape(operand)
        if own is not None and own.shape:
            if own.shape == shape and _is_identity(index, len(shape)):
                return own, False
            if transposable and own.shape == shape[::-1] and index == (Index(1), Index(0)):
                return own, True
            if index == unit_reshape(own.shape, shape):
                return self._alias(own, shape, before), False
        # A native function takes arrays: a scalar becomes an array of one element.
        copy = self._fresh("copy", shape or ("1",), operand.aval.dtype)
        whole = tuple(Index(k) for k in range(len(shape))) or (Index(None),)
        before.append(self._copy(operand, Access(copy, whole)))
        return copy, False

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
        base, index = self.resolve(result)
        own, shape = self.memory.get(base), self.shape(result)
        if own is None or own in taken:
            return None
        whole = own.shape == shape and _is_identity(index, len(shape))
        if not own.shape:
            return own if whole else None  # scalars are not memory: nothing can alias them
        if own not in self.allocated or not shape or not (whole or index == unit_reshape(own.shape, shape)):
            return None
        taken.add(own)
        return own if whole else self._alias(own, shape, steps)

    def _copied_result(self, result: Operand, steps: list[Step]) -> Buffer:
        own = self._fresh("out", self.shape(result), result.aval.dtype)
        steps.append(self._copy(result, Access(own, tuple(Index(k) for k in range(len(own.shape))))))
        return own


def _is_identity(index: Map, ndim: int) -> bool:
    return len(index) == ndim and all(i == Index(k) for k, i in enumerate(index))


def _needs_zeros(instr: Instr) -> bool:
    return isinstance(instr.op, Placement) and not instr.op.filled


def unit_reshape(old: Shape, new: Shape) -> Map | None:
    """The map of a reshape that only adds and removes axes of length 1."""
    places = [k for k, n in enumerate(new) if n != "1"]
    if [n for n in old if n != "1"] != [new[k] for k in places]:
        return None
    axes = iter(places)
    return tuple(Index(None) if n == "1" else Index(next(axes)) for n in old)


def minus_one(n: str) -> str:
    return str(int(n) - 1) if n.isdigit() else f"{n} - 1"


def fuse(block: Block, sizes: Sizes, reserved: tuple[str, ...] = ()) -> KernelPlan:
    """Lower a generalised block.

    Raises
    ------
    NoKernel
        When the block holds an op, or a dtype, that kernels do not have.
    """
    for value in (*block.params, *(r for i in block.instrs for r in i.results)):
        if value.aval.dtype not in KERNEL_DTYPES:
            raise NoKernel(f"kernels have no dtype {value.aval.dtype}")
    fuser = Fuser(block, sizes, reserved)
    fuser.place()
    fuser.materialise()
    params = [fuser.memory[p] for p in block.params]
    steps = fuser.emit()
    results = fuser.results(steps)
    return KernelPlan(params, fuser.allocated, steps, results, tuple(sizes.values))


KERNEL_DTYPES: frozenset[Any] = frozenset(
    map(np.dtype, ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"))
)
