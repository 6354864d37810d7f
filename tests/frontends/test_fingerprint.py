"""What changes between two calls of a decorated function takes effect at the next call."""

import collections
import dataclasses
import enum
import functools
import sys
import time
import types

import numpy as np
import pytest

import autodiff as ad
from autodiff.config import config
from autodiff.frontends.fingerprint import checksum

A = np.array([1.0, 2.0, 3.0])
OFFSETS = np.zeros(3)
SCALE = 1.0


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    """Compile nothing: these tests are about traces."""
    monkeypatch.setattr(config, "jit", False)


def traced(function, **options):
    """`jit(function)`, and a list that grows by one entry with every trace."""
    traces = []

    @functools.wraps(function)
    def counted(*args, **kwargs):
        traces.append(1)
        return function(*args, **kwargs)

    return ad.jit(counted, **options), traces


def module(name, **attributes):
    """A module of the user's."""
    made = types.ModuleType(name)
    vars(made).update(attributes)
    return made


def defined(source, **names):
    """The globals after running source text, as of a user's module."""
    scope = {"np": np, "ad": ad, "__name__": "users_own", **names}
    exec(source, scope)
    return scope


# ---- globals and helpers ----------------------------------------------------------------------


def test_a_global_number(monkeypatch):
    f = ad.grad(lambda x: np.sum(SCALE * x))
    for scale in (1.0, 3.0, 3, np.float32(2.0), 1.0):
        monkeypatch.setitem(globals(), "SCALE", scale)
        np.testing.assert_array_equal(f(A), np.full(3, float(scale)))


def test_a_global_array_rebound_and_changed_in_place(monkeypatch):
    f = ad.jit(lambda x: x + OFFSETS)
    monkeypatch.setitem(globals(), "OFFSETS", np.ones(3))
    np.testing.assert_array_equal(f(A), A + 1)
    OFFSETS[...] = 5.0
    np.testing.assert_array_equal(f(A), A + 5)
    monkeypatch.setitem(globals(), "OFFSETS", np.full((2, 1), 7.0))
    np.testing.assert_array_equal(f(A), np.broadcast_to(A + 7, (2, 3)))
    monkeypatch.setitem(globals(), "OFFSETS", np.ones(3, np.float32))
    np.testing.assert_array_equal(f(A.astype(np.float32)).dtype, np.float32)


def test_a_helper_and_a_helper_of_it_are_redefined():
    scope = defined("def inner(x): return 2 * x\ndef helper(x): return inner(x) + 1\ndef f(x): return helper(x)")
    f = ad.jit(scope["f"])
    np.testing.assert_array_equal(f(A), 2 * A + 1)
    exec("def inner(x): return 3 * x", scope)
    np.testing.assert_array_equal(f(A), 3 * A + 1)
    exec("def helper(x): return inner(x) - 1", scope)
    np.testing.assert_array_equal(f(A), 3 * A - 1)
    del scope["helper"]
    with pytest.raises(NameError):
        f(A)


def test_a_long_chain_of_helpers():
    lines = ["def h0(x): return 2 * x"] + [f"def h{k}(x): return h{k - 1}(x)" for k in range(1, 200)]
    scope = defined("\n".join(lines))
    f = ad.jit(scope["h199"])
    np.testing.assert_array_equal(f(A), 2 * A)
    exec("def h0(x): return 5 * x", scope)
    np.testing.assert_array_equal(f(A), 5 * A)


def test_code_that_is_replaced_in_place():
    """As IPython's autoreload does."""
    scope = defined(
        "def helper(x, k=1.0): return k * x\ndef other(x, k=1.0): return -k * x\ndef f(x): return helper(x)"
    )
    f = ad.jit(scope["f"])
    np.testing.assert_array_equal(f(A), A)
    scope["helper"].__code__ = scope["other"].__code__
    np.testing.assert_array_equal(f(A), -A)
    scope["helper"].__defaults__ = (3.0,)
    np.testing.assert_array_equal(f(A), -3 * A)


def test_code_without_a_module_name():
    scope = {"np": np}
    exec("class C:\n    k = 2.0\ndef helper(x): return C.k * x\ndef f(x): return helper(x)", scope)
    f = ad.jit(scope["f"])
    np.testing.assert_array_equal(f(A), 2 * A)
    scope["C"].k = 3.0
    np.testing.assert_array_equal(f(A), 3 * A)
    exec("def helper(x): return -x", scope)
    np.testing.assert_array_equal(f(A), -A)


# ---- closures, defaults, partials -------------------------------------------------------------


def test_a_cell_that_is_rebound():
    k, offset = 1.0, np.zeros(3)

    def change(to, by):
        nonlocal k, offset
        k, offset = to, by

    f = ad.jit(lambda x: k * x + offset)
    np.testing.assert_array_equal(f(A), A)
    change(2.0, np.ones(3))
    np.testing.assert_array_equal(f(A), 2 * A + 1)


