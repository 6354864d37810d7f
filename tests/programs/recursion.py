"""Functions that call themselves, as deep as values say."""

import numpy as np

from programs.zoo import program, sample

X = sample(401, 15)


# ---- one call each ---------------------------------------------------------------------------


def halved(y):
    return y if abs(y) < 0.1 else 0.9 * np.sin(halved(0.6 * y))


@program(2.7)
def one_call_each(x):
    return halved(x) * x


def newton(y, x):
    step = (y * y - x) / (2.0 * y)
    return y if abs(step) < 1e-9 else newton(y - step, x)


@program(7.3)
def newton_by_tail_calls(x):
    return newton(1.0, x) * x


def powered(x, n):
    if n == 0:
        return 1
    if n % 2:
        return x * powered(x, n - 1)
    root = powered(x, n // 2)
    return root * root


@program(X[:9])
def powers_by_squaring(x):
    total = 0.0
    for k in range(9):
        total += powered(1.0 + 0.1 * x[k], 3 * k) * 0.9**k
    return total


def collatz(n, x):
    if n == 1:
        return x
    return 0.9 * collatz(3 * n + 1, x * 0.9) if n % 2 else collatz(n // 2, np.sin(x))


@program(0.81)
def collatz_sequence(x):
    return collatz(int(np.floor(30 * x)), x)


# ---- several calls ---------------------------------------------------------------------------


def peak(t):
    return np.sin(3.0 * t) / (1.3 - t)


def simpson(a, b):
    return (b - a) * (peak(a) + 4.0 * peak(0.5 * (a + b)) + peak(b)) / 6.0


def adaptive(a, b, tolerance, depth):
    m = 0.5 * (a + b)
    whole, left, right = simpson(a, b), simpson(a, m), simpson(m, b)
    if depth > 30 or abs(left + right - whole) < 15.0 * tolerance:
        return left + right
    return adaptive(a, m, tolerance / 2, depth + 1) + adaptive(m, b, tolerance / 2, depth + 1)


@program(np.array([-0.2, 1.1]))
def adaptive_quadrature(x):
    return adaptive(x[0], x[1], 1e-7, 0)


def fibonacci(n, x):
    if n < 2:
        return x * x if n else x
    return fibonacci(n - 1, 0.9 * x) * 0.3 + np.tanh(fibonacci(n - 2, x))


@program(np.array([0.4, 1.2]))
def fibonacci_tree(x):
    return fibonacci(np.argmax(x) + 6, x[0]) * x[1]


def heap(x, i):
    """Over a tree in an array, the children of i at 2 i + 1 and 2 i + 2."""
    if i >= x.size:
        return 0.0
    return x[i] ** 2 + np.sin(x[i] * heap(x, 2 * i + 1)) + heap(x, 2 * i + 2)


@program(X)
def tree_in_an_array(x):
    total = 0.0
    for k in range(10):
        total += heap(x, k)
    return total


def split_until_flat(v, level):
    size = np.sum(v * v)
    if size < 0.3:
        return size
    return split_until_flat(0.5 * v, level + 1) * np.cos(0.2 * level) + split_until_flat(0.4 * np.roll(v, 1), level + 1)


@program(X[:4])
def arrays_as_arguments(x):
    return split_until_flat(x, 0)


# ---- structure -------------------------------------------------------------------------------


def moments(y):
    if y < 0.2:
        return {"sum": y, "product": 1.0}
    below, above = moments(y * 0.3), moments(y * 0.55)
    return {"sum": below["sum"] + above["sum"] * y, "product": below["product"] * (y + above["product"])}


@program(1.9)
def several_results(x):
    found = moments(x)
    return found["sum"] * found["product"]


class Folding:
    def __init__(self, rate):
        self.rate = rate

    def fold(self, y):
        if y < 1.0:
            return y * self.rate
        return np.sin(self.fold(y - self.rate)) + self.fold(0.5 * y)


@program(np.array([3.1, 0.8]))
def a_method_that_calls_itself(x):
    return Folding(x[1]).fold(x[0])


@program(np.array([2.6, 0.7]))
def closure_that_calls_itself(x):
    scale = x[1] ** 2

    def rec(y):
        if y < 0.3:
            return y * scale
        z = rec(0.5 * y)
        return z * z + scale * np.sin(y)

    return rec(x[0])


def damped(y):
    return y if abs(y) < 0.2 else 0.8 * driven(0.7 * y)


def driven(y):
    return y + damped(-0.8 * y)


@program(2.9)
def two_that_call_each_other(x):
    return damped(x) * driven(x)


def inner_sum(y, bound):
    return y if y < bound else inner_sum(0.5 * y, bound) + 0.1 * y


def outer_sum(y):
    return y * y if y < 0.4 else outer_sum(0.7 * y) + np.sin(inner_sum(y, 0.15))


@program(1.7)
def one_recursion_in_another(x):
    return outer_sum(x)


@program(X)
def recursion_of_each_element(x):
    total = 0.0
    for v in x:
        total += halved(v) * inner_sum(v * v, 0.2)
    return total


# ---- what is left to Python -------------------------------------------------------------------


def nested(y):
    """Its argument is an answer of its own."""
    return y - 1.0 if y > 3.0 else nested(nested(y + 1.3))


@program(1.1)
def argument_is_an_answer(x):
    return nested(x) ** 2


def down(x, depth):
    """How deep it goes is Python's to say."""
    return x if depth == 0 else np.sin(down(x * 1.1, depth - 1)) + down(np.cos(x), depth - 1)


@program(0.6)
def depth_of_pythons(x):
    return down(x, 4)
