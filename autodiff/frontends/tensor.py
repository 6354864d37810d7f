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
from autodiff.frontends.tracer import Tracer, leaked
from autodiff.ir.aval import ArrayAval, interned
from autodiff.ir.build import PYTHON_SCALARS, infer, literal, set_default_emitter
from autodiff.ir.core import Instr, Literal, Operand, Params, Value


class Tensor(ArrayMethods, Value):
    """An immutable array that tapes can watch. Made by `constant` and by operations.

    Looks like a NumPy array to operators, methods and NumPy functions; `numpy()` gives a
    plain array. Compared element by element, hashed by identity.
    """

    __slots__ = ("__weakref__", "_array", "_instr", "used_at", "weak")

    def __init__(
        self, aval: ArrayAval, array: Any = None, instr: Instr | None = None, hint: str = "", weak: bool = False
    ) -> None:
        self.aval = aval
        self.hint = hint
        self._array = array
        self._instr = instr
        self.weak = weak
        self.used_at = 0

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

    def value(self) -> Any:
        """The value, computed now if need be. Not a copy: not for writing."""
        if self._array is None:
            replay.force(self)
        return self._array

    known_value = value

    def numpy(self) -> Any:
        """The value as a fresh, writable array (a NumPy scalar for shape ())."""
        value = self.value()
        return value.copy() if isinstance(value, np.ndarray) and value.ndim else self.aval.dtype.type(value)

    def item(self, *args: Any) -> Any:
        return np.asarray(self.value()).item(*args)

    def tolist(self) -> Any:
        return np.asarray(self.value()).tolist()

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        self.warn_of_leaving("a plain NumPy array")
        return np.array(self.value(), dtype or self.dtype)

    def warn_of_leaving(self, kind: str) -> None:
        """Warn when a recorded value leaves for where no tape can follow."""
        if any(tape.watches(self) for tape in tapes.active()):
            warnings.warn(
                f"a recorded tensor of shape {self.shape} was turned into {kind}: what is computed from that is a "
                "constant for the tape. Use NumPy's functions, or .numpy() to say that a constant is meant",
                PathBreakWarning,
                stacklevel=3,
            )

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
        For None, strings, object and complex arrays.

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


class Recorder:
    """The emitter outside of traced functions: offers instructions to tapes, or runs them."""

    def lift(self, x: object) -> Operand:
        if type(x) is Tensor or type(x) is Literal:
            return x
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

    def emit(self, op: Any, operands: tuple[Operand, ...], params: Params) -> tuple[Tensor, ...]:
        avals = infer(op, operands, params)
        recording = tapes.active()
        if not recording:
            return self._run(op, operands, params, avals)
        # From here on every call counts: the budget of a recorded op is a few microseconds.
        weak = _adapts(operands)
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
                result.settle(value.value())
        return results

    def _run(
        self, op: Any, operands: tuple[Any, ...], params: Params, avals: tuple[ArrayAval, ...]
    ) -> tuple[Tensor, ...]:
        values = [o.aval.dtype.type(o.value) if isinstance(o, Literal) else o.value() for o in operands]
        with np.errstate(all="ignore"):
            outs = op.evaluate(*values, **params)
        weak = _adapts(operands)
        return tuple(
            [Tensor(a, v if a.shape else a.dtype.type(v), None, "", weak) for a, v in zip(avals, outs, strict=True)]
        )


def _adapts(operands: tuple[Operand, ...]) -> bool:
    """Whether a result of these is a Python scalar in spirit, which takes the dtype of what it meets."""
    found = False
    for o in operands:
        if o.weak:
            found = True
        elif type(o) is not Literal:
            return False
    return found


RECORDER = Recorder()
set_default_emitter(RECORDER)
