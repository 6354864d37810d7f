"""What a peer is: the interface of the files in `peers/`.

A peer is a module, named as its file, less a trailing `_peer` (so that `jax_peer.py` need not shadow what it
imports). It imports its library at the top: if that fails for want of the package, the report says "not installed".
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

from benchmarks.workload import Argument, Case, Workload

Result: TypeAlias = tuple[float, Argument] | Argument
Call: TypeAlias = Callable[[Argument], Result]

LIMIT = "limit"  # the peer all others are checked against and compared with


class Peer(Protocol):
    """The names a file in `peers/` defines."""

    DISTRIBUTIONS: tuple[str, ...]  # whose versions are recorded
    GRADIENT: bool  # False: a call returns the value alone

    def warm_up(self) -> None:
        """Start the runtime with a trivial compile, so that a first call is about the workload only."""

    def prepare(self, workload: Workload, case: Case) -> Call:
        """What a user would call in a loop: NumPy in, finished NumPy out."""
