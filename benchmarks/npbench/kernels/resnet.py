"""A bottleneck block of ResNet: convolutions 1 x 1, 3 x 3 and 1 x 1 with batch normalisation, and the shortcut."""

import numpy as np

TEST, BENCH = 9, 14
DIFFERENTIATED = ("input", "conv1", "conv2", "conv3")
WRITTEN = ()
ANALYTIC = False


def initialize(n, rng):
    N, C1, C2 = (2, 4, 2) if n < 10 else (4, 32, 8)
    return (
        rng.normal(size=(N, n, n + 1, C1)),
        rng.normal(size=(1, 1, C1, C2)),
        rng.normal(size=(3, 3, C2, C2)),
        rng.normal(size=(1, 1, C2, C1)),
    )


def relu(x):
    return np.maximum(x, 0)


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


def batchnorm2d(x, eps=1e-5):
    mean = np.mean(x, axis=0, keepdims=True)
    std = np.std(x, axis=0, keepdims=True)
    return (x - mean) / np.sqrt(std + eps)


def kernel(input, conv1, conv2, conv3):
    padded = np.zeros((input.shape[0], input.shape[1] + 2, input.shape[2] + 2, conv1.shape[3]), dtype=input.dtype)
    padded[:, 1:-1, 1:-1, :] = conv2d(input, conv1)
    x = batchnorm2d(padded)
    x = relu(x)
    x = conv2d(x, conv2)
    x = batchnorm2d(x)
    x = relu(x)
    x = conv2d(x, conv3)
    x = batchnorm2d(x)
    return relu(x + input)
