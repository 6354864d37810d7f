"""Values on a tape are computed when somebody looks, and a program that was seen before is not built again.

The counters of the kernel cache tell which tier answered: `runs` counts kernels, `interpreted_runs` the interpreter.
"""

import math

import numpy as np
import pytest

import autodiff as ad
from autodiff.config import config
from autodiff.errors import ShapeError
from autodiff.frontends import paths, replay
from autodiff.runtime.kernels import KERNELS


class Counter:
    """How often programs ran, were planned and were compiled since the last question."""

    def __init__(self):
        self.planned = 0
        self.before = self.now()

    def now(self):
        return KERNELS.info.runs + KERNELS.info.interpreted_runs, KERNELS.info.compiled, self.planned

    def __call__(self):
        before, self.before = self.before, self.now()
        return dict(zip(("runs", "compiled", "planned"), np.subtract(self.before, before).tolist(), strict=True))


@pytest.fixture
def count(monkeypatch):
    counter, remember = Counter(), replay._remember

    def counted(key, plan):
        counter.planned += 1
        return remember(key, plan)

    monkeypatch.setattr(replay, "_remember", counted)
    monkeypatch.setattr(replay, "_PLANS", type(replay._PLANS)())
    paths.tree.forget()
    return counter


@pytest.fixture
def recorded():
    """Three deferred values: x = [1, 2], x^2 = [1, 4] and its sum, 5."""
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        s = np.sum(y)
    return tape, x, y, s


# ---- looking ------------------------------------------------------------------------------------


def test_nothing_is_computed_until_someone_looks(count):
    v = ad.Variable([1.0, 2.0])
    with ad.GradientTape():
        y = np.exp(v) * 2.0
        for _ in range(50):
            y = y + np.sin(y)
        s = np.sum(y)
        assert (y.shape, y.dtype, y.ndim, y.size, len(y), s.shape) == ((2,), np.float64, 1, 2, 2, ())
        list(y)
        y[0], y.T, y.reshape(1, 2)
    assert count()["runs"] == 0
    s.numpy()
    assert count()["runs"] == 1
    s.numpy(), float(s), str(s)
    assert count()["runs"] == 0


