"""Tensors: arrays whose value may not have been computed yet.

While a tape records, an op on a watched tensor only notes what is to be done; shapes and
dtypes are checked at once, numbers come when somebody looks (print, `.numpy()`, `float`,
`gradient`). The forward pass is then part of one fused kernel instead of running on its own.
Arrays that enter are copied, so changing one later cannot change a recording.

`Recorder` is the emitter in force outside of traced functions.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from autodiff.config import config
from autodiff.errors import DTypeError, PathBreakWarning
from autodiff.frontends import replay, tapes
from autodiff.frontends.array import ArrayMethods, holds_arrays, plain_array, stacked
from autodiff.frontends.surface.sparse import asked_by_sparse, opaque
from autodiff.frontends.surface.storage import held
from autodiff.frontends.tracer import Tracer, adapts, check_not_frozen, leaked
from autodiff.ir.aval import ArrayAval, interned
from autodiff.ir.build import PYTHON_SCALARS, emitter, infer, literal, set_default_emitter
from autodiff.ir.core import Instr, Literal, Operand, Params, Value


class Tensor(ArrayMethods, Value):
    """An array that tapes can watch. Made by `constant` and by operations.

    Looks like a NumPy array to operators, methods and NumPy functions; `numpy()` gives a
    plain array, a copy; `np.asarray(t)` a read-only view of the elements, where it need not convert them.
    Compared element by element, hashed by identity.

    Items are written as in NumPy, views included: `t[0] = v` changes `t` and all arrays that
    share its elements, and is recorded like any operation. What a tape watches as a source is
    not written to. `t += v` makes a new tensor: a tensor is a value, others who hold it see no change.
    """

    __slots__ = ("__weakref__", "_array", "_instr", "frozen", "reordered", "storage", "used_at", "weak")
    home: Any  # the recorder, see below

    def __init__(
        self, aval: ArrayAval, array: Any = None, instr: Instr | None = None, hint: str = "", weak: bool = False
    ) -> None:
        self.aval = aval
        self.hint = hint
        self._array = array
        self._instr = instr
        self.weak = weak
        self.used_at = 0
        self.storage: Any = None

    # ---- the value ----------------------------------------------------------------------

    @property
    def producer(self) -> Instr | None:
        """The instruction that still has to run before there is a value, if any."""
        instr = self._instr  # first: another thread may settle the value between two reads
        return instr if self._array is None else None

    def settle(self, array: Any) -> None:
        """Set the value, and let go of how it is made."""
        self._array = array
        self._instr = None
        self.reordered = True  # a kernel's order of elements, not NumPy's

    def recorded(self) -> Any:
        """The value of the instruction that made it, computed now if need be."""
        if self._array is None:
            replay.force(self)
        return self._array

    def value(self) -> Any:
        """What it holds, computed now if need be. Not a copy: not for writing."""
        return held(self).recorded()

    known_value = value

    def constant_value(self) -> np.ndarray | None:
        """Its elements, when it is a constant for all that is being recorded; not for writing."""
        if self._array is None or self.storage is not None or emitter() is not RECORDER:
            return None
        return None if any(tape.watches(self) for tape in tapes.active()) else np.asarray(self._array)

    def numpy(self) -> Any:
        """The value as a fresh, writable array (a NumPy scalar for shape ())."""
        value = self.value()
        return value.copy() if isinstance(value, np.ndarray) and value.ndim else self.aval.dtype.type(value)

    def item(self, *args: Any) -> Any:
        return np.asarray(self.value()).item(*args)

    def tolist(self) -> Any:
        return np.asarray(self.value()).tolist()

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if asked_by_sparse():
            return opaque(self)
        self.warn_of_leaving("a plain NumPy array")
        return as_plain(self.value(), dtype, copy)

    def warn_of_leaving(self, kind: str) -> None:
        """Warn when a recorded value leaves for where no tape can follow."""
        if self.may_vary():
            warnings.warn(
                f"a recorded tensor of shape {self.shape} was turned into {kind}: what is computed from that is a "
                "constant for the tape. Use NumPy's functions, or .numpy() to say that a constant is meant",
                PathBreakWarning,
                stacklevel=3,
            )

    # ---- writing --------------------------------------------------------------------------

    def another(self) -> Tensor:
        """A tensor like this one; what it holds is still to be said."""
        return Tensor(self.aval, weak=self.weak)

    def check_home(self) -> None:
        """Refuse to be written to by a traced function, and when watched."""
        if emitter() is not RECORDER:
            raise DTypeError(
                f"a tensor of shape {self.shape}, from outside of a traced function, is written to inside of it",
                "write into a copy, x = x.copy(), or return the new array and write outside",
            )
        check_not_frozen(self)

    def may_vary(self) -> bool:
        """Whether a recording tape watches what it holds."""
        recording = tapes.active()
        return bool(recording) and any(tape.watches(held(self)) for tape in recording)

    def history(self) -> list[Instr]:
        producer = self.producer
        return [] if producer is None else replay.pending(producer)

    def starts_in_c_order(self) -> bool:
        array = self._array
        if not isinstance(array, np.ndarray):
            return array is None
        return array.flags.c_contiguous and not getattr(self, "reordered", False)

    def forget_order(self) -> None:
        """Its elements may lie in another order than NumPy's."""
        self.reordered = True

    def __float__(self) -> float:
        self.warn_of_leaving("a Python float")
        return float(self.value())

    def __int__(self) -> int:
        return int(self.value())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu" or self.shape:
            raise DTypeError(f"a tensor of dtype {self.dtype} and shape {self.shape} cannot be used as an index")
        return int(self.value())

    def __bool__(self) -> bool:
        return bool(self.value())

    def __format__(self, spec: str) -> str:
        return format(self.value(), spec) if spec else str(self)

    def __str__(self) -> str:
        return str(self.value())

    def __repr__(self) -> str:
        shown = np.array2string(np.asarray(self.value()), separator=", ", threshold=100)
        return f"Tensor({shown}, shape={self.shape}, dtype={self.dtype})"

    def __reduce__(self) -> Any:
        return constant, (self.numpy(),)


