"""Functions that ask for values while they are traced: answers are guards, and values that decide otherwise trace anew.

The oracles are plain NumPy, and the tape, on which Python takes every decision afresh.
"""

import gc
import math
import operator
import signal
import threading
import warnings
import weakref

import numpy as np
import pytest

import autodiff as ad
from autodiff.config import config
from autodiff.errors import (
    ArgumentError,
    ConcretizationError,
    DTypeError,
    LinearAlgebraError,
    PathBreakWarning,
    ShapeError,
)
from autodiff.frontends import guards as guards_module
from autodiff.frontends import specialisations
from autodiff.frontends.function import Function
from autodiff.frontends.guards import first_miss, is_unstable
from autodiff.frontends.questions import Questions
from autodiff.frontends.tracer import TraceBuilder, trace
from autodiff.ir.build import building
from autodiff.ops.arithmetic import less
from autodiff.ops.loop import loop
from autodiff.ops.while_loop import while_loop

NAN, INF = np.nan, np.inf


@pytest.fixture(params=[True, False], ids=["kernels", "interpreted"])
def tier(request, monkeypatch):
    monkeypatch.setattr(config, "jit", request.param)


@pytest.fixture
def traces(monkeypatch):
    """How often functions were traced, as the length of a list."""
    found = []
    before = Function._traced_anew

    def counted(self, *args, **kwargs):
        found.append(self.name)
        return before(self, *args, **kwargs)

    monkeypatch.setattr(Function, "_traced_anew", counted)
    return found


@pytest.fixture(autouse=True)
def _stable_again(monkeypatch):
    monkeypatch.setattr(guards_module, "_unstable", set())
    monkeypatch.setattr(specialisations, "_warned", set())


def on_tape(f, x):
    """Value and gradient where Python drives."""
    source = ad.constant(x)
    with ad.GradientTape() as tape, warnings.catch_warnings():
        warnings.simplefilter("ignore", PathBreakWarning)
        tape.watch(source)
        y = f(source)
    return float(y), tape.gradient(y, source, unconnected_gradients="zero").numpy()


def count_up(x):
    total = 0.0 * np.sum(x)
    for k in range(int(x[0])):
        total = total + x[1] ** k
    return total


def halve(x):
    y = np.sum(x**2)
    while bool(y > 1.0):
        y = y / 2.0
    return y


def checked(x):
    assert bool(np.all(x < 100.0))
    return np.sum(x**3)


ASKS = {
    "if": lambda x: np.sum(x**2) if x[0] > 0 else np.sum(x),
    "bool()": lambda x: np.sum(x**2) if bool(np.any(x > 1.0)) else np.sum(x),
    "and, or, not": lambda x: np.sum(x * x) if (x[0] > 0 and not x[1] > 0) or x[1] > 5 else x[0],
    "chained comparison": lambda x: np.sum(np.sin(x)) if 0 < x[0] < 1.5 else x[1],
    "equality": lambda x: x[0] * 3.0 if x[0] == x[1] else x[0] * x[1],
    "inequality": lambda x: x[0] * 3.0 if x[0] != 1.0 else x[0] * x[1],
    "truth of a number": lambda x: x[1] ** 2 if x[0] else x[1],
    "truth of one element": lambda x: x[1] ** 2 if x[:1] > 0 else x[1],
    "in": lambda x: x[1] ** 2 if 1.0 in [x[0], x[1]] else x[1],
    "max of Python": lambda x: max(x[0], x[2]) ** 2,
    "sorted": lambda x: np.dot(np.stack(sorted([x[0], x[1], x[2]])), np.arange(3.0)),
    "float()": lambda x: np.sum(x) * float(ad.stop_gradient(x[0])),
    "complex()": lambda x: np.sum(x) * complex(ad.stop_gradient(x[0])).real,
    "int()": lambda x: np.sum(x) * int(x[0]),
    "range(int())": count_up,
    "range of an index": lambda x: sum([x[k] ** 2 for k in range(np.argmax(x))], 0.0 * x[0]),
    "item()": lambda x: np.sum(x) * ad.stop_gradient(x)[1].item(),
    "item(k)": lambda x: np.sum(x) * ad.stop_gradient(x).item(2),
    "item(i, j)": lambda x: np.sum(x) * ad.stop_gradient(np.outer(x, x)).item((0, 1)),
    "tolist()": lambda x: np.sum(x) * len([v for v in (x > 0.6).tolist() if v]),
    "operator.index": lambda x: x[operator.index(np.argmax(x))] ** 2,
    "index of a list": lambda x: [np.sum, np.max, np.min][np.argmax(x)](x),
    "a shape": lambda x: np.sum(np.zeros(int(x[0]) + 3) + x[0]),
    "a slice": lambda x: np.sum(x[: int(x[0])] ** 2),
    "math on a constant": lambda x: np.sum(x) * math.floor(ad.stop_gradient(x[0])),
    "assert": checked,
    "while": halve,
}
POINTS = [
    np.array([1.0, 2.0, 0.5]),
    np.array([-1.5, 6.0, 2.0]),
    np.array([2.0, 2.0, -3.0]),
    np.array([1.0, -2.0, 0.25]),
    np.array([0.0, 0.75, 3.0]),
]


