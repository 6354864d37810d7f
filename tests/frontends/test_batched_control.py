"""`vmap` of loops and branches: each entry makes its own trips and takes its own branch.

All entries run together, and those that take no part compute something that nobody reads. That must not raise, must
end, and must not reach a gradient. The oracle is the function itself, entry by entry, and its complex step.
"""

import numpy as np
import pytest

import autodiff as ad
from autodiff.config import config

X = np.array([1.1, -0.4, 0.7, 0.2, 1.3])


@pytest.fixture(autouse=True)
def tier(request, monkeypatch):
    monkeypatch.setattr(config, "jit", getattr(request, "param", "interpreted") == "compiled")


on_both_tiers = pytest.mark.parametrize("tier", ["interpreted", "compiled"], indirect=True)


# ---- programs: (x, k) -> number, k differs from entry to entry ---------------------------------------------


def while_from(x, k):
    """Ends at an index that the array does not have."""
    total, i = 0.0 * x[0], k
    while i < 5 and total < 40.0:
        total += x[i] ** 2 * (i + 1)
        i += 1
    return total


def while_by_test(x, k):
    """The test itself reads, and stops beyond the end."""
    i = k
    while i < 5 and x[i] > -2.0:
        i += 1
    return x[i - 1] * i


def branch_in_loop(x, k):
    total = 0.0 * x[0]
    for t in range(12):
        if k < 5:
            total += x[k] * t
        else:
            total += x[k - 5] ** 2
    return total


def writes_in_branch(x, k):
    y = x.copy()
    for t in range(12):
        if k < 5:
            y[k] = y[k] * 1.1 + t
        else:
            y[k - 5] *= y[k - 4]
    return np.sum(y**2)


def nested(x, k):
    total, i = 0.0 * x[0], k
    while i < 5:
        j = i
        while j < 5 and total < 90.0:
            if (i + j) % 2 == 0:
                total += x[i] * x[j] * (j + 1)
            j += 1
        for t in range(i, 5):
            total = 0.9 * total + x[t] ** 2
        i += 1
    return total


def inner_without_end(x, k):
    """The inner loop ends because the outer one has looked whether it may begin."""
    total, left = 0.0 * x[0], k * 1.0
    for t in range(4):
        if left > 0.5:
            step = left
            while step < 9.0:
                step = step * 2.0
                total += x[t] * step
        left -= 1.0
    return total


def breaks(x, k):
    total, i = 0.0 * x[0], k
    for _ in range(40):
        if i >= 5:
            break
        if x[i] < 0.0:
            i += 1
            continue
        total = total * x[i] + x[i]
        i += 1
    return total


def ragged(x, k):
    total = 0.0 * x[0]
    for t in range(5 - k, 5):
        total = total * 0.5 + x[t] ** 2
    return total


def slices(x, k):
    total = 0.0 * x[0]
    for t in range(6):
        if k + t < 5:
            total += np.sum(x[k + t :] ** 2) + x[k : k + 1] @ x[k + t : k + t + 1]
    return total


def gathers(x, k):
    total = 0.0 * x[0]
    places = np.array([0, 1]) + k
    for t in range(9):
        if k < 4:
            total += np.sum(x[places]) * t
    return total


def singular(x, k):
    """The matrix of an entry that does not get there has no inverse."""
    total = 0.0 * x[0]
    a = np.array([[2.0, 1.0], [1.0, 1.0]])
    for _ in range(9):
        if k > 0:
            total += np.sum(np.linalg.solve(a * (k * x[0]), x[:2]))
    return total


PROGRAMS = {
    f.__name__: (f, np.array(ks))
    for f, ks in [
        (while_from, [0, 3, 4, 7]),
        (while_by_test, [1, 4, 2]),
        (branch_in_loop, [0, 4, 7]),
        (writes_in_branch, [0, 4, 7, 5]),
        (nested, [1, 3, 4, 9]),
        (inner_without_end, [0, 3, 1]),
        (breaks, [0, 3, 9]),
        (ragged, [1, 5, 3]),
        (slices, [0, 4, 7]),
        (gathers, [0, 3, 9]),
        (singular, [2, 0, 1]),
    ]
}
programs = pytest.mark.parametrize(("f", "ks"), PROGRAMS.values(), ids=PROGRAMS)


