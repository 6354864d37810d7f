"""JAX as a NumPy user sees it: ndarray in, ndarray out, finished; float64, CPU, one thread."""

import os

import numpy

from benchmarks.peer import Call, Result
from benchmarks.workload import Argument, Case, Workload

# Read when the backend starts.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)

DISTRIBUTIONS = ("jax", "jaxlib")
GRADIENT = True


def warm_up() -> None:
    jax.jit(lambda x: x + 1.0)(numpy.ones(3)).block_until_ready()


def prepare(workload: Workload, case: Case) -> Call:
    compiled = jax.jit(jax.value_and_grad(workload.loss(jnp, case)))
    data = jax.device_put(workload.data(case))

    def call(argument: Argument) -> Result:
        value, gradient = compiled(argument, *data)
        # Both conversions wait for the result; neither copies the gradient.
        return float(value), numpy.asarray(gradient)

    return call
