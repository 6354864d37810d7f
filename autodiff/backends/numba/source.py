"""A kernel plan as Python source: readable, and runnable with or without Numba.

    def kernel(x):
        n0 = x.shape[0]
        ct_x = np.empty((n0,), f64)
        v7 = 0.0
        for chunk in range(0, n0, 4096):
            part = 0.0
            for i in range(chunk, min(chunk + 4096, n0)):
                v0 = tanh(x[i])
                ...
                part = plus(part, v6)
                ct_x[i] = v17
            v7 = v7 + part
        return v7, ct_x

Long reductions along the innermost axis go in chunks: partial sums of `CHUNK` terms, whose
additions alone may be reordered (`plus` carries that permission), added up in order. That is
what lets the loop vectorise, and it keeps the error of a sum near NumPy's pairwise one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from autodiff.backends.numba.fuse import LOOP_NAMES
from autodiff.backends.numba.lives import roots_of
from autodiff.backends.numba.nest import (
    Access,
    Accumulate,
    Alias,
    Begin,
    Branch,
    Buffer,
    Constant,
    Cycle,
    Index,
    KernelPlan,
    Locate,
    LoopNest,
    NativeCall,
    Order,
    Reserve,
    Source,
    Statement,
    Step,
    Store,
    every_step,
)
from autodiff.backends.numba.source_regions import RegionSource, whole
from autodiff.ir.aval import short_dtype
from autodiff.ir.core import Instr
from autodiff.ops.contraction import Matmul
from autodiff.ops.families import Elementwise, Reduction
from autodiff.ops.op import Cast

CHUNK = 4096
DTYPE_NAMES = {
    short_dtype(np.dtype(t)): np.dtype(t) for t in ("f8", "f4", "i8", "i4", "i2", "i1", "u8", "u4", "u2", "u1")
}


def print_source(plan: KernelPlan, name: str = "kernel") -> str:
    """The kernel as the source of one Python function.

    Its arguments are the arrays (scalars for shape ()), then the sizes that cannot be read
    from the arrays' shapes; it returns the results as a tuple, or the only one.
    """
    found, passed = size_origins(plan)
    arguments = [p.name for p in plan.params] + passed
    lines = [f"def {name}({', '.join(arguments)}):"]
    lines += [f"    {size} = {origin}" for size, origin in found.items()]
    lines += [f"    {b.name} = {_allocation(b)}" for b in plan.allocated]
    regions = RegionSource(lambda step: _step(step, regions), _loose, lambda b: _dtype(b.dtype), _aliases(plan))
    for step in plan.steps:
        lines += [f"    {line}" for line in _step(step, regions)]
    lines.append(f"    return {', '.join(b.name for b in plan.results)}")
    return "\n".join(lines) + "\n"


def size_origins(plan: KernelPlan) -> tuple[dict[str, str], list[str]]:
    """Where each size comes from: {name: "x.shape[0]"}, and the names to be passed."""
    found: dict[str, str] = {}
    for param in plan.params:
        for axis, size in enumerate(param.shape):
            if size in plan.sizes:
                found.setdefault(size, f"{param.name}.shape[{axis}]")
    return found, [size for size in plan.sizes if size not in found]


def _dtype(dtype: np.dtype) -> str:
    return "np.bool_" if dtype == np.bool_ else short_dtype(dtype)


def _allocation(buffer: Buffer) -> str:
    shape = f"({', '.join(buffer.shape)},)" if len(buffer.shape) == 1 else f"({', '.join(buffer.shape)})"
    return f"np.{'zeros' if buffer.zeroed else 'empty'}({shape}, {_dtype(buffer.dtype)})"


def _aliases(plan: KernelPlan) -> list[Alias]:
    """The other names of arrays, each with whose it is."""
    roots = roots_of(plan)
    found = [s for s in every_step(plan.steps) if isinstance(s, Alias) and s.buffer.shape == s.base.shape]
    return [Alias(a.buffer, roots[a.buffer]) for a in found]


def _loose(source: Source) -> str:
    """What is read outside of every nest."""
    if isinstance(source, Constant):
        return constant(source)
    return source if isinstance(source, str) else whole(source)


def _step(step: Step, regions: RegionSource) -> list[str]:
    if isinstance(step, Cycle | Branch | Reserve | Begin | Locate):
        return regions.step(step)
    if isinstance(step, LoopNest):
        return list(_NestPrinter(step).lines())
    if isinstance(step, Alias):
        if step.buffer.shape == step.base.shape:
            return [f"{step.buffer.name} = {step.base.name}"]
        shape = ", ".join(step.buffer.shape)
        return [f"{step.buffer.name} = {step.base.name}.reshape(({shape}{',' if len(step.buffer.shape) == 1 else ''}))"]
    return _call(step)


def _call(step: NativeCall) -> list[str]:
    operands = [_transposed(b, order) for b, order in step.operands]
    op = step.instr.op
    if isinstance(op, Matmul):
        return _matmul(step, operands)
    params = {k: _param(v) for k, v in step.instr.params.items() if k not in op.implied_params}
    outs = [b.name for b in step.outs]
    # Whoever runs the op itself wants its scalars as scalars.
    given = [o if x.aval.shape else f"{o}[0]" for o, x in zip(operands, step.instr.operands, strict=True)]
    keywords = [f"{k}={v}" for k, v in params.items()]
    return [f"{op.name}({', '.join([_tuple(outs), _tuple(given), *keywords])})"]


def _transposed(buffer: Buffer, order: Order) -> str:
    """A buffer with its axes in the order of the operand's."""
    axes = tuple(map(order.index, range(len(order))))
    if axes == tuple(range(len(axes))):
        return buffer.name
    return f"{buffer.name}.T" if axes == (1, 0) else f"np.ascontiguousarray({buffer.name}.transpose({axes}))"