def slopes(f, k):
    """The gradient by complex steps."""
    step = 1e-30
    return np.array([np.imag(f(X + 1j * step * unit, int(k))) / step for unit in np.eye(len(X))])


# ---- tests -----------------------------------------------------------------------------------------------


@on_both_tiers
@programs
def test_values(f, ks):
    found = ad.vmap(f, in_axes=(None, 0))(X, ks)
    np.testing.assert_allclose(found, [f(X.copy(), int(k)) for k in ks], rtol=1e-12)


@pytest.mark.parametrize("tier", ["interpreted", pytest.param("compiled", marks=pytest.mark.slow)], indirect=True)
@programs
def test_gradients_of_a_batch(f, ks):
    found = ad.vmap(ad.grad(f), in_axes=(None, 0))(X, ks)
    np.testing.assert_allclose(found, [slopes(f, k) for k in ks], rtol=1e-11, atol=1e-12)
    found = ad.vmap(ad.grad(f))(np.tile(X, (len(ks), 1)), ks)
    np.testing.assert_allclose(found, [slopes(f, k) for k in ks], rtol=1e-11, atol=1e-12)


@programs
def test_gradient_through_a_batch(f, ks):
    found = ad.grad(lambda x: np.sum(ad.vmap(f, in_axes=(None, 0))(x, ks)))(X)
    np.testing.assert_allclose(found, sum(slopes(f, k) for k in ks), rtol=1e-11, atol=1e-12)


@programs
def test_a_batch_of_batches(f, ks):
    both = ad.vmap(ad.vmap(f, in_axes=(None, 0)), in_axes=(0, None))
    found = both(np.stack([X, X + 0.1]), ks)
    np.testing.assert_allclose(found, [[f(x.copy(), int(k)) for k in ks] for x in (X, X + 0.1)], rtol=1e-12)


@on_both_tiers
def test_entries_that_take_part_are_checked():
    def f(x, k):
        total = 0.0
        for t in range(9):
            if k < 7:
                total += x[1, k] * t
        return total

    x = np.arange(10.0).reshape(2, 5)
    batched = ad.vmap(f, in_axes=(None, 0))
    np.testing.assert_allclose(batched(x, np.array([1, 9, 4])), [f(x, 1), 0.0, f(x, 4)])
    with pytest.raises(IndexError, match="index 6 is out of bounds for axis 1 with size 5"):
        batched(x, np.array([1, 9, 6]))
    with pytest.raises(IndexError, match="index 5 is out of bounds for axis 1 with size 5"):
        ad.vmap(ad.grad(f), in_axes=(None, 0))(x, np.array([1, 9, 5]))


@on_both_tiers
def test_an_index_of_the_whole_batch_is_checked_where_somebody_takes_part():
    def f(x, k, i):
        total = x[0]
        for t in range(9):
            if k > 0:
                total += x[i] * t
        return total

    batched = ad.vmap(f, in_axes=(None, 0, None))
    np.testing.assert_allclose(batched(X, np.array([0, -1]), 8), [X[0], X[0]])
    with pytest.raises(IndexError, match="index 8 is out of bounds for axis 0 with size 5"):
        batched(X, np.array([0, 1]), 8)


# ---- jumps and expressions -----------------------------------------------------------------------------------


def return_from_while_true(x, k):
    i = 0
    while True:
        x = x * 1.1
        i += 1
        if x > k:
            return x * i


def return_or_break(x, k):
    for i in range(20):
        x = x + 0.5 * i * x
        if x > k:
            return x * x
        if x < 0.35:
            break
    return -x


def return_from_two_loops(x, k):
    while True:
        for j in range(5):
            x = x + j * 0.1 * x
            if x > k:
                return x**2
        x = x * 1.2 + 0.1


def break_and_return(x, k):
    for i in range(10):
        j = 0
        while True:
            x = x + 0.1 * x
            j += 1
            if j > i:
                break
            if x > k:
                return x * 3.0
    return x


