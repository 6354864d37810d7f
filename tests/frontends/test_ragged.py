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
        total += (
            np.ptp(s)
            + np.sum(s, where=s > 0.5)
            + np.linalg.norm(s, 1)
            + np.sum(np.cumsum(s) * s)
            + np.max(s, initial=0.7)
        )
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
        total += (
            s[0] * s[-1] + s[i - 2] + np.sum(s[1:] - s[:-1] * s[1:]) + np.sum(s[:-1] ** 2) + s[len(s) - 1] * s.shape[0]
        )
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
    assert "unrolled" not in function.explain()
    np.testing.assert_allclose(value, program(x.copy()), rtol=1e-12)
    for seed in (1, 2):
        direction = np.random.default_rng(seed).normal(size=N)
        np.testing.assert_allclose(gradient @ direction, slope(program, x, direction), rtol=2e-7, atol=1e-8)


TWICE = [
    *(dots, matrices, other_starts, flipped, reductions, rows, elementwise, elements, written, written_from_elsewhere),
    *(written_through_views, symmetric, trailing, gathered),
]


@pytest.mark.parametrize("program", TWICE, ids=lambda f: f.__name__)
def test_second_derivatives(program):
    x, direction = point(), np.random.default_rng(3).normal(size=N)
    gradient = ad.grad(program)
    second = ad.grad(lambda y: np.sum(gradient(y) * direction))(x)
    np.testing.assert_allclose(second, slope(gradient, x, direction), rtol=1e-6, atol=1e-7)


# ---- whole programs ----------------------------------------------------------------------------


def cholesky(a):
    for i in range(a.shape[0]):
        for j in range(i):
            a[i, j] = (a[i, j] - np.dot(a[i, :j], a[j, :j])) / a[j, j]
        a[i, i] = np.sqrt(a[i, i] - np.dot(a[i, :i], a[i, :i]))
    return np.tril(a)


def lu(a):
    for i in range(a.shape[0]):
        for j in range(i):
            a[i, j] = (a[i, j] - a[i, :j] @ a[:j, j]) / a[j, j]
        for j in range(i, a.shape[0]):
            a[i, j] -= a[i, :i] @ a[:i, j]
    return a


def triangular_solve(a):
    b = np.cos(np.arange(a.shape[0]))
    x = np.zeros_like(a[0])
    for i in range(a.shape[0]):
        x[i] = (b[i] - a[i, :i] @ x[:i]) / a[i, i]
    for i in range(a.shape[0] - 1, -1, -1):
        x[i] = (x[i] - a[i + 1 :, i] @ x[i + 1 :]) / a[i, i]
    return x


def durbin(a):
    r = a[0] / 20.0
    y = np.zeros_like(r)
    alpha, beta = -r[0], 1.0
    y[0] = -r[0]
    for k in range(1, r.shape[0]):
        beta *= 1.0 - alpha * alpha
        alpha = -(r[k] + np.dot(np.flip(r[:k]), y[:k])) / beta
        y[:k] += alpha * np.flip(y[:k])
        y[k] = alpha
    return y


def positive(n, seed=0):
    a = np.random.default_rng(seed).normal(size=(n, n))
    return a @ a.T + n * np.eye(n)


@pytest.mark.parametrize("program", [cholesky, lu, triangular_solve, durbin], ids=lambda f: f.__name__)
def test_whole_programs_against_the_complex_step(program):
    a = positive(N)
    weights = np.cos(np.arange(program(a.copy()).size)).reshape(program(a.copy()).shape)

    def loss(a):
        return np.sum(program(a.copy()) * weights)

    value, gradient = ad.value_and_grad(loss)(a)
    np.testing.assert_allclose(value, loss(a), rtol=1e-12)
    for seed in (1, 2):
        direction = np.random.default_rng(seed).normal(size=a.shape)
        expected = loss(a + 1e-30j * direction).imag / 1e-30
        np.testing.assert_allclose(np.sum(gradient * direction), expected, rtol=1e-10)


