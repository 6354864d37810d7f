"""A small convolutional network: 3 x 3 convolution to 32 channels on 28 x 28, relu, 2 x 2 maxima, 10 scores; float32.

Batch 32, images in the order NHWC, gradients of kernel, weights and biases. With 1 input channel memory is the limit,
with 32 the matrix product. Libraries with a convolution use it; the others add nine shifted products.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss, Tolerance

TITLE = "convnet"
SIDE, BATCH, FILTERS, CLASSES = 28, 32, 32, 10
HALF = SIDE // 2
SINGLE = Tolerance(2e-3, 2e-4)
CASES = (
    Case("1 channel f32", (BATCH, SIDE, SIDE, 1), differentiated=4, tolerance=SINGLE),
    Case("32 channels f32", (BATCH, SIDE, SIDE, 32), differentiated=4, tolerance=SINGLE, heavy=True),
)


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    # From 2 on: with seed 1 two pixels of a window nearly tie, and rounding decides which of them gets the cotangent.
    generator, channels = numpy.random.default_rng(seed + 2), case.shape[3]
    normal, single = generator.normal, numpy.float32
    return (
        (0.2 / numpy.sqrt(channels) * normal(size=(3, 3, channels, FILTERS))).astype(single),
        numpy.zeros(FILTERS, single),
        (0.02 * normal(size=(HALF * HALF * FILTERS, CLASSES))).astype(single),
        numpy.zeros(CLASSES, single),
        normal(size=case.shape).astype(single),
        generator.integers(0, CLASSES, size=BATCH),
    )


def data(case: Case) -> tuple[Array, ...]:
    """The rows of a batch, to pick the score of each row's label."""
    return (numpy.arange(BATCH),)


def loss(lang: Language, case: Case) -> Loss:
    np = lang.np

    def shifted_products(images, kernel):
        padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
        return sum(padded[:, i : i + SIDE, j : j + SIDE] @ kernel[i, j] for i in range(3) for j in range(3))

    def maxima(images):
        pairs = np.reshape(images, (BATCH, HALF, 2, HALF, 2, FILTERS))
        return np.max(np.max(pairs, axis=4), axis=2)

    def cross_entropy(kernel, bias, weights, offset, images, label, row):
        features = (lang.convolve or shifted_products)(images, kernel) + bias
        pooled = (lang.pool or maxima)(np.maximum(features, 0.0))
        scores = np.reshape(pooled, (BATCH, HALF * HALF * FILTERS)) @ weights + offset
        return np.mean(lang.logsumexp(scores, axis=1) - scores[row, label])

    return cross_entropy


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    """One image at a time, there and back, while its patches are in the second-level cache."""
    channels = case.shape[3]
    single = numpy.float32
    pixels, taps = SIDE * SIDE, 9 * channels
    patches, features, ct_features = (numpy.zeros((pixels, width), single) for width in (taps, FILTERS, FILTERS))
    pooled, winner = numpy.empty(HALF * HALF * FILTERS, single), numpy.empty(HALF * HALF * FILTERS, numpy.int32)

    @njit(fastmath=True)
    def cut(image, patches):
        for i in range(SIDE):
            for j in range(SIDE):
                for tap in range(9):
                    p, q = i + tap // 3 - 1, j + tap % 3 - 1
                    inside = 0 <= p < SIDE and 0 <= q < SIDE
                    for k in range(channels):
                        patches[i * SIDE + j, tap * channels + k] = image[p, q, k] if inside else single(0)

    @njit(fastmath=True)
    def pool(features, bias, pooled, winner):
        for i in range(HALF):
            for j in range(HALF):
                first, to = 2 * i * SIDE + 2 * j, (i * HALF + j) * FILTERS
                for f in range(FILTERS):
                    best, where = features[first, f], numpy.int32(first)
                    for other in (first + 1, first + SIDE, first + SIDE + 1):
                        if features[other, f] > best:
                            best, where = features[other, f], numpy.int32(other)
                    pooled[to + f] = max(best + bias[f], single(0))
                    winner[to + f] = where

    @njit(fastmath=True)
    def softmax(scores, label, n):
        """The loss of one row; its cotangents take the place of the scores."""
        top, chosen = scores.max(), scores[label]
        for k in range(CLASSES):
            scores[k] = numpy.exp(scores[k] - top)
        total = scores.sum()
        for k in range(CLASSES):
            scores[k] /= total * n
        scores[label] -= single(1.0 / n)
        return numpy.log(total) + top - chosen

    @njit(fastmath=True)
    def back_to_features(scores, weights, pooled, winner, ct_weights, ct_features, ct_bias):
        ct_features[:] = 0
        for s in range(pooled.size):
            if pooled[s] > 0:
                ct = single(0)
                for k in range(CLASSES):
                    ct += scores[k] * weights[s, k]
                    ct_weights[s, k] += pooled[s] * scores[k]
                ct_features[winner[s], s % FILTERS] = ct
                ct_bias[s % FILTERS] += ct

    @njit(fastmath=True)
    def value_and_gradients(kernel, bias, weights, offset, images, label, scratch):
        patches, features, ct_features, pooled, winner = scratch
        n = images.shape[0]
        matrix = kernel.reshape(taps, FILTERS)
        ct_matrix, ct_bias = numpy.zeros((taps, FILTERS), single), numpy.zeros(FILTERS, single)
        ct_weights, ct_offset = numpy.zeros(weights.shape, single), numpy.zeros(CLASSES, single)
        value = 0.0
        for b in range(n):
            cut(images[b], patches)
            numpy.dot(patches, matrix, features)
            pool(features, bias, pooled, winner)
            scores = offset.copy()
            for s in range(pooled.size):
                for k in range(CLASSES):
                    scores[k] += pooled[s] * weights[s, k]
            value += softmax(scores, label[b], n)
            ct_offset += scores
            back_to_features(scores, weights, pooled, winner, ct_weights, ct_features, ct_bias)
            ct_matrix += numpy.dot(patches.T, ct_features)
        return value / n, ct_matrix.reshape(kernel.shape), ct_bias, ct_weights, ct_offset

    scratch = patches, features, ct_features, pooled, winner
    return lambda *arguments: value_and_gradients(*arguments[:-1], scratch)  # it needs no row numbers