LOOKS = {
    "numpy": lambda y, s: np.testing.assert_array_equal(y.numpy(), [1.0, 4.0]),
    "asarray": lambda y, s: np.testing.assert_array_equal(np.asarray(y), [1.0, 4.0]),
    "asarray of a dtype": lambda y, s: np.asarray(y, np.float32).dtype == np.float32,
    "testing": lambda y, s: np.testing.assert_allclose(y, [1.0, 4.0]),
    "tolist": lambda y, s: y.tolist() == [1.0, 4.0],
    "item": lambda y, s: s.item() == 5.0 and y.item(1) == 4.0,
    "float": lambda y, s: float(s) == 5.0 and type(float(s)) is float,
    "int": lambda y, s: int(s) == 5,
    "bool": lambda y, s: bool(s),
    "not": lambda y, s: (not s) is False,
    "str": lambda y, s: str(y) == "[1. 4.]" and str(s) == "5.0",
    "repr": lambda y, s: repr(y) == "Tensor([1., 4.], shape=(2,), dtype=float64)",
    "format": lambda y, s: f"{s:.2f}|{y}|{s}" == "5.00|[1. 4.]|5.0",
    "compare": lambda y, s: bool(s > 4.0) and bool(s == 5.0) and (y > 2.0).tolist() == [False, True],
    "contains": lambda y, s: 4.0 in y and 7.0 not in y,
    "unpack": lambda y, s: [float(v) for v in y] == [1.0, 4.0],
    "math": lambda y, s: math.isclose(math.sqrt(s), math.sqrt(5.0)),
    "numpy function": lambda y, s: float(np.max(y)) == 4.0 and isinstance(np.max(y), ad.Tensor),
    "numpy predicate": lambda y, s: np.allclose(y, [1.0, 4.0]) and bool(np.isfinite(s)),
    "round": lambda y, s: float(np.round(s / 2.0)) == 2.0,
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_ways_of_looking(recorded, look):
    _, _, y, s = recorded
    assert look(y, s) in (None, True)


def test_large_arrays_are_abridged():
    x = ad.constant(np.zeros(10_000))
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x + 1.0
    assert len(repr(y)) < 200
    assert len(repr(ad.Variable(np.zeros(10_000)))) < 200


def test_what_has_no_value_raises_as_in_numpy(recorded):
    _, _, y, s = recorded
    for bad in (
        lambda: float(y),
        lambda: int(y),
        lambda: len(s),
        lambda: iter(s),
        lambda: [0, 1][s],
        lambda: f"{y:.2f}",
        lambda: y @ y.numpy()[:1].tolist()[0] if False else y[0][0],
        lambda: hash([y]),
    ):
        with pytest.raises((TypeError, IndexError)):
            bad()
    with pytest.raises(ValueError, match="ambiguous"):
        bool(y)


def test_integer_tensors_are_indices():
    n = ad.constant(1)
    assert ["a", "b"][n] == "b"
    assert list(range(n)) == [0]
    x = ad.constant([1.0, 3.0, 2.0])
    with ad.GradientTape() as tape:
        tape.watch(x)
        k = np.argmax(x)
        y = x[k] * 2.0
    assert "abc"[k] == "b"
    assert tape.gradient(y, x).tolist() == [0.0, 2.0, 0.0]


def test_shapes_are_checked_at_once(count):
    x = ad.constant(np.ones(3))
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        with pytest.raises(ShapeError, match=r"\(3,\) and \(2,\)"):
            y + np.ones(2)
        with pytest.raises(IndexError):
            y[3]
        with pytest.raises(TypeError):
            y + "a"
        with pytest.raises(TypeError):
            y + None
    assert count()["runs"] == 0


def test_gradient_leaves_the_value_of_its_target(count, recorded):
    tape, x, _, s = recorded
    count()
    tape.gradient(s, x)
    assert count()["runs"] == 1
    assert float(s) == 5.0
    assert count()["runs"] == 0


def test_eager_mode_computes_at_once(count, monkeypatch):
    monkeypatch.setattr(config, "eager", True)
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = np.sum(x * x)
    assert y.producer is None
    assert float(y) == 5.0
    assert count()["runs"] == 0
    assert tape.gradient(y, x).tolist() == [2.0, 4.0]


def test_values_do_not_depend_on_when_one_looks():
    def run(look):
        x = ad.constant(np.linspace(0.1, 2.0, 7))
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = x
            for k in range(6):
                y = np.sin(y) * 1.7 + y**1.3
                if look and k % 2:
                    y.numpy()
            s = np.sum(y)
        return tape.gradient(s, x).numpy(), s.numpy()

    for ours, theirs in zip(run(True), run(False), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14)


# ---- the second time ------------------------------------------------------------------------------


def loss_and_gradient(n, rate, exponent):
    x = ad.constant(np.linspace(0.5, 1.5, n))
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = np.sum(np.tanh(x * rate) * x**exponent)
    g = tape.gradient(y, x)
    at = x.numpy()
    t = np.tanh(at * rate)
    np.testing.assert_allclose(y.numpy(), np.sum(t * at**exponent), rtol=1e-13)
    np.testing.assert_allclose(
        g.numpy(), rate * (1.0 - t**2) * at**exponent + t * exponent * at ** (exponent - 1.0), rtol=1e-12
    )


def test_first_gradient_is_interpreted_and_a_hot_one_compiled(count):
    KERNELS.clear()
    loss_and_gradient(23, 0.1, 1.7)
    assert count() == {"runs": 1, "compiled": 0, "planned": 1}
    for _ in range(config.hot_after - 1):
        loss_and_gradient(23, 0.1, 1.7)
    assert count()["compiled"] == 0
    for _ in range(3):
        loss_and_gradient(23, 0.1, 1.7)
    assert count() == {"runs": 3, "compiled": 1, "planned": 0}


def test_same_graph_is_planned_once(count):
    for _ in range(5):
        loss_and_gradient(11, 0.3, 2.7)
    assert count()["planned"] == 1


def test_new_numbers_use_the_same_plan_and_are_never_stale(count):
    loss_and_gradient(13, 0.1, 1.7)
    count()
    # Interpreted at first, then compiled: numbers must reach both.
    for rate, exponent in [(0.2, 2.3), (0.7, 1.7), (0.1, 2.3), (1.1, 0.3), (0.25, -1.5), (0.1, 1.7)]:
        loss_and_gradient(13, rate, exponent)
    assert count()["planned"] == 0


@pytest.mark.parametrize("special", [0.0, 1.0, -1.0, 2.0, 0.5, 3.0, math.inf, -0.0])
def test_special_numbers_are_never_stale(special):
    def f(c):
        x = ad.constant([1.5, 2.5])
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = np.sum(x**c + x * c)
        g = tape.gradient(y, x)
        with np.errstate(all="ignore"):
            np.testing.assert_allclose(y.numpy(), np.sum(x.numpy() ** c + x.numpy() * c), rtol=1e-14)
            expected = c * x.numpy() ** (c - 1.0) + c if np.isfinite(c) else np.full(2, c)
        np.testing.assert_allclose(g.numpy(), expected, rtol=1e-14)

    for _ in range(3):
        f(1.7)
        f(special)
        f(2.3)
        f(special)


def test_integers_and_booleans_are_never_stale():
    x = ad.constant([1.5, 2.5])
    for _ in range(2):
        for k in (2, 3, 4, True, 5, -1, False):
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = x**k * k + np.where(bool(k > 2), x, k)
            expected = k**2 * x.numpy() ** (k - 1.0) + (k > 2)
            np.testing.assert_allclose(tape.gradient(y, x).numpy(), expected, rtol=1e-14)


def test_static_arguments_are_never_stale():
    x = ad.constant(np.arange(24.0).reshape(2, 3, 4))
    weights = np.arange(1.0, 5.0)
    for _ in range(3):
        for axis in (0, 2, None):
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = np.sum(np.sum(x, axis=axis) ** 2)
            expected = 2.0 * np.broadcast_to(np.sum(x.numpy(), axis=axis, keepdims=True), x.shape)
            np.testing.assert_allclose(tape.gradient(y, x).numpy(), expected)
        for k in (0, 3):
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = x[..., k] * weights[k]
            expected = np.zeros(x.shape)
            expected[..., k] = weights[k]
            np.testing.assert_array_equal(tape.gradient(y, x).numpy(), expected)


def test_constant_arrays_are_never_stale():
    x = ad.constant(np.ones(3))
    for k in range(6):
        data, places = np.full(3, float(k)), np.array([k % 3, (k + 1) % 3])
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = np.sum(x * data) + np.sum(x[places] * np.float64(k)) + np.sum(np.where(data > 2.0, x, 0.0))
        expected = data + (k > 2)
        np.add.at(expected, places, k)
        np.testing.assert_array_equal(tape.gradient(y, x).numpy(), expected)


def test_output_gradients_are_never_stale():
    x = ad.constant([1.0, 2.0])
    for k in range(5):
        for given in (None, [1.0, float(k)], np.array([k, 2])):
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = x * x
            found = tape.gradient(y, x, output_gradients=given)
            np.testing.assert_array_equal(found.numpy(), 2.0 * x.numpy() * (1.0 if given is None else np.array(given)))


def test_which_sources_are_asked_for_is_part_of_the_question():
    for _ in range(4):
        a, b = ad.constant(2.0), ad.constant(5.0)
        with ad.GradientTape(persistent=True) as tape:
            tape.watch([a, b])
            y = a * b
            z = y * a
        assert tape.gradient(z, a).numpy() == 20.0
        assert tape.gradient(z, b).numpy() == 4.0
        assert tape.gradient(y, a).numpy() == 5.0
        assert [g.numpy() for g in tape.gradient(z, [b, a])] == [4.0, 20.0]
        assert [g.numpy() for g in tape.gradient([z, y], [b, a])] == [6.0, 25.0]
        assert [g.numpy() for g in tape.gradient(z, [y, a])] == [2.0, 20.0 - 0.0]


def test_new_batch_size_compiles_nothing(count):
    def step(n):
        x = ad.constant(np.linspace(0.0, 1.0, n))
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = np.sum(np.exp(-x * x) * np.sin(3.3 * x))
        at = x.numpy()
        expected = np.exp(-at * at) * (3.3 * np.cos(3.3 * at) - 2.0 * at * np.sin(3.3 * at))
        np.testing.assert_allclose(tape.gradient(y, x).numpy(), expected, rtol=1e-12, atol=1e-14)

    for _ in range(config.hot_after + 1):
        step(100)
    count()
    for n in (101, 64, 1000, 33):
        step(n)
    assert count() == {"runs": 4, "compiled": 0, "planned": 4}


def test_forced_values_are_never_stale():
    for rate in (0.1, 1.7, 2.0, 0.5, 2.3, 0.1, 1.7):
        for n in (3, 20, 21):
            x = ad.constant(np.linspace(0.0, 1.0, n))
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = np.sin(x * rate) + rate
            np.testing.assert_allclose(y.numpy(), np.sin(x.numpy() * rate) + rate, rtol=1e-14)


def test_dtypes_are_never_confused():
    for _ in range(4):
        for dtype in (np.float64, np.float32):
            x = ad.constant(np.linspace(0.1, 1.0, 12).astype(dtype))
            with ad.GradientTape() as tape:
                tape.watch(x)
                y = np.sum(x * 1.7 + x**2.3)
            g = tape.gradient(y, x)
            assert y.dtype == g.dtype == dtype
            np.testing.assert_allclose(g.numpy(), 1.7 + 2.3 * x.numpy() ** 1.3, rtol=1e-6)


def test_looking_while_recording_does_not_change_the_recording():
    x = ad.constant(2.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y, trips = x, 0
        while y < 100.0:
            y, trips = y * 3.0, trips + 1
            y.numpy()
    assert trips == 4
    assert tape.gradient(y, x).numpy() == 81.0


def test_deferred_values_outlive_their_tape():
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        s = np.sum(y)
    tape.gradient(s, x)
    del tape, s
    assert y.tolist() == [1.0, 4.0]


def test_deep_deferred_chains_are_computed_and_freed_without_recursion():
    x = ad.constant(1.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(5000):
            y = y + 1.0
    del tape
    assert float(y) == 5001.0
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(50_000):
            y = y + 1.0
    del tape, y  # never looked at