def _tuple(items: list[str]) -> str:
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _param(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(repr, value))},)"
    return repr(value)


def _matmul(step: NativeCall, operands: list[str]) -> list[str]:
    """BLAS by way of `np.dot`: gemv where a side is a vector, gemm elsewhere, looped over a batch."""
    (out,), (a, b) = step.outs, operands
    (left, _), (right, _) = step.operands
    if "0" in (*left.shape, *right.shape):
        return [f"{out.name}[:] = {constant(Constant(0, out.dtype))}"]
    if out.dtype.kind != "f":
        return [f"integer_matmul({out.name}, {a}, {b})"]
    if len(out.shape) == 2:
        if out.shape[1] == "1" and not b.endswith(".T"):
            return [f"np.dot({a}, {right.name}.reshape({_flat(right)}), {out.name}.reshape({_flat(out)}))"]
        if out.shape[0] == "1" and not a.endswith(".T"):
            flipped = b[:-2] if b.endswith(".T") else f"{b}.T"
            return [f"np.dot({flipped}, {left.name}.reshape({_flat(left)}), {out.name}.reshape({_flat(out)}))"]
        return [f"np.dot({a}, {b}, {out.name})"]
    batch = len(out.shape) - 2
    names = list(LOOP_NAMES[:batch])
    lines = [f"{'    ' * k}for {i} in range({out.shape[k]}):" for k, i in enumerate(names)]
    at = ", ".join(names)
    return [*lines, f"{'    ' * batch}np.dot({a}[{at}], {b}[{at}], {out.name}[{at}])"]


def _flat(buffer: Buffer) -> str:
    return " * ".join(n for n in buffer.shape if n != "1") or "1"


@dataclass(frozen=True)
class _Accumulator:
    """How one reduction of a nest is spelled."""

    target: Accumulate
    depth: int  # `Accumulate.depth`
    total: str
    part: str


