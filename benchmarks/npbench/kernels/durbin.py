"""Levinson and Durbin's recursion for the Yule-Walker equations."""

import numpy as np

TEST, BENCH = 12, 400
DIFFERENTIATED = ("r",)
WRITTEN = ()
ANALYTIC = True


def initialize(n, rng):
    return (0.4 * rng.normal(size=n) / np.arange(1, n + 1) ** 1.5,)


def kernel(r):
    y = np.empty_like(r)
    alpha = -r[0]
    beta = 1.0
    y[0] = -r[0]
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return y
