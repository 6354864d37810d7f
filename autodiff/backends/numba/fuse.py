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
from autodiff.errors import InternalError
from autodiff.ir.aval import ArrayAval
from autodiff.ir.core import Block, Instr, Literal, Operand, Value
from autodiff.ir.pretty import Namer
from autodiff.ir.signature import SMALL, Sizes
from autodiff.ops.contraction import Matmul
from autodiff.ops.families import Cast, Elementwise, Movement, Reduction, broadcast, reshape
from autodiff.ops.movement import Placement, flip, slice_, transpose
from autodiff.ops.op import Call

BEFORE = -1  # the "step" in which parameters are computed
RESERVED = ("np", "math", "range", "min", "max", "abs", "bool", "int", "float")


class NoKernel(Exception):
    """This block holds something that kernels cannot do; the interpreter runs it."""


Map = tuple[Index, ...]


@dataclass(eq=False)
class _Group:
    """A nest in the making: its domain and the instructions placed in it."""

    domain: tuple[int, ...]
    instrs: list[Instr] = field(default_factory=list)


class Fuser:
    """The state of one lowering: where each value is, and what it is called."""

    def __init__(self, block: Block, sizes: Sizes, reserved: tuple[str, ...] = ()) -> None:
        self.block = block
        self.sizes = sizes
        self.names = Namer((*RESERVED, *reserved, *sizes.names.values()))
        self.views: dict[Operand, tuple[Operand, Map]] = {}
        self.home: dict[Operand, int] = dict.fromkeys(block.params, BEFORE)
        self.pointwise: set[Operand] = set()
        self.steps: list[_Group | Instr] = []
        self.memory: dict[Operand, Buffer] = {}
        self.allocated: list[Buffer] = []
        self.locals: dict[Operand, str] = {}

    # ---- sizes and names --------------------------------------------------------------

    def size(self, n: int) -> str:
        """The text of a size, by name unless it is small."""
        if -SMALL <= n <= SMALL:
            return str(n)
        if n not in self.sizes.names:
            raise InternalError(f"lowering needs the size {n}, which is not part of the signature")
        return self.sizes.names[n]

    def buffer(self, value: Operand, zeroed: bool = False) -> Buffer:
        shape = tuple(map(self.size, value.aval.shape))
        return Buffer(self.names(value), shape, value.aval.dtype, zeroed)

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
        op, p, x = instr.op, instr.params, instr.operands[0].aval
        if op is transpose:
            return tuple(Index(p["perm"].index(k)) for k in range(x.ndim))
        if op is broadcast:
            return tuple(
                Index(None) if n == 1 else Index(d) for n, d in zip(x.shape, p["dims"], strict=True)
            )
        if op is slice_:
            return tuple(
                Index(k, self.size(a), s) for k, (a, s) in enumerate(zip(p["starts"], p["steps"], strict=True))
            )
        if op is flip:
            return tuple(
                Index(k, f"{self.size(n)} - 1", -1) if k in p["axes"] else Index(k) for k, n in enumerate(x.shape)
            )
        return _unit_reshape(x.shape, p["shape"]) if op is reshape else None

    # ---- placing ----------------------------------------------------------------------

    def place(self) -> None:
        """Give every instruction a step: a nest, or one of its own."""
        for instr in self.block.instrs:
            if isinstance(instr.op, Movement):
                own = self.movement_map(instr)
                if own is not None:
                    self.add_view(instr, own)
                    continue
            if isinstance(instr.op, Elementwise | Cast):
                self._join(instr, instr.results[0].aval.shape)
                self.pointwise.update(instr.results)
            elif isinstance(instr.op, Reduction):
                self._join(instr, instr.operands[0].aval.shape)
            elif isinstance(instr.op, Call | Matmul | Placement) or instr.op is reshape:
                self._alone(instr)
            else:
                raise NoKernel(f"{instr.op.name} has no kernel")

    def _earliest(self, operand: Operand, domain: tuple[int, ...]) -> int:
        """The first step in which `operand` can be read, pointwise over `domain` if possible."""
        if isinstance(operand, Literal):
            return 0
        base, index = self.resolve(operand)
        if isinstance(base, Literal):
            return 0
        if base in self.pointwise and base.aval.shape == domain and _is_identity(index, len(domain)):
            return self.home[base]
        return self.home[base] + 1

    def _join(self, instr: Instr, domain: tuple[int, ...]) -> None:
        first = max((self._earliest(o, domain) for o in instr.operands), default=0)
        for k in range(max(first, 0), len(self.steps)):
            group = self.steps[k]
            if isinstance(group, _Group) and group.domain == domain:
                break
        else:
            k = len(self.steps)
            self.steps.append(_Group(domain))
        group = self.steps[k]
        assert isinstance(group, _Group)
        group.instrs.append(instr)
        self.home.update(dict.fromkeys(instr.results, k))

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

    def _broadcast_source(self, operand: Operand, domain: tuple[int, ...], step: int) -> Source:
        """The same, aligned to a larger domain the way NumPy broadcasts."""
        found = self.source(operand, step)
        if not isinstance(found, Access):
            return found
        shape, offset = operand.aval.shape, len(domain) - operand.aval.ndim
        aligned = tuple(
            Index(None) if shape[k] == 1 and domain[k + offset] != 1 else Index(k + offset) for k in range(len(shape))
        )
        return Access(found.buffer, tuple(i if i.axis is None else i.through(aligned[i.axis]) for i in found.index))

    def emit(self) -> list[Step]:
        steps: list[Step] = []
        for k, step in enumerate(self.steps):
            if isinstance(step, _Group):
                steps.append(self._nest(step, k))
            else:
                steps += self._single(step, k)
        return steps

    def _nest(self, group: _Group, k: int) -> LoopNest:
        nest = LoopNest(tuple(map(self.size, group.domain)))
        whole = tuple(Index(axis) for axis in range(len(group.domain)))
        for instr in group.instrs:
            (y,) = instr.results
            operands = tuple(self._broadcast_source(o, group.domain, k) for o in instr.operands)
            if isinstance(instr.op, Reduction):
                nest.body.append(Accumulate(instr, self.memory[y], operands[0], instr.params["axes"]))
                continue
            nest.body.append(Statement(self.local(y), instr, operands))
            if y in self.memory and y.aval.shape:
                nest.body.append(Store(Access(self.memory[y], whole), self.local(y)))
        return nest

    def _single(self, instr: Instr, k: int) -> list[Step]:
        out = self.memory[instr.results[0]]
        if isinstance(instr.op, Placement):
            return self._placement(instr, instr.op, out)
        before: list[Step] = []
        operands = tuple(self._whole(o, before, isinstance(instr.op, Matmul)) for o in instr.operands)
        if instr.op is reshape:
            base, _ = operands[0]
            self.allocated.remove(out)
            return [*before, Alias(out, base)]
        return [*before, NativeCall(instr, out, operands)]

    def _placement(self, instr: Instr, op: Placement, out: Buffer) -> list[Step]:
        steps: list[Step] = []
        parts = op.parts([o.aval for o in instr.operands], dict(instr.params))
        for operand, part in zip(instr.operands, parts, strict=True):
            index = []
            for axis, (terms, step) in enumerate(part):
                start = " + ".join(self.size(t) for t in terms if t) or "0"
                index.append(Index(axis, start, step))
            steps.append(self._copy(operand, Access(out, tuple(index))))
        return steps

    def _copy(self, operand: Operand, target: Access) -> LoopNest:
        """A nest that writes every element of `operand` to `target`."""
        return LoopNest(tuple(map(self.size, operand.aval.shape)), [Store(target, self.source(operand, len(self.steps)))])

    def _whole(self, operand: Operand, before: list[Step], transposable: bool) -> tuple[Buffer, bool]:
        """A buffer that holds `operand` entirely: its own, read transposed, or a copy."""
        base, index = self.resolve(operand)
        if isinstance(base, Value) and base.aval.shape and base in self.memory:
            if base.aval.shape == operand.aval.shape and _is_identity(index, operand.aval.ndim):
                return self.memory[base], False
            if transposable and operand.aval.ndim == 2 and _is_swap(base.aval, index):
                return self.memory[base], True
        copy = Buffer(self.names.fresh("copy"), tuple(map(self.size, operand.aval.shape)), operand.aval.dtype)
        self.allocated.append(copy)
        before.append(self._copy(operand, Access(copy, tuple(Index(k) for k in range(operand.aval.ndim)))))
        return copy, False

    def results(self, steps: list[Step]) -> list[Buffer]:
        """Fresh buffers for the results: never a parameter, never the same one twice."""
        found: list[Buffer] = []
        for result in self.block.results:
            base, index = self.resolve(result)
            own = self.memory.get(base) if isinstance(base, Value) else None
            whole = base.aval.shape == result.aval.shape and _is_identity(index, result.aval.ndim)
            fresh = own is not None and whole and own in self.allocated and own not in found
            if own is not None and not result.aval.shape and base not in self.block.params:
                fresh = True
            if not fresh:
                own = Buffer(self.names.fresh("out"), tuple(map(self.size, result.aval.shape)), result.aval.dtype)
                if own.shape:
                    self.allocated.append(own)
                target = Access(own, tuple(Index(k) for k in range(result.aval.ndim)))
                steps.append(self._copy(result, target))
            assert own is not None
            found.append(own)
        return found


def _is_identity(index: Map, ndim: int) -> bool:
    return len(index) == ndim and all(i == Index(k) for k, i in enumerate(index))


def _is_swap(base: ArrayAval, index: Map) -> bool:
    return base.ndim == 2 and index == (Index(1), Index(0))


def _needs_zeros(instr: Instr) -> bool:
    return isinstance(instr.op, Placement) and not instr.op.filled


def _unit_reshape(old: tuple[int, ...], new: tuple[int, ...]) -> Map | None:
    """The map of a reshape that only adds and removes axes of length 1."""
    places = [k for k, n in enumerate(new) if n != 1]
    if [n for n in old if n != 1] != [new[k] for k in places]:
        return None
    axes = iter(places)
    return tuple(Index(None) if n == 1 else Index(next(axes)) for n in old)


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
    return KernelPlan(params, fuser.allocated, steps, results, tuple(sizes.names.values()))


KERNEL_DTYPES: frozenset[Any] = frozenset(
    map(np.dtype, ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1", "?"))
)
