"""What is told of loops and branches: decisions for `explain`, warnings, errors."""

from __future__ import annotations

import warnings
from typing import Any

from autodiff.errors import ControlFlowError, LoopStateError, UnrolledWarning, user_location
from autodiff.frontends.control_carry import Unsettled
from autodiff.frontends.control_facts import Obstacles
from autodiff.frontends.control_state import Grown
from autodiff.frontends.control_watch import Hidden
from autodiff.frontends.decision import Decision, Kind
from autodiff.ir.build import emitter

NOWHERE = ("<unknown>", 0)


def decided(kind: Kind, what: str, why: str) -> None:
    """Note what became of a statement of the user's."""
    decisions = getattr(emitter(), "decisions", None)
    location = user_location() or NOWHERE
    if decisions is not None and (location, what, kind) not in {(d.location, d.what, d.kind) for d in decisions}:
        decisions.append(Decision(kind, location, what, why))


def warn_unrolled(trips: int, why: str) -> None:
    """Warn, once a line, that every trip of a long loop is traced."""
    file, line = user_location() or NOWHERE
    message = f"a loop of {trips} trips is unrolled, every trip becomes part of the program: {why}"
    warnings.warn_explicit(message, UnrolledWarning, file, line)


def reason(error: Exception) -> str:
    """Why a piece of code could not become a region, in a sentence."""
    if isinstance(error, Unsettled):
        return f"{error.label!r} is {error.before} before a trip and {error.after} after it"
    if isinstance(error, Grown):
        return f"{error.args[0] or 'a container'!r} gets more or fewer entries in a trip"
    if isinstance(error, Hidden):
        return str(error)
    text = str(getattr(error, "what", error)) or type(error).__name__
    return f"{type(error).__name__}: {text}".splitlines()[0]


def state_error(error: Exception, what: str, else_: str = "") -> Exception:
    """The error for a loop that cannot be a region, and that Python cannot or should not run; `else_`: a way out."""
    if isinstance(error, Unsettled):
        return LoopStateError(
            f"{error.label!r} is {error.before} before a trip of the {what} and {error.after} after it",
            "keep shape and dtype from trip to trip: make the array as large as it gets before the loop, convert "
            f"with .astype, or begin with a value of the final type{else_}",
            error.location,
        )
    if isinstance(error, Hidden):
        return LoopStateError(
            f"{error}; this {what} is traced once",
            "do it before the loop, and hand its results to the loop in an array",
        )
    if isinstance(error, Grown):
        return LoopStateError(
            f"{error.args[0] or 'a container'!r} gets more or fewer entries in a trip (append, pop) of a {what} that "
            "cannot be unrolled",
            "write into an array that is made before the loop: out[k] = v",
        )
    return error


def check_obstacles(obstacles: Obstacles, what: str) -> None:
    """Refuse at once what a region cannot keep to.

    Raises
    ------
    ControlFlowError
        With `try` around or inside, or an assignment to a global.
    """
    if obstacles.try_around or obstacles.try_inside:
        where = f"around it, at line {obstacles.try_around}" if obstacles.try_around else ""
        where = where or f"inside of it, at line {obstacles.try_inside}"
        raise ControlFlowError(
            f"a {what} on traced values has a `try` {where}: exceptions are raised while the function is traced, not "
            "when it runs",
            "take the `try` out of the decorated function, or choose with np.where",
        )
    if obstacles.globals:
        raise ControlFlowError(
            f"a {what} on traced values assigns the global {obstacles.globals[0]!r}",
            "return the value instead",
        )


class NoRegion(Exception):
    """A piece of code could not be made a region; `cause` says why."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause: Any = cause