MANY_FLOATS = pytest.mark.filterwarnings("ignore:.*makes a Python float:RuntimeWarning")


@MANY_FLOATS
@pytest.mark.parametrize("name", ASKS)
def test_every_way_of_asking(name, no_kernels):
    check_everywhere(ASKS[name])


@MANY_FLOATS
@pytest.mark.parametrize("name", ["if", "and, or, not", "float()", "complex()", "int()", "item()", "while"])
def test_every_kind_of_answer_in_a_kernel(name):
    check_everywhere(ASKS[name])


def check_everywhere(f):
    both, value = ad.value_and_grad(f), ad.jit(f)
    for x in [*POINTS, *POINTS[::-1]]:
        expected, slope = on_tape(f, x)
        assert float(value(x)) == pytest.approx(float(f(x)), rel=1e-14)
        found, gradient = both(x)
        assert float(found) == pytest.approx(expected, rel=1e-14)
        np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-14)


@MANY_FLOATS
@pytest.mark.parametrize("name", ["if", "int()", "float()"])
@pytest.mark.parametrize("transform", [ad.jacobian, ad.hessian, ad.jacfwd])
def test_under_other_transforms(name, transform, no_kernels):
    f = ASKS[name]
    many = transform(f)
    for x in POINTS:
        y = ad.constant(x)
        with ad.GradientTape() as outer:
            outer.watch(y)
            with ad.GradientTape() as inner, warnings.catch_warnings():
                warnings.simplefilter("ignore", PathBreakWarning)
                inner.watch(y)
                z = f(y)
            slope = inner.gradient(z, y, unconnected_gradients="zero")
        wanted = slope if transform is not ad.hessian else outer.jacobian(slope, y, unconnected_gradients="zero")
        np.testing.assert_allclose(many(x), wanted.numpy(), rtol=1e-12, atol=1e-14)


def test_jvp_and_vjp(no_kernels):
    f = ASKS["if"]
    for x in POINTS:
        _, slope = on_tape(f, x)
        _, tangent = ad.jvp(f, (x,), (np.ones(3),))
        assert float(tangent) == pytest.approx(slope.sum())
        _, pullback = ad.vjp(f, x)
        np.testing.assert_allclose(pullback(2.0)[0], 2.0 * slope)


# ---- misses ------------------------------------------------------------------------------------


def test_the_gradient_is_that_of_the_branch_taken(tier):
    ramp = ad.grad(lambda x: 0.0 * x if x < 0 else x)
    assert ramp(-1.3) == 0.0
    assert ramp(+1.34) == 1.0
    assert ramp(-0.2) == 0.0


@pytest.mark.parametrize("first", [-1.0, 1.0])
def test_two_branches_are_two_traces(first, tier, traces):
    @ad.value_and_grad
    def f(x):
        return x**2 if bool(x > 0) else -x

    for x in (first, -first, first, -first, 3.0, -3.0, 4.0, 5.0, -6.0):
        value, slope = f(x)
        assert (value, slope) == ((x**2, 2 * x) if x > 0 else (-x, -1.0))
    assert len(traces) == 2