def test_a_closed_over_helper_is_rebound():
    def helper(x):
        return 2 * x

    f = ad.grad(lambda x: np.sum(helper(x)))
    np.testing.assert_array_equal(f(A), np.full(3, 2.0))

    def helper(x):  # noqa: F811 - the point of the test
        return 3 * x

    np.testing.assert_array_equal(f(A), np.full(3, 3.0))


def test_mutable_defaults_and_partial_arguments():
    def g(x, k=[1.0], *, options={"offset": 0.0}):  # noqa: B006 - the point of the test
        return k[0] * x + options["offset"]

    f = ad.jit(g)
    np.testing.assert_array_equal(f(A), A)
    g.__defaults__[0][0] = 2.0
    g.__kwdefaults__["options"]["offset"] = 1.0
    np.testing.assert_array_equal(f(A), 2 * A + 1)
    weights = [1.0]
    p = ad.jit(functools.partial(lambda w, x, k: w[0] * x * k["k"], weights, k=(settings := {"k": 1.0})))
    np.testing.assert_array_equal(p(A), A)
    weights[0], settings["k"] = 2.0, 3.0
    np.testing.assert_array_equal(p(A), 6 * A)


# ---- containers and objects -------------------------------------------------------------------


@dataclasses.dataclass
class Settings:
    scale: float = 1.0
    nested: dict = dataclasses.field(default_factory=lambda: {"k": [1.0, 2.0]})


@dataclasses.dataclass(slots=True)
class Slotted:
    scale: float = 1.0


class Constants:
    scale = 1.0

    @staticmethod
    def helper(x):
        return x

    @property
    def doubled(self):
        return 2 * self.scale


class Derived(Constants):
    pass


class Mode(enum.Enum):
    ADD = 1
    MULTIPLY = 2


def changed(settings, set_it, expected, body):
    f = ad.jit(body)
    np.testing.assert_array_equal(f(A), A)
    set_it(settings)
    np.testing.assert_array_equal(f(A), expected)


def test_dictionaries_lists_sets_and_objects():
    config_dict = {"k": 1.0}
    changed(config_dict, lambda c: c.update(k=2.0), 2 * A, lambda x: config_dict["k"] * x)
    layers = [lambda x: x]
    changed(
        layers, lambda c: c.append(lambda x: 3 * x), 3 * A, lambda x: functools.reduce(lambda y, g: g(y), layers, x)
    )
    names = {"one"}
    changed(names, lambda c: c.add("two"), 2 * A, lambda x: len(names) * x)
    queue = collections.deque([1.0])
    changed(queue, lambda c: c.appendleft(2.0), 2 * A, lambda x: queue[0] * x)
    nested = {"a": [{"b": (Settings(),)}]}
    changed(
        nested, lambda c: setattr(c["a"][0]["b"][0], "scale", 2.0), 2 * A, lambda x: nested["a"][0]["b"][0].scale * x
    )
    optional = {}
    changed(optional, lambda c: c.update(k=2.0), 2 * A, lambda x: optional.get("k", 1.0) * x)
    for kind in (Settings, Slotted, lambda: types.SimpleNamespace(scale=1.0)):
        settings = kind()
        changed(settings, lambda c: setattr(c, "scale", 2.0), 2 * A, lambda x, c=settings: c.scale * x)
    settings = Settings()
    changed(settings, lambda c: c.nested["k"].reverse(), 2 * A, lambda x: settings.nested["k"][0] * x)
    mode = [Mode.ADD]
    changed(mode, lambda c: c.__setitem__(0, Mode.MULTIPLY), 2 * A, lambda x: x if mode[0] is Mode.ADD else 2 * x)


def test_attributes_of_classes(monkeypatch):
    f, g = ad.jit(lambda x: Constants.scale * x), ad.jit(lambda x: Derived().doubled * Derived.helper(x))
    np.testing.assert_array_equal(f(A), A)
    np.testing.assert_array_equal(g(A), 2 * A)
    monkeypatch.setattr(Constants, "scale", 3.0)
    np.testing.assert_array_equal(f(A), 3 * A)
    np.testing.assert_array_equal(g(A), 6 * A)
    monkeypatch.setattr(Constants, "helper", staticmethod(lambda x: -x))
    np.testing.assert_array_equal(g(A), -6 * A)
    monkeypatch.setattr(Constants, "doubled", property(lambda self: 1.0))
    np.testing.assert_array_equal(g(A), -A)


def test_an_attribute_that_hides_one_of_the_class():
    settings = Constants()
    changed(settings, lambda c: setattr(c, "scale", 2.0), 2 * A, lambda x: settings.scale * x)


