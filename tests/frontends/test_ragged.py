"""Slices between computed positions, `x[:i]` and `x[i + 1:]`, in loops that are traced once: against NumPy."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import AutodiffError, ConcretizationError

N = 11  # more than the trips that are unrolled anyway


def sums(x):
    """Empty at first, all of it at last."""
    total = 0.0
    for i in range(N + 1):
        total += np.sum(x[:i]) * (1.0 + i)
    return total


def tails(x):
    total = 0.0
    for i in range(N):
        total += np.sum(np.sin(x[i + 1 :])) * x[i]
    return total


def between(x):
    total = 0.0
    for i in range(N):
        for j in range(N + 1):
            total += np.sum(x[i:j] ** 2) * (i + 2.0 * j)
    return total


def from_the_end(x):
    """Negative positions count from the end, positions beyond the ends are the ends."""
    total = 0.0
    for i in range(-2 * N, 2 * N):
        total += np.sum(x[i:] ** 2) + 3.0 * np.sum(x[:i]) + np.sum(x[i:-2] ** 3) + np.sum(x[-4:i]) * i
    return total


def backwards(x):
    total = 0.0
    weights = np.arange(1.0, N + 1.0)
    for i in range(N):
        r = x[i::-1]
        total += np.dot(r, x[: i + 1]) + np.sum(x[:i:-1] * weights[i + 1 :]) + 2.0 * np.sum(x[i - 2 : 2 : -1] ** 2)
    return total


def dots(x):
    total = 0.0
    a = np.outer(x, np.cos(x))
    for i in range(N):
        total += np.dot(a[i, :i], x[:i]) + a[i, i:] @ x[i:] + np.inner(x[:i], a[:i, i]) + np.vdot(x[i:], a[i:, 0])
    return total


def matrices(x):
    total = 0.0
    a = np.outer(x, np.cos(x)) + np.eye(N)
    for i in range(N):
        total += np.sum((a[:, :i] @ a[:i, i:]) ** 2) + np.sum(a[i:, :i] @ x[:i]) + np.sum(x[i:] @ a[i:, i : i + 1])
    return total


def other_starts(x):
    """Of equal length, at other positions."""
    total = 0.0
    y = np.cos(x)
    for i in range(1, N):
        total += np.sum(x[:i] * y[N - i :]) + np.sum(x[1 : i + 1] * y[:i] * y[N - i :]) + np.dot(x[i:], y[: N - i])
    return total


def other_sizes(x):
    total = 0.0
    y = np.concatenate([x, x[:3] ** 2])
    for i in range(N):
        total += np.dot(x[:i], y[:i]) + np.dot(y[: i + 1], x[: i + 1]) + np.dot(x[i:], y[i + 3 :])
    return total


def flipped(x):
    total = 0.0
    for k in range(N):
        total += np.dot(np.flip(x[:k]), x[:k]) + np.sum(np.flip(np.flip(x[k:]) ** 2) * x[k:]) + x[:k][::-1] @ x[:k]
    return total


def reductions(x):
    total = 0.0
    for i in range(1, N):
        s = x[:i]
        total += s.mean() + np.prod(s) + s.max() * np.min(x[i:]) + np.var(s) + np.std(x[i - 1 :]) + np.linalg.norm(s)
        total += np.ptp(s) + np.sum(s, where=s > 0.5) + np.linalg.norm(s, 1) + np.sum(np.cumsum(s) * s) + np.max(s, initial=0.7)
    return total


def rows(x):
    """Along one axis of two."""
    total = 0.0
    a = np.outer(x, np.cos(x)) + 2.0
    for i in range(1, N):
        total += np.sum(np.sum(a[:, :i], axis=1) ** 2) + np.sum(np.mean(a[i:], axis=0) ** 2)
        total += np.sum(np.max(a[:i], axis=1)[: i - 1]) + np.sum(np.sum(a[:i, i:], axis=0) * x[i:])
        total += np.sum(a[i:, :i].T * x[i:]) + np.sum((a[:i].sum(axis=1, keepdims=True) * a[:i]) ** 2)
    return total


def elementwise(x):
    total = 0.0
    for i in range(N):
        s = x[: i + 1]
        total += np.sum(np.where(s > 0.6, s**3, np.exp(s)) + np.clip(s, 0.2, 0.9) - 2.0 / (1.0 + s) + x[i] * np.sqrt(s))
        total += np.sum(np.maximum(-s, s * s)) + np.sum(s.astype(np.float64) * np.ones_like(s) * np.abs(-s))
    return total


def elements(x):
    total = 0.0
    for i in range(2, N):
        s = x[1:i]
        total += s[0] * s[-1] + s[i - 2] + np.sum(s[1:] - s[:-1] * s[1:]) + np.sum(s[:-1] ** 2) + s[len(s) - 1] * s.shape[0]
    return total


def written(x):
    y = np.cos(x)
    for i in range(N):
        y[:i] = y[:i] * x[i] + 0.1
        y[i:] += x[i:] ** 2
        y[: i + 1] *= 0.5
        y[i:3] = 0.25
    return np.sum(y * x)


def written_from_elsewhere(x):
    y = np.zeros_like(x)
    for i in range(1, N):
        y[:i] = x[N - i :] * y[:i] + np.flip(x[:i])
        y[N - i :] -= y[:i] * x[0]
    return np.sum(y * x)


def written_through_views(x):
    a = np.outer(x, np.cos(x))
    for i in range(N):
        row = a[i]
        part = row[:i]
        part += x[:i]
        part[1:] *= 2.0
        a[i, i:] = part.sum() + a[i:, i]
        head = a[:i, i]
        head[:] = head * x[i]
        np.multiply(part, 1.5, out=part)
    return np.sum(a * a)


def copied(x):
    y = 1.0 * x
    total = 0.0
    for i in range(N):
        before = y[:i].copy()
        y[:i] *= 0.5
        total += np.sum(before * y[:i])
    return total


def symmetric(x):
    a = np.zeros((N, N)) * x[0]
    data = np.outer(np.sin(x), x)
    for i in range(N):
        a[i:N, i] = a[i, i:N] = data[:, i] @ data[:, i:N]
    return np.sum(a * np.outer(x, x) * np.arange(1.0, N + 1.0))


def trailing(x):
    """Gaussian elimination, the part that is left at a time."""
    a = np.outer(x, np.cos(x)) + 3.0 * np.eye(N)
    for k in range(N - 1):
        a[k + 1 :, k] /= a[k, k]
        a[k + 1 :, k + 1 :] -= np.outer(a[k + 1 :, k], a[k, k + 1 :])
    return np.sum(np.log(np.abs(np.diag(a)))) + np.sum(a * a)


def lengths(x):
    total = 0.0
    for i in range(N):
        s = x[2:i]
        total += len(s) * np.sum(s) + s.size * x[i] + np.sum(x[: s.shape[0]])
    return total


def iterated(x):
    total = 0.0
    for i in range(N):
        for k, v in enumerate(x[:i]):
            total += v**2 * (k + 1.0)
    return total


def gathered(x):
    starts = np.array([0, 2, 2, 5, 6, 6, 6, 9, 10, 13, 13, 14])
    columns = np.array([1, 4, 0, 9, 10, 3, 3, 5, 8, 7, 2, 6, 1, 0])
    values = np.cos(np.arange(14.0))
    y = np.zeros_like(x)
    for i in range(N):
        cols = columns[starts[i] : starts[i + 1]]
        y[i] = values[starts[i] : starts[i + 1]] @ x[cols]
    return np.sum(y * y * x)


def carried(x):
    """A slice that an inner loop reads."""
    total = 0.0
    for i in range(N):
        s = x[:i] * x[i]
        for j in range(N):
            total += np.sum(s * x[:i]) * x[j]
    return total


PROGRAMS = [
    *(sums, tails, between, from_the_end, backwards, dots, matrices, other_starts, other_sizes, flipped, reductions),
    *(rows, elementwise, elements, written, written_from_elsewhere, written_through_views, copied, symmetric, trailing),
    *(lengths, iterated, gathered, carried),
]


def point(seed=0):
    return np.random.default_rng(seed).uniform(0.3, 1.2, N)


def slope(f, x, direction, step=1e-5):
    """Richardson's extrapolation of central differences."""
    fine, coarse = ((f(x + h * direction) - f(x - h * direction)) / (2.0 * h) for h in (step, 2.0 * step))
    return (4.0 * fine - coarse) / 3.0


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_values_and_gradients_are_those_of_numpy(program):
    x = point()
    function = ad.value_and_grad(program)
    value, gradient = function(x)
    assert "unrolled" not in function.explain().replace("8 or fewer", "")
    np.testing.assert_allclose(value, program(x.copy()), rtol=1e-12)
    for seed in (1, 2):
        direction = np.random.default_rng(seed).normal(size=N)
        np.testing.assert_allclose(gradient @ direction, slope(program, x, direction), rtol=2e-7, atol=1e-8)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_second_derivatives(program):
    x, direction = point(), np.random.default_rng(3).normal(size=N)
    gradient = ad.grad(program)
    second = ad.grad(lambda y: np.sum(gradient(y) * direction))(x)
    np.testing.assert_allclose(second, slope(gradient, x, direction), rtol=1e-6, atol=1e-7)
