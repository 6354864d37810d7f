"""lse: the logarithm of a sum of exponentials, stabilised by the largest element, and its gradient."""

import numpy as np

import autodiff as ad
from benchmarks.gradbench.function import Function, Input


def logsumexp(x):
    a = np.max(x)
    return a + np.log(np.sum(np.exp(x - a)))


def prepare(given: Input) -> tuple[np.ndarray]:
    return (np.array(given["x"], float),)


FUNCTIONS = {"primal": Function(ad.jit(logsumexp), prepare), "gradient": Function(ad.grad(logsumexp), prepare)}