class Model:
    scale = 1.0

    def __init__(self):
        self.weights = np.ones(3)
        self.power = 1

    def activation(self, x):
        return x

    @ad.jit
    def decorated(self, x):
        return self.activation(self.scale * self.weights * x**self.power)

    def plain(self, x):
        return self.activation(self.scale * self.weights * x**self.power)

    __call__ = plain


@pytest.mark.parametrize("kind", ["method", "bound", "callable", "closure", "static"])
def test_attributes_of_self(kind):
    model = Model()
    f = {
        "method": model.decorated,
        "bound": ad.jit(model.plain),
        "callable": ad.jit(model),
        "closure": ad.jit(lambda x: model.plain(x)),
        "static": functools.partial(ad.jit(Model.plain, static_argnums=0), model),
    }[kind]
    np.testing.assert_array_equal(f(A), A)
    model.weights[0] = 5.0
    np.testing.assert_array_equal(f(A), [5, 2, 3])
    model.weights = np.full(3, 2.0)
    np.testing.assert_array_equal(f(A), 2 * A)
    model.power = 2
    np.testing.assert_array_equal(f(A), 2 * A**2)
    model.scale = 3.0
    np.testing.assert_array_equal(f(A), 6 * A**2)
    model.activation = lambda x: -x
    np.testing.assert_array_equal(f(A), -6 * A**2)


# ---- modules ----------------------------------------------------------------------------------


def test_attributes_of_modules(monkeypatch):
    inner = module("users_own.inner", k=1.0)
    outer = module("users_own", inner=inner, helper=lambda x: x)
    scope = defined("def f(x): return outer.inner.k * outer.helper(x)", outer=outer)
    f = ad.jit(scope["f"])
    np.testing.assert_array_equal(f(A), A)
    inner.k = 2.0
    np.testing.assert_array_equal(f(A), 2 * A)
    outer.helper = lambda x: -x
    np.testing.assert_array_equal(f(A), -2 * A)
    outer.inner = module("other", k=5.0)
    np.testing.assert_array_equal(f(A), -5 * A)


def test_modules_imported_inside_the_function(monkeypatch):
    monkeypatch.setitem(sys.modules, "users_settings", module("users_settings", k=1.0))

    def body(x):
        import users_settings
        from users_settings import k

        return (users_settings.k + k) * x

    f = ad.jit(body)
    np.testing.assert_array_equal(f(A), 2 * A)
    sys.modules["users_settings"].k = 2.0
    np.testing.assert_array_equal(f(A), 4 * A)


# ---- arrays -----------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 10_000])
def test_an_array_that_plain_numpy_consumed(n):
    data = np.ones(n)
    bodies = [
        lambda x: x * data.mean(),
        lambda x: x * float(data[-1]),
        lambda x: x if data.sum() == n else 2 * x,
        lambda x: x * (data * 1.0)[-1],
        lambda x: x + np.sum(x[0] * data) * 0 + data.mean() * x - x,
        lambda x: np.sum(x[0] * data) / x[0] / data.size * x,
    ]
    functions = [ad.jit(body) for body in bodies]
    for value in (1.0, 3.0, 1.0):
        data[...] = value
        for f, body in zip(functions, bodies, strict=True):
            np.testing.assert_allclose(f(A), body(A), err_msg=str(value))


def test_an_array_with_one_entry_changed_or_two_exchanged():
    data = np.random.default_rng(0).normal(size=5000)
    f = ad.jit(lambda x: x * np.argmax(data))
    for change in (lambda: data.__setitem__(4321, 100.0), lambda: data.__setitem__([0, 4321], data[[4321, 0]])):
        f(A)
        change()
        np.testing.assert_array_equal(f(A), A * np.argmax(data))


def test_an_array_that_only_operands_are_made_of_needs_no_new_trace():
    data = np.ones(3)
    bodies = [lambda x: np.sum(data * x), lambda x: (x @ data) + x[0], lambda x: helper_of_data(x)]

    def helper_of_data(x):
        return np.where(x > 0, data, x)

    for body in bodies:
        f, traces = traced(body)
        for value in (1.0, 2.0, 3.0):
            data[...] = value
            np.testing.assert_array_equal(f(A), body(A))
        assert len(traces) == 1


def test_an_array_handed_on_is_compared_by_content():
    data = np.ones(3)

    def mean(a):
        return a.mean()

    f, traces = traced(lambda x: x * mean(data) + data)
    for value in (1.0, 2.0):
        data[...] = value
        np.testing.assert_array_equal(f(A), A * value + value)
    assert len(traces) == 2


def test_two_captured_arrays_and_their_views():
    data = np.arange(6.0).reshape(2, 3)
    f = ad.jit(lambda x: x * data[0] + data[:, 1].sum())
    for _ in range(3):
        np.testing.assert_array_equal(f(A), A * data[0] + data[:, 1].sum())
        data += 1.0


