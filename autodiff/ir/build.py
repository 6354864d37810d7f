"""Building blocks: who receives the instructions that ops emit.

An op called on operands emits one instruction to the *current emitter* of the thread. A
`Builder` is the emitter that collects instructions into a `Block`; the tape's recorder
(`frontends/tape.py`) is the one in force when no block is being built. Which emitter is
current is a matter of context, not of the operands: rules need not know who runs them.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from autodiff.errors import DTypeError, InternalError
from autodiff.ir.aval import ArrayAval, interned
from autodiff.ir.core import Block, Instr, Literal, Op, Operand, Params, Value

_FLOAT64, _FLOAT32 = np.dtype(np.float64), np.dtype(np.float32)
_PYTHON_DTYPES = {
    bool: np.dtype(np.bool_),
    int: np.dtype(np.int64),
    float: np.dtype(np.float64),
    complex: np.dtype(np.complex128),
}
PYTHON_SCALARS = tuple(_PYTHON_DTYPES)


class Emitter(Protocol):
    """Receives emitted instructions and turns foreign objects into operands."""

    def emit(self, op: Any, operands: tuple[Operand, ...], params: Params) -> tuple[Any, ...]: ...

    def lift(self, x: object) -> Operand: ...

    def known(self, op: Any, args: tuple[Any, ...], params: Params) -> Any:
        """The result of a use of an op like one before, or None: a short cut of `emit`."""


class _Current(threading.local):
    stack: list[Emitter]

    def __init__(self) -> None:
        self.stack = []


_current = _Current()
_default: list[Emitter] = []


def set_default_emitter(emitter: Emitter) -> None:
    """Name the emitter in force outside every block (the tape's recorder)."""
    _default[:] = [emitter]


def emitter() -> Emitter:
    """The emitter that receives instructions now, in this thread."""
    stack = _current.stack
    if stack:
        return stack[-1]
    if not _default:
        raise InternalError("an op was used outside of every block and no recorder is installed")
    return _default[0]


def emitters() -> Sequence[Emitter]:
    """The emitters that are in use in this thread, the current one last."""
    return _current.stack


@contextmanager
def emitting_to(target: Emitter) -> Iterator[None]:
    """Make `target` the current emitter of this thread inside the `with` block."""
    _current.stack.append(target)
    try:
        yield
    finally:
        _current.stack.pop()


@lru_cache(maxsize=65536)
def _infer(op: Op, avals: tuple[ArrayAval, ...], items: tuple[tuple[str, Any], ...]) -> tuple[ArrayAval, ...]:
    op.check(avals)
    return tuple(map(interned, op.infer(*avals, **dict(items))))


def infer(op: Op, operands: tuple[Operand, ...], params: Params) -> tuple[ArrayAval, ...]:
    """Avals of an op's results, memoised: a shape rule costs ten times a look-up."""
    # One and two operands are written out: a comprehension is a call.
    n = len(operands)
    if n == 2:
        avals: tuple[ArrayAval, ...] = (operands[0].aval, operands[1].aval)
    else:
        avals = (operands[0].aval,) if n == 1 else tuple([o.aval for o in operands])
    return _infer(op, avals, tuple(params.items()) if params else ())


def literal(value: bool | int | float | complex | np.generic, dtype: np.dtype | None = None) -> Literal:
    """A literal of the given dtype (default: NumPy's for the Python type)."""
    number: Any = value
    if type(value) is float:  # most are, and a recorded op has two microseconds
        if dtype is None or dtype is _FLOAT64:
            return Literal(value, _scalar_aval(_FLOAT64))
        if dtype is _FLOAT32:
            return Literal(float(np.float32(value)), _scalar_aval(_FLOAT32))
    if isinstance(value, np.generic):
        dtype, number = dtype or value.dtype, value.item()
    dtype = dtype or _PYTHON_DTYPES[type(number)]
    if dtype is not _FLOAT64 or type(number) is not float:
        number = dtype.type(number).item()
    return Literal(number, _scalar_aval(dtype))


@lru_cache(maxsize=64)
def _scalar_aval(dtype: np.dtype) -> ArrayAval:
    return interned(ArrayAval((), dtype))


# ---- uses of ops seen before -------------------------------------------------------------
#
# What `ops.op.promoted` and `infer` find depends on avals and parameters alone. Emitters look it up by the
# avals' identity (they are interned), which is one look-up for the two.

USES_LIMIT = 65536

# The aval of the result, the dtype of a number among the operands, and what must stay alive: an identity
# is one only as long as its object lives. No aval: operands are converted, or there are several results.
Use = tuple[ArrayAval | None, np.dtype | None, list[ArrayAval]]
USES: dict[tuple[Any, ...], Use] = {}


def remember(key: tuple[Any, ...], op: Any, args: tuple[Any, ...], params: Params) -> Use:
    """Work out one use: of arrays that are not weak, and perhaps a Python float as the second operand."""
    if len(USES) > USES_LIMIT:
        USES.clear()
    found = USES[key] = use_of(op, args, params)
    return found


def use_of(op: Any, args: tuple[Any, ...], params: Params) -> Use:
    """What there is to know of one use: see `Use`."""
    kept = [a.aval for a in args if type(a) is not float]
    kinds = tuple([float if type(a) is float else a.aval.dtype for a in args])
    try:
        wanted = kinds if op.types is None else op.types(kinds)[0]
    except DTypeError:
        return None, None, kept  # the long way says it with the op's name
    number: Any = wanted[-1] if kinds[-1] is float else None
    if number is float or any(k is not float and k is not d for k, d in zip(kinds, wanted, strict=True)):
        return None, None, kept
    avals = infer(op, args if number is None else (args[0], literal(args[1], number)), params)
    return avals[0] if len(avals) == 1 else None, number, kept


class Builder:
    """Collects emitted instructions into a block."""

    def __init__(self, avals: Iterable[ArrayAval] = (), hints: Iterable[str] = ()) -> None:
        avals = tuple(avals)
        names = tuple(hints) or ("",) * len(avals)
        self.params: tuple[Value, ...] = tuple(map(Value, avals, names))
        self.instrs: list[Instr] = []

    def known(self, op: Any, args: tuple[Any, ...], params: Params) -> Value | None:
        """The short cut for values and numbers used as before."""
        use = [op]
        for a in args:
            if type(a) is Value:
                use.append(id(a.aval))
            elif type(a) is float and len(use) == 2 == len(args):
                use.append(0)
            else:
                return None
        key = (*use, *params.items())
        aval, number, _ = USES.get(key) or remember(key, op, args, params)
        if aval is None:
            return None
        if number is not None:
            args = args[0], literal(args[1], number)
        result = Value(aval)
        self.keep(Instr(op, args, params, (result,)))
        return result

    def lift(self, x: object) -> Operand:
        if isinstance(x, Operand):
            return x
        if type(x) in PYTHON_SCALARS or isinstance(x, np.generic):
            return literal(x)  # type: ignore[arg-type]
        raise DTypeError(f"cannot use an object of type {type(x).__name__} as an operand")

    def emit(self, op: Any, operands: tuple[Operand, ...], params: Params) -> tuple[Value, ...]:
        results = tuple(map(Value, infer(op, operands, params)))
        self.keep(Instr(op, operands, params, results))
        return results

    def keep(self, instr: Instr) -> None:
        """Write an instruction."""
        self.instrs.append(instr)

    def block(self, results: Iterable[object]) -> Block:
        """The finished block with these results."""
        return Block(self.params, self.instrs, tuple(map(self.lift, results)))


def copied(block: Block, params: Sequence[Value]) -> Block:
    """The block over other parameters of the same avals: every value is a fresh one, nothing is inferred anew."""
    env: dict[Operand, Any] = dict(zip(block.params, params, strict=True))
    instrs = []
    for instr in block.instrs:
        results = tuple([Value(r.aval, r.hint) for r in instr.results])
        operands = tuple([env.get(o, o) for o in instr.operands])
        instrs.append(Instr(instr.op, operands, instr.params, results, instr.location))
        env.update(zip(instr.results, results, strict=True))
    return Block(tuple(params), instrs, tuple([env.get(r, r) for r in block.results]))


def in_plain_values(block: Block) -> Block:
    """The block, copied if its values are those of a frontend: they promote and compare in ways of their own."""
    values = block.params or (block.instrs[0].results if block.instrs else ())
    if all(type(v) is Value for v in values):
        return block
    return copied(block, [Value(p.aval, p.hint) for p in block.params])


@contextmanager
def building(avals: Iterable[ArrayAval], hints: Iterable[str] = ()) -> Iterator[Builder]:
    """Build a block: ops used inside the `with` emit into the builder it yields."""
    builder = Builder(avals, hints)
    with emitting_to(builder):
        yield builder


@contextmanager
def continuing(block: Block, avals: Iterable[ArrayAval] = (), hints: Iterable[str] = ()) -> Iterator[tuple[Any, Any]]:
    """Build a block that begins as a copy of another one, with parameters of `avals` after its own.

    Yields the builder, and the values in it that were the results of the other.
    """
    given = tuple(avals)
    names = [*(p.hint for p in block.params), *(hints or [""] * len(given))]
    builder = Builder([*(p.aval for p in block.params), *given], names)
    begun = copied(block, builder.params[: len(block.params)])
    builder.instrs = begun.instrs
    with emitting_to(builder):
        yield builder, begun.results


def inline(block: Block, args: Iterable[object]) -> tuple[Any, ...]:
    """Emit every instruction of `block`, applied to `args`, to the current emitter."""
    target = emitter()
    env: dict[Operand, Operand] = dict(zip(block.params, map(target.lift, args), strict=True))

    def read(operand: Operand) -> Operand:
        return operand if isinstance(operand, Literal) else env[operand]

    for instr in block.instrs:
        outs = target.emit(instr.op, tuple(map(read, instr.operands)), instr.params)
        for old, new in zip(instr.results, outs, strict=True):
            if old.hint and isinstance(new, Value) and not new.hint:
                new.hint = old.hint
            env[old] = new
    return tuple(map(read, block.results))
