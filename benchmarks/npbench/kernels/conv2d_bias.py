"""A convolution of images (batch, row, column, channel), one output pixel at a time, and a bias."""

import numpy as np

TEST, BENCH = 11, 32
DIFFERENTIATED = ("input", "weights", "bias")
WRITTEN = ()
ANALYTIC = True


def initialize(n, rng):
    batch, channels, filters, k = (2, 2, 3, 3) if n < 20 else (4, 3, 8, 5)
    shapes = ((batch, n + 1, n, channels), (k, k, channels, filters), filters)
    return tuple(rng.normal(size=shape) for shape in shapes)


def conv2d(input, weights):
    K = weights.shape[0]
    N = input.shape[0]
    H_out = input.shape[1] - K + 1
    W_out = input.shape[2] - K + 1
    C_out = weights.shape[3]
    output = np.empty((N, H_out, W_out, C_out), dtype=input.dtype)
    for i in range(H_out):
        for j in range(W_out):
            output[:, i, j, :] = np.sum(
                input[:, i : i + K, j : j + K, :, np.newaxis] * weights[np.newaxis, :, :, :],
                axis=(1, 2, 3),
            )
    return output


def kernel(input, weights, bias):
    return conv2d(input, weights) + bias