class _NestPrinter:
    """Prints one loop nest."""

    def __init__(self, nest: LoopNest) -> None:
        self.nest = nest
        self.rank = len(nest.domain)
        self.loops = LOOP_NAMES[: self.rank]
        self.accumulators = {id(s): self._accumulator(s) for s in nest.body if isinstance(s, Accumulate)}

    def _accumulator(self, target: Accumulate) -> _Accumulator:
        total = target.total if target.buffer.shape else target.buffer.name
        return _Accumulator(target, target.depth(self.rank), total, target.part)

    @property
    def chunked(self) -> bool:
        """Whether the innermost loop is cut: it is reduced over and not of small fixed size."""
        inner = any(a.depth == self.rank - 1 for a in self.accumulators.values())
        return inner and self.rank > 0 and not self.nest.domain[-1].isdigit()

    def lines(self) -> Iterator[str]:
        yield from self._initial_memory()
        for depth in range(self.rank):
            yield from self._initial(depth, "    " * depth)
            yield from self._head(depth)
        pad = "    " * (self.rank + self.chunked)
        for item in self.nest.body:
            yield pad + self._body(item)
        for depth in reversed(range(self.rank)):
            yield from self._final(depth)

    def _head(self, depth: int) -> Iterator[str]:
        pad, i, n = "    " * depth, self.loops[depth], self.nest.domain[depth]
        if depth < self.rank - 1:
            yield f"{pad}for {i} in range({n}):"
            return
        if self.chunked:
            yield f"{pad}for chunk in range(0, {n}, {CHUNK}):"
            pad += "    "
            yield from self._parts(pad)
            yield f"{pad}for {i} in range(chunk, min(chunk + {CHUNK}, {n})):"
        else:
            yield from self._parts(pad)
            yield f"{pad}for {i} in range({n}):"

    def _parts(self, pad: str) -> Iterator[str]:
        for a in self.accumulators.values():
            if a.depth >= 0:
                yield f"{pad}{a.part} = {_identity(a.target)}"

    def _initial(self, depth: int, pad: str) -> Iterator[str]:
        for a in self.accumulators.values():
            if a.depth == depth:
                yield f"{pad}{a.total} = {_identity(a.target, wide=True)}"

    def _initial_memory(self) -> Iterator[str]:
        for a in self.accumulators.values():
            if a.depth == -1:
                whole = f"{a.target.buffer.name}[:]" if a.target.buffer.shape else a.total
                yield f"{whole} = {_identity(a.target)}"

    def _final(self, depth: int) -> Iterator[str]:
        """What follows a loop: the part joins the total, a finished total goes to memory."""
        for a in self.accumulators.values():
            if a.depth >= 0 and depth == self.rank - 1:
                pad = "    " * (depth + self.chunked)
                yield f"{pad}{a.total} = {_combined(a.target.instr, a.total, a.part)}"
        for a in self.accumulators.values():
            if a.depth == depth:
                pad, dtype = "    " * depth, a.target.buffer.dtype
                if a.target.buffer.shape:
                    yield f"{pad}{self._access(Access(a.target.buffer, a.target.kept))} = {a.total}"
                elif _is_wide(a.target):
                    yield f"{pad}{a.total} = {_dtype(dtype)}({a.total})"

    def _body(self, item: Statement | Store | Accumulate) -> str:
        if isinstance(item, Statement):
            return f"{item.target} = {self._expression(item)}"
        if isinstance(item, Store):
            target = item.target.buffer.name if not item.target.buffer.shape else self._access(item.target)
            return f"{target} = {self._read(item.value)}"
        a, value = self.accumulators[id(item)], self._read(item.value)
        if a.depth >= 0:
            return f"{a.part} = {_combined(item.instr, a.part, value, free=True)}"
        if not item.buffer.shape:
            return f"{a.total} = {_combined(item.instr, a.total, value)}"
        spot = self._access(Access(item.buffer, item.kept))
        return f"{spot} = {_combined(item.instr, spot, value)}"

    def _expression(self, item: Statement) -> str:
        operands = [self._read(o) for o in item.operands]
        assert item.instr is not None
        op = item.instr.op
        if isinstance(op, Cast):
            dtype = item.instr.params["dtype"]
            return f"({operands[0]} != 0)" if dtype == np.bool_ else f"{_dtype(dtype)}({operands[0]})"
        assert isinstance(op, Elementwise)
        inner = item.instr.operands[0].aval.dtype
        zero, one = constant(Constant(0, inner)), constant(Constant(1, inner))
        text = op.variants.get(inner.kind, op.scalar).format(*operands, zero=zero, one=one)
        # Arithmetic on small integers widens them; put the result back into its dtype.
        dtype = item.instr.results[0].aval.dtype
        narrow = dtype.kind in "iu" and dtype.itemsize < 8
        text = f"{_dtype(dtype)}({text})" if narrow else text
        return text[1:-1] if text.startswith("(") and _closes_at_end(text) else text

    def _read(self, source: Source) -> str:
        if isinstance(source, str):
            return source
        if isinstance(source, Constant):
            return constant(source)
        if isinstance(source, Access):
            return self._access(source)
        inside = " and ".join(f"0 <= {self._position(g.index)} < {g.size}" for g in source.guards)
        return f"({self._read(source.source)} if {inside} else {constant(source.zero)})"

    def _access(self, access: Access) -> str:
        return f"{access.buffer.name}[{', '.join(map(self._position, access.index))}]"

    def _position(self, index: Index) -> str:
        if index.axis is None:
            return index.start
        i = self.loops[index.axis]
        moving = i if index.step == 1 else f"{index.step} * {i}"
        if index.start == "0":
            return moving
        if index.start.startswith("-") and (index.start[1:].isidentifier() or index.start[1:].isdigit()):
            return f"{moving} - {index.start[1:]}"
        return f"{index.start} - {i}" if index.step == -1 else f"{index.start} + {moving}"


