"""Run a block with NumPy, one instruction after another.

This file defines what a block means: every kernel must agree with it. It is also the first
tier of the tape, where it answers before anything has been compiled.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.ir.core import Block, Literal, Operand
from autodiff.ops.region import Region


class Interpreter:
    """A block, prepared for being run many times.

    Called with one array (or scalar) per parameter, returns one fresh array (NumPy scalar for
    shape ()) per result; never an argument or a view of one. Values are dropped after their
    last use, so peak memory is that of the live ones.
    """

    def __init__(self, block: Block) -> None:
        self.block = block
        self._slots: dict[Operand, int] = {}
        self._params = [self._slot(p) for p in block.params]
        constants = {o for i in block.instrs for o in i.operands if isinstance(o, Literal)}
        constants |= {r for r in block.results if isinstance(r, Literal)}
        self._constants = [(self._slot(c), c.aval.dtype.type(c.value)) for c in constants]
        self._steps = [
            (_evaluator(i.op), [self._slot(o) for o in i.operands], i.params, [self._slot(r) for r in i.results])  # type: ignore[attr-defined]
            for i in block.instrs
        ]
        self._results = [(self._slot(r), r.aval) for r in block.results]
        self._drops = self._last_uses()

    def _slot(self, operand: Operand) -> int:
        return self._slots.setdefault(operand, len(self._slots))

    def _last_uses(self) -> list[list[int]]:
        kept = {slot for slot, _ in self._results}
        seen: set[int] = set(kept)
        drops: list[list[int]] = []
        for _, operands, _, results in reversed(self._steps):
            last = {s for s in (*operands, *results) if s not in seen}
            seen |= last
            drops.append(sorted(last))
        return drops[::-1]

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        results = self.inner(args)
        return _owned(results, [aval.dtype for _, aval in self._results], args)

    def inner(self, args: Sequence[Any]) -> tuple[Any, ...]:
        """The results as they are: an argument or a view of one, perhaps."""
        env = self._run(args)
        return tuple([env[slot] for slot, _ in self._results])

    def _run(self, args: Sequence[Any]) -> list[Any]:
        env: list[Any] = [None] * len(self._slots)
        for slot, arg in zip(self._params, args, strict=True):
            env[slot] = arg
        for slot, value in self._constants:
            env[slot] = value
        # Lanes that a mask discards may divide by zero; that is no news for the user.
        with np.errstate(all="ignore"):
            for (evaluate, operands, params, results), drops in zip(self._steps, self._drops, strict=True):
                for slot, out in zip(results, evaluate(*[env[k] for k in operands], **params), strict=True):
                    env[slot] = out
                for slot in drops:
                    env[slot] = None
        return env


def _evaluator(op: Any) -> Callable[..., Any]:
    """How an op is evaluated; one that runs blocks is told how."""
    if not isinstance(op, Region):
        return op.evaluate  # type: ignore[no-any-return]
    prepared: dict[int, Interpreter] = {}

    def run(block: Block, args: Sequence[Any]) -> tuple[Any, ...]:
        found = prepared.get(id(block))
        if found is None:
            found = prepared[id(block)] = Interpreter(block)
        return found.inner(args)

    return functools.partial(op.evaluate_with, run)


def _owned(results: Sequence[Any], dtypes: Sequence[np.dtype], args: Sequence[Any]) -> tuple[Any, ...]:
    """Results that alias nothing: not an argument, not a view, not one another."""
    taken = {id(a) for a in args}
    owned = []
    for result, dtype in zip(results, dtypes, strict=True):
        if isinstance(result, np.ndarray) and result.ndim:
            if id(result) in taken or result.base is not None or not result.flags.c_contiguous:
                result = np.array(result, dtype, order="C")
            taken.add(id(result))
            owned.append(result)
        else:
            owned.append(dtype.type(result))
    return tuple(owned)


def run(block: Block, args: Sequence[Any]) -> tuple[Any, ...]:
    """Run a block once."""
    return Interpreter(block)(*args)
