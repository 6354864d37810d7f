"""Tracing: run a Python function on stand-ins, and keep what it did as a block.

A `Tracer` is a `Value` of the block being built that looks like a NumPy array. Arrays,
tensors and variables that the function reaches by other ways than its arguments are
*captured*: they become parameters of the block and are read anew at every run, so a change
to them takes effect at the next call.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import Any

import numpy as np

from autodiff.errors import ConcretizationError, DTypeError, LeakedTracerError, ShapeError, user_frame, user_location
from autodiff.frontends import tapes
from autodiff.frontends.array import ArrayMethods, holds_arrays, plain_array, stacked
from autodiff.frontends.asking import Kind, is_being_stored
from autodiff.frontends.codes import original
from autodiff.frontends.decision import Decision
from autodiff.frontends.questions import Absent, Enclosed, Questions, Unknown
from autodiff.frontends.surface import outputs, products
from autodiff.frontends.surface.sparse import asked_by_sparse, opaque
from autodiff.frontends.surface.storage import OutsideView, held
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import PYTHON_SCALARS, USES, Builder, emitter, emitting_to, infer, literal, remember
from autodiff.ir.core import OPERATORS, Block, Instr, Literal, Operand, Params, Value


class Tracer(ArrayMethods, Value):
    """The object user code sees in place of an array while its function is traced."""

    __slots__ = ("frozen", "home", "storage", "weak")

    def __init__(self, aval: ArrayAval, home: TraceBuilder, hint: str = "", weak: bool = False) -> None:
        super().__init__(aval, hint)
        self.home = home  # the trace it belongs to
        self.weak = weak
        self.storage: Any = None

    def __repr__(self) -> str:
        return f"<traced {self.aval} in {self.home.name}>"

    def __format__(self, spec: str) -> str:
        """What it is: text that is made while a function is traced is made once, and of no value."""
        return repr(self)

    def _refuse(self, asked: str, remedy: str, why: str = "") -> Any:
        if not self.home.active:
            raise leaked(self)
        raise ConcretizationError(
            f"{asked} needs the value of a traced array ({self.aval}) in {self.home.name!r}, "
            f"which has none while the function is traced{why and f': {why}'}",
            remedy,
        )

    def _ask(self, kind: Kind, asked: str, remedy: str) -> Any:
        """The value as a Python number, from the arguments of the call the function is traced for."""
        if not self.home.active:
            raise leaked(self)
        if kind is bool and self.size != 1:
            raise ShapeError(f"the truth value of an array of shape {self.shape} is ambiguous", "use np.any or np.all")
        if kind is not bool and self.shape:
            raise DTypeError(f"{asked}: only a number can be converted, not an array of shape {self.shape}", "x[k]")
        questions = self.home.questions
        if questions is None:
            return self._refuse(asked, remedy)
        try:
            return questions.answer(self.reshape(()) if self.shape else self, kind)
        except Unknown as unknown:
            why = str(unknown)
        return self._refuse(asked, remedy, why)

    def __bool__(self) -> bool:
        remedy = "use np.where(condition, a, b), or make the argument static"
        return self._ask(bool, "bool()/if/while/and/or", remedy)  # type: ignore[no-any-return]

    def __float__(self) -> float:
        asked = "float(), a function such as math.sin, or an assignment into a plain NumPy array"
        remedy = (
            "use the array itself, np.sin for math.sin; to fill an array, make one that can hold it: "
            "np.zeros_like(x) of a traced x, autodiff.numpy.zeros(shape), or np.stack([...])"
        )
        if is_being_stored(sys._getframe(1)):
            self._refuse(asked, remedy)
        return self._ask(float, asked, remedy)  # type: ignore[no-any-return]

    def __int__(self) -> int:
        return self._ask(int, "int()", "make the argument static (static_argnums), or use .astype(int)")  # type: ignore[no-any-return]

    def __index__(self) -> int:
        if self.home.active and self.dtype.kind not in "iu":
            raise DTypeError(f"an array of dtype {self.dtype} cannot be used as an index", "use int(x)")
        remedy = "make the argument static (static_argnums), or use np.take"
        return self._ask(operator.index, "an integer position", remedy)  # type: ignore[no-any-return]

    def __complex__(self) -> complex:
        return self._ask(complex, "complex()", "use the array itself, or x + 1j * y to combine two")  # type: ignore[no-any-return]

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if asked_by_sparse():
            return opaque(self)
        return self._refuse(  # type: ignore[no-any-return]
            "np.asarray()/np.array(), or a function outside NumPy's dispatch,",
            "use np.stack([...]) for lists, and functions that autodiff knows; to fill an array, make one that can "
            "hold it: np.zeros_like(x) of a traced x, or autodiff.numpy.zeros(shape)",
        )

    def selection(self, mask: Any) -> Any:
        """The elements where a traced mask is true."""
        return self.home.selection(held(self), mask)

    def ragged(self, spans: Any, part_of: Any = None) -> Any:
        """The part of this array that `spans` of its axes say."""
        return self.home.ragged(self, spans, part_of)

    # ---- writing --------------------------------------------------------------------------

    def another(self) -> Tracer:
        """An array like this one, of the same trace; what it holds is still to be said."""
        return Tracer(self.aval, self.home, weak=self.weak)

    def check_home(self) -> None:
        """Refuse to be written to by another trace than one's own, and when watched."""
        if not self.home.active:
            raise leaked(self)
        if emitter() is not self.home:
            tell_writing(self)
            raise DTypeError(
                f"a traced array ({self.aval}) of {self.home.name!r} is written to by a function inside of it",
                "pass it as an argument, and return the new array",
            )
        check_not_frozen(self)

    def may_vary(self) -> bool:
        return True

    def history(self) -> list[Instr]:
        return self.home.instrs

    def starts_in_c_order(self) -> bool:
        return True

    def __iadd__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["add"], other, "+=")

    def __isub__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["sub"], other, "-=")

    def __imul__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["mul"], other, "*=")

    def __itruediv__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["div"], other, "/=")

    def __ifloordiv__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["floordiv"], other, "//=")

    def __imod__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["mod"], other, "%=")

    def __ipow__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["pow"], other, "**=")

    def __imatmul__(self, other: Any) -> Any:
        return outputs.updated(self, products.matmul, other, "@=")

    def __iand__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["and"], other, "&=")

    def __ior__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["or"], other, "|=")

    def __ixor__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["xor"], other, "^=")

    def __ilshift__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["left_shift"], other, "<<=")

    def __irshift__(self, other: Any) -> Any:
        return outputs.updated(self, OPERATORS["right_shift"], other, ">>=")

    def item(self, *args: Any) -> Any:
        """One element as a Python number: by its index, or by its number in C order."""
        if not self.home.active:
            raise leaked(self)
        x: Any = self
        if args:
            index = args[0] if len(args) == 1 else args
            x = self[index] if isinstance(index, tuple) else self.reshape(-1)[index]
        elif self.size != 1:
            raise ShapeError(f"item() of an array of shape {self.shape}: one element has to be named", "x.item(k)")
        return x.reshape(())._ask(_PYTHON_KINDS[self.dtype.kind], ".item()", "use the array itself")

    def tolist(self) -> Any:
        """The elements as Python numbers, in nested lists."""
        if not self.home.active:
            raise leaked(self)
        if self.shape:
            return [row.tolist() for row in self]
        return self._ask(_PYTHON_KINDS[self.dtype.kind], ".tolist()", "use the array itself")