def two_ways_out(x, k):
    while True:
        if x > k:
            return x
        elif x > 0.5 * k:
            return -x * k
        x = 2 * x


def return_of_two(x, k):  # noqa: RET503 (it does not)
    n = 0
    while 1:
        if n > 12:
            return x * 2, -1
        if x > k:
            return x, n
        x = x * 1.3
        n += 1


def helper_that_returns(x, k):
    def until(y):
        while True:
            y = y * 1.5
            if y > k:
                return y

    return until(x) + until(2 * x) ** 2


def search(x, k):
    low, high = 0, 5
    while low < high:
        middle = (low + high) // 2
        if x * middle < k:
            low = middle + 1
        else:
            high = middle
    return x * low


def conditional_expression(x, k):
    return x * 2 if 0.5 < x < k or not x < 2 else x**3


def and_of_numbers(x, k):
    y = (x > 1) and x * k
    return (y or 0.5) * x


JUMPS = [return_from_while_true, return_or_break, return_from_two_loops, break_and_return, two_ways_out, return_of_two]
JUMPS += [helper_that_returns, search, conditional_expression, and_of_numbers]

STARTS, ENDS = np.array([0.31, 1.17, 2.93, 0.87]), np.array([2.03, 1.52, 9.1, 40.3])


@on_both_tiers
@pytest.mark.parametrize("f", JUMPS, ids=lambda f: f.__name__)
def test_every_entry_leaves_by_its_own_way(f):
    first = (lambda x, k: f(x, k)[0]) if f is return_of_two else f
    found = ad.vmap(f)(STARTS, ENDS)
    expected = np.array([f(float(x), float(k)) for x, k in zip(STARTS, ENDS, strict=True)])
    np.testing.assert_allclose(found, expected.T, rtol=1e-12)
    slopes = [(first(x + 1e-6, k) - first(x - 1e-6, k)) / 2e-6 for x, k in zip(STARTS, ENDS, strict=True)]
    np.testing.assert_allclose(ad.vmap(ad.grad(first))(STARTS, ENDS), slopes, rtol=1e-6)
    through = ad.grad(lambda x: np.sum(ad.vmap(first)(x, ENDS)))(STARTS)
    np.testing.assert_allclose(through, slopes, rtol=1e-6)


def test_both_sides_of_an_expression_have_one_shape():
    with pytest.raises(ad.errors.LoopStateError, match=r"shape \(2,\).* and an array of shape \(4,\)"):
        ad.vmap(lambda x, k: x[:2] if k > 0 else x)(np.ones((3, 4)), np.ones(3))
    with pytest.raises(ad.errors.AutodiffError, match=r"shape \(4,\)"):
        ad.vmap(lambda x: x * 2 if x > 1 else x)(np.ones((3, 4)))


@on_both_tiers
def test_what_the_whole_batch_does_within_a_branch():
    """Loops and branches that are the same for all entries, in a branch that none of them may take."""

    def f(x, k, i, limit):
        total = 0.0 * x[0]
        for t in range(10):
            if k > 0:
                for s in range(12):
                    total += x[i] * s
                    if i > 4:
                        total += x[i + s]
                left = 1.0 * limit
                while left > 0.0:  # without end, for an infinite limit
                    left = left - 1.0
                    total += x[i] ** 2
                total += ad.checkpoint(lambda y: y[i] ** 2)(x) * t
        return total

    axes = (None, 0, None, None)
    ks = np.array([0, -3])
    np.testing.assert_allclose(ad.vmap(f, in_axes=axes)(X, ks, 7, np.inf), [0.0, 0.0])
    np.testing.assert_allclose(ad.vmap(ad.grad(f), in_axes=axes)(X, ks, 7, np.inf), np.zeros((2, 5)))
    with pytest.raises(IndexError, match="index 7 is out of bounds for axis 0 with size 5"):
        ad.vmap(f, in_axes=axes)(X, np.array([0, 1]), 7, 2.0)
    ks = np.array([0, 1, 4])
    expected = [f(X, int(k), 2, 2.0) for k in ks]
    np.testing.assert_allclose(ad.vmap(f, in_axes=axes)(X, ks, 2, 2.0), expected, rtol=1e-12)
