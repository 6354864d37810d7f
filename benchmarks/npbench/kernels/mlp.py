"""A perceptron of three layers."""

from itertools import pairwise

import numpy as np

TEST, BENCH = 4, 64
DIFFERENTIATED = ("input", "w1", "b1", "w2", "b2", "w3", "b3")
WRITTEN = ()
ANALYTIC = False


def initialize(n, rng):
    sizes = (n + 1, 5, 6, 3) if n < 20 else (256, 512, 256, 10)
    layers = [array for m, k in pairwise(sizes) for array in (rng.normal(size=(m, k)) / np.sqrt(m), rng.normal(size=k))]
    return rng.normal(size=(n, sizes[0])), *layers


def relu(x):
    return np.maximum(x, 0)


def softmax(x):
    tmp_max = np.max(x, axis=-1, keepdims=True)
    tmp_out = np.exp(x - tmp_max)
    tmp_sum = np.sum(tmp_out, axis=-1, keepdims=True)
    return tmp_out / tmp_sum


def kernel(input, w1, b1, w2, b2, w3, b3):
    x = relu(input @ w1 + b1)
    x = relu(x @ w2 + b2)
    return softmax(x @ w3 + b3)
