"""TensorFlow, eager: a tape recorded anew at every call, without `tf.function`."""

from typing import Any

import tensorflow as tf

from benchmarks.peer import bare, few_trips, only_gradients
from benchmarks.peers import tensorflow_peer
from benchmarks.peers.tensorflow_peer import DISTRIBUTIONS as DISTRIBUTIONS
from benchmarks.peers.tensorflow_peer import LANGUAGE
from benchmarks.peers.tensorflow_peer import note as note
from benchmarks.workload import Call, Case, Result, Workload

GRADIENT = True
CORES = 1
DISK_CACHE = False
REFUSALS = (NotImplementedError,)


def warm_up() -> None:
    tensorflow_peer.warm_up()
    with tf.GradientTape() as tape:
        x = tf.Variable(1.0)
        y = x * x
    tape.gradient(y, x)


def prepare(workload: Workload, case: Case) -> Call:
    only_gradients(case)
    few_trips(case, most=200)  # recorded anew at each call
    function, n = workload.loss(LANGUAGE, case), case.differentiated
    data = tuple(tf.constant(each) for each in workload.data(case))

    def call(*arguments: Any) -> Result:
        tensors = [tf.convert_to_tensor(each, tf.float64 if isinstance(each, float) else None) for each in arguments]
        with tf.GradientTape() as tape:
            tape.watch(tensors[:n])
            value = function(*tensors, *data)
        gradients = tape.gradient(value, tensors[:n])
        return value.numpy(), bare([each.numpy() for each in gradients])

    return call