@pytest.mark.parametrize("program", [cholesky, lu, triangular_solve, durbin], ids=lambda f: f.__name__)
def test_the_traced_program_does_not_grow_with_the_size(program):
    def instructions(n):
        function = ad.value_and_grad(lambda a: np.sum(program(a.copy())))
        function(positive(n))
        assert "unrolled" not in function.explain()
        return len(function.adjoint_ir().splitlines())

    assert instructions(12) == instructions(40)


# ---- elements outside --------------------------------------------------------------------------


def inner_part(x):
    total = 0.0
    for i in range(1, N - 1):
        s = x[1:i]
        t = x[i:-1]
        total += np.sum(np.log(s) * s) + np.dot(s, s) + np.sum(s**2 / s) + np.prod(np.sqrt(t)) + np.max(1.0 / t)
        total += np.linalg.norm(t) + np.sum(np.flip(s) * x[1:i]) + np.sum(np.cumsum(t)) + np.mean(np.exp(-t))
    return total


def inner_block(x):
    a = np.zeros((N, N)) + x[0]
    a[1:-1, 1:-1] = np.outer(x[1:-1], x[1:-1])
    for i in range(1, N - 1):
        a[i, 1:i] = a[i, 1:i] / x[1:i] + a[1:i, i] * np.log(x[1:i])
        a[1:i, i] += a[1:i, 1:i] @ a[i, 1:i] + a[1:-1, 1:i].T @ a[1:-1, i]
    return np.sum(a[1:-1, 1:-1])


@pytest.mark.parametrize("outside", [0.0, -1.0, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("program", [inner_part, pytest.param(inner_block, marks=pytest.mark.slow)])
def test_elements_outside_never_matter(program, outside):
    x = point()
    x[0] = x[-1] = 0.7
    bad = x.copy()
    bad[0] = bad[-1] = outside
    direction = np.cos(np.arange(N))
    gradient = ad.grad(program)
    second = ad.grad(lambda y: np.sum(gradient(y)[1:-1] * direction[1:-1]))
    for function in (program, gradient, second):
        found, expected = (np.asarray(ad.jit(function)(y)) for y in (bad, x))
        if expected.ndim:
            assert found[0] == found[-1] == 0.0
        np.testing.assert_allclose(found, expected, rtol=1e-13)


# ---- what is refused, and when ------------------------------------------------------------------


def looped(step):
    def run(x):
        total = 0.0
        for i in range(N):
            total += step(x, i)
        return total

    return ad.value_and_grad(run)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (lambda x, i: np.sum(x[:i] * x[: i + 2]), "slices of 2 and 0 elements along axis 0"),
        (lambda x, i: np.sum(x[i:] * np.arange(1.0, N)), "slices of 10 and 11 elements along axis 0"),
        (lambda x, i: np.max(x[:i]), "index 0 is out of bounds for axis 0 with size 0"),
        (lambda x, i: x[: i + 1][3], "index 3 is out of bounds for axis 0 with size 1"),
        (lambda x, i: x[: i + 1][-2], "index -2 is out of bounds for axis 0 with size 1"),
        (lambda x, i: np.sum(x[i - 3 : i]), "out of bounds for axis 0"),
    ],
    ids=["lengths", "length", "maximum of nothing", "element", "element from the end", "window that is cut short"],
)
def test_what_does_not_fit_is_an_error_when_it_runs(step, says):
    with pytest.raises(IndexError, match=says):
        looped(step)(point())


def test_a_window_may_count_from_the_end():
    def program(x):
        total = 0.0
        for i in range(-N, -3):
            total += np.sum(x[i : i + 3] ** 2) * i
        return total

    np.testing.assert_allclose(ad.value_and_grad(program)(point())[0], program(point()))


def reshaped(x, n):
    total = 0.0
    for i in range(n):
        total += np.sum(x[:i].reshape(-1, 1))
    return total


def test_what_needs_the_shape_says_so_by_line():
    with pytest.raises(
        ConcretizationError, match=r"shape of a slice between computed positions(.|\n)*reshape\(-1, 1\)(.|\n)*remedy"
    ):
        ad.grad(reshaped)(point(), 5)


def test_a_loop_of_known_length_is_unrolled_then():
    with pytest.warns(ad.errors.UnrolledWarning, match="shape of a slice"):
        found = ad.grad(reshaped, static_argnums=1)(point(), N)
    np.testing.assert_array_equal(found, np.arange(N)[::-1])


