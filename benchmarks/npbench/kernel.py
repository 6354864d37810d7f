"""What a file in `kernels/` holds, and how the outputs of a kernel become one number."""

import importlib
import inspect
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import numpy

HERE = Path(__file__).parent
Arguments = tuple[Any, ...]
Call = Callable[..., Any]


class Kernel(Protocol):
    """A file in `kernels/`. Its text up to the function is about the benchmark; the function is as published.

    `SYMMETRIC`, where there is one, names arguments that stand for symmetric matrices.
    """

    TEST: int  # the size that tests use: small, but most loops are long enough not to be unrolled
    BENCH: int  # the size that is timed
    DIFFERENTIATED: tuple[str, ...]  # arguments
    WRITTEN: tuple[str, ...]  # arguments that are outputs: written in place
    ANALYTIC: bool  # whether it can be run with complex numbers, for the complex step

    def initialize(self, n: int, rng: numpy.random.Generator) -> Arguments: ...

    kernel: Callable[..., Any]  # returns further outputs, or None


def kernel_names() -> list[str]:
    return sorted(path.stem for path in (HERE / "kernels").glob("*.py") if path.stem != "__init__")


def load(name: str) -> Kernel:
    return cast("Kernel", importlib.import_module(f"benchmarks.npbench.kernels.{name}"))


def has_jax(name: str) -> bool:
    return (HERE / "jax_kernels" / f"{name}.py").exists()


def load_jax(name: str) -> Callable[..., Any]:
    """The JAX version: it returns the written arguments, in the order of `WRITTEN`, then the further outputs."""
    return cast("Callable[..., Any]", importlib.import_module(f"benchmarks.npbench.jax_kernels.{name}").kernel)


def positions(kernel: Kernel, names: Sequence[str]) -> tuple[int, ...]:
    """Where arguments stand in the signature."""
    parameters = list(inspect.signature(kernel.kernel).parameters)
    return tuple(parameters.index(name) for name in names)


def static_positions(arguments: Arguments) -> tuple[int, ...]:
    """Plain ints, which say sizes and numbers of steps."""
    return tuple(k for k, argument in enumerate(arguments) if type(argument) is int)


def fresh(arguments: Arguments) -> Arguments:
    """Copies, for a kernel may write to them."""
    return tuple(a.copy() if isinstance(a, numpy.ndarray) else a for a in arguments)


def outputs(kernel: Kernel, arguments: Arguments) -> list[Any]:
    """Run the kernel; the written arguments, then what it returns."""
    returned = kernel.kernel(*arguments)
    return [arguments[k] for k in positions(kernel, kernel.WRITTEN)] + as_list(returned)


def as_list(returned: Any) -> list[Any]:
    if returned is None:
        return []
    return list(returned) if isinstance(returned, tuple) else [returned]


def weights(kernel: Kernel, arguments: Arguments, seed: int = 7) -> list[Any]:
    """Fixed factors of the outputs; None for those that are integers."""
    rng = numpy.random.default_rng(seed)
    return [_weight(numpy.asarray(output), rng) for output in outputs(kernel, fresh(arguments))]


def _weight(output: numpy.ndarray, rng: numpy.random.Generator) -> Any:
    if output.dtype.kind not in "fc":
        return None
    real = rng.normal(size=output.shape)
    return real + 1j * rng.normal(size=output.shape) if output.dtype.kind == "c" else real


def loss(kernel: Kernel, factors: list[Any]) -> Callable[..., Any]:
    """The weighted sum of the outputs (its real part), as a function of the kernel's arguments."""
    function, written = kernel.kernel, positions(kernel, kernel.WRITTEN)

    def weighted_outputs(*arguments: Any) -> Any:
        returned = function(*arguments)
        return weighted_sum([arguments[k] for k in written] + as_list(returned), factors)

    return weighted_outputs


def weighted_sum(results: Sequence[Any], factors: Sequence[Any]) -> Any:
    return sum(
        (factor * result).real.sum() for result, factor in zip(results, factors, strict=True) if factor is not None
    )