_PYTHON_KINDS: dict[str, Kind] = {"b": bool, "i": int, "u": int, "f": float, "c": complex}


def tell_writing(x: Any) -> None:
    """Tell the trace of a loop or a branch that it writes to an array from outside; it is traced again with that."""
    told = getattr(emitter(), "written_inside", None)
    if told is not None and isinstance(x, Tracer):
        told(x)


def check_not_frozen(x: Any) -> None:
    """Refuse to write to what a tape watches, and to views of what belongs to others."""
    reason = getattr(x, "frozen", "")
    if reason:
        if isinstance(reason, OutsideView):
            tell_writing(reason.base)
        raise DTypeError(
            f"an array of shape {x.shape} cannot be written in place: it is {reason}", "write into a copy: x = x.copy()"
        )


def leaked(tracer: Tracer) -> LeakedTracerError:
    """The error for a tracer that outlived its function."""
    return LeakedTracerError(
        f"a traced array ({tracer.aval}) was used after {tracer.home.name!r}, to which it belongs, had returned",
        "return it from the function instead of keeping it in a global, an attribute or a list",
    )


class TraceBuilder(Builder):
    """A builder whose values are tracers, and which captures what comes from outside."""

    selection: Any  # the class of x[mask] with a traced mask: `frontends/selection.py` hands it in
    ragged: Any  # that of x[:i], of a length that is traced: `frontends/ragged.py` does

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.active = True
        self.captured: list[Any] = []
        self.uses: dict[int, set[Any]] = {}  # id of a captured object -> (code, line) of its uses
        self.looked_at: set[int] = set()  # ids of variables whose value became a plain number
        self.decisions: list[Decision] = []  # what became of the user's loops and branches
        self.sizes: dict[CodeType, int] = {}  # how many operations a trip of short loops of the user's is
        self.questions: Questions | None = None  # who answers when Python asks for values
        self._by_id: dict[int, Tracer] = {}
        self._producers: dict[Any, Instr] = {}
        self._indexed = 0  # instructions that are in `_producers`

    def argument(self, aval: ArrayAval, hint: str = "", weak: bool = False) -> Tracer:
        """A fresh parameter."""
        tracer = Tracer(aval, self, hint, weak)
        self.params = (*self.params, tracer)
        return tracer

    def lift(self, x: object) -> Operand:
        if isinstance(x, Tracer):
            if x.home is self:
                return x if x.storage is None else x.storage.now(x)  # type: ignore[no-any-return]
            if not x.home.active:
                raise leaked(x)
            x = held(x)
            return self.capture(x, x.aval, x.hint, x.weak)
        if isinstance(x, Literal):
            return x
        if isinstance(x, ArrayMethods):
            return self.capture(x, x.aval, getattr(x, "hint", ""), x.weak)
        if type(x) in PYTHON_SCALARS or isinstance(x, np.number | np.bool_):
            return literal(x)  # type: ignore[arg-type]
        if isinstance(x, Operand):
            raise DTypeError("a value of a finished block cannot be used in another")
        if isinstance(x, list | tuple) and holds_arrays(x):
            return stacked(x)  # type: ignore[no-any-return]
        array = plain_array(x)
        return self.capture(array, ArrayAval(array.shape, array.dtype))

    def capture(self, x: Any, aval: ArrayAval, hint: str = "", weak: bool = False) -> Tracer:
        """A parameter bound to an object from outside, one per object."""
        tracer = self._by_id.get(id(x))
        if tracer is None:
            tracer = self._by_id[id(x)] = self.argument(aval, hint or "const", weak)
            self.captured.append(x)
        frame = user_frame()
        if frame is not None:
            self.uses.setdefault(id(x), set()).add((original(frame.f_code), frame.f_lineno))
        return tracer

    def producer(self, x: Any) -> Instr | None:
        """The instruction that computes a value of this trace; None for a parameter."""
        if self._indexed > len(self.instrs):
            self._producers, self._indexed = {}, 0
        if self._indexed < len(self.instrs):
            self._producers.update((r, i) for i in self.instrs[self._indexed :] for r in i.results)
            self._indexed = len(self.instrs)
        return self._producers.get(x)

    def producer_anew(self, x: Any) -> Instr | None:
        """The same, when instructions may have been put in between: loops are amended by their adjoints."""
        self._indexed = len(self.instrs) + 1
        return self.producer(x)

    def captured_from(self, param: Any) -> Any:
        """What a parameter is bound to; None for an argument."""
        bound = zip(reversed(self.captured), reversed(self.params), strict=False)
        return next((x for x, p in bound if p is param), None)

    def emit(self, op: Any, operands: tuple[Operand, ...], params: Params) -> tuple[Any, ...]:
        avals, weak = infer(op, operands, params), adapts(operands)
        results = tuple([Tracer(a, self, "", weak) for a in avals])
        self.keep(Instr(op, operands, params, results))
        return results

    def known(self, op: Any, args: tuple[Any, ...], params: Params) -> Tracer | None:
        """The short cut for tracers and numbers used as before; one long function, for it saves half the time."""
        for a in args:
            if type(a) is Tracer:
                if a.home is not self or a.storage is not None or a.weak:
                    return None
            elif type(a) is not float or a is args[0] or len(args) > 2:
                return None
        use = (op, *[0 if type(a) is float else id(a.aval) for a in args], *params.items())
        aval, number, _ = USES.get(use) or remember(use, op, args, params)
        if aval is None:
            return None
        if number is not None:
            args = args[0], literal(args[1], number)
        result = Tracer(aval, self)
        self.keep(Instr(op, args, params, (result,)))
        return result

    def keep(self, instr: Instr) -> None:
        """Write an instruction, with the user's line; inside a tape's block the tape is told."""
        instr.location = user_location()
        self.instrs.append(instr)
        if tapes.RECORDING.tapes:
            tapes.note(instr)


