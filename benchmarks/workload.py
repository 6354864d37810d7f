"""What a workload is: the interface of the files in `workloads/`.

A workload is a module. It declares the problem once and knows no peer: `loss` is handed the *language* to write in
(`numpy`, `jax.numpy`, `autograd.numpy` and the few functions NumPy does not have), `limit` is handed the compiler, so
that no peer's process imports what only another one needs. What changes between the calls comes first, and of that
the first `differentiated` arguments are differentiated; the fixed data follow, and a peer converts them once, outside
the measurement.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import ModuleType
from typing import Any, Protocol, TypeAlias

import numpy

Array: TypeAlias = numpy.ndarray
Argument: TypeAlias = Array | float
Loss: TypeAlias = Callable[..., Any]
Jit: TypeAlias = Callable[..., Any]  # `numba.njit`, or what behaves like it
Result: TypeAlias = Any  # a float, an array, or tuples of them
Call: TypeAlias = Callable[..., Result]


class Task(StrEnum):
    """What is computed of the function."""

    GRADIENT = "value and gradient"
    JACOBIAN = "Jacobian"
    HESSIAN = "Hessian"
    HVP = "Hessian-vector product"  # the direction is the last argument
    MINIMISE = "whole run of an optimiser"  # value and gradient, driven by the workload's `minimise`


@dataclass(frozen=True)
class Tolerance:
    """Agreement with the limit: |error| <= relative * |reference| + absolute * max |reference|."""

    relative: float = 1e-6
    # Entries that are differences of large numbers carry the rounding of the large ones.
    absolute: float = 1e-9


@dataclass(frozen=True)
class Case:
    """One size of a workload, or one of its functions."""

    name: str
    shape: tuple[int, ...] = ()
    task: Task = Task.GRADIENT
    differentiated: int = 1  # the first so many arguments
    trips: int = 0  # of Python loops in the function: what runs or unrolls them pays for each
    data_dependent: bool = False  # how often its loops run depends on the values
    tolerance: Tolerance = Tolerance()
    heavy: bool = False  # only with --all


@dataclass(frozen=True)
class Language:
    """What a function is written in: one library's spelling of NumPy and of a little more."""

    np: Any
    erf: Any
    sigmoid: Any
    logsumexp: Any  # (x, axis=None)
    solve_triangular: Any  # (L, b, lower=True)
    # `scan(step, start, xs)` with `step(carry, x) -> carry`; None: a `for` statement is how this library's users do it.
    scan: Callable[..., Any] | None = None
    # `convolve(images, kernel)`, NHWC, same size, and `pool(images)`, 2 by 2 maxima; None: from slices and products.
    convolve: Callable[..., Any] | None = None
    pool: Callable[..., Any] | None = None


class Workload(Protocol):
    """The names a file in `workloads/` defines."""

    TITLE: str
    CASES: tuple[Case, ...]

    def arguments(self, case: Case, seed: int) -> tuple[Argument, ...]:
        """What changes between the calls; the first `case.differentiated` of them are differentiated."""

    def data(self, case: Case) -> tuple[Array, ...]:
        """What stays: the arguments after these."""

    def loss(self, lang: Language, case: Case) -> Loss:
        """The function, as a NumPy user writes it: `f(*arguments, *data)`."""

    def limit(self, njit: Jit, vm: ModuleType, case: Case) -> Call:
        """By hand: `f(*arguments, *data)` -> what the task asks for, results in fresh memory.

        Scratch memory may be kept between calls. For MINIMISE: value and gradient.
        """


class Minimising(Workload, Protocol):
    """A workload with cases of the task MINIMISE."""

    def minimise(self, case: Case, value_and_gradient: Call) -> Call:
        """The whole run: `f(start) -> end`."""
