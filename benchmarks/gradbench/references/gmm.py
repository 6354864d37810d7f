"""gmm: the gradient by hand, from the probabilities that a point belongs to a component."""

import math
from itertools import product

import numpy as np
from scipy.special import logsumexp, softmax

VALUE, DERIVATIVES = "objective", ("jacobian",)
POINTS = 1000
# coordinates, components, points
SIZES = tuple(sorted(product((2, 10, 20, 32, 64), (5, 10, 25, 50, 100), (POINTS,)), key=math.prod))
DEFAULT = ((2, 5, POINTS), (10, 25, POINTS), (20, 50, POINTS))
TINY = ((3, 4, 12), (1, 2, 5))


def make(size, random):
    """Drawn from a generator of its own, as the eval has it."""
    d, k, n = size
    rng = np.random.default_rng(31337)
    return {
        "d": d,
        "k": k,
        "n": n,
        "x": rng.normal(size=(n, d)).tolist(),
        "alpha": rng.normal(size=k).tolist(),
        "mu": rng.uniform(size=(k, d)).tolist(),
        "q": rng.normal(size=(k, d)).tolist(),
        "l": rng.normal(size=(k, d * (d - 1) // 2)).tolist(),
        "m": 0,
        "gamma": 1.0,
    }


def expected(function, given):
    names = ("x", "alpha", "mu", "q", "l")
    x, alpha, mu, q, l = (np.array(given[name]) for name in names)
    factors = [triangular(q_k, l_k) for q_k, l_k in zip(q, l, strict=True)]
    scaled = [(x - mu_k) @ factor.T for mu_k, factor in zip(mu, factors, strict=True)]
    beta = np.stack([a + q_k.sum() - (s * s).sum(axis=1) / 2.0 for a, q_k, s in zip(alpha, q, scaled, strict=True)], 1)
    if function == "objective":
        return value(alpha, beta, q, l, given["m"], given["gamma"])
    return gradient(x, alpha, mu, q, l, given["m"], given["gamma"], factors, scaled, softmax(beta, axis=1))


def triangular(q, l):
    """One factor: exp(q) on the diagonal, l below it, column by column."""
    d = len(q)
    factor, below = np.diag(np.exp(q)), iter(l)
    for column in range(d):
        for row in range(column + 1, d):
            factor[row, column] = next(below)
    return factor


def value(alpha, beta, q, l, m, gamma):
    (n, k), d = beta.shape, q.shape[1]
    nu = d + m + 1
    log_gamma = d * (d - 1) / 4.0 * math.log(math.pi) + sum(math.lgamma((nu + 1 - j) / 2.0) for j in range(1, d + 1))
    likelihood = logsumexp(beta, axis=1).sum() - n * (d / 2.0 * math.log(2.0 * math.pi) + logsumexp(alpha))
    constant = k * (nu * d * math.log(gamma / math.sqrt(2.0)) - log_gamma)
    return float(likelihood + constant - gamma**2 / 2.0 * (np.exp(2.0 * q).sum() + (l * l).sum()) + m * q.sum())


def gradient(x, alpha, mu, q, l, m, gamma, factors, scaled, belongs):
    found = {"alpha": (belongs.sum(axis=0) - len(x) * softmax(alpha)).tolist(), "mu": [], "q": [], "l": []}
    for k, factor in enumerate(factors):
        weighted = belongs[:, k, None] * scaled[k]
        by_factor = -weighted.T @ (x - mu[k])
        diagonal = np.diag(by_factor) * np.exp(q[k]) - gamma**2 * np.exp(2.0 * q[k]) + m
        below = [by_factor[row, column] for column in range(len(factor)) for row in range(column + 1, len(factor))]
        found["mu"].append((weighted.sum(axis=0) @ factor).tolist())
        found["q"].append((diagonal + belongs[:, k].sum()).tolist())
        found["l"].append((np.array(below) - gamma**2 * l[k]).tolist())
    return found
