"""Gaussian process regression: negative log marginal likelihood, squared-exponential kernel, points in 3 dimensions.

The gradient is with respect to the logarithms of length scale, amplitude and noise. A Cholesky factor, a triangular
solve and matrix-sized elementwise work. By hand the gradient is closed form, through the inverse that LAPACK makes of
the factor (Rasmussen and Williams, Gaussian Processes for Machine Learning, eq. 5.9): less work than the adjoint of
Cholesky, which is what a differentiator has.
"""

import math
from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "Gaussian process"
CASES = (Case("n=200", (200,)), Case("n=1000", (1000,), heavy=True))


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    return (numpy.array([0.1, 0.2, -1.0]) + 0.1 * seed,)


def data(case: Case) -> tuple[Array, ...]:
    """Squared distances, observations, the identity."""
    (n,) = case.shape
    generator = numpy.random.default_rng(99)
    x = generator.normal(size=(n, 3))
    squared = ((x[:, None] - x[None]) ** 2).sum(-1)
    return squared, numpy.sin(x.sum(1)) + 0.1 * generator.normal(size=n), numpy.eye(n)


def loss(lang: Language, case: Case) -> Loss:
    np, (n,) = lang.np, case.shape

    def negative_log_likelihood(p, squared, y, identity):
        kernel = np.exp(2 * p[1]) * np.exp(-0.5 * np.exp(-2 * p[0]) * squared)
        factor = np.linalg.cholesky(kernel + np.exp(2 * p[2]) * identity)
        white = lang.solve_triangular(factor, y, lower=True)
        return 0.5 * np.sum(white * white) + np.sum(np.log(np.diag(factor))) + 0.5 * n * math.log(2 * math.pi)

    return negative_log_likelihood


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    from scipy.linalg.lapack import dpotrf, dpotri, dpotrs  # only in the process of the limit

    (n,) = case.shape
    covariance, kernel = numpy.empty((2, n, n))

    @njit(fastmath=True)
    def fill(covariance, kernel, squared, amplitude, factor, noise):
        for i in range(n):
            for j in range(n):
                kernel[i, j] = amplitude * vm.exp(squared[i, j] * factor)
                covariance[i, j] = kernel[i, j]
            covariance[i, i] += noise

    @njit(fastmath=True)
    def traces(inverse, kernel, squared, weights):
        """Of (inverse - weights weights^T) times: kernel; kernel * squared; 1. From the lower triangles."""
        with_kernel = with_squared = alone = 0.0
        for i in range(n):
            off = off_squared = 0.0
            for j in range(i):
                q = (inverse[i, j] - weights[i] * weights[j]) * kernel[i, j]
                off += q
                off_squared += q * squared[i, j]
            diagonal = inverse[i, i] - weights[i] * weights[i]
            with_kernel += 2.0 * off + diagonal * kernel[i, i]
            with_squared += 2.0 * off_squared
            alone += diagonal
        return with_kernel, with_squared, alone

    def value_and_gradient(p, squared, y, identity):
        inverse_length, amplitude, noise = math.exp(-2 * p[0]), math.exp(2 * p[1]), math.exp(2 * p[2])
        fill(covariance, kernel, squared, amplitude, -0.5 * inverse_length, noise)
        upper, _ = dpotrf(covariance.T, lower=0, overwrite_a=1, clean=0)  # .T is the view in Fortran's order
        weights, _ = dpotrs(upper, y, lower=0)
        log_determinant = 2 * numpy.log(numpy.diag(upper)).sum()
        inverse, _ = dpotri(upper, lower=0, overwrite_c=1)
        with_kernel, with_squared, alone = traces(inverse.T, kernel, squared, weights)
        value = 0.5 * (y @ weights + log_determinant + n * math.log(2 * math.pi))
        return value, numpy.array([0.5 * with_squared * inverse_length, with_kernel, alone * noise])

    return value_and_gradient
