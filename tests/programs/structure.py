"""How programs are put together: helpers, closures, recursion; tuples and dicts as state."""

import functools
from typing import NamedTuple

import numpy as np

from programs.zoo import program, sample

X = sample(151, 11)
LAYERS = [(0.7 * sample(152, 4, 4), sample(153, 4)), (0.7 * sample(154, 4, 4), sample(155, 4))]


class Body(NamedTuple):
    """A state with names."""

    position: float
    speed: float


def damped(y, rate=0.5, *, floor=0.0):
    return y * (1.0 - rate) + floor


def total_of(x):
    total = 0.0
    for v in x:
        total += v**2
    return total


def first_above(x, limit):
    for k in range(len(x)):
        if x[k] > limit:
            return x[k] ** 2
    return limit


def power(x, n):
    return 1.0 if n == 0 else x * power(x, n - 1)


def is_even(n, x):
    return x if n == 0 else is_odd(n - 1, x * 1.1)


def is_odd(n, x):
    return -x if n == 0 else is_even(n - 1, x + 0.1)


def tree_sum(x):
    n = len(x)
    if n == 1:
        return np.sin(x[0])
    return tree_sum(x[: n // 2]) * 0.9 + tree_sum(x[n // 2 :])


@program(0.6, 0.2)
def tuple_as_state(x, y):
    state = (x, y)
    for _ in range(12):
        a, b = state
        state = (0.9 * a + 0.2 * b * b, b - 0.1 * a)
    return state[0] * state[1]


@program(X)
def nested_tuple_as_state(x):
    state = ((0.0, x), 1.0)
    for k in range(10):
        (total, v), scale = state
        state = ((total + scale * np.sum(v), np.sin(v + k)), scale * 0.9)
    return state[0][0] + np.sum(state[0][1])


@program(0.6, 0.2)
def dict_as_state(x, y):
    state = {"x": x, "v": y, "steps": 0}
    for _ in range(11):
        state["v"] = state["v"] - 0.1 * np.sin(state["x"])
        state["x"] = state["x"] + 0.1 * state["v"]
        state["steps"] += 1
    return state["x"] * state["v"] * state["steps"]


@program({"a": 0.4, "b": X})
def dict_is_rebuilt(p):
    for k in range(9):
        p = {"a": p["a"] * 0.9 + 0.1, "b": np.tanh(p["b"] * p["a"]) + 0.1 * k}
    return p["a"] * np.sum(p["b"])


@program(1.0, 0.3)
def named_tuple_as_state(x, v):
    body = Body(x, v)
    for _ in range(10):
        speed = body.speed - 0.1 * body.position
        body = Body(body.position + 0.1 * speed, speed)
    return body.position**2 + body.speed


@program(X)
def list_of_two_as_state(x):
    pair = [x[0], x[1]]
    for v in x:
        pair[0], pair[1] = pair[1] + v, 0.5 * pair[0] * v
    return pair[0] * pair[1]


@program(X)
def helper_in_a_loop(x):
    y = 1.0
    for v in x:
        y = damped(y, floor=v) + damped(v, 0.3)
    return y


@program(sample(156, 9, 10))
def helper_with_a_loop_in_a_loop(m):
    total = 0.0
    for row in m:
        total = 0.5 * total + total_of(row) * np.cos(total_of(row[:3]))
    return total


@program(sample(157, 9, 10), 0.7)
def helper_that_returns_early(m, limit):
    total = 0.0
    for row in m:
        total += first_above(row, limit)
    return total


@program(X, 0.7)
def closure_in_a_loop(x, a):
    def step(y, v):
        return a * y + v * x[0]

    y = 0.0
    for v in x:
        y = step(y, v)
    return y**2


@program(X, 0.4)
def closure_over_a_changing_name(x, scale):
    def scaled(v):
        return scale * v

    total = 0.0
    for v in x:
        total += scaled(v)
        scale = scale * 1.1
    return total + scale


@program(X)
def closure_over_the_loop_variable(x):
    total = 0.0
    for k in range(10):

        def shifted(v):
            return v + 0.1 * k

        total += shifted(x[k]) * shifted(total)
    return total


@program(X)
def lambdas(x):
    square = lambda v: v * v  # noqa: E731
    total = 0.0
    for v in x:
        total = (lambda a, b: a * 0.5 + b)(total, square(v))
    return total


@program(X)
def nested_function_with_a_loop(x):
    def smooth(y, times):
        for _ in range(times):
            y = 0.5 * y + 0.5 * np.roll(y, 1)
        return y

    return np.sum(smooth(x, 9) ** 2) + np.sum(smooth(x, 3) ** 3)


@program(X)
def nonlocal_total(x):
    total = 0.0

    def add(v):
        nonlocal total
        total = total + v**2

    for v in x:
        add(v)
    return np.sin(total)


@program(0.9)
def recursion(x):
    y = x
    for _ in range(9):
        y = 0.5 * y + 0.1 * power(x, 4)
    return y * power(y, 3)


@program(0.9)
def mutual_recursion(x):
    return is_even(9, x) * is_odd(4, x)


@program(sample(158, 13))
def recursion_over_halves(x):
    return tree_sum(x) ** 2


@program(sample(159, 4), LAYERS)
def layers_of_a_list(x, layers):
    for w, b in layers:
        for _ in range(9):
            x = np.tanh(w @ x + b)
    return np.sum(x**2)


@program(X)
def functions_of_a_tuple(x):
    total = 1.0
    for f in (np.sin, np.cos, np.tanh):
        for v in x:
            total = 0.7 * total + f(v)
    return total


@program(X)
def reduced(x):
    return functools.reduce(lambda a, b: a * 0.8 + np.sin(b), list(x[1:]), x[0])


@program(X, 0.3)
def function_made_by_a_function(x, a):
    def maker(scale):
        def apply(v):
            return np.sin(scale * v) + a

        return apply

    f, g = maker(1.5), maker(0.5)
    total = 0.0
    for v in x:
        total += f(v) * g(total)
    return total


@program(X)
def loop_in_an_expression_of_helpers(x):
    return total_of(x) / (1.0 + total_of(x[::2])) - first_above(x, 0.2)


@program(X, 10)
def named_steps(x, steps):
    y = x
    names = {"grow": 1.02, "shrink": 0.97}
    for _ in range(steps):
        for factor in names.values():
            y = y * factor + 0.01
    return np.sum(y)


@program(X)
def global_array_is_read(x):
    total = 0.0
    for k in range(4):
        for v in x:
            total += v * LAYERS[0][0][k, 1]
    return total**2


@program(X)
def starred_and_unpacked(x):
    first, second, *_ = x
    a, (b, c) = first, (second, 1.0)
    for v in x[2:]:
        a, (b, c) = b * c, (a + v, c * 0.9)
    return a + b * c


@program(X, unrolled="the key depends on the trip")
def string_keys_in_a_loop(x):
    sums = {"even": 0.0, "odd": 0.0}
    for k in range(11):
        sums["odd" if k % 2 else "even"] += x[k] ** 2
    return sums["even"] * sums["odd"]


@program(X + 1.5)
def list_grows_while_values_last(x):
    kept, s = [], x[0]
    while s < 10.0:
        s = s * 1.5 + 1.0
        kept.append(s)
    return sum(kept)


@program(X, unrolled="a text depends on values")
def text_depends_on_values(x):
    label = "low"
    total = 0.0
    for v in x:
        label = "high" if v > 0.0 else "low"
        total += v if label == "high" else -v
    return total


@program(X, unrolled="the two sides give arrays of two shapes")
def branches_of_two_shapes(x):
    total = 0.0
    for k in range(10):
        if x[k] > 0.0:
            y = x[:2]
        else:
            y = x[:3]
        total += np.sum(y)
    return total
