"""Loops over arrays: rows, pairs, slices; arrays as state."""

import numpy as np

from programs.zoo import COLLECTS, WRITES, program, sample

X = sample(21, 12)
M = sample(22, 10, 4)


@program(M)
def rows(m):
    total = 0.0
    for row in m:
        total += np.sum(row) ** 2
    return total


@program(M)
def columns(m):
    total = 1.0
    for column in m.T:
        total *= 1.0 + np.sum(np.sin(column))
    for k in range(m.shape[0]):
        total += np.prod(m[k, 1:3])
    return total


@program(M, sample(23, 4))
def rows_with_a_state(m, v):
    for row in m:
        v = np.tanh(v + row * np.sum(v))
    return np.sum(v**2)


@program(X)
def enumerated(x):
    total = 0.0
    for k, v in enumerate(x):
        total += k * v**2
    for k, v in enumerate(x, start=3):
        total -= np.cos(k * v)
    return total


@program(X, sample(24, 12), sample(25, 9))
def zipped(x, y, z):
    total = 0.0
    for a, b in zip(x, y):
        total += a * b
    for a, b, c in zip(x, y, z):
        total = 0.9 * total + a * b * c
    return total


@program(M, sample(26, 10))
def enumerated_and_zipped(m, w):
    total = np.zeros(4)
    for k, (row, weight) in enumerate(zip(m, w)):
        total = total + weight * row**2 / (k + 1)
    return np.sum(total**2)


@program(X)
def reversed_elements(x):
    y = 0.5
    for v in reversed(x):
        y = y * 0.7 + v * y**2
    for v in x[::-1]:
        y = y * 0.9 + v
    return y


@program(X)
def every_third_backwards(x):
    total = 1.0
    for k in range(len(x) - 1, -1, -3):
        total = total * (1.0 + x[k]) + x[-k]
    return total


@program(X)
def windows(x):
    total = 0.0
    for k in range(len(x) - 3):
        total += np.max(x[k : k + 3]) * np.sum(x[k : k + 2] ** 2)
    return total


@program(X)
def tails_and_heads(x):
    total = 0.0
    for v in x[2:-1]:
        total = np.sin(total + v)
    for v in x[::2]:
        total = total + v**2
    return total


@program(np.zeros((0, 3)), sample(27, 3), name="no_rows")
@program(np.ones((1, 3)), sample(27, 3), name="one_row")
def rows_that_may_not_be(m, v):
    for row in m:
        v = v * row + 0.1
    return np.sum(v**3)


@program(np.array([]), 0.7, name="empty_array")
def elements_that_may_not_be(x, a):
    total = a**2
    for v in x:
        total += v * a
    for k in range(len(x)):
        total += x[k]
    return total


@program(sample(28, 10, 3, 3))
def product_of_matrices(stack):
    product = np.eye(3)
    for m in stack:
        product = product @ (np.eye(3) + 0.3 * m)
    return np.trace(product)


@program(X, sample(29, 5), no_tape=WRITES)
def outer_products(x, v):
    total = np.zeros((5, 5))
    for k in range(len(x)):
        v = np.cos(v + x[k])
        total += np.outer(v, v) * x[k]
    return np.sum(total**2)


@program(X)
def two_arrays_swap(x):
    a, b = x, x**2
    for _ in range(10):
        a, b = 0.5 * (b + a[::-1]), np.sin(a)
    return np.sum(a * b)


@program(M)
def running_maximum(m):
    best = m[0]
    for k in range(1, m.shape[0]):
        best = np.maximum(0.9 * best, m[k])
    return np.sum(best**2)


@program(M)
def masks_in_a_loop(m):
    state = np.ones(4)
    for row in m:
        state = np.where(row > 0.0, state * (1.0 + row), state - 0.1 * row**2)
    return np.sum(state)


@program(M)
def normalised_rows(m):
    total = 0.0
    for row in m:
        p = np.exp(row - np.max(row))
        p /= np.sum(p)
        total -= np.sum(p * np.log(p))
    return total


@program(M, sample(30, 4, 6), sample(31, 6))
def layers_in_a_loop(m, w, b):
    loss = 0.0
    for row in m:
        hidden = np.maximum(row @ w + b, 0.0)
        loss += np.sum(hidden) ** 2
    return loss


@program(X, no_tape=COLLECTS)
def comprehension(x):
    squares = np.array([v**2 + 0.1 * v for v in x])
    return np.sum(squares * np.arange(12.0))


@program(X)
def built_in_sum(x):
    return sum(np.sin(v) * k for k, v in enumerate(x)) + sum(x[k] for k in range(3))


@program(sample(32, 4, 5, 3))
def rows_of_rows(cube):
    total = 0.0
    for sheet in cube:
        for row in sheet:
            for v in row:
                total = 0.8 * total + v**2
    return total


@program(X)
def array_grows_by_doubling_values(x):
    y = x
    for k in range(9):
        y = y + np.roll(y, 1) * 0.3 - np.roll(y, -2) * 0.1 * k
    return np.sum(y * x)


@program(X.astype(np.float32), rtol=2e-5)
def single_precision_array(x):
    y = np.zeros_like(x)
    for k in range(10):
        y = np.float32(0.5) * y + np.sin(x * (k + 1))
    return np.sum(y)


@program(X, np.arange(12) % 5)
def integer_array_and_state(x, labels):
    seen = np.zeros(5, dtype=int)
    total = 0.0
    for v, label in zip(x, labels):
        total += v**2 * seen[label]
        seen = seen + (np.arange(5) == label)
    return total


@program(X, no_tape=WRITES)
def accumulate_into_a_zero_vector(x):
    y = np.zeros(12)
    for k in range(12):
        y += np.sin(x * k)
    return np.sum(y**2)


@program(X)
def linspace_of_points(x):
    total = 0.0
    for t in np.linspace(0.0, 1.0, 15):
        total += np.exp(-t * x[0]) * np.cos(t * x[1])
    return total


@program(X)
def list_of_numbers_as_loop(x):
    total = 0.0
    for shift in (0.1, 0.5, -0.3):
        for k in range(9):
            total += np.tanh(x[k] + shift)
    return total
