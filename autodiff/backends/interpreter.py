"""Run a block with NumPy, one instruction after another.

This file defines what a block means: every kernel must agree with it. It is also the first
tier of the tape, where it answers before anything has been compiled.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.ir.core import Block, Instr, Literal, Operand, Params
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
        for param in block.params:
            self._slot(param)
        constants = {o for i in block.instrs for o in i.operands if isinstance(o, Literal)}
        constants |= {r for r in block.results if isinstance(r, Literal)}
        self._constants = [(self._slot(c), c.aval.dtype.type(c.value)) for c in constants]
        self._results = [(self._slot(r), r.aval) for r in block.results]
        self._steps = self._prepared(block.instrs)
        self._others = [None] * (len(self._slots) - len(block.params))

    def _slot(self, operand: Operand) -> int:
        return self._slots.setdefault(operand, len(self._slots))

    def _prepared(self, instrs: Sequence[Instr]) -> list[_Step]:
        seen = {slot for slot, _ in self._results}
        steps = []
        for i in reversed(instrs):
            operands, results = [[self._slot(v) for v in values] for values in (i.operands, i.results)]
            last, unread = ([s for s in dict.fromkeys(slots) if s not in seen] for slots in (operands, results))
            seen.update(operands)
            steps.append(_Step(i.op, operands, i.params, results, last, unread))
        return steps[::-1]

    def __call__(self, *args: Any) -> tuple[Any, ...]:
        results = self.inner(list(args))
        return _owned(results, [aval.dtype for _, aval in self._results], args)

    def inner(self, args: list[Any]) -> tuple[Any, ...]:
        """The results as they are: an argument or a view of one, perhaps.

        The list is emptied: an argument that nobody else holds may be written over.
        """
        if len(args) != len(self.block.params):
            raise ValueError(f"a block of {len(self.block.params)} parameters is given {len(args)} arguments")
        env: list[Any] = [*args, *self._others]  # parameters have the first slots
        args.clear()
        for slot, value in self._constants:
            env[slot] = value
        # Lanes that a mask discards may divide by zero; that is no news for the user.
        with np.errstate(all="ignore"):
            for step in self._steps:
                step.run(env)
        return tuple([env[slot] for slot, _ in self._results])


class _Step:
    """One instruction, and where in an environment its values are.

    An array that is read for the last time is dropped before the instruction runs. One that is put into
    (`out[t] = v`) is then written to itself, instead of a copy, if the list of operands alone holds it. Whatever could
    show the change, an argument of the user's, a name, a view, a stack, a result, another place of the environment, is
    one more reference to the array.
    """

    __slots__ = ("_evaluate", "_last", "_operands", "_params", "_put", "_region", "_results", "_unread")

    def __init__(
        self, op: Any, operands: list[int], params: Params, results: list[int], last: list[int], unread: list[int]
    ) -> None:
        self._region = isinstance(op, Region)
        self._evaluate = _region_evaluator(op) if isinstance(op, Region) else op.evaluate
        self._put = op.put if op.puts else None
        self._operands, self._params, self._results = operands, params, results
        self._last, self._unread = last, unread  # operands read for the last time; results that nobody reads

    def run(self, env: list[Any]) -> None:
        given = [env[k] for k in self._operands]
        for slot in self._last:
            env[slot] = None
        if self._region:
            found = self._evaluate(given, **self._params)
        elif self._put is not None and _is_ours(given):
            found = self._put(*given, **self._params)
        else:
            found = self._evaluate(*given, **self._params)
        for slot, result in zip(self._results, found, strict=True):
            env[slot] = result
        for slot in self._unread:
            env[slot] = None


def _references(given: list[Any]) -> int:
    """How many references there are to the first of a list."""
    return sys.getrefcount(given[0])


# What is counted for an array that is in the list and nowhere else; where references are not counted, it is not known.
ALONE = _references([np.empty(1)]) if hasattr(sys, "getrefcount") else -1


def _is_ours(given: list[Any]) -> bool:
    """Whether the list alone holds its first array, which is an array with memory of its own."""
    return type(given[0]) is np.ndarray and given[0].base is None and _references(given) == ALONE


def _region_evaluator(op: Region) -> Callable[..., Any]:
    """How an op that runs blocks is evaluated: it is told how to run one."""
    prepared: dict[int, Interpreter] = {}

    def run(block: Block, args: list[Any]) -> tuple[Any, ...]:
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
