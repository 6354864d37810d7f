"""gmm: the log posterior of a Gaussian mixture with a Wishart prior, and its gradient in all parameters.

Component k has the weight alpha[k], the mean mu[k], and the inverse of its covariance as a lower triangular factor:
exp(q[k]) on the diagonal, and l[k] below it, column by column.
"""

import numpy as np
from scipy.special import multigammaln

import autodiff as ad
import autodiff.numpy as anp
from benchmarks.gradbench.function import Function, Input

PARAMETERS = ("alpha", "mu", "q", "l")


def logsumexp(x):
    """Over the last axis."""
    a = np.max(x, axis=-1)
    return a + np.log(np.sum(np.exp(x - a[..., None]), axis=-1))


def factors(q, l):
    """The triangular matrices, (k, d, d)."""
    k, d = q.shape
    columns, rows = np.triu_indices(d, 1)
    matrices = anp.zeros((k, d, d))
    matrices[:, rows, columns] = l
    matrices[:, np.arange(d), np.arange(d)] = np.exp(q)
    return matrices


def log_posterior(alpha, mu, q, l, x, gamma, m):
    (n, d), k = x.shape, len(alpha)
    matrices = factors(q, l)
    # Q (x - mu) as Q x - Q mu: one product with all points for all components.
    turned = (x @ matrices.reshape(k * d, d).T).reshape(n, k, d)
    scaled = turned - (matrices @ mu[:, :, None])[:, :, 0]
    beta = alpha + np.sum(q, axis=1) - 0.5 * np.sum(scaled**2, axis=2)  # (n, k)
    likelihood = np.sum(logsumexp(beta)) - n * (0.5 * d * np.log(2.0 * np.pi) + logsumexp(alpha))
    nu = d + m + 1
    prior = 0.5 * gamma**2 * (np.sum(np.exp(q) ** 2) + np.sum(l**2)) - m * np.sum(q)
    return likelihood - prior + k * (nu * d * np.log(gamma / np.sqrt(2.0)) - multigammaln(0.5 * nu, d))


def prepare(given: Input) -> tuple[object, ...]:
    arrays = [np.array(given[name], float) for name in (*PARAMETERS, "x")]
    k, d = arrays[1].shape
    arrays[3] = arrays[3].reshape(k, d * (d - 1) // 2)  # in one dimension there is nothing below the diagonal
    return *arrays, float(given["gamma"]), int(given["m"])


def finish(gradients: tuple[np.ndarray, ...]) -> dict[str, list[object]]:
    return {name: gradient.tolist() for name, gradient in zip(PARAMETERS, gradients, strict=True)}


FUNCTIONS = {
    "objective": Function(ad.jit(log_posterior, static_argnames="m"), prepare),
    "jacobian": Function(ad.grad(log_posterior, argnums=(0, 1, 2, 3), static_argnames="m"), prepare, finish),
}
