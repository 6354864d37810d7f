"""TensorFlow: `tf.function` around a tape; functions in its NumPy dialect."""

import os
from typing import Any

# Read when it is imported.
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tensorflow as tf
import tensorflow.experimental.numpy as tnp

from benchmarks.peer import bare, few_trips, is_wide, no_note
from benchmarks.workload import Call, Case, Language, Loss, Result, Task, Workload

DISTRIBUTIONS = ("tensorflow",)
GRADIENT = True
CORES = 1
DISK_CACHE = False
REFUSALS = (NotImplementedError,)
note = no_note


def _scan(step: Any, start: Any, xs: Any) -> Any:
    """A `while_loop`: `tf.scan` would keep what every trip returns."""
    xs = tf.convert_to_tensor(xs)
    flat = tf.nest.flatten(start)

    def body(i: Any, *carry: Any) -> Any:
        return (i + 1, *tf.nest.flatten(step(tf.nest.pack_sequence_as(start, carry), xs[i])))

    ended = tf.while_loop(lambda i, *_: i < len(xs), body, (tf.constant(0), *map(tf.convert_to_tensor, flat)))
    return tf.nest.pack_sequence_as(start, ended[1:])


def _logsumexp(x: Any, axis: int | None = None) -> Any:
    return tf.reduce_logsumexp(x, axis)


def _solve_triangular(factor: Any, b: Any, lower: bool) -> Any:
    return tf.linalg.triangular_solve(factor, b[:, None], lower=lower)[:, 0]


class _Numpy:
    """`tf.experimental.numpy`, and what it lacks."""

    linalg = tf.linalg
    diag = staticmethod(tf.linalg.diag_part)

    def __getattr__(self, name: str) -> Any:
        return getattr(tnp, name)


LANGUAGE = Language(
    np=_Numpy(),
    erf=tf.math.erf,
    sigmoid=tf.sigmoid,
    logsumexp=_logsumexp,
    solve_triangular=_solve_triangular,
    scan=_scan,
    convolve=lambda images, kernel: tf.nn.conv2d(images, kernel, 1, "SAME"),
    pool=lambda images: tf.nn.max_pool2d(images, 2, 2, "VALID"),
)


def warm_up() -> None:
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tnp.experimental_enable_numpy_behavior()
    tf.function(lambda x: x + 1)(tf.constant(1.0))


def prepare(workload: Workload, case: Case) -> Call:
    few_trips(case)
    data = tuple(tf.constant(each) for each in workload.data(case))
    derivative = tf.function(_derivative(workload.loss(LANGUAGE, case), case), reduce_retracing=True)

    def call(*arguments: Any) -> Result:
        # Tensors: a number, or an array, would be traced anew for each value.
        tensors = [tf.convert_to_tensor(each, tf.float64 if isinstance(each, float) else None) for each in arguments]
        return tf.nest.map_structure(lambda each: each.numpy(), derivative(*tensors, *data))

    return call


def _derivative(function: Loss, case: Case) -> Call:
    match case.task:
        case Task.HESSIAN:
            return lambda x: _reverse_jacobian(lambda x: _value_and_gradients(function, 1)(x)[1], x)
        case Task.HVP:
            return lambda x, direction: _pushforward(lambda x: _value_and_gradients(function, 1)(x)[1], x, direction)
        case Task.JACOBIAN if is_wide(case):
            return lambda x: _reverse_jacobian(function, x)
        case Task.JACOBIAN:
            return lambda x, *data: tf.stack(
                [_pushforward(lambda x: function(x, *data), x, each) for each in tf.unstack(_unit_vectors(x))], 1
            )
    return _value_and_gradients(function, case.differentiated)


def _value_and_gradients(function: Loss, n: int) -> Call:
    def call(*arguments: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(arguments[:n])
            value = function(*arguments)
        return value, bare(tape.gradient(value, arguments[:n]))

    return call


def _reverse_jacobian(function: Loss, x: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = function(x)
    return tape.jacobian(y, x)


def _unit_vectors(x: Any) -> Any:
    return tf.eye(x.shape[0], dtype=x.dtype)


def _pushforward(function: Loss, x: Any, direction: Any) -> Any:
    with tf.autodiff.ForwardAccumulator(x, direction) as accumulator:
        y = function(x)
    return accumulator.jvp(y)
