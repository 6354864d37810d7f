"""Which instruction runs in which loop nest, and which are never run but read through.

Every elementwise op and every reduction has a domain, the shape it runs over. An instruction
joins the first nest over its domain that starts late enough for all it reads; only when there
is none does it open a new one. Because forward and backward are one block, the adjoint of an
elementwise chain lands in the nest of the chain itself.

Elementwise instructions wait until somebody needs them, so that what the adjoint alone reads
is computed in the adjoint's nest instead of being kept for it. Movements (transpose, slice,
flip, broadcast, padding) are never executed: whoever reads their result reads the source through
an index map, where padding has zeros not at all.

What holds of the result: a nest reads what earlier steps computed through any map, and what
itself computes only pointwise: the whole value, in the nest's own order.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

from autodiff.backends.numba.nest import Guard, Index, times
from autodiff.ir.core import Block, Instr, Literal, Operand
from autodiff.ir.signature import Sizes
from autodiff.ops.contraction import Matmul
from autodiff.ops.families import Elementwise, Movement, Reduction, broadcast, reshape
from autodiff.ops.movement import Pad, Placement, flip, slice_, transpose
from autodiff.ops.op import Call, Cast

BEFORE = -1  # the "step" in which parameters are computed

Map = tuple[Index, ...]
Shape = tuple[str, ...]  # sizes as text: equal text is equal size


class NoKernel(Exception):
    """This block holds something that kernels cannot do; the interpreter runs it."""


@dataclass(eq=False)
class Group:
    """A nest in the making: its domain and the instructions placed in it."""

    domain: Shape
    instrs: list[Instr] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class Place:
    """Where a step stands. Values refer to it, so that a step inserted before moves them all at once."""

    step: int


class Places:
    """Where everything in a block is: `steps` in order, the `home` step of each value, views."""

    def __init__(self, block: Block, sizes: Sizes) -> None:
        self.sizes = sizes
        self.steps: list[Group | Instr] = []
        self._homes: dict[Operand, Place] = dict.fromkeys(block.params, Place(BEFORE))
        self._where: list[Place] = []  # of the steps
        self._latest: dict[Shape, Place] = {}  # the last nest over a domain
        self.views: dict[Operand, tuple[Operand, Map]] = {}
        self.guards: dict[Operand, tuple[Guard, ...]] = {}  # where a view shows zeros
        self.fillings: dict[Operand, bool] = {}  # whether these are -0.0
        self.pointwise: set[Operand] = set()  # computed element by element
        self._waiting: dict[Operand, Instr] = {}
        self._order = {i.results[0]: k for k, i in enumerate(block.instrs)}
        for instr in block.instrs:
            self._place(instr)
        for result in block.results:
            self._place_value(self.resolve(result)[0])

    def shape(self, value: Operand) -> Shape:
        return self.sizes.shape(value)

    def home(self, value: Operand) -> int:
        """The step that computes a value."""
        return self._homes[value].step

    def resolve(self, value: Operand) -> tuple[Operand, Map]:
        """The value whose elements are read, and through which map."""
        found = self.views.get(value)
        if found is None:  # asked six times per operand: kept
            found = self.views[value] = value, identity(value.aval.ndim)
        return found

    # ---- views ------------------------------------------------------------------------

    def _add_view(self, instr: Instr, own: Map) -> None:
        """Record that a movement's result reads its operand through `own`."""
        base, inner = self.resolve(instr.operands[0])
        composed = tuple(through(outer, own) for outer in inner)
        result, operand = instr.results[0], instr.operands[0]
        self.views[result] = (base, composed)
        guards = tuple(Guard(through(g.index, own), g.size) for g in self.guards.get(operand, ()))
        if isinstance(instr.op, Pad):
            shape, whole = self.shape(operand), self.shape(result)
            guards += tuple(Guard(i, n) for i, n, m in zip(own, shape, whole, strict=True) if i.start != "0" or n != m)
        if guards:
            self.guards[result] = guards
            self.fillings[result] = instr.op.neutral if isinstance(instr.op, Pad) else self.fillings[operand]

    def _movement_map(self, instr: Instr) -> Map | None:
        """Index map of a movement, per axis of its operand; None when it is not affine."""
        op, p, shape = instr.op, instr.params, self.shape(instr.operands[0])
        if op is transpose:
            return tuple(Index(p["perm"].index(k)) for k in range(len(shape)))
        if op is broadcast:
            return tuple(Index(None) if n == "1" else Index(d) for n, d in zip(shape, p["dims"], strict=True))
        if op is slice_:
            starts = self.sizes.starts[instr, "starts"]
            return tuple(Index(k, a, s) for k, (a, s) in enumerate(zip(starts, p["steps"], strict=True)))
        if isinstance(op, Pad) and not any(p["interior"]):
            if self.fillings.get(instr.operands[0], op.neutral) != op.neutral:
                return None  # what is there is not the same everywhere
            return tuple(Index(k, times(-1, a)) for k, a in enumerate(self.sizes.starts[instr, "low"]))
        if op is flip:
            return tuple(Index(k, minus_one(n), -1) if k in p["axes"] else Index(k) for k, n in enumerate(shape))
        return unit_reshape(shape, self.shape(instr.results[0])) if op is reshape else None

    # ---- placing ----------------------------------------------------------------------

    def _place(self, instr: Instr) -> None:
        own = self._movement_map(instr) if isinstance(instr.op, Movement | Placement) else None
        if own is not None:
            self._add_view(instr, own)
        elif isinstance(instr.op, Elementwise | Cast):
            self._waiting[instr.results[0]] = instr
            self.pointwise.update(instr.results)
        elif isinstance(instr.op, Reduction):
            self._join(instr, self.shape(instr.operands[0]))
        elif isinstance(instr.op, Call | Matmul | Placement) or instr.op is reshape:
            for operand in instr.operands:
                self._place_value(self.resolve(operand)[0])
            self._homes.update(dict.fromkeys(instr.results, self._add(len(self.steps), instr)))
        else:
            raise NoKernel(f"{instr.op.name} has no kernel")

    def _place_value(self, value: Operand) -> None:
        """Place a waiting instruction, in a nest of its own domain."""
        instr = self._waiting.get(value)
        if instr is not None:
            self._join(instr, self.shape(value))

    def _join(self, instr: Instr, domain: Shape) -> None:
        """Put an instruction, and what waits to be computed for it, into nests."""
        # In program order: when one is placed, what it reads otherwise than pointwise has been.
        for value in sorted(self._read_elsewhere(instr, domain), key=self._order.__getitem__):
            if value in self._waiting:
                self._join_one(self._waiting[value], self.shape(value))
        self._join_one(instr, domain)

    def _read_elsewhere(self, instr: Instr, domain: Shape) -> set[Operand]:
        """The waiting values that `instr`, or what it waits for, does not read pointwise."""
        found: set[Operand] = set()
        seen, stack = {instr}, [(instr, domain)]
        while stack:
            current, domain = stack.pop()
            for operand in current.operands:
                base = self.resolve(operand)[0]
                waiting = self._waiting.get(base)
                if waiting is None:
                    continue
                if not self.is_pointwise(operand, domain):
                    found.add(base)
                if waiting not in seen:
                    seen.add(waiting)
                    stack.append((waiting, self.shape(base)))
        return found

    def _join_one(self, instr: Instr, domain: Shape) -> None:
        """Put an instruction into one nest, with all it waits for, which it reads pointwise."""
        chain = self._chain(instr)
        first = max((self._ready(o, domain) for i in chain for o in i.operands), default=0)
        k = self._group_at(first, domain)
        group = self.steps[k]
        assert isinstance(group, Group)
        group.instrs += chain
        for placed in chain:
            self._homes.update(dict.fromkeys(placed.results, self._where[k]))
            self._waiting.pop(placed.results[0], None)

    def _chain(self, instr: Instr) -> list[Instr]:
        """`instr` and the waiting instructions it reads, in an order in which they can run."""
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
            waiting = (self._waiting.get(self.resolve(o)[0]) for o in current.operands)
            stack += [(w, False) for w in waiting if w is not None]
        # As written, not as found: each value is then read soon after it is made.
        return sorted(chain, key=lambda i: self._order[i.results[0]])

    def is_pointwise(self, operand: Operand, domain: Shape) -> bool:
        """Whether a nest over `domain` reads every element of the operand's base where it writes it."""
        base, index = self.resolve(operand)
        # A slice from 0 has the map of the whole: the shapes must agree too.
        if operand in self.guards:
            return False
        return self.shape(operand) == self.shape(base) == domain and is_identity(index, len(domain))

    def _ready(self, operand: Operand, domain: Shape) -> int:
        """The first step in which a nest over `domain` can read `operand`."""
        base, _ = self.resolve(operand)
        if isinstance(base, Literal) or base in self._waiting:
            return 0  # a number, or computed in the same nest
        if base in self.pointwise and self.is_pointwise(operand, domain):
            return self.home(base)
        return self.home(base) + 1

    def _group_at(self, first: int, domain: Shape) -> int:
        """The first nest over `domain` that starts no earlier than `first`; a new one if need be."""
        latest = self._latest.get(domain)
        if not domain:
            # Scalars never wait: one that waited would hold up every nest that reads it.
            there = first < len(self.steps) and self._is_over(first, domain)
            return first if there else self._add(first, Group(domain)).step
        if latest is None or latest.step < first:
            return self._add(len(self.steps), Group(domain)).step
        return next(k for k in range(first, len(self.steps)) if self._is_over(k, domain))

    def _is_over(self, k: int, domain: Shape) -> bool:
        group = self.steps[k]
        return isinstance(group, Group) and group.domain == domain

    def _add(self, k: int, step: Group | Instr) -> Place:
        """Insert a step; those behind it move on."""
        self.steps.insert(k, step)
        place = Place(k)
        self._where.insert(k, place)
        for later in self._where[k + 1 :]:
            later.step += 1
        if isinstance(step, Group):
            latest = self._latest.get(step.domain)
            if latest is None or latest.step < k:
                self._latest[step.domain] = place
        return place


def through(index: Index, own: Map) -> Index:
    """A position on axes that are themselves read through a map."""
    return index if index.axis is None else index.through(own[index.axis])


@lru_cache(maxsize=64)
def identity(ndim: int) -> Map:
    """The map of the whole array; one object, for it is asked for at every operand."""
    return tuple(map(Index, range(ndim)))


def is_identity(index: Map, ndim: int) -> bool:
    whole = identity(ndim)
    return index is whole or index == whole


def unit_reshape(old: Shape, new: Shape) -> Map | None:
    """The map of a reshape that only adds and removes axes of length 1."""
    places = [k for k, n in enumerate(new) if n != "1"]
    if [n for n in old if n != "1"] != [new[k] for k in places]:
        return None
    axes = iter(places)
    return tuple(Index(None) if n == "1" else Index(next(axes)) for n in old)


def minus_one(n: str) -> str:
    return str(int(n) - 1) if n.isdigit() else f"{n} - 1"