def constant(value: Any, dtype: Any = None, name: str = "") -> Tensor:
    """A tensor holding a copy of `value`.

    Parameters
    ----------
    value : number, nested list, array or Tensor
    dtype : dtype, optional
        float64 for Python floats and lists of them; an array keeps its own.
    name : str, optional
        Shown in printed programs.

    Raises
    ------
    DTypeError
        For None, strings and arrays of objects.

    Examples
    --------
    >>> import autodiff as ad
    >>> float(ad.constant(3.0) ** 2)
    9.0
    """
    if isinstance(value, ArrayMethods) or holds_arrays(value):
        tensor = RECORDER.lift(value)
        if dtype is not None:
            tensor = tensor.astype(dtype)  # type: ignore[attr-defined]
        return tensor  # type: ignore[return-value]
    array = np.array(plain_array(value), dtype=dtype, order="C")
    return Tensor(interned(ArrayAval(array.shape, array.dtype)), _frozen(array), hint=name)


def _frozen(array: np.ndarray) -> Any:
    """Scalars for shape (): they are immutable, and faster to compute with."""
    return array if array.ndim else array[()]


def as_plain(value: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """What `__array__` gives: a read-only view, unless a copy is asked for or the dtype is another.

    Values are never written to, so a view always shows what the copy would.
    """
    if copy:
        return np.array(value, dtype)
    found = value if dtype is None and type(value) is np.ndarray else np.asarray(value, dtype, copy=copy)
    if found is value:
        found = found.view()
        found.setflags(write=False)
    return found  # type: ignore[no-any-return]


RECORDING = tapes.RECORDING


def _read(x: Any) -> Tensor | None:
    """The tensor that a variable holds; None for anything else."""
    read = getattr(x, "__autodiff_operand__", None)
    return None if read is None else read()


class Recorder:
    """The emitter outside of traced functions: offers instructions to tapes, or runs them."""

    def lift(self, x: object) -> Operand:
        if type(x) is Tensor:
            return x if x.storage is None else x.storage.now(x)  # type: ignore[no-any-return]
        if type(x) is Literal:
            return x
        if type(x) is np.ndarray and x.dtype.kind in "fiubc" and x.dtype.isnative:
            array = np.array(x, order="C")
            return Tensor(interned(ArrayAval(array.shape, array.dtype)), _frozen(array))
        if isinstance(x, Tracer):
            raise leaked(x)
        if isinstance(x, ArrayMethods):
            return x.__autodiff_operand__()  # type: ignore[attr-defined,no-any-return]
        if type(x) in PYTHON_SCALARS or isinstance(x, np.number | np.bool_):
            return literal(x)  # type: ignore[arg-type]
        if isinstance(x, list | tuple) and holds_arrays(x):
            return stacked(x)  # type: ignore[no-any-return]
        if isinstance(x, Operand):
            raise DTypeError("a value of a block cannot be used outside of it")
        return constant(x)

    def known(self, op: Any, args: tuple[Any, ...], params: Params) -> Tensor | None:
        """The short cut for what fills most recordings: tensors and numbers, on one tape, as seen before.

        A recorded op has about two microseconds, hence one long function.
        """
        recording = RECORDING.tapes
        if len(recording) != 1 or config.eager or not args:
            return None
        first, second = args[0], None
        if type(first) is not Tensor:
            first = _read(first)
        if first is not None and first.storage is not None:
            first = first.storage.now(first)
        if first is None or first.weak:
            return None
        if len(args) == 2:
            second = args[1]
            if type(second) is not float:
                if type(second) is not Tensor:
                    second = _read(second)
                if second is not None and second.storage is not None:
                    second = second.storage.now(second)
                if second is None or second.weak:
                    return None
        elif len(args) != 1:
            return None
        return recording[0].follow(op, first, second, params)  # type: ignore[no-any-return]

    def emit(self, op: Any, operands: tuple[Operand, ...], params: Params) -> tuple[Tensor, ...]:
        avals = infer(op, operands, params)
        recording = tapes.active()
        if not recording:
            return self._run(op, operands, params, avals)
        # From here on every call counts: the budget of a recorded op is a few microseconds.
        weak = adapts(operands)
        if len(avals) == 1:
            results: tuple[Tensor, ...] = (Tensor(avals[0], None, None, "", weak),)
        else:
            results = tuple([Tensor(a, None, None, "", weak) for a in avals])
        instr = Instr(op, operands, params, results)
        taken = False
        for tape in recording:
            if tape.offer(instr):
                taken = True
        if not taken:
            return self._run(op, operands, params, avals)
        for result in results:
            result._instr = instr
        if config.eager:
            for result, value in zip(results, self._run(op, operands, params, avals), strict=True):
                result.settle(value.recorded())
        return results

    def _run(
        self, op: Any, operands: tuple[Any, ...], params: Params, avals: tuple[ArrayAval, ...]
    ) -> tuple[Tensor, ...]:
        values = [o.aval.dtype.type(o.value) if isinstance(o, Literal) else o.recorded() for o in operands]
        with np.errstate(all="ignore"):
            outs = op.evaluate(*values, **params)
        weak = adapts(operands)
        return tuple(
            [Tensor(a, v if a.shape else a.dtype.type(v), None, "", weak) for a, v in zip(avals, outs, strict=True)]
        )


RECORDER = Recorder()
Tensor.home = RECORDER
set_default_emitter(RECORDER)
