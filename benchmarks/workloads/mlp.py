"""A digit classifier: 784-256-10, relu, softmax cross entropy; the gradients of both layers.

Weights and mini-batch change at every call, as in training. Five matrix products, done by BLAS everywhere: what
distinguishes the peers is what they do around them.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss, Tolerance

TITLE = "MLP 784-256-10"
SINGLE = Tolerance(1e-3, 1e-4)
CASES = (
    Case("batch 32 f64", (32,), differentiated=4),
    Case("batch 256 f64", (256,), differentiated=4, heavy=True),
    Case("batch 32 f32", (32,), differentiated=4, tolerance=SINGLE),
    Case("batch 256 f32", (256,), differentiated=4, tolerance=SINGLE, heavy=True),
)
INPUTS, HIDDEN, CLASSES = 784, 256, 10


def dtype(case: Case) -> type:
    return numpy.float32 if case.tolerance is SINGLE else numpy.float64


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    generator, (batch,), precision = numpy.random.default_rng(seed), case.shape, dtype(case)
    return (
        (0.05 * generator.normal(size=(INPUTS, HIDDEN))).astype(precision),
        numpy.zeros(HIDDEN, precision),
        (0.1 * generator.normal(size=(HIDDEN, CLASSES))).astype(precision),
        numpy.zeros(CLASSES, precision),
        generator.random(size=(batch, INPUTS)).astype(precision),
        generator.integers(0, CLASSES, size=batch),
    )


def data(case: Case) -> tuple[Array, ...]:
    """The rows of a batch, to pick the score of each row's label."""
    return (numpy.arange(case.shape[0]),)


def loss(lang: Language, case: Case) -> Loss:
    np = lang.np

    def cross_entropy(w1, b1, w2, b2, x, label, row):
        scores = np.maximum(x @ w1 + b1, 0.0) @ w2 + b2
        return np.mean(lang.logsumexp(scores, axis=1) - scores[row, label])

    return cross_entropy


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    """BLAS for the five products, fused loops for the rest."""
    (batch,), precision = case.shape, dtype(case)
    hidden, ct_hidden = numpy.empty((2, batch, HIDDEN), precision)
    scores = numpy.empty((batch, CLASSES), precision)

    @njit(fastmath=True)
    def bias_relu(hidden, bias):
        for i in range(hidden.shape[0]):
            for j in range(hidden.shape[1]):
                hidden[i, j] = max(hidden[i, j] + bias[j], bias[j] * 0)

    @njit(fastmath=True)
    def cross_entropy(scores, bias, label, ct_bias):
        """The mean loss; the cotangents of the scores take their place."""
        n, classes = scores.shape
        value = 0.0
        ct_bias[:] = 0
        for i in range(n):
            for j in range(classes):
                scores[i, j] += bias[j]
            top = scores[i].max()
            chosen = scores[i, label[i]]
            total = 0.0
            for j in range(classes):
                scores[i, j] = numpy.exp(scores[i, j] - top)
                total += scores[i, j]
            value += numpy.log(total) + top - chosen
            for j in range(classes):
                scores[i, j] /= total * n
            scores[i, label[i]] -= 1.0 / n
            for j in range(classes):
                ct_bias[j] += scores[i, j]
        return value / n

    @njit(fastmath=True)
    def mask_and_sum(ct_hidden, hidden, ct_bias):
        ct_bias[:] = 0
        for i in range(hidden.shape[0]):
            for j in range(hidden.shape[1]):
                ct = ct_hidden[i, j] if hidden[i, j] > 0 else ct_hidden[i, j] * 0
                ct_hidden[i, j] = ct
                ct_bias[j] += ct

    def value_and_gradients(w1, b1, w2, b2, x, label, row):
        numpy.dot(x, w1, out=hidden)
        bias_relu(hidden, b1)
        numpy.dot(hidden, w2, out=scores)
        ct_b1, ct_b2 = numpy.empty_like(b1), numpy.empty_like(b2)
        value = cross_entropy(scores, b2, label, ct_b2)
        ct_w2 = numpy.dot(hidden.T, scores)
        numpy.dot(scores, w2.T, out=ct_hidden)
        mask_and_sum(ct_hidden, hidden, ct_b1)
        return value, numpy.dot(x.T, ct_hidden), ct_b1, ct_w2, ct_b2

    return value_and_gradients
