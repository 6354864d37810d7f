"""A program: arguments, steps of NumPy text, results. It runs on anything that looks like NumPy, and prints itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from fuzz.dual import STEP, Dual

from autodiff.frontends.tracer import trace
from autodiff.ir.aval import aval_of
from autodiff.ir.core import Block


@dataclass(frozen=True)
class Step:
    """`name = expression`, an expression of the values in `reads`."""

    name: str
    expression: str
    reads: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """Steps in order; `arguments` maps names to values, floats carry derivatives."""

    arguments: dict[str, Any]
    steps: tuple[Step, ...]
    results: tuple[str, ...]
    seed: int = 0
    note: str = field(default="", compare=False)

    @cached_property
    def function(self) -> Callable[..., tuple[Any, ...]]:
        """f(np, *arguments) -> results."""
        found: dict[str, Any] = {}
        exec(compile(self.text(), f"<program {self.seed}>", "exec"), found)
        return found["program"]

    def text(self) -> str:
        lines = [f"    {s.name} = {s.expression}" for s in self.steps]
        returned = f"    return ({', '.join(self.results)},)"
        return "\n".join([f"def program(np, {', '.join(self.arguments)}):", *lines, returned]) + "\n"

    @property
    def values(self) -> list[Any]:
        return list(self.arguments.values())

    @property
    def floats(self) -> list[int]:
        """Positions of the arguments that carry derivatives."""
        return [k for k, a in enumerate(self.values) if a.dtype.kind == "f"]

    def directions(self) -> tuple[list[Any], list[Any]]:
        """Two tangents, for the arguments in `floats`; the same for the same names and seed."""
        names = [list(self.arguments)[k] for k in self.floats]
        return tuple([direction(self.seed, f"{way}{n}", self.arguments[n]) for n in names] for way in "st")

    def cotangents(self, outs: Sequence[Any]) -> list[Any]:
        return [direction(self.seed, f"ct{k}", y) for k, y in enumerate(outs)]

    def run(self) -> tuple[Any, ...]:
        """The results, by NumPy."""
        with np.errstate(all="ignore"):
            return self.function(np, *self.values)

    def duals(self) -> dict[str, Any]:
        """The arguments as the oracle takes them."""
        first, second = self.directions()
        found = dict(self.arguments)
        for k, s, t in zip(self.floats, first, second, strict=True):
            name = list(found)[k]
            found[name] = Dual(np.asarray(found[name], float) + 1j * STEP * np.asarray(t, float), s)
        return found

    def traced(self) -> tuple[Block, list[Any]]:
        """The program as a block, and the arguments of the block."""
        avals = [(aval_of(a), name, False) for name, a in self.arguments.items()]
        block, builder = trace(lambda *tracers: self.function(np, *tracers), avals, "program")
        return block, [*self.values, *builder.captured]

    def pruned(self) -> Program:
        """Without the steps and arguments that nothing reads."""
        needed, steps = set(self.results), []
        for step in reversed(self.steps):
            if step.name in needed:
                needed.update(step.reads)
                steps.append(step)
        arguments = {n: a for n, a in self.arguments.items() if n in needed}
        return replace(self, arguments=arguments, steps=tuple(steps[::-1]))


def direction(seed: int, name: str, like: Any) -> Any:
    """Numbers in (-1, 1) with the shape and dtype of `like`, which name and seed determine."""
    rng = np.random.default_rng([seed, *name.encode()])
    return np.asarray(rng.uniform(-1, 1, np.shape(like))).astype(like.dtype)[()]
