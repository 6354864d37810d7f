"""Every error the library raises, and the shape of its message.

A message has three parts: what happened, with the values; the user's line; what to do.
`user_line` finds the innermost frame that is neither ours nor NumPy's, so the line named
is the one the user wrote. Errors double as the built-in type a NumPy user would catch
(`ShapeError` is a `ValueError`), so existing handlers keep working.
"""

from __future__ import annotations

import linecache
import os
import sys
from functools import lru_cache
from types import FrameType

import numpy as np

SOURCE_WIDTH = 100  # characters of the user's line that a message shows

_OWN = os.path.dirname(__file__) + os.sep
_PACKAGES = tuple(f"{os.sep}site-packages{os.sep}{name}{os.sep}" for name in ("numpy", "optree", "numba"))
_GENERATED = ("<string>", "<autodiff kernel>", "<__array_function__ internals>")


@lru_cache(maxsize=1024)
def _is_user_file(file: str) -> bool:
    return not (file.startswith(_OWN) or file in _GENERATED or any(part in file for part in _PACKAGES))


def user_frame() -> FrameType | None:
    """The innermost frame of user code; None when there is none."""
    frame: FrameType | None = sys._getframe(1)
    typed_in = None
    while frame is not None:
        file = frame.f_code.co_filename
        if _is_user_file(file):
            return frame
        # `python -c` has no better name than generated code; it counts when nothing else does.
        if file == "<string>":
            typed_in = frame
        frame = frame.f_back
    return typed_in


def user_location() -> tuple[str, int] | None:
    """(file, line) of the innermost frame of user code, or None when there is none."""
    frame = user_frame()
    return None if frame is None else (frame.f_code.co_filename, frame.f_lineno)


def describe_location(location: tuple[str, int] | None) -> str:
    """`file.py:12: the source line`, or an empty string."""
    if location is None:
        return ""
    file, line = location
    source = clipped(linecache.getline(file, line).strip(), SOURCE_WIDTH)
    return f"{os.path.basename(file)}:{line}" + (f": {source}" if source else "")


def clipped(text: str, width: int) -> str:
    """The text, cut to a width."""
    return text if len(text) <= width else text[: width - 3] + "..."


class AutodiffError(Exception):
    """Base of all errors raised on purpose by autodiff.

    Parameters
    ----------
    what : str
        What happened, with the values.
    remedy : str, optional
        What the user can do about it; the class may have a usual one.
    location : (str, int), optional
        File and line to name; found by walking the stack when not given.
    """

    usual_remedy = ""

    def __init__(self, what: str, remedy: str = "", location: tuple[str, int] | None = None) -> None:
        remedy = remedy or self.usual_remedy
        self.what, self.remedy = what, remedy
        self.location = location or user_location()
        at = describe_location(self.location)
        parts = [what, f"  at {at}" if at else "", f"  remedy: {remedy}" if remedy else ""]
        message = "\n".join(p for p in parts if p)
        super().__init__(message)
        self.args = (message,)  # a base class may keep what it was made with

    def __reduce__(self) -> tuple[type[AutodiffError], tuple[str, str, tuple[str, int] | None]]:
        # By its parts: the message is put together anew, and names the line it did.
        return type(self), (self.what, self.remedy, self.location)

    def __str__(self) -> str:
        # KeyError-like bases would show the repr of the message; say it plainly.
        return str(self.args[0]) if self.args else ""


class ShapeError(AutodiffError, ValueError):
    """Shapes do not fit together."""

    usual_remedy = "give the operands shapes that fit: x.reshape(...), x[:, None], x.T"


class DTypeError(AutodiffError, TypeError):
    """A dtype, or a kind of object, that cannot be used here."""

    usual_remedy = "convert it before: x.astype(float)"


class ArgumentError(AutodiffError, ValueError):
    """An argument has a value outside what the function accepts."""


class AxisError(ArgumentError, np.exceptions.AxisError):
    """An axis or an index outside the array."""

    usual_remedy = "of n axes (or entries) the last is n - 1, or -1"


class LinearAlgebraError(AutodiffError, np.linalg.LinAlgError):
    """A matrix that a function of linear algebra cannot work with: not square, singular, not positive definite."""

    usual_remedy = "check the matrix: its shape, np.linalg.cond(a), np.linalg.eigvalsh(a)"


class NotDifferentiableError(AutodiffError, LookupError):
    """An operation that has no derivative rule, or no rule in autodiff at all."""

    usual_remedy = "write it with functions that have one, or compute it before, on plain arrays"


class NoBatchingRuleError(AutodiffError, NotImplementedError):
    """An operation that `vmap` cannot give a leading axis to."""

    usual_remedy = "apply it in a loop over the batch, and np.stack the results"


class NonScalarLossError(AutodiffError, TypeError):
    """`grad` was asked to differentiate a function whose result is not one number."""


class ConcretizationError(AutodiffError, TypeError):
    """Python asked for the value of a traced array, which has none while it is traced."""


class ControlFlowError(ConcretizationError):
    """A loop or a branch on traced values that is written in a way that cannot be traced."""


class LoopStateError(AutodiffError, TypeError):
    """The state of a loop changes its shape, its dtype or its structure from trip to trip."""


class MemoryLimitError(AutodiffError, MemoryError):
    """A loop would keep more for its gradient than the setting `memory` allows."""


class LeakedTracerError(AutodiffError, RuntimeError):
    """A traced array was used after the function it belongs to had returned."""


class TapeError(AutodiffError, RuntimeError):
    """A tape was used in a state that does not allow it."""


class TapeStateError(AutodiffError, ValueError):
    """A tape was entered while it was already recording."""


class InternalError(AutodiffError, RuntimeError):
    """A broken invariant of the IR: a bug in autodiff, please report it."""


class PathBreakWarning(UserWarning):
    """A recorded tensor was turned into a plain array while its tape was recording."""


class LateWatchWarning(UserWarning):
    """A value is watched after it was used on the tape: the earlier uses have no gradient."""


class UnrolledWarning(UserWarning):
    """A long loop could not be traced once: every trip became part of the program."""


class UncheckedWarning(UserWarning):
    """An `assert` or a `raise` in a loop on traced values cannot be checked."""


class RandomStateWarning(UserWarning):
    """A traced function drew random numbers: the numbers drawn are now constants of the kernel."""


class CacheWarning(UserWarning):
    """The cache of kernels on disk does not work; kernels are compiled instead."""