@pytest.mark.parametrize("use", [np.sort, np.asarray, np.diff, np.linalg.inv, float, list, bool, lambda s: s[s > 0.0]])
def test_other_functions_refuse(use):
    with pytest.raises(AutodiffError, match="depends on"):
        ad.jit(lambda x, k: use(x[:k]))(point(), 3)


# ---- outside of loops, batches, tangents, dtypes --------------------------------------------------


def both_sides(x, k):
    return np.sum(x[:k] ** 2) + np.prod(x[k:])


@pytest.mark.parametrize("k", [0, 3, N, 100, -2, -100])
def test_outside_of_loops(k):
    x = point()
    np.testing.assert_allclose(ad.jit(both_sides)(x, k), both_sides(x, k))


def test_one_trace_for_all_lengths():
    function = ad.jit(both_sides)
    for k in range(N + 1):
        np.testing.assert_allclose(function(point(), k), both_sides(point(), k))
    assert function.cache_info().compiled <= 1


def test_batches_of_bounds():
    x, k = np.stack([point(s) for s in range(3)]), np.array([0, 4, N])

    def program(x, k):
        y = both_sides(x, k) + x[k - 1 :][0] + np.sum(x[:k] * np.flip(x[:k])) + np.dot(x[:k], x[N - k :])
        return y + np.max(x[: k + 1])

    np.testing.assert_allclose(ad.vmap(program)(x, k), [program(*pair) for pair in zip(x, k, strict=True)])
    with pytest.raises(IndexError):
        ad.vmap(lambda x, k: np.dot(x[:k], x[:5]))(x, k)


@pytest.mark.parametrize("program", [sums, dots, written, reductions], ids=lambda f: f.__name__)
def test_tangents(program):
    x, direction = point(), np.random.default_rng(5).normal(size=N)
    value, tangent = ad.jvp(program, (x,), (direction,))
    np.testing.assert_allclose(value, program(x.copy()), rtol=1e-12)
    np.testing.assert_allclose(tangent, slope(program, x, direction), rtol=2e-7)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128, np.int64])
def test_dtypes(dtype):
    def program(x):
        found = np.zeros_like(x)
        for i in range(N):
            found[: i + 1] += x[i] * x[: i + 1] + np.sum(x[:i])
            found[i:] = found[i:] * 2
        return found

    x = (point() * 8.0).astype(dtype) + (1j * point(1) if dtype is np.complex128 else 0)
    x = x.astype(dtype)
    found = ad.jit(program)(x)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, program(x), rtol=1e-5 if dtype is np.float32 else 1e-13)


def test_integer_functions():
    def program(x):
        total = np.zeros(N, np.int64)
        for i in range(1, N):
            s = x[i - 1 :]
            total[i] = (
                np.argmax(s)
                + 100 * np.argmin(x[:i])
                + 10000 * np.count_nonzero(s > 2)
                + 7 * np.any(s > 8)
                + np.all(s > 1)
            )
        return total

    x = np.random.default_rng(0).integers(0, 10, N)
    np.testing.assert_array_equal(ad.jit(program)(x), program(x))


def test_both_sides_of_a_branch():
    def program(x):
        total = 0.0
        for i in range(N):
            total += np.sum(x[:i]) if x[i] > 0.7 else np.sum(x[i:])
            if x[i] > 0.6:
                x[:i] *= 0.9
        return total

    def outer(x):
        return program(x.copy())

    x = point()
    direction = np.cos(np.arange(N))
    np.testing.assert_allclose(ad.grad(outer)(x) @ direction, slope(outer, x, direction), rtol=1e-7)


def test_a_trip_costs_no_more_than_what_it_reads():
    """Slopes that may be infinite are left out element by element, not by masks of the whole array."""

    def program(a):
        total = 0.0
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                a[i, j] = np.sqrt(a[i, j])
                total += a[i, j] ** 2
        return total

    gradient = ad.grad(program)
    np.testing.assert_allclose(gradient(np.full((20, 20), 0.5)), np.ones((20, 20)))
    assert "bool[20,20]" not in gradient.adjoint_ir()
