"""Gaussian mixture: log posterior of 1,000 points in 10 dimensions under 25 components.

As in ADBench (Srajer, Kukelova, Fitzgibbon 2018): each component has a weight alpha, a mean and a factor of its
inverse covariance, given by the logarithm of its diagonal q and its strict lower triangle l; a Wishart prior with
gamma = 1, m = 0. The points stay, the parameters change.
"""

import math
from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "Gaussian mixture"
CASES = (Case("d=10 k=25 n=1000", (10, 25, 1000), differentiated=4),)
BLOCK = 64  # points side by side, the dimension that is vectorised


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    d, k, _ = case.shape
    normal = numpy.random.default_rng(seed).normal
    return normal(size=k), normal(size=(k, d)), 0.3 * normal(size=(k, d)), 0.3 * normal(size=(k, d * (d - 1) // 2))


def data(case: Case) -> tuple[Array, ...]:
    """The points; a matrix of zeros and ones that puts l below the diagonal; the identity."""
    d, _, n = case.shape
    rows, columns = numpy.tril_indices(d, -1)
    scatter = numpy.zeros((rows.size, d * d))
    scatter[numpy.arange(rows.size), rows * d + columns] = 1.0
    return numpy.random.default_rng(99).normal(size=(n, d)), scatter, numpy.eye(d)


def loss(lang: Language, case: Case) -> Loss:
    np, (d, k, n) = lang.np, case.shape

    def log_posterior(alpha, mean, q, l, x, scatter, identity):
        factor = np.reshape(l @ scatter, (k, d, d)) + np.exp(q)[:, :, None] * identity
        white = np.einsum("kab,nkb->nka", factor, x[:, None, :] - mean)
        exponents = alpha + np.sum(q, 1) - 0.5 * np.sum(white * white, 2)
        prior = 0.5 * (np.sum(np.exp(q) ** 2) + np.sum(l * l))
        return np.sum(lang.logsumexp(exponents, axis=1)) - n * lang.logsumexp(alpha) - prior

    return log_posterior


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    @njit(fastmath=True)
    def forward(points, count, alpha, mean, q_exp, q_sum, l, centred, white, weight, top, total):
        """Responsibilities of a block's points into `weight`; returns their log likelihood."""
        k, d = mean.shape
        top[:] = -numpy.inf
        for c in range(k):
            for b in range(d):
                for i in range(count):
                    centred[b, i] = points[b, i] - mean[c, b]
            for i in range(count):
                weight[c, i] = alpha[c] + q_sum[c]
            below = 0
            for a in range(d):
                for i in range(count):
                    white[c, a, i] = q_exp[c, a] * centred[a, i]
                for b in range(a):
                    for i in range(count):
                        white[c, a, i] += l[c, below] * centred[b, i]
                    below += 1
                for i in range(count):
                    weight[c, i] -= 0.5 * white[c, a, i] * white[c, a, i]
            for i in range(count):
                top[i] = max(top[i], weight[c, i])
        total[:] = 0
        for c in range(k):
            for i in range(count):
                weight[c, i] = vm.exp(weight[c, i] - top[i])
                total[i] += weight[c, i]
        value = 0.0
        for i in range(count):
            value += vm.log(total[i]) + top[i]
        for c in range(k):
            for i in range(count):
                weight[c, i] /= total[i]
        return value

    @njit(fastmath=True)
    def backward(points, count, mean, q_exp, l, centred, white, weight, pulled, ct_alpha, ct_mean, ct_q, ct_l):
        k, d = mean.shape
        for c in range(k):
            share = 0.0
            for i in range(count):
                share += weight[c, i]
            ct_alpha[c] += share
            for b in range(d):
                ct_q[c, b] += share
                for i in range(count):
                    centred[b, i] = points[b, i] - mean[c, b]
                    pulled[b, i] = 0.0
            below = 0
            for a in range(d):
                dot = 0.0
                for i in range(count):
                    white[c, a, i] *= weight[c, i]
                    dot += white[c, a, i] * centred[a, i]
                    pulled[a, i] += q_exp[c, a] * white[c, a, i]
                ct_q[c, a] -= dot * q_exp[c, a]
                for b in range(a):
                    dot = 0.0
                    for i in range(count):
                        dot += white[c, a, i] * centred[b, i]
                        pulled[b, i] += l[c, below] * white[c, a, i]
                    ct_l[c, below] -= dot
                    below += 1
            for b in range(d):
                for i in range(count):
                    ct_mean[c, b] += pulled[b, i]

    @njit(fastmath=True)
    def value_and_gradients(alpha, mean, q, l, transposed):
        k, d = mean.shape
        n = transposed.shape[1]
        ct_alpha, ct_mean, ct_q, ct_l = numpy.zeros(k), numpy.zeros((k, d)), numpy.zeros((k, d)), numpy.zeros(l.shape)
        q_exp, q_sum = numpy.exp(q), q.sum(axis=1)
        white, weight = numpy.empty((k, d, BLOCK)), numpy.empty((k, BLOCK))
        centred, pulled = numpy.empty((d, BLOCK)), numpy.empty((d, BLOCK))
        top, total = numpy.empty(BLOCK), numpy.empty(BLOCK)
        value = 0.0
        for start in range(0, n, BLOCK):
            count = min(BLOCK, n - start)
            points = transposed[:, start : start + count]
            value += forward(points, count, alpha, mean, q_exp, q_sum, l, centred, white, weight, top, total)
            backward(points, count, mean, q_exp, l, centred, white, weight, pulled, ct_alpha, ct_mean, ct_q, ct_l)
        weights = numpy.exp(alpha - alpha.max())
        value -= n * (math.log(weights.sum()) + alpha.max())
        value -= 0.5 * ((q_exp * q_exp).sum() + (l * l).sum())
        return value, ct_alpha - n * weights / weights.sum(), ct_mean, ct_q - q_exp * q_exp, ct_l - l

    transposed = numpy.ascontiguousarray(data(case)[0].T)

    def call(alpha, mean, q, l, x, scatter, identity):
        return value_and_gradients(alpha, mean, q, l, transposed)

    return call
