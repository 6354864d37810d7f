"""Loops, branches and mutation in traced functions: what becomes of them, and that values and gradients are right.

`check` compares value and gradient with the function itself and its differences, and the kinds of statements with
what is expected of them; nothing is compiled here, kernels of such programs are tested over the program zoo.
"""

# ruff: noqa: B007, B905, RUF007 (functions as users write them)

import functools
import math
import os
import signal
import threading
import warnings

import numba
import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import ArgumentError, ControlFlowError, LoopStateError, UncheckedWarning, UnrolledWarning
from autodiff.frontends.control_trips import SHORT, Unrolled

pytestmark = pytest.mark.usefixtures("no_kernels")

X = np.linspace(-1.0, 2.1, 12)


def differences(f, x, h=1e-6):
    """The gradient by central differences."""
    x = np.asarray(x, float)
    found = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = h
        found[place] = (f((x + step)[()]) - f((x - step)[()])) / (2 * h)
    return found


def ops(f, *args):
    """The structured ops in the trace of a function, in the order in which they are printed."""
    text = ad.jit(f).ir(*args)
    words = [line.split("=", 1)[1].split("[")[0].split()[0] for line in text.splitlines() if " = " in line]
    return [w for w in words if w in ("loop", "while", "cond")]


def check(f, x, *expected):
    value, gradient = ad.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(x), rtol=1e-12)
    np.testing.assert_allclose(gradient, differences(f, x), rtol=1e-5, atol=1e-7)
    assert ops(f, x) == list(expected)


# ---- what becomes of a loop ------------------------------------------------------------------


def test_a_long_loop_is_traced_once():
    def f(x):
        total = 0.0
        for k in range(100):
            total += np.sin(x * k)
        return total

    check(f, 0.3, "loop")


@pytest.mark.parametrize("trips, expected", [(SHORT, []), (SHORT + 1, ["loop"])])
def test_short_loops_are_unrolled(trips, expected):
    def f(x):
        for _ in range(trips):
            x = np.sin(x)
        return x

    check(f, 0.3, *expected)


def test_unrolled_when_asked_for():
    def f(x):
        for k in Unrolled(range(20)):
            x = x * (1.0 + 0.01 * k)
        return x

    check(f, 0.3)


def test_loops_without_traced_values_are_pythons():
    def f(x):
        table = {}
        for k in range(50):
            table[k] = [k] * k
        n = 0
        while n < 30:
            n += len(table[n])
            n += 1
        return x * n

    check(f, 0.3)


def test_a_loop_that_meets_a_traced_value_late():
    def f(x):
        hidden = [lambda: x]
        total, log = 0.0, []
        for k in range(30):
            if k < 3:
                log.append(k)
            else:
                total = total + hidden[0]() * k
        return total + len(log)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnrolledWarning)
        check(f, 0.3, *ops(f, 0.3))


@pytest.mark.parametrize("bounds", [(5,), (2, 30), (30, 2, -3), (0, 0), (5, -5), (-4, 20, 7)])
def test_bounds_may_be_traced(bounds):
    def f(x, *bounds):
        for k in range(*bounds):
            x = 0.9 * x + 0.01 * k * x**2
        return x

    value, gradient = ad.value_and_grad(f)(0.4, *bounds)
    np.testing.assert_allclose(value, f(0.4, *bounds), rtol=1e-12)
    np.testing.assert_allclose(gradient, differences(lambda x: f(x, *bounds), 0.4), rtol=1e-6)


@pytest.mark.parametrize(
    "items",
    [
        lambda x: x,
        lambda x: x[::-2],
        lambda x: reversed(x),
        lambda x: (k * v for k, v in enumerate(x)),
    ],
    ids=["rows", "every second", "reversed", "generated"],
)
def test_over_arrays(items):
    def f(x):
        total = 0.0
        for v in items(x):
            total = 0.8 * total + np.sin(v)
        return total

    check(f, X, *ops(f, X))


