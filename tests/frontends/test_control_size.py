"""How long a program gets when short loops are unrolled; and that counting a trip leaves everything as it was."""

import ast
import inspect
import textwrap

import numpy as np
import pytest
from frontends.test_control import X, check, ops

import autodiff as ad
from autodiff.errors import RandomStateWarning
from autodiff.frontends.control_size import OPERATIONS
from autodiff.frontends.control_trips import SHORT
from autodiff.frontends.syntax_names import NONE, Liveness, writes
from autodiff.frontends.syntax_size import MANY, estimated

pytestmark = pytest.mark.usefixtures("no_kernels")


def steps(x, count):
    """So many operations in a trip."""
    for _ in ad.unrolled(range(count)):
        x = np.sin(x)
    return x


# ---- what becomes of short loops -------------------------------------------------------------------


@pytest.mark.parametrize("more, expected", [(0, []), (1, ["loop"])])
def test_the_trips_of_a_short_loop_have_few_operations_together(more, expected):
    def f(x):
        for _ in range(SHORT):
            x = steps(x, OPERATIONS // SHORT + more)
        return x

    check(f, 0.3, *expected)


def test_three_trips_in_three_trips_are_registers():
    def f(x):
        total = 0.0
        for i in range(3):
            for j in range(3):
                total += x[i] * x[j] * (i - j) ** 2
        return total

    check(f, X[:3])


def test_of_a_nest_the_innermost_loops_are_unrolled():
    def f(x):
        total = 0.0
        for i in range(8):
            for j in range(8):
                for k in range(2):
                    total += x[i] * x[j] * np.sin(x[k])
        return total

    check(f, X, "loop", "loop")


def test_a_nest_of_many_short_loops_is_small():
    def f(x):
        total = 0.0
        for a in range(2):
            for b in range(3):
                for c in range(2):
                    for d in range(3):
                        for e in range(2):
                            for g in range(3):
                                for h in range(2):
                                    for i in range(3):
                                        if a + b - c >= 0:
                                            total += x[a + b] * x[c + d] * x[e + g] * x[h + i]
        return total

    check(f, X, *["loop"] * 6, *["cond"] * 6)
    assert len(ad.jit(f).ir(X).splitlines()) < 2 * OPERATIONS


def test_bodies_that_need_the_number_stay_unrolled():
    table = {0: np.sin, 1: np.cos, 2: np.tanh}

    def by_key(x):
        for k in range(3):
            x = steps(table[k](x), OPERATIONS)
        return x

    def growing(x):
        for _ in range(3):
            x = steps(np.concatenate([x, x[:1]]), OPERATIONS)
        return np.sum(x)

    check(by_key, 0.3)
    check(growing, X[:3])


def test_explain_says_why_a_short_loop_is_not_unrolled():
    def f(x):
        for _ in range(3):
            x = steps(x, 50)
        return x

    g = ad.grad(f)
    g(0.3)
    assert "region: 3 trips, traced once; unrolled, it would be 3 times 50 operations, more than 128" in g.explain()


def test_explain_does_not_tell_of_trips_that_were_only_counted():
    def f(x):
        for k in range(3):
            x = steps(x, 50)
            for _ in range(k + 20):
                x = 0.9 * x
        return x

    g = ad.jit(f)
    g(0.3)
    assert "region: the number of trips is traced" in g.explain()
    assert "20 trips" not in g.explain()


# ---- counting a trip ---------------------------------------------------------------------------------


def test_counting_leaves_what_a_trip_changes_as_it_was():
    rng, log, large = np.random.default_rng(3), [], np.zeros(200_000)

    def f(x):
        out = np.zeros(3)
        for k in range(3):
            log.append(k)
            large[k] += 1.0
            out[k] = steps(x, 3) * rng.normal() + large[k]
        return np.sum(out)

    with pytest.warns(RandomStateWarning):
        value = float(ad.jit(f)(0.3))
    assert value == pytest.approx(np.sin(np.sin(np.sin(0.3))) * np.random.default_rng(3).normal(size=3).sum() + 3.0)
    assert log == [0, 1, 2]
    np.testing.assert_array_equal(large[:4], [1.0, 1.0, 1.0, 0.0])
    assert large.flags.writeable


def test_iterators_are_not_advanced_by_counting():
    def f(x):
        factors = iter([1.0, 2.0, 3.0])
        for _ in range(3):
            x = steps(x, 3) * next(factors)
        return x

    assert float(ad.jit(f)(0.3)) == pytest.approx(f(0.3))


def test_arrays_that_counting_replaced_are_plain_again():
    def f(x):
        places = np.zeros(3, dtype=int)
        for k in range(3):
            places[k] = 2 - k
            x = steps(x, 3)
        return x[places[0]] * len(range(places[1])) + np.zeros(int(places[0]) + 1).sum()

    assert ops(f, X) == []
    assert float(ad.jit(f)(X)) == pytest.approx(f(X))


def test_a_trip_is_counted_once_however_often_the_loop_is_met():
    calls = []

    def helper(x):
        for _ in range(3):
            calls.append(1)
            x = steps(x, 3)
        return x

    seen = []

    def f(x):
        for _ in ad.unrolled(range(4)):
            x = helper(x)
        seen.append(len(calls))
        return x

    ad.jit(f)(0.3)
    assert seen == [12]


@pytest.mark.parametrize(
    "text, few",
    [
        ("x = x * 0.5", True),
        ("x = np.sin(x) + x.sum()", True),
        ("x = step(x)", False),
        ("x = self.step(x)", False),
        ("x = [step(v) for v in x]", False),
        ("for j in range(3):\n    for k in range(3):\n        x[j] += x[k] * y[j]", False),
    ],
)
def test_operations_by_the_text(text, few):
    assert (SHORT * estimated(ast.parse(text).body) <= OPERATIONS) == few
    assert estimated(ast.parse(text).body) <= MANY


# ---- rewriting nests -----------------------------------------------------------------------------------


class Counting(Liveness):
    looks = 0

    def before_one(self, node, after):
        Counting.looks += 1
        return super().before_one(node, after)


def nest(depth):
    lines = ["    " * k + f"for i{k} in range(n):" for k in range(depth)]
    return ast.parse("\n".join([*lines, "    " * depth + "total = total + x[i0]"])).body[0]


def test_looks_at_a_nest_grow_with_its_depth_only():
    live = Counting(NONE)
    live.carried(nest(10), frozenset({"total"}))
    ten, Counting.looks = Counting.looks, 0
    live.carried(nest(20), frozenset({"total"}))
    assert Counting.looks <= 2 * ten + 2


def some_loops(n):
    a = b = c = d = 0
    for k in range(n):
        if b > k:
            a = b
        else:
            b = c
        while a < d:
            a = c + 1
            for j in range(a):
                c = d
                d = j
            b = k
        c = k
    return a, b, c, d


def test_what_is_live_at_the_head_is_live_after_another_trip():
    loops = [n for n in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(some_loops)))) if hasattr(n, "orelse")]
    live = Liveness(NONE)
    for loop in loops:
        if isinstance(loop, ast.If):
            continue
        for after in (NONE, frozenset({"a"}), frozenset({"b", "d"})):
            head = live.head(loop, after)
            again = live.before(loop.body, head) - (writes(loop.target) if isinstance(loop, ast.For) else NONE)
            assert after <= head
            assert again <= head