def _closes_at_end(text: str) -> bool:
    """Whether the bracket that opens `text` is the one that ends it."""
    depth = 0
    for k, c in enumerate(text):
        depth += (c == "(") - (c == ")")
        if depth == 0:
            return k == len(text) - 1
    return False


def constant(source: Constant) -> str:
    """A number in the text, in its own dtype: Numba would compute float32 * 2.0 in float64."""
    value, dtype = source.value, source.dtype
    if dtype == np.bool_:
        return repr(bool(value))
    value = float(value) if dtype.kind == "f" else value
    text = f"np.{value!r}" if isinstance(value, float) and value != value else repr(value)
    text = {"inf": "np.inf", "-inf": "-np.inf"}.get(text, text)
    return text if dtype in (np.dtype("f8"), np.dtype("i8")) else f"{_dtype(dtype)}({text})"


def _is_wide(target: Accumulate) -> bool:
    return _op(target.instr).additive and target.buffer.dtype == np.float32


def _op(instr: Instr) -> Reduction:
    assert isinstance(instr.op, Reduction)
    return instr.op


def _identity(target: Accumulate, wide: bool = False) -> str:
    """The neutral element. Totals of float32 sums are kept in float64, then rounded once."""
    dtype = np.dtype(np.float64) if wide and _is_wide(target) else target.buffer.dtype
    text = constant(Constant(_op(target.instr).identity(dtype), dtype))
    return f"i64({text})" if dtype == np.int64 else text


def _combined(instr: Instr, acc: str, value: str, free: bool = False) -> str:
    """`acc` combined with `value`; `free` gives the additions leave to be reordered."""
    if free and _op(instr).additive and instr.results[0].aval.dtype.kind == "f":
        return f"plus({acc}, {value})"
    text = _op(instr).combine.format(acc=acc, x=value)
    return text[1:-1] if text.startswith("(") and _closes_at_end(text) else text
