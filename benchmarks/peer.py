"""What a peer is: the interface of the files in `peers/`.

A peer is a module, named as its file, less a trailing `_peer` (so that `jax_peer.py` need not shadow what it
imports). It imports its library at the top: if that fails for want of the package, the report says "not installed".
"""

from collections.abc import Sequence
from typing import Any, Protocol

from benchmarks.workload import Array, Call, Case, Task, Workload

LIMIT = "limit"  # the peer all others are checked against and compared with

# More trips than this through a Python loop, at every call or once while unrolling, take minutes somewhere.
MOST_TRIPS = 1_000


class NotAttempted(Exception):
    """This peer has no sensible version of this case; the message says why."""


class Peer(Protocol):
    """The names a file in `peers/` defines."""

    DISTRIBUTIONS: tuple[str, ...]  # whose versions are recorded
    GRADIENT: bool  # False: a call returns the value alone
    CORES: int  # the process is pinned to so many
    DISK_CACHE: bool  # keeps what it compiles on disk, if told to: then a warm start is measured
    REFUSALS: tuple[type[Exception], ...]  # with which the library says that it cannot do something

    def warm_up(self) -> None:
        """Start the runtime with a trivial compile, so that a first call is about the workload only."""

    def prepare(self, workload: Workload, case: Case) -> Call:
        """What a user would call in a loop, for the task of the case: NumPy in, finished NumPy out."""

    def note(self) -> str:
        """After the last call of a case: what a reader should know of it, or nothing."""


def bind(function: Call, data: tuple[Any, ...]) -> Call:
    """The function of what changes alone."""
    return (lambda *arguments: function(*arguments, *data)) if data else function


def leading(case: Case) -> int | tuple[int, ...]:
    """`argnums` of the libraries that have it: a number for one argument, so that its gradient comes bare."""
    return 0 if case.differentiated == 1 else tuple(range(case.differentiated))


def is_wide(case: Case) -> bool:
    """A Jacobian with more columns than rows, which reverse mode computes row by row."""
    rows, columns = case.shape
    return columns > rows


def only_gradients(case: Case) -> None:
    if case.task not in (Task.GRADIENT, Task.MINIMISE):
        raise NotAttempted(f"value and gradient only, no {case.task}")


def few_trips(case: Case, most: int = MOST_TRIPS) -> None:
    if case.trips > most:
        raise NotAttempted(f"{case.trips:,} trips of a Python loop")


def no_note() -> str:
    return ""


def bare(gradients: Sequence[Any]) -> Any:
    """One gradient by itself, as users and optimisers expect it; several as they are."""
    return gradients[0] if len(gradients) == 1 else gradients


def flat(result: Any) -> list[Array | float]:
    """Floats and arrays of nested tuples, in order."""
    if isinstance(result, tuple | list):
        return [leaf for part in result for leaf in flat(part)]
    return [result]