def adapts(operands: tuple[Operand, ...]) -> bool:
    """Whether a result of these is a Python scalar in spirit, which takes the dtype of what it meets."""
    found = False
    for o in operands:
        if o.weak:
            found = True
        elif type(o) is not Literal:
            return False
    return found


@contextmanager
def tracing_to(builder: TraceBuilder) -> Iterator[None]:
    """Trace into `builder`; its tracers are dead afterwards."""
    tapes.busy.count += 1
    try:
        with emitting_to(builder):
            yield
    finally:
        tapes.busy.count -= 1
        builder.active = False


def trace(
    call: Callable[..., Sequence[Any]],
    avals: Iterable[tuple[ArrayAval, str, bool]],
    name: str,
    questions: Callable[[TraceBuilder], Questions] | None = None,
) -> tuple[Block, TraceBuilder]:
    """Run `call` on tracers; return the block of its results, and the builder with what it captured.

    `call` takes one tracer per (aval, hint, weak) and returns a flat list of results. The
    parameters of the block are the tracers, then one per captured object. Who answers `questions` about values
    is made for the trace; by default, within another trace, only what does not depend on the arguments has a value.
    """
    builder = TraceBuilder(name)
    arguments = [builder.argument(*a) for a in avals]
    outer = emitter()
    if questions is not None:
        builder.questions = questions(builder)
    elif isinstance(outer, TraceBuilder):
        varying = Absent("stands for another value each time this runs")
        builder.questions = Enclosed(builder, [varying] * len(arguments), outer)
    if isinstance(outer, TraceBuilder):
        builder.decisions, builder.sizes = outer.decisions, outer.sizes
    with tracing_to(builder):
        results = [builder.lift(r) for r in call(*arguments)]
    return Block(builder.params, builder.instrs, tuple(results)), builder
