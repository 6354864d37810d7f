"""JAX as a NumPy user sees it: ndarray in, ndarray out, finished; float64, CPU, one thread."""

import os
from typing import Any

import numpy

from benchmarks.peer import bind, is_wide, leading, no_note
from benchmarks.workload import Call, Case, Language, Loss, Result, Task, Workload

# Read when the backend starts.
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import jax.scipy

jax.config.update("jax_enable_x64", True)

DISTRIBUTIONS = ("jax", "jaxlib")
GRADIENT = True
CORES = 1
DISK_CACHE = True
REFUSALS = (jax.errors.JAXTypeError,)
note = no_note


def _scan(step: Any, start: Any, xs: Any) -> Any:
    return jax.lax.scan(lambda carry, x: (step(carry, x), None), start, xs)[0]


def _convolve(images: Any, kernel: Any) -> Any:
    return jax.lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def _pool(images: Any) -> Any:
    return jax.lax.reduce_window(images, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


LANGUAGE = Language(
    np=jnp,
    erf=jax.scipy.special.erf,
    sigmoid=jax.nn.sigmoid,
    logsumexp=jax.scipy.special.logsumexp,
    solve_triangular=jax.scipy.linalg.solve_triangular,
    scan=_scan,
    convolve=_convolve,
    pool=_pool,
)


def warm_up() -> None:
    jax.jit(lambda x: x + 1.0)(numpy.ones(3)).block_until_ready()


def prepare(workload: Workload, case: Case) -> Call:
    function = workload.loss(LANGUAGE, case)
    compiled = jax.jit(_derivative(function, case))
    data = jax.device_put(workload.data(case))
    if case.task not in (Task.GRADIENT, Task.MINIMISE):
        return bind(lambda *arguments: numpy.asarray(compiled(*arguments)), data)

    def call(*arguments: Any) -> Result:
        value, gradient = compiled(*arguments, *data)
        # Both conversions wait for the result; neither copies the gradient.
        return float(value), jax.tree.map(numpy.asarray, gradient)

    return call


def _derivative(function: Loss, case: Case) -> Call:
    match case.task:
        case Task.HESSIAN:
            return jax.hessian(function)
        case Task.HVP:
            return lambda x, direction: jax.jvp(jax.grad(function), (x,), (direction,))[1]
        case Task.JACOBIAN:
            return jax.jacrev(function) if is_wide(case) else jax.jacfwd(function)
    return jax.value_and_grad(function, leading(case))