def test_enumerate_zip_and_reversed():
    def f(x):
        total = 0.0
        for k, (a, b) in enumerate(zip(x, x[1:]), 2):
            total += a * b**2 * k
        for k, v in zip(range(20, 0, -1), reversed(x)):
            total += v**2 / k
        for k in reversed(range(3, 30, 2)):
            total = total * 0.9 + k * x[0]
        return total

    check(f, X, "loop", "loop", "loop")


def test_rows_of_plain_arrays_and_plain_lookups():
    table = np.arange(24.0).reshape(12, 2)

    def f(x):
        total = 0.0
        for row in table:
            total += x * row[0] * row[1]
        for k in range(12):
            total += np.sin(x) * table[k, 1]
        return total

    check(f, 0.3, "loop", "loop")


def test_lists_of_equal_things_are_indexed():
    layers = [{"w": 0.1 * k * np.ones((12, 12)), "b": float(k)} for k in range(10)]

    def f(x):
        for k in range(10):
            layer = layers[k]
            x = np.tanh(layer["w"] @ x + layer["b"])
        return np.sum(x)

    check(f, X, "loop")


def test_lists_of_different_things_are_unrolled_with_a_warning():
    widths = [3, 4, 5] * 4
    layers = [np.full((m, n), 0.1) for m, n in zip(widths, [12, *widths], strict=False)]

    def f(x):
        for k in range(12):
            x = np.tanh(layers[k] @ x)
        return np.sum(x)

    with pytest.warns(UnrolledWarning, match="12 trips") as caught:
        value = ad.jit(f)(X)
    assert caught[0].filename == __file__
    np.testing.assert_allclose(value, f(X), rtol=1e-12)


