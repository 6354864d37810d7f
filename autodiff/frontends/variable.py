"""Variables: named arrays that change by assignment, and that tapes watch when they are read.

Reading a variable gives its current value as a tensor. `assign` puts a new tensor in place,
it never writes into the old one, so what a tape has recorded stays as it was.
"""

from __future__ import annotations

import itertools
from typing import Any, NoReturn

import numpy as np

from autodiff.errors import DTypeError, ShapeError, TapeError
from autodiff.frontends.array import ArrayMethods, plain_array
from autodiff.frontends.surface.sparse import asked_by_sparse, opaque
from autodiff.frontends.tapes import RECORDING
from autodiff.frontends.tensor import RECORDER, Tensor, as_plain, constant
from autodiff.ir.aval import ArrayAval
from autodiff.ir.build import emitter

_serial = itertools.count()


class Variable(ArrayMethods):
    """A mutable array for parameters.

    Parameters
    ----------
    initial_value : number, nested list, array or Tensor
        Copied. Python floats become float64; an array keeps its dtype.
    trainable : bool
        Tapes watch trainable variables by themselves when they are read.
    name : str, optional
        Used in messages and printed programs.
    dtype : dtype, optional

    Raises
    ------
    DTypeError
        For None, strings and arrays of objects.

    Examples
    --------
    >>> import autodiff as ad
    >>> x = ad.Variable(5.0)
    >>> with ad.GradientTape() as tape:
    ...     y = x**2 + 2 * x + 1
    >>> float(tape.gradient(y, x))
    12.0
    """

    __slots__ = ("__weakref__", "_serial", "_tensor", "name", "trainable")
    weak = False

    def __init__(self, initial_value: Any, trainable: bool = True, name: str | None = None, dtype: Any = None) -> None:
        self._serial = next(_serial)
        self.name = name or f"Variable_{self._serial}"
        self.trainable = bool(trainable)
        if isinstance(initial_value, ArrayMethods):
            initial_value = initial_value.numpy()  # type: ignore[attr-defined]
        hint = name if name and name.isidentifier() else ""
        self._tensor = _owned(constant(initial_value, dtype, hint))

    # ---- reading --------------------------------------------------------------------------

    @property
    def aval(self) -> ArrayAval:  # type: ignore[override]
        return self._tensor.aval

    @property
    def hint(self) -> str:
        return self._tensor.hint

    @property
    def serial(self) -> int:
        """Position in order of construction."""
        return self._serial

    def __autodiff_operand__(self) -> Tensor:
        tensor = self._tensor
        for tape in RECORDING.tapes:
            tape.read(self, tensor)
        return tensor

    def peek(self) -> Tensor:
        """The current value, unseen by tapes."""
        return self._tensor

    def _seen(self) -> Tensor:
        """The current value, for use as a plain number: a trace must know that it depends on it."""
        looked_at = getattr(emitter(), "looked_at", None)
        if looked_at is not None:
            looked_at.add(id(self))
        return self._tensor

    def value(self) -> Any:
        """The current value. Not a copy: not for writing."""
        return self._seen().value()

    def numpy(self) -> Any:
        """The current value as a fresh, writable array (a NumPy scalar for shape ())."""
        return self._seen().numpy()

    def read_value(self) -> Tensor:
        """The current value as a tensor."""
        return self.__autodiff_operand__()

    def item(self, *args: Any) -> Any:
        return self._seen().item(*args)

    def tolist(self) -> Any:
        return self._seen().tolist()

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if asked_by_sparse():
            return opaque(self)
        self._tensor.warn_of_leaving("a plain NumPy array")
        return as_plain(self._seen().value(), dtype, copy)

    def __float__(self) -> float:
        self._tensor.warn_of_leaving("a Python float")
        return float(self._seen().value())

    def __int__(self) -> int:
        return int(self._seen())

    def __index__(self) -> int:
        return self._seen().__index__()

    def __bool__(self) -> bool:
        return bool(self._seen())

    def __format__(self, spec: str) -> str:
        return format(self._seen(), spec)

    def __str__(self) -> str:
        return str(self._seen())

    def __repr__(self) -> str:
        shown = np.array2string(np.asarray(self.value()), separator=", ", threshold=100)
        return f"Variable({shown}, shape={self.shape}, dtype={self.dtype}, name={self.name!r})"

    def __reduce__(self) -> Any:
        return Variable, (self.numpy(), self.trainable, self.name)

    # ---- assigning ------------------------------------------------------------------------

    def assign(self, value: Any) -> Variable:
        """Replace the value.

        Parameters
        ----------
        value : number or array of the variable's shape; converted to its dtype, and copied

        Returns
        -------
        The variable itself.

        Raises
        ------
        ShapeError
            When the shape differs.
        """
        self._refuse_in_trace("assign")
        found = value.value() if isinstance(value, Tensor | Variable) else plain_array(value)
        return self._replace(found, "assign")

    def assign_add(self, delta: Any) -> Variable:
        """Add `delta` (of the variable's shape, or broadcasting to it) to the value."""
        self._refuse_in_trace("assign_add")
        return self._replace(np.add(self.value(), _plain(delta)), "assign_add")

    def assign_sub(self, delta: Any) -> Variable:
        """Subtract `delta` (of the variable's shape, or broadcasting to it) from the value."""
        self._refuse_in_trace("assign_sub")
        return self._replace(np.subtract(self.value(), _plain(delta)), "assign_sub")

    def _refuse_in_trace(self, method: str) -> None:
        if emitter() is not RECORDER:
            raise TapeError(
                f"{self.name}.{method} inside a traced function would happen once, while it is traced",
                "return the new value, and assign it outside",
            )

    def _replace(self, value: Any, method: str) -> Variable:
        if np.shape(value) != self.shape:
            raise ShapeError(
                f"{self.name}.{method}: shape {np.shape(value)} does not fit the variable's shape {self.shape}",
                "make a new Variable for another shape",
            )
        array = np.array(value, dtype=self.dtype, order="C")
        self._tensor = _owned(Tensor(self.aval, array if array.ndim else array[()], hint=self.hint))
        return self

    def _refuse(self, operator: str, method: str) -> NoReturn:
        raise TapeError(
            f"`variable {operator} value` would rebind the name {self.name!r} to a tensor",
            f"use variable.{method}(...), or variable = variable {operator[:-1]} value if that is meant",
        )

    def __iadd__(self, other: Any) -> NoReturn:
        self._refuse("+=", "assign_add")

    def __isub__(self, other: Any) -> NoReturn:
        self._refuse("-=", "assign_sub")

    def __imul__(self, other: Any) -> NoReturn:
        self._refuse("*=", "assign")

    def __itruediv__(self, other: Any) -> NoReturn:
        self._refuse("/=", "assign")

    def __ipow__(self, other: Any) -> NoReturn:
        self._refuse("**=", "assign")

    def __ifloordiv__(self, other: Any) -> NoReturn:
        self._refuse("//=", "assign")

    def __imod__(self, other: Any) -> NoReturn:
        self._refuse("%=", "assign")

    def __imatmul__(self, other: Any) -> NoReturn:
        self._refuse("@=", "assign")

    def __setitem__(self, index: Any, value: Any) -> NoReturn:
        raise DTypeError(
            f"item assignment on {self.name!r}", "assign a new array: v.assign(v.at[i].set(u)), or .add(u)"
        )


def _owned(tensor: Tensor) -> Tensor:
    """The tensor of a variable, which nobody else writes to."""
    tensor.frozen = "the value of a variable, which changes by assign"
    return tensor


def _plain(x: Any) -> Any:
    if x is None:
        raise DTypeError("cannot assign None", "a gradient is None when its variable is not connected to the target")
    return x.value() if isinstance(x, Tensor | Variable) else plain_array(x)
