"""LeNet-5: two convolutions with maxima between, and three dense layers."""

import numpy as np

TEST, BENCH = 16, 28
DIFFERENTIATED = ("input", "conv1", "conv1bias", "conv2", "conv2bias", "fc1w", "fc1b", "fc2w", "fc2b", "fc3w", "fc3b")
WRITTEN = ()
ANALYTIC = False


def initialize(n, rng):
    N, c1, c2, hidden = (2, 2, 3, (7, 6, 4)) if n < 20 else (8, 6, 16, (120, 84, 10))
    C_before_fc1 = c2 * (((n - 4) // 2 - 4) // 2) ** 2

    def layer(*shape):
        return rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1])), 0.1 * rng.normal(size=shape[-1])

    dense = zip((C_before_fc1, *hidden), hidden, strict=False)
    layers = [layer(5, 5, 1, c1), layer(5, 5, c1, c2), *(layer(*shape) for shape in dense)]
    return rng.normal(size=(N, n, n, 1)), *(array for pair in layers for array in pair), N, C_before_fc1


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


def maxpool2d(x):
    output = np.empty([x.shape[0], x.shape[1] // 2, x.shape[2] // 2, x.shape[3]], dtype=x.dtype)
    for i in range(x.shape[1] // 2):
        for j in range(x.shape[2] // 2):
            output[:, i, j, :] = np.max(x[:, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, :], axis=(1, 2))
    return output


def kernel(input, conv1, conv1bias, conv2, conv2bias, fc1w, fc1b, fc2w, fc2b, fc3w, fc3b, N, C_before_fc1):
    x = relu(conv2d(input, conv1) + conv1bias)
    x = maxpool2d(x)
    x = relu(conv2d(x, conv2) + conv2bias)
    x = maxpool2d(x)
    x = np.reshape(x, (N, C_before_fc1))
    x = relu(x @ fc1w + fc1b)
    x = relu(x @ fc2w + fc2b)
    return x @ fc3w + fc3b
