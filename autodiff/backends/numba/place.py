"""Which instruction runs in which loop nest, and which are never run but read through.

Every elementwise op and every reduction has a domain, the shape it runs over. An instruction
joins the first nest over its domain that starts late enough for all it reads; only when there
is none does it open a new one. Because forward and backward are one block, the adjoint of an
elementwise chain lands in the nest of the chain itself.

Elementwise instructions wait until somebody needs them, so that what the adjoint alone reads
is computed in the adjoint's nest instead of being kept for it. Movements (transpose, slice,
flip, broadcast) are never executed: whoever reads their result reads the source through an
index map.

What holds of the result: a nest reads what earlier steps computed through any map, and what
itself computes only pointwise: the whole value, in the nest's own order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from autodiff.backends.numba.nest import Index
from autodiff.ir.core import Block, Instr, Literal, Operand
from autodiff.ir.signature import Sizes
from autodiff.ops.contraction import Matmul
from autodiff.ops.families import Elementwise, Movement, Reduction, broadcast, reshape
from autodiff.ops.movement import Placement, flip, slice_, transpose
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


class Places:
    """Where everything in a block is: `steps` in order, the `home` step of each value, views."""

    def __init__(self, block: Block, sizes: Sizes) -> None:
        self.sizes = sizes
        self.steps: list[Group | Instr] = []
        self.home: dict[Operand, int] = dict.fromkeys(block.params, BEFORE)
        self.views: dict[Operand, tuple[Operand, Map]] = {}
        self.pointwise: set[Operand] = set()  # computed element by element
        self._waiting: dict[Operand, Instr] = {}
        self._order = {i.results[0]: k for k, i in enumerate(block.instrs)}
        for instr in block.instrs:
            self._place(instr)
        for result in block.results:
            self._place_value(self.resolve(result)[0])

    def shape(self, value: Operand) -> Shape:
        return self.sizes.shape(value)

    def resolve(self, value: Operand) -> tuple[Operand, Map]:
        """The value whose elements are read, and through which map."""
        return self.views.get(value) or (value, tuple(Index(k) for k in range(value.aval.ndim)))

    # ---- views ------------------------------------------------------------------------

    def _add_view(self, instr: Instr, own: Map) -> None:
        """Record that a movement's result reads its operand through `own`."""
        base, inner = self.resolve(instr.operands[0])
        composed = tuple(outer if outer.axis is None else outer.through(own[outer.axis]) for outer in inner)
        self.views[instr.results[0]] = (base, composed)

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
        if op is flip:
            return tuple(Index(k, minus_one(n), -1) if k in p["axes"] else Index(k) for k, n in enumerate(shape))
        return unit_reshape(shape, self.shape(instr.results[0])) if op is reshape else None

    # ---- placing ----------------------------------------------------------------------

    def _place(self, instr: Instr) -> None:
        own = self._movement_map(instr) if isinstance(instr.op, Movement) else None
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
            self.home.update(dict.fromkeys(instr.results, len(self.steps)))
            self.steps.append(instr)
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
            self.home.update(dict.fromkeys(placed.results, k))
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
        return list(chain)

    def is_pointwise(self, operand: Operand, domain: Shape) -> bool:
        """Whether a nest over `domain` reads every element of the operand's base where it writes it."""
        base, index = self.resolve(operand)
        # A slice from 0 has the map of the whole: the shapes must agree too.
        return self.shape(operand) == self.shape(base) == domain and is_identity(index, len(domain))

    def _ready(self, operand: Operand, domain: Shape) -> int:
        """The first step in which a nest over `domain` can read `operand`."""
        base, _ = self.resolve(operand)
        if isinstance(base, Literal) or base in self._waiting:
            return 0  # a number, or computed in the same nest
        if base in self.pointwise and self.is_pointwise(operand, domain):
            return self.home[base]
        return self.home[base] + 1

    def _group_at(self, first: int, domain: Shape) -> int:
        """The first nest over `domain` that starts no earlier than `first`; a new one if need be."""
        for k in range(first, len(self.steps)):
            group = self.steps[k]
            if isinstance(group, Group) and group.domain == domain:
                return k
            if not domain:
                # Scalars never wait: one that waited would hold up every nest that reads it.
                return self._insert(k, domain)
        return self._insert(len(self.steps), domain)

    def _insert(self, k: int, domain: Shape) -> int:
        self.steps.insert(k, Group(domain))
        self.home = {v: h + 1 if h >= k else h for v, h in self.home.items()}
        return k


def is_identity(index: Map, ndim: int) -> bool:
    return len(index) == ndim and all(i == Index(k) for k, i in enumerate(index))


def unit_reshape(old: Shape, new: Shape) -> Map | None:
    """The map of a reshape that only adds and removes axes of length 1."""
    places = [k for k, n in enumerate(new) if n != "1"]
    if [n for n in old if n != "1"] != [new[k] for k in places]:
        return None
    axes = iter(places)
    return tuple(Index(None) if n == "1" else Index(next(axes)) for n in old)


def minus_one(n: str) -> str:
    return str(int(n) - 1) if n.isdigit() else f"{n} - 1"
