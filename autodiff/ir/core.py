"""The IR: closed blocks of single-assignment instructions.

    block   = ( value* params, instr* instrs, operand* results )
    instr   = ( op op, operand* operands, params params, value* results )
    operand = value | literal
    aval    = array( int* shape, dtype dtype ) | stack( array item )

A loop or a branch is an instruction whose parameters hold blocks (`ops.region`), closed like any other.

What holds of every block (`ir.verify` checks it, one test each):

* closed: an operand is a literal, a parameter, or the result of an earlier instruction;
* single assignment: a value is defined once;
* typed: the avals of the results are what `op.infer` says;
* pure: no instruction writes an operand; memory exists only in `backends/numba`.

Start with `Block`, then `build.Builder`, then `backends/interpreter.py`: thirty lines
that define what a block means.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from autodiff.ir.aval import ArrayAval

Params = Mapping[str, Any]


class Op(Protocol):
    """What the IR needs to know of an op; `ops.families` holds the real ones."""

    name: str

    def __hash__(self) -> int: ...

    @property
    def size_params(self) -> tuple[str, ...]: ...

    @property
    def implied_params(self) -> tuple[str, ...]: ...

    def check(self, avals: tuple[ArrayAval, ...]) -> None: ...

    def dims(self, d: Any, operands: Any, result: ArrayAval, params: Any) -> Any: ...

    def infer(self, *avals: ArrayAval, **params: Any) -> tuple[ArrayAval, ...]: ...

    def wires(self, instr: Any) -> Any: ...


# Rules read like calculus (`ct * 2 * x`) because operands have operators. What the operators
# emit is decided one layer up: `ops.arithmetic` and `ops.bitwise` hand their ops in here, once, at import.
OPERATORS: dict[str, Callable[..., Any]] = {}


class Operand:
    """What an instruction can read: a `Value` or a `Literal`; carries Python's operators."""

    __slots__ = ()
    aval: ArrayAval
    weak: bool = False  # a Python scalar: takes the dtype of what it meets (NEP 50)
    storage: Any = None  # of an array that was written to, or is a view: what it holds now (frontends/surface/storage)

    def __add__(self, other: Any) -> Any:
        return OPERATORS["add"](self, other)

    def __radd__(self, other: Any) -> Any:
        return OPERATORS["add"](other, self)

    def __sub__(self, other: Any) -> Any:
        return OPERATORS["sub"](self, other)

    def __rsub__(self, other: Any) -> Any:
        return OPERATORS["sub"](other, self)

    def __mul__(self, other: Any) -> Any:
        return OPERATORS["mul"](self, other)

    def __rmul__(self, other: Any) -> Any:
        return OPERATORS["mul"](other, self)

    def __truediv__(self, other: Any) -> Any:
        return OPERATORS["div"](self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return OPERATORS["div"](other, self)

    def __floordiv__(self, other: Any) -> Any:
        return OPERATORS["floordiv"](self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return OPERATORS["floordiv"](other, self)

    def __mod__(self, other: Any) -> Any:
        return OPERATORS["mod"](self, other)

    def __rmod__(self, other: Any) -> Any:
        return OPERATORS["mod"](other, self)

    def __pow__(self, other: Any) -> Any:
        return OPERATORS["pow"](self, other)

    def __rpow__(self, other: Any) -> Any:
        return OPERATORS["pow"](other, self)

    def __neg__(self) -> Any:
        return OPERATORS["neg"](self)

    def __pos__(self) -> Any:
        return OPERATORS["pos"](self)

    def __abs__(self) -> Any:
        return OPERATORS["abs"](self)

    def __invert__(self) -> Any:
        return OPERATORS["invert"](self)

    def __and__(self, other: Any) -> Any:
        return OPERATORS["and"](self, other)

    def __rand__(self, other: Any) -> Any:
        return OPERATORS["and"](other, self)

    def __or__(self, other: Any) -> Any:
        return OPERATORS["or"](self, other)

    def __ror__(self, other: Any) -> Any:
        return OPERATORS["or"](other, self)

    def __xor__(self, other: Any) -> Any:
        return OPERATORS["xor"](self, other)

    def __rxor__(self, other: Any) -> Any:
        return OPERATORS["xor"](other, self)

    def __lshift__(self, other: Any) -> Any:
        return OPERATORS["left_shift"](self, other)

    def __rlshift__(self, other: Any) -> Any:
        return OPERATORS["left_shift"](other, self)

    def __rshift__(self, other: Any) -> Any:
        return OPERATORS["right_shift"](self, other)

    def __rrshift__(self, other: Any) -> Any:
        return OPERATORS["right_shift"](other, self)

    def __lt__(self, other: Any) -> Any:
        return OPERATORS["less"](self, other)

    def __le__(self, other: Any) -> Any:
        return OPERATORS["less_equal"](self, other)

    def __gt__(self, other: Any) -> Any:
        return OPERATORS["greater"](self, other)

    def __ge__(self, other: Any) -> Any:
        return OPERATORS["greater_equal"](self, other)


class Value(Operand):
    """Something computed, or a parameter of a block. Compared and hashed by identity."""

    __slots__ = ("aval", "hint")

    def __init__(self, aval: ArrayAval, hint: str = "") -> None:
        self.aval = aval
        self.hint = hint


class Literal(Operand):
    """A scalar known when the program was recorded."""

    __slots__ = ("aval", "value")

    def __init__(self, value: bool | int | float | complex, aval: ArrayAval) -> None:
        self.aval = aval
        self.value = value


class Instr:
    """One use of an op. `location` is the user's (file, line) when it is known."""

    __slots__ = ("location", "op", "operands", "params", "results")

    def __init__(
        self,
        op: Op,
        operands: tuple[Any, ...],
        params: Params,
        results: tuple[Any, ...],
        location: tuple[str, int] | None = None,
    ) -> None:
        self.op = op
        self.operands = operands
        self.params = params
        self.results = results
        self.location = location

    def __repr__(self) -> str:
        return f"Instr({self.op.name})"

    def reading(self, operands: tuple[Any, ...]) -> Instr:
        """The same use of the op, defining the same values, on other operands (of the same avals)."""
        return Instr(self.op, operands, self.params, self.results, self.location)


class Block:
    """A closed straight-line program: parameters, instructions in order, results."""

    __slots__ = ("instrs", "params", "results")

    def __init__(self, params: tuple[Value, ...], instrs: list[Instr], results: tuple[Any, ...] = ()) -> None:
        self.params = params
        self.instrs = instrs
        self.results = results

    def __repr__(self) -> str:
        return f"Block({len(self.params)} params, {len(self.instrs)} instrs, {len(self.results)} results)"


def blocks_of(instr: Instr) -> list[Block]:
    """The blocks that an instruction runs."""
    return [v for v in instr.params.values() if type(v) is Block] if instr.params else []


class Wire(NamedTuple):
    """How one block of an instruction is connected: `given` to its parameters, its `results` to values outside.

    `given` is None for a parameter that the op makes itself; `begun` says which operand a result starts as.
    """

    block: Block
    given: tuple[Any, ...]
    results: tuple[Any, ...]
    begun: Mapping[Any, Any]
