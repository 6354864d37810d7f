"""Every error the library raises, and the shape of its message.

A message has three parts: what happened, with the values; the user's line; what to do.
`user_line` finds the innermost frame that is neither ours nor NumPy's, so the line named
is the one the user wrote. Errors double as the built-in type a NumPy user would catch
(`ShapeError` is a `ValueError`), so existing handlers keep working.
"""

from __future__ import annotations

import linecache
import sys
from pathlib import Path

_OWN = str(Path(__file__).parent)
_SKIPPED = (_OWN, str(Path("site-packages") / "numpy"), str(Path("site-packages") / "optree"), "<string>")


def user_location() -> tuple[str, int] | None:
    """(file, line) of the innermost frame of user code, or None when there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        file = frame.f_code.co_filename
        if not any(part in file for part in _SKIPPED):
            return file, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return None


def describe_location(location: tuple[str, int] | None) -> str:
    """`file.py:12: the source line`, or an empty string."""
    if location is None:
        return ""
    file, line = location
    source = linecache.getline(file, line).strip()
    return f"{Path(file).name}:{line}" + (f": {source}" if source else "")


class AutodiffError(Exception):
    """Base of all errors raised on purpose by autodiff.

    Parameters
    ----------
    what : str
        What happened, with the values.
    remedy : str, optional
        What the user can do about it.
    location : (str, int), optional
        File and line to name; found by walking the stack when not given.
    """

    def __init__(self, what: str, remedy: str = "", location: tuple[str, int] | None = None) -> None:
        self.what, self.remedy = what, remedy
        self.location = location or user_location()
        at = describe_location(self.location)
        parts = [what, f"  at {at}" if at else "", f"  remedy: {remedy}" if remedy else ""]
        super().__init__("\n".join(p for p in parts if p))

    def __str__(self) -> str:
        # KeyError-like bases would show the repr of the message; say it plainly.
        return str(self.args[0]) if self.args else ""


class ShapeError(AutodiffError, ValueError):
    """Shapes do not fit together."""


class DTypeError(AutodiffError, TypeError):
    """A dtype, or a kind of object, that cannot be used here."""


class ArgumentError(AutodiffError, ValueError):
    """An argument has a value outside what the function accepts."""


class AxisError(ArgumentError, IndexError):
    """An axis or an index outside the array."""


class NotDifferentiableError(AutodiffError, LookupError):
    """An operation that has no derivative rule, or no rule in autodiff at all."""


class NonScalarLossError(AutodiffError, TypeError):
    """`grad` was asked to differentiate a function whose result is not one number."""


class ConcretizationError(AutodiffError, TypeError):
    """Python asked for the value of a traced array, which has none while it is traced."""


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


class RandomStateWarning(UserWarning):
    """A traced function drew random numbers: the numbers drawn are now constants of the kernel."""