SIZES = {
    "arange": lambda x, n: np.sum(np.arange(n) * x[0]),
    "arange of two": lambda x, n: np.sum(np.arange(1, n) * x[0]),
    "arange of floats": lambda x, n: np.sum(np.arange(0.0, n, 0.5) * x[0]),
    "ones": lambda x, n: np.sum(np.ones(n) * x[0]),
    "eye": lambda x, n: np.sum(np.eye(n) * x[1]),
    "full": lambda x, n: np.sum(np.full((n, n), 2.0) + x[2]),
    "linspace": lambda x, n: np.sum(np.linspace(0.0, x[1], n) ** 2),
    "tile": lambda x, n: np.sum(np.tile(x, n) ** 2),
    "repeat": lambda x, n: np.sum(np.repeat(x, n) ** 2),
    "reshape": lambda x, n: np.sum(x.reshape(n, -1)[0] ** 2),
    "roll": lambda x, n: np.sum(np.roll(x, n) * np.arange(6)),
    "split": lambda x, n: np.sum(np.split(x, n)[0] ** 2),
    "slice to": lambda x, n: np.sum(x[:n] ** 2),
    "slice from": lambda x, n: np.sum(x[n:] ** 2),
    "slice from the end": lambda x, n: np.sum(x[-n:] ** 2),
    "position": lambda x, n: x[n] * x[-n],
    "item of a list": lambda x, n: [x[0], x[1], x[2], x[3]][n] ** 2,
    "items times n": lambda x, n: sum([x[0]] * n) * x[1],
    "axis": lambda x, n: np.sum(np.max(x.reshape(2, 3), axis=n - 2)),
    "diff": lambda x, n: np.sum(np.diff(x**2, n)),
    "round": lambda x, n: np.sum(x**2) * round(n / 2),
    "round to digits": lambda x, n: np.sum(x**2) + 0.0 * round(x[0], 2),
    "divmod": lambda x, n: x[divmod(n, 2)[0]] ** 2,
    "floor": lambda x, n: x[math.floor(n / 2)] ** 2,
    "ceil": lambda x, n: x[math.ceil(n / 2)] ** 2,
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_and_positions_by_value(name, no_kernels):
    f = SIZES[name]
    both = ad.value_and_grad(f)
    x = np.linspace(-1.0, 2.0, 6)
    for n in (2, 3, 2, 3):
        expected, slope = on_tape(lambda x, n=n: f(x, n), x)
        value, gradient = both(x, n)
        assert value == pytest.approx(f(x, n), rel=1e-14)
        assert value == pytest.approx(expected, rel=1e-14)
        np.testing.assert_allclose(gradient, slope, rtol=1e-12, atol=1e-14)


def test_every_path_is_traced_once(tier, traces):
    def gate(x, weight):
        return x * weight if bool(x > 0) else 0.0 * x

    @ad.jit
    def f(x):
        return gate(x[0], 1.0) + gate(x[1], 10.0) + gate(x[2], 100.0)

    points = [np.array([a, b, c]) for a in (-1.0, 1.0) for b in (-1.0, 1.0) for c in (-1.0, 1.0)]
    for x in points * 3 + points[::-1]:
        assert f(x) == np.sum(np.maximum(x, 0.0) * [1.0, 10.0, 100.0])
    assert len(traces) == 8


def test_paths_that_ask_different_questions(tier, traces):
    @ad.jit
    def f(x, y):
        if bool(x > 0):
            return x * int(y)
        if bool(y > 0):
            return y * 2.0
        return float(x) * y

    def plain(x, y):
        return x * int(y) if x > 0 else y * 2.0 if y > 0 else x * y

    for x, y in [(1.0, 3.5), (-1.0, 3.5), (-1.0, -2.0), (2.0, 4.0), (2.0, 3.2), (-5.0, 1.0), (-1.0, -3.0)] * 2:
        assert f(x, y) == plain(x, y)
    assert len(traces) == 4


def test_nan_compares_as_in_python(tier, traces):
    f = ad.value_and_grad(lambda x: x**2 if bool(x > 0) else 3.0 * x)
    assert f(1.0) == (1.0, 2.0)
    assert np.isnan(f(NAN)[0])
    assert f(NAN)[1] == 3.0
    assert f(-1.0) == (-3.0, 3.0)
    assert len(traces) == 2
    same = ad.jit(lambda x: 1.0 * x if bool(x == x) else 0.0)
    assert (same(2.0), same(NAN), same(2.0)) == (2.0, 0.0, 2.0)


def test_float_guards_tell_every_value(tier, traces):
    f = ad.jit(lambda x: math.copysign(1.0, float(x)) + 0.0 * x)
    assert [f(v) for v in (0.0, -0.0, 0.0, -0.0)] == [1.0, -1.0, 1.0, -1.0]
    assert len(traces) == 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        assert math.isnan(f(NAN))
        assert math.isnan(f(NAN))
        assert len(traces) == 3
        assert math.isnan(f(INF))


def test_a_float_is_the_same_whichever_way_it_was_summed(traces):
    """NumPy and the kernel add up in different orders: equal arguments are equal all the same."""
    f = ad.jit(lambda x: x * float(np.sum(np.exp(np.sin(x)))))
    x = np.random.default_rng(0).normal(size=1001)
    first = f(x)
    for _ in range(3):
        np.testing.assert_array_equal(f(x), first)
    assert len(traces) == 1
    f(2.0 * x)
    f(x)
    assert len(traces) == 2


def test_a_decision_that_hangs_on_the_last_bit(traces):
    """Where the kernel rounds to the other side of a threshold than NumPy, nothing is traced again and again."""
    total = ad.jit(np.sum)
    rng = np.random.default_rng(1)
    found = next(x for x in (rng.normal(size=999) for _ in range(1000)) if total(x) != np.sum(x))
    threshold = min(total(found), np.sum(found))
    f = ad.jit(lambda x: x[0] * 2.0 if bool(np.sum(x) > threshold) else x[0] * 3.0)
    traces.clear()
    for _ in range(4):
        assert f(found) == found[0] * (2.0 if np.sum(found) > threshold else 3.0)
    assert len(traces) == 1
    high, low = found + 1.0, found - 1.0
    for _ in range(3):
        assert f(high) == high[0] * 2.0
        assert f(low) == low[0] * 3.0
        assert f(found) in (found[0] * 2.0, found[0] * 3.0)
    assert len(traces) == 2


def test_integers_beyond_what_int64_holds(tier):
    f = ad.jit(lambda x: int(x) % 1000 + 0.0 * x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for v in (1e25, 3e25, 2.0**70, -1e30, 5.7, 1e25):
            assert f(v) == int(v) % 1000
    for v, error in ((NAN, ValueError), (INF, OverflowError)):
        with pytest.raises(error):
            f(v)
        with pytest.raises(error):
            int(v)


def test_first_miss():
    assert first_miss((1, 2.0, NAN), (1, 2.0, NAN)) is None
    assert first_miss((1, 0.0), (1, -0.0)) == 1
    assert first_miss((1, NAN), (1, 2.0)) == 1
    assert first_miss((1, 2.0), (1, NAN)) == 1
    assert first_miss((complex(1, 0.0),), (complex(1, -0.0),)) == 0
    assert first_miss((2, 3), (2, 4)) == 1
    assert first_miss((), ()) is None


# ---- what becomes of many programs ---------------------------------------------------------------


def test_many_programs_of_one_line_are_warned_of_once(no_kernels, traces):
    @ad.jit
    def f(x):
        return x * int(x)  # the line

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k in range(20):
            assert f(k + 0.5) == (k + 0.5) * k
    assert [w.category for w in caught] == [RuntimeWarning]
    line = f.__wrapped__.__code__.co_firstlineno + 2
    assert caught[0].filename == __file__
    assert caught[0].lineno == line
    assert "9 ways" in str(caught[0].message)
    assert "return x * int(x)  # the line" in str(caught[0].message)
    assert "np.where" in str(caught[0].message)
    assert is_unstable((__file__, line))
    assert not is_unstable((__file__, line - 1))


def test_an_if_that_decides_in_ever_new_ways_becomes_part_of_the_program(tier, traces):
    def gate(x, weight):
        if x > 0:
            y = x * weight
        else:
            y = 0.0 * x
        return y

    @ad.value_and_grad
    def f(x):
        return sum([gate(x[k], 2.0**k) for k in range(5)])

    weights = 2.0 ** np.arange(5)
    points = [np.where((n >> np.arange(5)) & 1, 1.5, -0.5) for n in range(32)]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for x in points * 2:
            value, slope = f(x)
            assert value == np.sum(np.maximum(x, 0.0) * weights)
            np.testing.assert_array_equal(slope, np.where(x > 0, weights, 0.0))
    assert [w.category for w in caught] == [RuntimeWarning]
    assert len(traces) < 16
    assert f._last.guards is None
    assert "if: region" in f.explain()


def test_eight_programs_are_not_warned_of(no_kernels):
    f = ad.jit(lambda x: x * int(x))
    for k in range(8):
        assert f(k + 0.5) == (k + 0.5) * k
    assert not guards_module._unstable


def test_a_float_is_warned_of_early(no_kernels):
    f = ad.jit(lambda x: x * float(x))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k in range(8):
            f(k + 0.5)
    assert len(caught) == 1
    assert "Python float" in str(caught[0].message)
    assert "4 ways" in str(caught[0].message)


def test_programs_are_kept_up_to_a_limit(monkeypatch):
    monkeypatch.setattr(config, "jit", False)
    monkeypatch.setattr(specialisations, "LIMIT", 4)
    monkeypatch.setattr(specialisations, "STABLE", 1000)
    f = ad.jit(lambda x: x * int(x))
    for k in [*range(12), *range(12)]:
        assert f(k + 0.5) == (k + 0.5) * k
    (kept,) = f._entries.values()
    assert len(kept.entries) == 4


def test_questions_cost_one_pass(monkeypatch):
    """However many questions are asked, every instruction is run once to answer them."""
    monkeypatch.setattr(config, "jit", False)
    ran = []
    before = Questions._bring

    def counted(self, x):
        run = type(self)._run
        monkeypatch.setattr(type(self), "_run", lambda s, b, a: ran.extend(b.instrs) or run(s, b, a), raising=False)
        try:
            return before(self, x)
        finally:
            monkeypatch.setattr(type(self), "_run", run)

    monkeypatch.setattr(Questions, "_bring", counted)

    def step(x, k):
        y = np.sin(x) if bool(x > 0.5) else np.cos(x)
        return y if k == 0 else step(y, k - 1)

    f = ad.jit(lambda x: step(x, 99))
    f(0.3)
    assert len(ran) == len({*ran}) <= 301


# ---- errors --------------------------------------------------------------------------------------

REGULAR, SINGULAR = np.array([[2.0, 1.0], [1.0, 3.0]]), np.ones((2, 2))


def test_an_error_of_the_branch_not_taken_is_none(tier):
    @ad.value_and_grad
    def f(a):
        if bool(a[0, 0] * a[1, 1] == a[0, 1] * a[1, 0]):
            return np.sum(a)
        return np.sum(np.linalg.inv(a))

    for a in (REGULAR, SINGULAR, REGULAR, SINGULAR, 2 * REGULAR):
        value, slope = f(a)
        assert value == pytest.approx(np.sum(a if a is SINGULAR else np.linalg.inv(a)))
        assert np.all(np.isfinite(slope))


def test_an_error_in_a_question_that_is_not_asked(tier, traces):
    """The second question of one path cannot even be computed on the other."""

    @ad.jit
    def f(a):
        if bool(a[0, 0] * a[1, 1] == a[0, 1] * a[1, 0]):
            return np.sum(a)
        return np.sum(a) * (2.0 if bool(np.sum(np.linalg.inv(a)) > 0.5) else 3.0)

    for a in (REGULAR, SINGULAR, REGULAR, 5 * REGULAR, SINGULAR, SINGULAR, REGULAR, 5 * REGULAR):
        factor = 1.0 if a is SINGULAR else 2.0 if np.sum(np.linalg.inv(a)) > 0.5 else 3.0
        assert f(a) == factor * np.sum(a)
    assert len(traces) == 3


def test_an_error_of_the_branch_taken_is_raised(tier):
    @ad.jit
    def f(a, inverted):
        return np.sum(np.linalg.inv(a)) if bool(inverted) else np.sum(a)

    assert f(REGULAR, True) == pytest.approx(np.sum(np.linalg.inv(REGULAR)))
    for _ in range(2):
        with pytest.raises(LinearAlgebraError):
            f(SINGULAR, True)
        assert f(SINGULAR, False) == 4.0
    assert f(REGULAR, True) == pytest.approx(np.sum(np.linalg.inv(REGULAR)))


@pytest.fixture
def in_time():
    """No test may hang: a loop that never ends is what these are about."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_a_while_of_the_branch_not_taken_need_not_end(tier, in_time):
    @ad.jit
    def f(x):
        if not bool(np.isfinite(x)):
            return x
        with building([x.aval]) as b:
            test = b.block([less(1.0, b.params[0])])
        with building([x.aval]) as b:
            body = b.block([b.params[0] / 2.0])
        (y,) = while_loop(test, body, [x])
        return y

    for _ in range(3):  # infinity is never halved to 1
        assert f(8.0) == 1.0
        assert f(INF) == INF
        assert f(12.0) == 0.75


def test_a_loop_of_the_branch_not_taken_may_have_any_trips(tier, in_time, traces):
    @ad.value_and_grad
    def f(x, n):
        if bool(n > 1000):
            return 2.0 * x
        with building([ad.constant(1).aval, x.aval, x.aval]) as b:
            body = b.block([b.params[1] * b.params[2]])
        (y,) = loop(body, n, [x], [x])
        return y

    for n in (2, 10**15, 3, 10**12, 4, -(10**15)):
        value, slope = f(1.5, n)
        trips = max(n, 0)
        assert (value, slope) == ((3.0, 2.0) if n > 1000 else (1.5 ** (trips + 1), (trips + 1) * 1.5**trips))
    assert len(traces) == 2


def test_a_question_about_the_result_of_a_long_loop(in_time):
    """A kernel runs the loop to find the answer: NumPy would take minutes."""

    @ad.value_and_grad
    def f(x, n):
        y = x
        for _ in range(n):
            y = y * 0.5 + 1.0
        return x * 3.0 if bool(y > 1.5) else y

    for n, wanted in ((50_000_000, (3.0, 3.0)), (1, (1.5, 0.5)), (40_000_000, (3.0, 3.0)), (0, (1.0, 1.0))):
        assert f(1.0, n) == wanted


def test_errors_raised_by_the_user():
    @ad.jit
    def f(x):
        if bool(x < 0):
            raise ValueError("negative")
        return x

    assert f(1.0) == 1.0
    for _ in range(2):
        with pytest.raises(ValueError, match="negative"):
            f(-1.0)
        assert f(2.0) == 2.0


def test_arrays_have_no_single_value():
    x = np.ones(3)
    with pytest.raises(ShapeError, match="ambiguous"):
        ad.jit(lambda x: x if x > 0 else -x)(x)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x > 0)
    with pytest.raises(DTypeError, match=r"shape \(3,\)"):
        ad.jit(lambda x: int(x))(x)
    with pytest.raises(ShapeError, match="item"):
        ad.jit(lambda x: x.item())(x)
    with pytest.raises(DTypeError, match="index"):
        ad.jit(lambda x: [1, 2][x[0]])(x)


# ---- derivatives ---------------------------------------------------------------------------------


def test_a_number_made_of_a_differentiated_value_is_a_constant():
    f = ad.grad(lambda x: x * float(x))
    with pytest.warns(PathBreakWarning, match="constant of the derivative"):
        assert f(3.0) == 3.0
    with pytest.warns(PathBreakWarning):
        assert ad.grad(lambda x: x * x.item())(3.0) == 3.0
    with pytest.warns(PathBreakWarning):
        assert ad.grad(lambda x: ad.jit(lambda y: y * float(y))(x))(3.0) == 3.0


def test_no_warning_where_no_derivative_is_lost():
    assert ad.grad(lambda x, y: x * float(y))(3.0, 2.0) == 2.0
    assert ad.grad(lambda x: x * float(ad.stop_gradient(x)))(3.0) == 3.0
    assert ad.grad(lambda x: x * float(np.sum(x > 1)))(3.0) == 1.0
    assert ad.grad(lambda x: x * int(x))(3.5) == 3.0
    assert ad.jit(lambda x: x * float(x))(3.0) == 9.0


def test_a_derivative_does_not_get_lost_in_a_function_of_numbers():
    """`math.ulp` is one that autodiff has no rule for: what it makes of a differentiated number would be a constant."""
    with pytest.raises(ConcretizationError, match="differentiate"):
        ad.grad(lambda x: x * math.ulp(x))(1.0)
    with pytest.raises(ConcretizationError, match="differentiate"):
        ad.value_and_grad(lambda x: ad.jit(lambda y: y * math.ulp(y))(x))(1.0)
    assert ad.jit(lambda x: x * math.ulp(x))(2.0) == 2.0 * math.ulp(2.0)
    assert ad.grad(lambda x, y: x * math.ulp(y), argnums=0)(1.0, 2.0) == math.ulp(2.0)


# ---- traces within traces ------------------------------------------------------------------------


def cubed(x):
    return x**3 if x > 0 else x**2


def test_grad_of_grad(no_kernels):
    second = ad.grad(ad.grad(cubed))
    assert [second(v) for v in (2.0, -2.0, 3.0, -3.0)] == [12.0, 2.0, 18.0, 2.0]
    third = ad.grad(ad.grad(ad.grad(cubed)))
    assert [third(v) for v in (2.0, -2.0, 3.0)] == [6.0, 0.0, 6.0]


def test_jit_within_grad_belongs_to_the_outer_one(tier, traces):
    inner = ad.jit(lambda y: y * 2.0 if bool(y > 1.0) else y * 3.0)
    outer = ad.grad(lambda x: inner(x * x))
    for v in (2.0, 0.5, 3.0, 0.25):
        assert outer(v) == 2 * v * (2.0 if v * v > 1.0 else 3.0)
    assert len(traces) == 2


def test_questions_pass_through_three_traces(tier, traces):
    inner = ad.jit(lambda y, n: y ** int(n) if bool(y > 0) else -y)
    middle = ad.grad(lambda y, n: inner(np.sin(y), n))
    outer = ad.jit(lambda x, n: middle(x + 1.0, n) * 2.0)
    for x, n in ((0.5, 2), (-2.0, 2), (0.25, 2), (0.5, 3), (-1.5, 3)):
        s = np.sin(x + 1.0)
        slope = n * s ** (n - 1) if s > 0 else -1.0
        assert outer(x, n) == pytest.approx(2.0 * np.cos(x + 1.0) * slope, rel=1e-14)


def test_an_outer_value_asked_for_in_an_inner_trace(traces):
    @ad.grad
    def outer(x):
        return ad.grad(lambda y: y**2 * (3.0 if bool(x > 0) else 5.0))(x)

    assert [outer(v) for v in (1.0, -1.0, 2.0)] == [6.0, 10.0, 6.0]
    assert len(traces) == 2


def test_on_a_tape_every_call_decides_afresh():
    inner = ad.jit(cubed)
    for v in (2.0, -2.0, 3.0, -1.0):
        x = ad.constant(v)
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = inner(x) * 2.0
        assert tape.gradient(y, x).numpy() == (6.0 * v**2 if v > 0 else 4.0 * v)


def test_captured_tensors_under_a_tape():
    w = ad.Variable(2.0)
    f = ad.jit(lambda x: x * w if bool(x * w > 0) else x * w**2)
    for value, x, wanted in ((2.0, 1.0, 1.0), (-2.0, 1.0, -4.0), (2.0, -1.0, -4.0), (-1.0, -3.0, -3.0)):
        w.assign(value)
        with ad.GradientTape() as tape:
            y = f(x)
        assert float(y) == (x * value if x * value > 0 else x * value**2)
        assert tape.gradient(y, w).numpy() == wanted


def test_paths_are_part_of_a_recording():
    """On a tape `if` sees values: another path is another recording, whatever was compiled for the first."""
    for _ in range(4):
        for v in (2.0, -2.0):
            value, slope = on_tape(lambda x: np.sum(x * 3.0) if x[0] > 0 else np.sum(x / 3.0), np.array([v, 1.0]))
            assert value == pytest.approx((v + 1.0) * 3.0 if v > 0 else (v + 1.0) / 3.0)
            np.testing.assert_allclose(slope, 3.0 if v > 0 else 1 / 3.0)


def decided(x):
    return x**3 if bool(x > 0) else x**2


def test_vmap_has_no_value_for_an_entry():
    with pytest.raises(ConcretizationError) as caught:
        ad.vmap(lambda x: x if bool(x > 0) else -x)(np.ones(3))
    text = str(caught.value)
    assert "x is one entry of the batch of vmap" in text
    assert "test_guards.py" in text
    assert "np.where" in text
    with pytest.raises(ConcretizationError, match="entry of the batch"):
        ad.vmap(ad.grad(decided))(np.ones(3))
    with pytest.raises(ConcretizationError, match="entry of the batch"):
        ad.jit(lambda xs: ad.vmap(lambda x: ad.jit(decided)(x * 2.0))(xs))(np.ones(3))


def test_vmap_has_values_that_all_entries_share(tier, traces):
    f = ad.vmap(lambda x, s: x * 2.0 if bool(s > 0) else -x, in_axes=(0, None))
    for s in (1.0, -1.0, 2.0, -2.0):
        np.testing.assert_array_equal(f(np.arange(3.0), s), np.arange(3.0) * (2.0 if s > 0 else -1.0))
    assert len(traces) == 2


def test_the_body_of_a_trace_within_knows_what_it_captured():
    """What a loop carries has no value; what it reads from outside has one, checked by the outermost program."""
    seen = []

    @ad.jit
    def f(x):
        def body(t):
            seen.append(bool(x * 2.0 > 0))
            with pytest.raises(ConcretizationError, match="t stands for"):
                bool(t > 0)
            with pytest.raises(ConcretizationError, match="t stands for"):
                bool(x + t > 0)
            return [x * t]

        trace(body, [(x.aval, "t", False)], "body")
        return x * 1.0

    assert [f(v) for v in (1.0, -1.0, 2.0)] == [1.0, -1.0, 2.0]
    assert seen[:2] == [True, False]


def test_without_arguments_there_are_no_values():
    with pytest.raises(ConcretizationError):
        trace(lambda x: [x if x > 0 else -x], [(ad.constant(1.0).aval, "x", False)], "abstract")
    assert TraceBuilder("abstract").questions is None


# ---- inputs other than arguments -------------------------------------------------------------------


def test_captured_arrays_that_are_written_to(tier, traces):
    scale = np.array([1.0, 2.0])

    @ad.value_and_grad
    def f(x):
        y = np.sum(x * scale)
        return y if bool(y > 0) else np.sum(x**2)

    x = np.array([1.0, 1.0])
    assert f(x)[0] == 3.0
    scale[0] = -5.0
    value, slope = f(x)
    assert value == 2.0
    np.testing.assert_array_equal(slope, 2.0 * x)
    scale[0] = 4.0
    assert f(x)[0] == 6.0
    scale[1] = -5.0
    assert f(x)[0] == 2.0
    assert len(traces) == 2


def test_captured_variables(tier, traces):
    w = ad.Variable(1.0)
    f = ad.grad(lambda x: x * w if bool(x * w > 0) else x * w**2)
    for value, wanted in ((1.0, 1.0), (-2.0, 4.0), (3.0, 3.0), (-3.0, 9.0)):
        w.assign(value)
        assert f(1.0) == wanted
    assert len(traces) == 2


def test_arguments_written_to_between_calls(traces):
    f = ad.jit(lambda x: np.sum(x) if bool(x[0] > 0) else np.prod(x))
    x = np.array([2.0, 3.0])
    assert f(x) == 5.0
    x[0] = -2.0
    assert f(x) == -6.0
    x[0] = 4.0
    assert f(x) == 7.0
    assert len(traces) == 2


def test_values_written_within_the_function(tier):
    @ad.grad
    def f(x):
        y = x.copy()
        y[0] = -y[0]
        return np.sum(y**2) if bool(y[0] > 0) else np.sum(y)

    np.testing.assert_array_equal(f(np.array([-2.0, 1.0])), [-4.0, 2.0])
    np.testing.assert_array_equal(f(np.array([2.0, 1.0])), [-1.0, 1.0])


def test_keywords_static_arguments_and_containers(tier, traces):
    @ad.jit(static_argnames="power")
    def f(p, *, shift, power):
        y = (p["a"] + shift) ** power
        return {"y": y, "sign": 1.0 if bool(y > 0) else -1.0}

    for power in (1, 2):
        for a in (1.0, -3.0, 2.0, -4.0):
            found = f({"a": a}, shift=0.5, power=power)
            y = (a + 0.5) ** power
            assert found == {"y": y, "sign": 1.0 if y > 0 else -1.0}
    assert len(traces) == 3


class Model:
    def __init__(self, slope):
        self.slope = slope

    @ad.grad
    def leaky(self, x):
        return x if bool(x > 0) else x * self.slope


def test_methods(tier, traces):
    one, two = Model(0.1), Model(0.2)
    for x in (1.0, -1.0, 2.0, -2.0):
        assert one.leaky(x) == (1.0 if x > 0 else 0.1)
        assert two.leaky(x) == (1.0 if x > 0 else 0.2)
    assert len(traces) == 4


def test_shapes_in_turn(traces):
    f = ad.grad(lambda x: np.sum(x**2) if bool(np.sum(x) > 0) else np.sum(x))
    for _ in range(3):
        for n in (2, 3):
            for sign in (1.0, -1.0):
                np.testing.assert_array_equal(f(sign * np.ones(n)), (2.0 if sign > 0 else 1.0) * np.ones(n))
    assert len(traces) == 4


def test_results_that_are_no_plain_containers(traces):
    """The short cut has Python around it where the native one has no word for a structure."""
    Pair = __import__("collections").namedtuple("Pair", "a b")
    f = ad.jit(lambda p: Pair(p.a, p.b * 2.0) if bool(p.a > 0) else Pair(p.b, p.a))
    for a in (1.0, -1.0, 2.0, -2.0):
        assert f(Pair(a, 3.0)) == (Pair(a, 6.0) if a > 0 else Pair(3.0, a))
    assert len(traces) == 2


def test_a_changed_global_is_noticed(traces):
    bias = [1.0]
    f = ad.jit(lambda x: x + bias[0] if bool(x > 0) else x - bias[0])
    assert (f(1.0), f(-1.0)) == (2.0, -2.0)
    bias[0] = 5.0
    assert (f(1.0), f(-1.0), f(2.0)) == (6.0, -6.0, 7.0)
    assert len(traces) == 4


def test_threads_that_take_different_branches():
    f = ad.value_and_grad(lambda x: np.sum(x**2) if bool(x[0] > 0) else -np.sum(x))
    wrong = []

    def work(sign):
        for k in range(1, 400):
            x = sign * np.full(4, float(k))
            value, slope = f(x)
            wanted = (4.0 * k * k, 2.0 * x) if sign > 0 else (4.0 * k, -np.ones(4))
            if value != wanted[0] or not np.array_equal(slope, wanted[1]):
                wrong.append((sign, k, value, slope))

    threads = [threading.Thread(target=work, args=(sign,)) for sign in (1.0, -1.0, 1.0, -1.0)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_functions_without_guards_answer_natively():
    plain, asking = ad.jit(lambda x: x * 2.0), ad.jit(lambda x: x * 2.0 if bool(x > 0) else x)
    assert (plain(1.0), asking(1.0)) == (2.0, 2.0)
    assert type(plain.__call__) is type(len)
    assert type(asking.__call__) is not type(len)


def test_a_question_about_constants_is_no_guard():
    f = ad.jit(lambda x: x * 2.0 if bool(np.sum(np.zeros_like(x)) == 0.0) else x)
    f(np.ones(3))
    assert f._last.guards is None


# ---- looking inside --------------------------------------------------------------------------------


def test_programs_are_shown_for_the_arguments_given():
    f = ad.jit(lambda x: np.sin(x) if bool(x > 0) else np.cos(x))
    assert "sin" in f.ir(1.0)
    assert "cos" in f.ir(-1.0)
    assert "sin" in f.ir(2.0)
    assert f(-2.0) == np.cos(-2.0)
    assert "cos" in f.ir()


def test_explain_names_every_decision():
    def gate(x):
        return np.tanh(x) if bool(x > 0) else x  # the gate

    @ad.value_and_grad
    def loss(x, n):
        y = gate(x[0]) + gate(x[1])
        return y * int(n)

    loss(np.array([1.0, -1.0, 2.0]), 3)
    text = loss.explain()
    first = loss.__wrapped__.__code__.co_firstlineno
    assert "value_and_grad of" in text
    assert "x: f64[3], n: i64[]" in text
    assert f"test_guards.py:{first + 3}: return y * int(n)" in text
    assert "int(): guard" in text
    assert "decided on the value, 3" in text
    assert f"test_guards.py:{first - 2}: return np.tanh(x) if bool(x > 0) else x  # the gate" in text
    assert "bool(): guard: Python decided on the value, True" in text
    assert "bool(): guard: Python decided on the value, False" in text
    assert "one of" not in text
    assert "loop nests" in text or "no kernel" in text
    assert "one of 2 programs" in loss.explain(np.array([1.0, 1.0, 2.0]), 3)
    assert "no loop, branch" in ad.jit(lambda x: x * 2.0).explain(1.0)


def test_compiled_callers_cannot_trace_again():
    f = ad.jit(lambda x: x if bool(np.sum(x) > 0) else -x)
    with pytest.raises(ArgumentError, match="decides on the values"):
        f.njit(np.ones(3))
    with pytest.raises(ArgumentError, match="decides on the values"):
        f.address(np.ones(3))


def test_text_is_no_question():
    said = []

    @ad.jit
    def f(x):
        said.append(f"{x:.3f} {x}")
        return x * 2.0

    assert f(1.0) == 2.0
    assert f._last.guards is None
    assert said[0] == "<traced f64[] in f> <traced f64[] in f>"


def test_arguments_are_let_go(tier):
    """What was computed to answer questions goes with the call."""
    f = ad.value_and_grad(lambda x: np.sum(x**2) if bool(np.sum(np.sin(x)) > 0) else np.sum(x))
    x = np.ones(1000)
    seen = weakref.ref(x)
    f(x)
    del x
    gc.collect()
    assert seen() is None