def test_checksums():
    rng = np.random.default_rng(0)
    for array in (rng.normal(size=3000), rng.integers(0, 9, (50, 40)), rng.random((3, 5, 70)) > 0.5, np.ones(())):
        known = checksum(array)
        assert checksum(array.copy()) == known
        assert checksum(np.array(array, order="F")) == known
        changed = array.copy()
        changed.reshape(-1)[-1] = not changed.reshape(-1)[-1]
        assert checksum(changed) != known
        assert checksum(array.reshape(-1)) != known or array.ndim == 1
    assert checksum(np.zeros(10_000)) != checksum(-np.zeros(10_000))
    assert checksum(np.zeros((0, 3))) == checksum(np.ones((0, 3)))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_checksums_see_signs_and_places(dtype):
    # Blocks filled entirely: 512 words are one, and what is left of an array is hashed otherwise.
    array = np.arange(1, 4097).astype(dtype)
    known = checksum(array)
    assert checksum(-array) != known
    assert checksum(array[::-1]) != known
    two = array.copy()
    two[[3, 7]] *= -1
    assert checksum(two) != known
    swapped = np.ones(512, dtype)
    swapped[5] = -1
    assert checksum(swapped) != checksum(np.roll(swapped, 64))


def test_checksums_are_quick():
    array = np.ones(1_000_000)
    checksum(array)
    start = time.perf_counter()
    checksum(array)
    assert time.perf_counter() - start < 0.1


# ---- variables --------------------------------------------------------------------------------


def test_a_captured_variable_that_is_assigned():
    v = ad.Variable(A)
    f, traces = traced(lambda x: np.sum(v * x))
    for k in (1.0, 2.0):
        v.assign(k * A)
        assert f(A) == 14.0 * k
    assert len(traces) == 1
    v = ad.Variable(3 * A)
    assert f(A) == 42.0


def test_a_variable_that_was_turned_into_a_number():
    v = ad.Variable(2.0)
    f = ad.jit(lambda x: float(v) * x if v.numpy() < 10 else x)
    for value in (2.0, 3.0, 11.0):
        v.assign(value)
        np.testing.assert_array_equal(f(A), A * value if value < 10 else A)


# ---- nothing changed --------------------------------------------------------------------------


def test_nothing_changed_means_no_new_trace(monkeypatch):
    model, settings = Model(), Settings()
    f, traces = traced(
        lambda x: model.plain(x) * SCALE * settings.scale * settings.nested["k"][0] + OFFSETS * Mode.ADD.value
    )
    for _ in range(5):
        f(A)
        monkeypatch.setitem(globals(), "SCALE", float("1.0"))  # an equal number, another object
    assert len(traces) == 1


def test_what_a_trace_leaves_behind_does_not_disturb():
    memo = {}
    model = Model()

    def body(x):
        memo.setdefault("k", 2.0)
        model.calls = getattr(model, "calls", 0) + 1
        return memo["k"] * x

    f, traces = traced(body)
    for _ in range(3):
        np.testing.assert_array_equal(f(A), 2 * A)
    assert len(traces) == 1


def test_objects_that_contain_themselves():
    loop = [1.0]
    loop.append(loop)
    model = Model()
    model.itself = model
    f = ad.jit(lambda x: loop[0] * model.itself.plain(x))
    np.testing.assert_array_equal(f(A), A)
    loop[0] = 2.0
    np.testing.assert_array_equal(f(A), 2 * A)


@pytest.mark.parametrize("jit", [True, False])
def test_the_short_cut_notices(jit, monkeypatch):
    monkeypatch.setattr(config, "jit", jit)
    k, settings, data, offsets = 1.0, {"scale": 1.0}, np.ones(3), np.zeros(3)

    def change():
        nonlocal k
        k += 1.0

    f = ad.jit(lambda x: k * settings["scale"] * data.mean() * x + offsets)
    for _ in range(3):
        for step in (change, lambda: settings.update(scale=3.0), lambda: data.fill(5.0), lambda: offsets.fill(k)):
            np.testing.assert_allclose(f(A), k * settings["scale"] * data.mean() * A + offsets)
            np.testing.assert_allclose(f(A), k * settings["scale"] * data.mean() * A + offsets)
            step()
        np.testing.assert_allclose(f(A), k * settings["scale"] * data.mean() * A + offsets)


def test_a_variable_that_is_operand_and_number_at_once():
    v = ad.Variable(2.0)
    f = ad.jit(lambda x: v * x * float(v))
    assert f(1.0) == 4.0
    v.assign(3.0)
    assert f(1.0) == 9.0


def test_assigning_inside_a_traced_function_is_refused():
    v = ad.Variable(2.0)

    def f(x):
        v.assign(1.0)
        return v * x

    with pytest.raises(RuntimeError, match="would happen once"):
        ad.jit(f)(1.0)
