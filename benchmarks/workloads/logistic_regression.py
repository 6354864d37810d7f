"""Logistic regression: mean log-loss of 10,000 examples with 50 features, with respect to the weights.

The data stay, the weights change, as in any optimiser. Two matrix-vector products around an elementwise middle: BLAS
reads X (4 MB) twice, the hand-written kernel once.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "logistic regression"
CASES = (Case("N=10,000 D=50", (10_000, 50)),)
ROWS = 64  # a block of X, 25 KB, stays in the first-level cache between its two uses


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    return (0.3 * numpy.random.default_rng(seed).normal(size=case.shape[1]),)


def data(case: Case) -> tuple[Array, ...]:
    """Features and labels, the labels -1 or 1."""
    generator = numpy.random.default_rng(99)
    return generator.normal(size=case.shape), numpy.sign(generator.normal(size=case.shape[0]))


def loss(lang: Language, case: Case) -> Loss:
    np = lang.np

    def log_loss(w, X, y):
        return np.mean(np.logaddexp(0.0, -y * (X @ w)))

    return log_loss


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    @njit(fastmath=True)
    def value_and_gradient(w, X, y):
        n, d = X.shape
        gradient = numpy.zeros(d)
        z = numpy.empty(ROWS)
        value = 0.0
        for start in range(0, n, ROWS):
            rows = min(ROWS, n - start)
            for i in range(rows):
                dot = 0.0
                for j in range(d):
                    dot += X[start + i, j] * w[j]
                z[i] = -y[start + i] * dot
            # A loop of its own, so that it vectorises; z becomes the cotangent of X @ w.
            for i in range(rows):
                e = vm.exp(-abs(z[i]))
                value += max(z[i], 0.0) + vm.log1p(e)
                z[i] = -y[start + i] * (1.0 if z[i] >= 0.0 else e) / (1.0 + e)
            for i in range(rows):
                for j in range(d):
                    gradient[j] += z[i] * X[start + i, j]
        return value / n, gradient / n

    return value_and_gradient