def test_a_changing_shape_is_unrolled_in_a_short_loop_or_when_asked_for():
    def halved(x, trips):
        for _ in trips:
            x = 0.5 * x[: len(x) - len(x) // 2] + x[len(x) // 2 :] ** 2
        return np.sum(x)

    x = 0.1 * np.arange(1024.0) / 1024
    for trips in (range(SHORT), Unrolled(range(SHORT + 2))):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            value, gradient = ad.value_and_grad(functools.partial(halved, trips=trips))(x)
        np.testing.assert_allclose(value, halved(x, trips), rtol=1e-12)
        step = 1e-30
        slope = np.imag(halved(x + 1j * step, trips)) / step
        np.testing.assert_allclose(np.sum(gradient), slope, rtol=1e-12)
    with pytest.raises(LoopStateError, match=r"'x' is an array of shape \(1024,\).*shape \(512,\)"):
        ad.grad(functools.partial(halved, trips=range(SHORT + 1)))(x)


def test_a_first_trip_may_be_unlike_the_others():
    def by_for(x):
        h = None
        for k in range(20):
            h = x if h is None else 0.5 * h + np.sin(x)
        return np.sum(h)

    def by_while(x):
        h, k = np.float32(0), 0
        while k < 20:
            h = 0.5 * h + np.sin(x)
            k += 1
        return np.sum(h)

    check(by_for, X, "loop")
    check(by_while, X, "while")


# ---- while and jumps -------------------------------------------------------------------------


def test_while_on_values():
    def f(x):
        while x * x > 0.01:
            x = 0.7 * x - 0.05 * np.sin(x)
        return x

    check(f, 1.3, "while")
    assert ad.value_and_grad(f)(0.05) == (0.05, 1.0)


def test_break_continue_and_else():
    def f(x):
        total = 0.0
        for k in range(12):
            if x[k] < -0.5:
                continue
            total += x[k] ** 2
            if total > 4.0:
                total *= 1.5
                break
        else:
            total = -total
        return total

    check(f, X, *ops(f, X))
    check(f, 0.1 * X, *ops(f, 0.1 * X))
    assert "while" in ops(f, X)


def test_return_from_nested_loops():
    def f(x):
        for i in range(12):
            for j in range(12):
                if x[i] * x[j] > 3.0:
                    return x[i] * x[j] * (i - j)
        return x[0]

    check(f, X, *ops(f, X))
    check(f, 0.3 * X, *ops(f, X))


def test_while_true_and_flags():
    def f(x):
        k = 0
        while True:
            x = 0.5 * (x + 2.0 / x)
            k += 1
            if abs(x * x - 2.0) < 1e-9 or k > 50:
                break
        return x * k

    check(f, 1.1, *ops(f, 1.1))


def test_the_first_operand_guards_the_second():
    def f(x):
        k = 0
        while k < 12 and x[k] < 1.0:
            k += 1
        return x[k - 1] ** 2 * k

    check(f, X, *ops(f, X))
    check(f, X - 5.0, *ops(f, X))


def test_loops_over_lists_may_break_on_values():
    def f(x):
        for scale in [1.0, 2.0, 3.0]:
            x = x * scale
            if x > 3.0:
                break
        return x

    for start in (0.1, 1.1, 2.0):
        check(f, start, *ops(f, start))
    assert set(ops(f, 0.1)) == {"cond"}


# ---- branches --------------------------------------------------------------------------------


def test_branches_within_loops_are_part_of_the_program():
    def f(x):
        total = 0.0
        for v in x:
            if v > 1.0:
                total += v**2
            elif v > 0.0:
                total -= 3.0 * v
            else:
                total += 0.5 if v < -0.5 else v
        return total

    value_and_grad = ad.value_and_grad(f)
    for x in (X + 0.01, 0.01 - X, 0.3 * X):
        value, gradient = value_and_grad(x)
        np.testing.assert_allclose(value, f(x))
        np.testing.assert_allclose(gradient, differences(f, x), atol=1e-7)
    assert ops(f, X)[0] == "loop" and "cond" in ops(f, X)


def test_branches_in_unrolled_loops_are_no_guards():
    def f(x):
        total = 0.0
        for k in range(4):
            if x[k] > 0.0:
                total += x[k] * k
        return total

    assert ops(f, X) == ["cond"] * 4


def test_chained_comparisons_and_logic_within_loops():
    def f(x):
        total = 0.0
        for k in range(12):
            if -0.4 < x[k] <= 1.7 and not (k == 7 or x[k] ** 2 < 0.05):
                total += x[k] ** 2
            total += x[k] if k % 3 else -x[k]
        return total

    check(f, X, *ops(f, X))


def test_min_and_max_share_ties_as_numpy_does():
    def f(x):
        total = 0.0
        for k in range(10):
            total += max(x, 0.1 * k) + min(2.0 * x, k, 0.55)
        return total

    check(f, 0.234, "loop")
    assert ad.grad(lambda x: max(x, 0.5))(0.5) == ad.grad(lambda x: np.maximum(x, 0.5))(0.5)


def test_builtins_and_math_of_traced_numbers():
    def f(x):
        total = 0.0
        for k in range(1, 12):
            total += math.sin(x * k) + math.log(x + k, 2) + math.sqrt(k) * math.pow(x, 3) + math.atan2(x, k)
            total += abs(-x) + float(k // 2) * int(k / 3) * x + sum([x, 1, x]) + bool(k > 3) * x
        return total + len([x]) + sum(np.ones(3) * x)

    check(f, 0.7, "loop")


# ---- state -----------------------------------------------------------------------------------


def test_tuples_dicts_lists_and_objects_are_state():
    class Cell:
        def __init__(self, rate):
            self.rate, self.h, self.steps = rate, 0.0, 0

        def step(self, v):
            self.h = np.tanh(self.rate * self.h + v)
            self.steps += 1

    def f(x):
        cell, pair, sums = Cell(0.5), (x[0], [0.0, 1.0]), {"n": 0, "s": 0.0}
        for v in x:
            cell.step(v)
            pair = (pair[0] * 0.9, [pair[1][1] + v, cell.h])
            sums["s"] += cell.h * v
            sums["n"] += 1
        return cell.h * cell.steps + pair[0] + pair[1][0] + sums["s"] / sums["n"]

    check(f, X, "loop")


def test_python_numbers_take_the_dtype_they_meet():
    def f(x):
        total, n = 0.0, 0
        for v in x:
            total = total + v
            n = n + 0.5
        return total * n

    value = ad.jit(f)(X.astype(np.float32))
    expected = f(X.astype(np.float32))
    assert value.dtype == np.asarray(expected).dtype == np.float32
    np.testing.assert_allclose(value, expected, rtol=1e-6)


def test_what_a_first_trip_changes_is_done_by_itself():
    def f(x):
        total = 0.0
        for k in range(12):
            total = total + x * k
            if k == 0:
                before = x
            else:
                total = total + before * x[k]
                before = total
        return np.sum(total)

    check(f, X, *ops(f, X))
    assert "loop" in ops(f, X)


def test_names_assigned_in_the_loop_and_read_after_it():
    def f(x):
        for k in range(12):
            y = x[k] * k
        return y * k

    check(f, X, "loop")


def test_without_trips_names_are_unbound():
    def f(x):
        for k in range(0):
            y = x * k
        return y

    with pytest.raises(NameError):
        ad.grad(f)(1.0)


def test_nonlocal_names_of_helpers():
    def f(x):
        total = 0.0

        def add(v):
            nonlocal total
            total += v**2

        for v in x:
            add(v)
        return total

    check(f, X, "loop")


# ---- writing ---------------------------------------------------------------------------------


def test_arrays_made_by_numpy_are_filled():
    def f(x):
        out, count = np.zeros(12), np.zeros(3, dtype=int)
        for k in range(12):
            out[k] = x[k] ** 2 + (out[k - 1] if k > 0 else 0.0)
            count[k % 3] += 1
        return np.sum(out * count[1])

    check(f, X, *ops(f, X))


def test_writes_through_helpers_views_and_slices():
    def put(array, k, value):
        array[k] = value

    def f(x):
        grid = np.zeros((12, 3))
        column = grid[:, 1]
        for k in range(1, 11):
            put(grid, (k, 0), x[k] ** 2)
            column[k] += x[k]
            grid[k - 1 : k + 1, 2] += 0.1 * column[k]
            row = grid[k]
            row *= 1.5
        return np.sum(grid * np.arange(36.0).reshape(12, 3))

    check(f, X, "loop")


def test_rows_of_a_loop_are_views():
    def f(x):
        grid = np.outer(x, np.arange(3.0))
        for k, row in enumerate(grid):
            row[1] = x[k] * k
            row += 1.0
        return np.sum(grid**2)

    check(f, X, "loop")


def test_an_alias_keeps_what_it_had():
    def f(x):
        y = x
        for k in range(11):
            y = y + 0.1 * x[k]
        y[3] = 0.0
        return np.sum(y * x)

    check(f, X, "loop")


def test_buffers_that_are_exchanged():
    def f(x):
        a, b = x.copy(), np.zeros_like(x)
        for _ in range(9):
            for k in range(1, 11):
                b[k] = (a[k - 1] + a[k] + a[k + 1]) / 3.0
            a, b = b, a
        return np.sum(a * b)

    check(f, X, "loop", "loop")


def test_a_second_name_of_an_exchanged_array_is_refused():
    def f(x):
        a, b = x.copy(), np.zeros_like(x)
        first = a
        for _ in range(9):
            b[:] = a * 0.5
            a, b = b, a
        return np.sum(first)

    with pytest.raises(ArgumentError, match=r"'[ab]'"):
        ad.grad(f)(X)


def test_arguments_are_not_written_to():
    def f(x):
        for k in range(12):
            x[k] *= 2.0
        return np.sum(x**2)

    given = X.copy()
    np.testing.assert_allclose(ad.grad(f)(given), 8.0 * X)
    np.testing.assert_array_equal(given, X)


def test_a_plain_array_from_outside_cannot_be_written_to():
    outside = np.zeros(12)

    def f(x):
        for k in range(12):
            outside[k] = x[k]
        return np.sum(x)

    with pytest.raises((TypeError, ValueError), match=r"outside\[k\] = x\[k\]"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UnrolledWarning)
        ad.grad(f)(X)
    assert not outside.any()


def test_lists_are_collected():
    def f(x):
        states, h = [0.5 * x[0]], 0.0
        for v in x:
            h = np.tanh(h + v)
            states.append(h)
        return np.sum(np.array(states) ** 2) + states[3] * states[-1] + sum(states) + len(states)

    check(f, X, "loop")


def test_lists_that_are_also_read_are_unrolled():
    def f(x):
        out = [1.0]
        for v in x:
            out.append(v * out[-1] + 1.0)
        return np.sum(np.array(out))

    with pytest.warns(UnrolledWarning, match="out"):
        value = ad.jit(f)(X)
    np.testing.assert_allclose(value, f(X))


# ---- calls -----------------------------------------------------------------------------------


@numba.njit
def compiled_sum(x):
    total = 0.0
    for k in range(len(x)):
        if x[k] > 0.0:
            total += x[k] ** 2
    return total


def test_njit_functions_are_traced_through_their_source():
    check(lambda x: compiled_sum(x) * 2.0, X, "loop", "cond")
    gradient = ad.grad(compiled_sum)(X)
    np.testing.assert_allclose(gradient, 2.0 * np.maximum(X, 0.0))


def test_partial_methods_lambdas_and_callables():
    class Scale:
        def __init__(self, by):
            for _ in range(2):
                by = by * 2.0
            self.by = by

        def __call__(self, v):
            return v * self.by if v > 0.0 else -v

    def power(v, n):
        for _ in range(n):
            v = v * 1.1
        return v

    def f(x):
        scale, grow = Scale(0.5), functools.partial(power, n=20)
        total = 0.0
        for v in x:
            total += scale(v) + grow(v) + (lambda u: u if u > 1.0 else u * u)(v)
        return total

    check(f, X, *ops(f, X))


def test_derivatives_within_loops():
    def f(x):
        for _ in range(20):
            x = x - 0.1 * ad.grad(lambda z: np.sum((z**2 - 1.0) ** 2))(x)
        return np.sum(x * np.arange(12.0))

    check(f, X, "loop")


def test_second_derivatives():
    def f(x):
        y = x
        for _ in range(15):
            y = np.sin(y) + 0.1 * x
        return y

    exact = ad.grad(ad.grad(f))(0.4)
    np.testing.assert_allclose(exact, (ad.grad(f)(0.4001) - ad.grad(f)(0.3999)) / 2e-4, rtol=1e-6)


# ---- what is refused, and what is said ---------------------------------------------------------


def message_of(kind, f, *args):
    with pytest.raises(kind) as caught:
        ad.grad(f)(*args)
    return str(caught.value)


def test_state_that_changes_its_shape():
    def f(x):
        y = x
        while np.sum(y) < 100.0:
            y = np.concatenate([y, y])
        return np.sum(y)

    said = message_of(LoopStateError, f, X)
    assert all(word in said for word in ("'y'", "(12,)", "(24,)", "y = np.concatenate([y, y])"))


def test_state_that_changes_its_dtype():
    def f(x, y):
        while np.sum(y) < 10.0:
            y = y + x.astype(np.float64)
        return np.sum(y)

    said = message_of(LoopStateError, f, X.astype(np.float32) + 1.0, np.zeros(12, np.float32))
    assert all(word in said for word in ("'y'", "float32", "float64", "y = y + x"))


def test_sides_that_differ():
    def f(x):
        k, total = 0, 0.0
        while k < x[0]:
            y = x[:2] if x[k] > 0.0 else x[:3]
            k, total = k + 1, total + np.sum(y)
        return total

    said = message_of(LoopStateError, f, X + 5.0)
    assert all(word in said for word in ("(2,)", "(3,)", "y = x[:2] if"))


def test_a_try_around_is_refused_at_once():
    def f(x):
        total = 0.0
        for v in x:
            try:
                total += np.log(v)
            except ValueError:
                total += 1.0
        return total

    said = message_of(ControlFlowError, f, X)
    assert "try" in said and "for v in x" in said
    assert ad.grad(lambda x: f([x, 2.0 * x]))(1.0) == 2.0  # Python runs over a list


def test_generators_and_coroutines_are_refused():
    def f(x):
        yield x

    async def g(x):
        return x

    assert "yield" in message_of(ControlFlowError, f, 1.0)
    assert "async" in message_of(ControlFlowError, g, 1.0)


def test_assertions_and_errors_of_loops_are_raised():
    def f(x):
        total = 0.0
        for k in range(12):
            assert total < 5.0, "too large"
            if x[k] < -2.0:
                raise ValueError("too small")
            total += x[k] ** 2
        return total

    gradient = ad.grad(f)
    np.testing.assert_allclose(gradient(0.5 * X), X)
    with pytest.raises(AssertionError, match="too large"):
        gradient(np.full(12, 3.0))
    with pytest.raises(ValueError, match="too small"):
        gradient(np.full(12, -2.1))
    np.testing.assert_allclose(gradient(0.5 * X), X)


def test_assertions_cannot_be_checked_in_a_batch():
    def f(x):
        for _ in range(10):
            assert x < 5.0
            x = x * 1.1
        return x

    with pytest.warns(UncheckedWarning):
        found = ad.vmap(f)(X)
    np.testing.assert_allclose(found, X * 1.1**10)


def test_without_source_python_decides():
    namespace = {}
    exec("def f(x):\n    return x * 2.0 if x > 0 else -x", namespace)
    assert ad.grad(namespace["f"])(1.0) == 2.0
    assert ad.grad(namespace["f"])(-1.0) == -1.0


def test_bounds_that_are_no_integers():
    def f(x):
        for _ in range(x):
            x = x * 2.0
        return x

    assert "range()" in message_of(TypeError, f, 3.0)


def test_decisions_are_explained():
    def f(x):
        if x[0] < 0.0:
            x = -x
        for k in range(3):
            x = x * 0.5
        for k in range(30):
            x = np.sin(x) if x[0] > 0.0 else x
        for k in [1, 2]:
            x = x + k
        return np.sum(x)

    g = ad.grad(f)
    g(X)
    told = g.explain()
    for word in ("guard", "unrolled", "region", "python"):
        assert word in told


def test_results_after_an_error_are_not_disturbed():
    """A trace that fails half-way leaves the user's objects as they were."""
    box = {"n": 0}

    def f(x):
        for k in range(12):
            box["n"] = k
            x = x * unknown  # noqa: F821
        return x

    with pytest.raises(NameError):
        ad.grad(f)(1.0)
    assert isinstance(box["n"], int)


# ---- what would happen once instead of at every trip ---------------------------------------------


class Slotted:
    __slots__ = ("n",)


class Shared:
    count = 1.0


COUNTS = np.zeros(3, dtype=int)
SLOTTED = Slotted()
NUMBER = 1.0


def a_generator():
    generator = np.random.default_rng(0)
    return lambda k: generator.normal()


def an_iterator():
    numbers = iter(range(1, 100))
    return lambda k: next(numbers)


def a_plain_array():
    COUNTS[:] = 0

    def count(k):
        COUNTS[1] += 1
        return float(COUNTS[1])

    return count


def a_slot():
    SLOTTED.n = 1.0

    def count(k):
        SLOTTED.n = SLOTTED.n * 1.1
        return SLOTTED.n

    return count


def a_class():
    Shared.count = 1.0

    def count(k):
        Shared.count = Shared.count * 1.1
        return Shared.count

    return count


def a_global():
    global NUMBER
    NUMBER = 1.0

    def count(k):
        global NUMBER
        NUMBER = NUMBER * 1.1
        return NUMBER

    return count


def a_function():
    def count(k):
        count.n = count.n * 1.1
        return count.n

    count.n = 1.0
    return count


@pytest.mark.parametrize(
    "source", [a_generator, an_iterator, a_plain_array, a_slot, a_class, a_global, a_function], ids=lambda f: f.__name__
)
@pytest.mark.filterwarnings("ignore::autodiff.errors.UnrolledWarning", "ignore::autodiff.errors.RandomStateWarning")
def test_hidden_state_is_that_of_every_trip(source):
    def f(x, draw):
        total = 0.0
        for k in range(20):
            total = 0.5 * total + x * draw(k)
        return total

    expected = f(0.7, source())
    draw = source()
    np.testing.assert_allclose(ad.jit(lambda x: f(x, draw))(0.7), expected, rtol=1e-12)


def test_tapes_around_and_within_loops():
    def around(x):
        with ad.GradientTape() as tape:
            tape.watch(x)
            total = 0.0
            for v in x:
                total = total + v**3
        return np.sum(tape.gradient(total, x) * x)

    def within(x):
        total = 0.0
        for k in range(12):
            y = x[k] * 1.0
            with ad.GradientTape() as tape:
                tape.watch(y)
                z = y**3
            total = total + tape.gradient(z, y) * y
        return total

    for f in (around, within):
        assert ops(f, X)[0] == "loop"
        np.testing.assert_allclose(ad.jit(f)(X), np.sum(3.0 * X**3))


@pytest.mark.filterwarnings("ignore::autodiff.errors.UnrolledWarning")
def test_the_test_of_a_while_is_asked_as_often_as_by_python():
    def f(x, log):
        def more():
            log[0] += 1
            return log[0] < 30

        while more():
            x = np.sin(x) * 1.1
        return x + log[0]

    np.testing.assert_allclose(ad.jit(lambda x: f(x, [0]))(0.7), f(0.7, [0]), rtol=1e-12)

    def with_an_iterator(x):
        numbers = iter(range(20))
        while next(numbers) < 12:
            x = x * 1.1
        return x * next(numbers)

    np.testing.assert_allclose(ad.jit(with_an_iterator)(0.7), with_an_iterator(0.7), rtol=1e-12)


@pytest.mark.parametrize("start", [0.0, 2.0])
def test_a_while_that_python_has_to_run_asks_first(start):
    def f(x):
        kept = [x]
        while kept[-1] > 1.0:
            kept.append(kept[-1] * 0.7)
        return kept[-1] * len(kept)

    np.testing.assert_allclose(ad.value_and_grad(f)(start), (f(start), differences(f, start)), rtol=1e-6)


def test_a_while_that_meets_a_traced_value_in_its_last_trip():
    def f(x):
        hidden = [lambda: x]
        k, total, last = 0, 0.0, 0
        while k < 4:
            k += 1
            last = k
            if k == 4:
                total = total + hidden[0]()
        return total * last

    np.testing.assert_allclose(ad.value_and_grad(f)(0.7), (2.8, 4.0))


def test_an_endless_loop_can_be_interrupted():
    @ad.value_and_grad
    def endless(x):
        total = 0.0
        while total > -1.0:
            total = total + x * 0.5
        return total

    expected = endless(-9.0)
    interrupt = threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        endless(1.0)
    interrupt.join()
    assert endless(-9.0) == expected
