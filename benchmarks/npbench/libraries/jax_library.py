"""JAX: `jax.value_and_grad` of the version in `jax_kernels/`; float64, CPU, one thread."""

import os
from typing import Any

import numpy

from benchmarks.npbench.kernel import Arguments, Call, load, load_jax, positions, static_positions, weighted_sum

# Read when the backend starts.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax

jax.config.update("jax_enable_x64", True)


def warm_up() -> None:
    jax.jit(lambda x: x + 1.0)(numpy.ones(3)).block_until_ready()


def prepare(name: str, arguments: Arguments, factors: list[Any]) -> Call:
    kernel, function = load(name), load_jax(name)

    def loss(*arguments: Any) -> Any:
        return weighted_sum(function(*arguments), factors)

    gradient = jax.value_and_grad(loss, positions(kernel, kernel.DIFFERENTIATED))
    compiled = jax.jit(gradient, static_argnums=static_positions(arguments))

    def call(*arguments: Any) -> tuple[float, tuple[Any, ...]]:
        value, gradients = compiled(*arguments)
        # Its gradients with respect to complex numbers are the conjugates of ours.
        return float(value), tuple(_plain(gradient) for gradient in gradients)

    return call


def _plain(gradient: Any) -> Any:
    array = numpy.asarray(gradient)
    return array.conj() if array.dtype.kind == "c" else array


def note(call: Call) -> str:
    return ""
