"""What a workload is: the interface of the files in `workloads/`.

A workload is a module. It declares the problem once and knows no peer: `loss` is handed the NumPy namespace to use
(`numpy`, `jax.numpy`, `autograd.numpy`), `limit` is handed the compiler, so that no peer's process imports what only
another one needs. The derivative is taken with respect to the one argument that changes between the calls; the
fixed data follow it, and a peer converts them once, outside the measurement.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, TypeAlias

import numpy

Array: TypeAlias = numpy.ndarray
Argument: TypeAlias = Array | float
Loss: TypeAlias = Callable[..., Argument]
Jit: TypeAlias = Callable[..., Any]  # `numba.njit`, or what behaves like it
Kernel: TypeAlias = Callable[..., tuple[float, Argument]]


@dataclass(frozen=True)
class Case:
    """One size of a workload, or one of its functions."""

    name: str
    shape: tuple[int, ...]
    heavy: bool = False  # left out of --quick


@dataclass(frozen=True)
class Tolerance:
    """Agreement with the limit: |error| <= relative * |reference| + absolute * max |reference|."""

    relative: float = 1e-6
    # Entries that are differences of large numbers carry the rounding of the large ones.
    absolute: float = 1e-9


class Workload(Protocol):
    """The names a file in `workloads/` defines."""

    TITLE: str
    CASES: tuple[Case, ...]
    TOLERANCE: Tolerance

    def argument(self, case: Case, seed: int) -> Argument:
        """What changes between the calls, and is differentiated."""

    def data(self, case: Case) -> tuple[Array, ...]:
        """What stays: the arguments after the first."""

    def loss(self, np: ModuleType, case: Case) -> Loss:
        """The function, as a NumPy user writes it: `f(argument, *data) -> scalar`."""

    def limit(self, njit: Jit, vm: ModuleType, case: Case) -> Kernel:
        """Value and gradient by hand: `f(argument, *data) -> (value, gradient)`, results in fresh memory."""
