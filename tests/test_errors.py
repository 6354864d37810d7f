"""Bad input: a named error with the values, the user's line and a remedy, short enough to read."""

import inspect
import math
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest

import autodiff as ad
from autodiff.config import config
from autodiff.errors import (
    ArgumentError,
    AutodiffError,
    AxisError,
    ConcretizationError,
    DTypeError,
    LeakedTracerError,
    NonScalarLossError,
    NotDifferentiableError,
    RandomStateWarning,
    ShapeError,
    TapeError,
    TapeStateError,
    describe_location,
)

A = np.array([1.0, 2.0, 3.0])


@pytest.fixture(autouse=True)
def interpreted(monkeypatch):
    """Compile nothing: these tests are about messages."""
    monkeypatch.setattr(config, "jit", False)


def message(error, call, *needed, line=None):
    """What `call` says when it raises; checked for length, line, remedy and the texts needed."""
    with pytest.raises(error) as caught:
        call()
    assert type(caught.value) is error
    text = str(caught.value)
    lines = text.splitlines()
    assert len(lines) < 15
    assert max(map(len, lines)) < 320
    assert "remedy: " in text
    where = re.search(r"^  at (\S+):(\d+): (.*)$", text, re.MULTILINE)
    assert where, text
    assert where[1] == "test_errors.py"
    assert len(where[3]) <= 100
    if line is not None:
        assert line in where[3]
    for part in needed:
        assert part in text
    return text


# ---- inside the function: the line named is the one that went wrong ---------------------------


@pytest.mark.parametrize(
    ("error", "body", "needed"),
    [
        (ShapeError, lambda x: np.sum(x + np.ones(4)), ("add", "(3,)", "(4,)")),
        (ShapeError, lambda x: np.sum(x * x[:2]), ("multiply", "(3,)", "(2,)")),
        (ShapeError, lambda x: np.sum(x @ np.ones((4, 2))), ("matmul", "(3,)", "(4, 2)")),
        (ShapeError, lambda x: np.sum(np.dot(np.ones((2, 2)), x)), ("(2, 2)", "(3,)")),
        (ShapeError, lambda x: np.sum(np.concatenate([x, np.ones((2, 2))])), ("(3,)", "(2, 2)")),
        (ShapeError, lambda x: np.sum(x.reshape(2, 2)), ("(3,)", "(2, 2)")),
        (AxisError, lambda x: np.sum(np.sum(x, axis=3)), ("axis 3", "1")),
        (AxisError, lambda x: x[5], ("5", "3")),
        (NotDifferentiableError, lambda x: np.sum(np.roots(x)), ("np.roots",)),
        (NotDifferentiableError, lambda x: np.sum(np.nextafter(x, 1.0)), ("np.nextafter",)),
        (ConcretizationError, lambda x: np.sum(np.asarray(x)), ("asarray", "f64[3]")),
        (ConcretizationError, lambda x: x[1] * math.ulp(x[0]), ("float()", "f64[]", "np.sin", "differentiate")),
        (ConcretizationError, lambda x: ad.vmap(lambda r: float(r))(x)[0], ("float()", "f64[]", "r is one entry")),
        (ConcretizationError, lambda x: ad.vmap(lambda r: r.item())(x)[0], (".item()", "f64[]", "batch")),
        (ConcretizationError, lambda x: ad.vmap(lambda r: bool(r > 0) * r)(x)[0], ("if", "np.where")),
        (ConcretizationError, lambda x: ad.vmap(lambda r: x[int(r)])(x)[0], ("int()", "static_argnums")),
        (ShapeError, lambda x: np.sum(x) if x > 0 else x[1], ("(3,)", "ambiguous", "np.any")),
        (DTypeError, lambda x: [x[0]][x[0]], ("float64", "index", "int(x)")),
        (DTypeError, lambda x: np.sum(x + None), ("NoneType",)),
        (DTypeError, lambda x: np.sum(x + "abc"), ("str", "'abc'")),
        (DTypeError, lambda x: np.sum(x * np.array([None, 1, 2])), ("object",)),
        (DTypeError, lambda x: np.sum((x * 1j).astype(float)), ("complex128", "imaginary", ".real")),
        (NonScalarLossError, lambda x: x * 2, ("(3,)", "float64", "np.sum")),
    ],
)
def test_line_inside_the_function(error, body, needed):
    source = inspect.getsource(body).strip()
    text = message(error, lambda: ad.grad(body)(A), *needed)
    number = int(re.search(r"test_errors.py:(\d+)", text)[1])
    assert number == body.__code__.co_firstlineno, source


def test_line_of_a_helper():
    def helper(x):
        return x + np.ones((2, 2))  # the line at fault

    message(ShapeError, lambda: ad.jit(lambda x: np.sum(helper(x)))(A), line="the line at fault")


def test_line_of_a_loss_that_is_no_number():
    def loss(x):
        y = x * x  # the line that made it
        return y  # noqa: RET504

    message(NonScalarLossError, lambda: ad.grad(loss)(A), "loss must return one float", line="the line that made it")


def test_line_in_a_tape():
    x = ad.constant(A)
    with ad.GradientTape() as tape:
        tape.watch(x)
        message(ShapeError, lambda: x + np.ones(4), "(3,)", "(4,)", line="np.ones(4)")
        message(ShapeError, lambda: ad.linalg.matmul([[1.0, 2.0]], x), "(1, 2)", "(3,)", line="matmul")


# ---- arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize("transform", [ad.grad, ad.value_and_grad])
def test_arguments_that_are_not_floats(transform):
    def loss(x, n=None):
        return np.sum(x * x)

    name = transform.__name__
    for given, needed in [
        (3, ("3", "int64", "x.astype(float)")),
        (True, ("True", "bool")),
        (np.array([1, 2, 3]), ("int64", "(3,)")),
        (np.array([True]), ("bool", "(1,)")),
        (np.float32(1.0).astype(np.int8), ("int8",)),
        ([1.0, 2], ("x[1]", "2", "int64")),
        ({"w": A, "b": {"c": 1}}, ("x['b']['c']", "1", "int64")),
    ]:
        message(DTypeError, lambda given=given: transform(loss)(given), name, "argument x", "loss", *needed)
    message(DTypeError, lambda: transform(loss, argnums=1)(A, 2), "argument n", "int64")


def test_arguments_that_are_no_arrays():
    def loss(x):
        return np.sum(x)

    for given, needed in [
        ("abc", ("str", "'abc'", "static_argnames='x'")),
        (object, ("type",)),
        (np.array([1.0, None]), ("object",)),
        (np.array(["a"]), ("<U1",)),
        ({"w": [A, "abc"]}, ("x['w'][1]", "'abc'")),
        (lambda x: x, ("function",)),
    ]:
        for transform in (ad.grad, ad.jit):
            message(DTypeError, lambda given=given, f=transform: f(loss)(given), "loss", "argument x", *needed)


def test_nothing_to_differentiate():
    def loss(x, y=1.0):
        return y

    message(DTypeError, lambda: ad.grad(loss)(None), "grad", "argument x of loss", "None", line="loss)(None)")
    message(DTypeError, lambda: ad.grad(loss)([]), "argument x of loss", "[]")
    message(DTypeError, lambda: ad.grad(loss, argnums=(0, 1))(None, {}), "x, y", "None, {}")


def test_arguments_that_do_not_exist():
    def loss(x, y):
        return np.sum(x * y)

    message(ArgumentError, lambda: ad.grad(loss, argnums=3)(A, A), "argnums=3", "2", "x, y")
    message(ArgumentError, lambda: ad.grad(loss, argnums=-3)(A, A), "argnums=-3", "2", "x, y")
    message(ArgumentError, lambda: ad.grad(loss, argnames="z")(A, y=A), "argnames='z'", "x, y")
    message(ArgumentError, lambda: ad.grad(loss, argnums="x")(A, A), "'x'", "argnames")
    message(ArgumentError, lambda: ad.grad(loss, argnames=0)(A, A), "0", "argnums")
    message(ArgumentError, lambda: ad.grad(loss, argnums=0.5)(A, A), "0.5")
    message(ArgumentError, lambda: ad.grad(loss, argnums=True)(A, A), "True")
    message(ArgumentError, lambda: ad.jit(loss, static_argnums=2), "static_argnums=2", "loss", "x, y")
    message(ArgumentError, lambda: ad.jit(loss, static_argnames="mode"), "static_argnames='mode'", "x, y")
    message(ArgumentError, lambda: ad.grad(loss, argnums=1, static_argnums=1)(A, 2), "argnums=1", "static")
    message(ArgumentError, lambda: ad.jit(loss, static_argnums=1)(A, [1, 2]), "'y'", "list", "[1, 2]", "hashed")
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        ad.grad(loss)(A, A, z=A)
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        ad.grad(loss)(A)


def test_not_a_function():
    message(DTypeError, lambda: ad.grad(3.0), "grad", "float", "3.0", "grad(f)(x)")
    message(DTypeError, lambda: ad.jit(A), "jit", "ndarray")


# ---- results ----------------------------------------------------------------------------------


def test_results_that_are_no_loss():
    for body, needed in [
        (lambda x: np.argmax(x), ("int64",)),
        (lambda x: x[0] > 1.0, ("bool",)),
        (lambda x: 3, ("int64",)),
        (lambda x: None, ("None",)),
        (lambda x: (np.sum(x), x), ("tuple of 2", "has_aux=True")),
        (lambda x: {"loss": np.sum(x)}, ("dict of 1",)),
        (lambda x: np.sum(x, keepdims=True), ("(1,)",)),
    ]:
        message(NonScalarLossError, lambda body=body: ad.grad(body)(A), "must return one float", *needed)


def test_results_that_are_no_pair():
    for body, needed in [
        (lambda x: np.sum(x), ("a number of dtype float64",)),
        (lambda x: (np.sum(x), x, x), ("tuple of 3",)),
        (lambda x: None, ("None",)),
        (lambda x: (x, np.sum(x)), ("(3,)",)),
        (lambda x: ({"loss": np.sum(x)}, x), ("dict of 1",)),
    ]:
        message(NonScalarLossError, lambda body=body: ad.grad(body, has_aux=True)(A), *needed)


def test_results_that_are_no_arrays():
    message(DTypeError, lambda: ad.jit(lambda x: "abc")(A), "str", "'abc'")
    message(DTypeError, lambda: ad.grad(lambda x: (np.sum(x), {"k": "abc"}), has_aux=True)(A), "[1]['k']", "'abc'")
    message(DTypeError, lambda: ad.jit(lambda x: object())(A), "object")


def test_the_users_own_errors_pass_unchanged():
    def loss(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        ad.grad(loss)(A)
    with pytest.raises(ZeroDivisionError):
        ad.grad(lambda x: x / (1 // 0))(A)
    assert float(ad.grad(lambda x: x * x)(3.0)) == 6.0  # and leave nothing behind


# ---- tracers and tapes out of their time ------------------------------------------------------


def test_a_traced_array_that_outlives_its_function():
    kept = []

    def keep(x):
        kept.append(x)
        return np.sum(x)

    ad.grad(keep)(A)
    (x,) = kept
    for use in (
        lambda: x + 1.0,
        lambda: np.sum(x),
        lambda: float(x[0]),
        lambda: np.asarray(x),
        lambda: bool(x),
        lambda: x.item(),
        lambda: ad.jit(lambda y: y + x)(A),
        lambda: ad.jit(lambda y: y)(x),
    ):
        message(LeakedTracerError, use, "keep", "f64[3]")
    assert "keep" in repr(x)


def test_a_traced_array_that_a_failed_function_kept():
    kept = []

    def fail(x):
        kept.append(x)
        raise ValueError

    with pytest.raises(ValueError):
        ad.grad(fail)(A)
    message(LeakedTracerError, lambda: kept[0] * 2, "fail")


def test_consumed_tapes():
    x = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = x * x
    tape.gradient(y, x)  # the first time
    text = message(TapeError, lambda: tape.gradient(y, x), "persistent=True", line="tape.gradient(y, x)")
    assert "the first time" in text
    message(TapeError, lambda: ad.GradientTape().gradient(y, x), "with tape")


def test_a_tape_within_itself():
    with ad.GradientTape() as tape:
        message(TapeStateError, tape.__enter__, "already recording")


# ---- what is no error -------------------------------------------------------------------------


def test_unconnected_sources():
    x = ad.Variable(A)
    with ad.GradientTape(persistent=True) as tape:
        y = ad.constant(2.0) * 3.0
    assert tape.gradient(y, x) is None
    np.testing.assert_array_equal(tape.gradient(y, x, unconnected_gradients="zero").numpy(), np.zeros(3))
    np.testing.assert_array_equal(ad.grad(lambda x: 3.0)(A), np.zeros(3))
    by_x, by_y = ad.grad(lambda x, y: np.sum(y), argnums=(0, 1))(A.astype(np.float32), A)
    assert by_x.dtype == np.float32
    np.testing.assert_array_equal(by_x, np.zeros(3))
    np.testing.assert_array_equal(by_y, np.ones(3))


# ---- random numbers ---------------------------------------------------------------------------

GENERATOR = np.random.default_rng(0)


class Layer:
    def __init__(self):
        self.rng = np.random.default_rng(1)

    @ad.jit
    def noisy(self, x):
        return x + self.rng.normal(size=3)


def test_random_numbers_drawn_in_a_trace_are_reported_once():
    local = np.random.RandomState(0)
    for draw, name in [
        (lambda x: x * np.random.rand(3), "np.random"),  # noqa: NPY002 - what users write
        (lambda x: x * GENERATOR.normal(size=3), "np.random.Generator"),
        (lambda x: x * local.normal(size=3), "np.random.RandomState"),
        (lambda x: x * __import__("random").random(), "Python's random module"),
    ]:
        f = ad.jit(draw)
        with pytest.warns(RandomStateWarning, match=f"(?s)<lambda> .*{name}.*arguments") as caught:
            first = f(A)
        assert caught[0].filename == __file__
        np.testing.assert_array_equal(f(A), first)
        f(A[:1] * np.ones((2, 3)))  # another trace, no other warning
    with pytest.warns(RandomStateWarning, match="Layer.noisy"):
        Layer().noisy(A)


def test_random_numbers_of_a_static_generator_are_reported():
    with pytest.warns(RandomStateWarning):
        ad.jit(lambda x, rng: x * rng.normal(), static_argnums=1)(A, np.random.default_rng(0))


def test_seeded_and_unused_generators_are_not_reported():
    ad.jit(lambda x: x * np.random.default_rng(0).normal())(A)
    ad.jit(lambda x: x * (1.0 if GENERATOR else 2.0))(A)


# ---- the message itself -----------------------------------------------------------------------


def test_long_lines_are_clipped(tmp_path):
    file = tmp_path / "user.py"
    file.write_text("x = " + "1 + " * 100 + "1\n")
    text = describe_location((str(file), 1))
    assert text.startswith("user.py:1: x = 1 + 1")
    assert text.endswith("...")
    assert len(text) <= len("user.py:1: ") + 100
    assert describe_location((str(file), 99)) == "user.py:99"
    assert describe_location(None) == ""


def test_errors_are_pickled_with_their_line():
    with pytest.raises(ShapeError) as caught:
        ad.grad(lambda x: np.sum(x + np.ones(4)))(A)
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is ShapeError
    assert str(again) == str(caught.value)


def test_errors_are_the_built_in_ones_too():
    for error, base in [
        (ShapeError, ValueError),
        (DTypeError, TypeError),
        (ArgumentError, ValueError),
        (AxisError, IndexError),
        (NonScalarLossError, TypeError),
        (ConcretizationError, TypeError),
        (LeakedTracerError, RuntimeError),
        (TapeError, RuntimeError),
        (NotDifferentiableError, LookupError),
    ]:
        assert issubclass(error, base)
        assert issubclass(error, AutodiffError)
        assert str(error("it's so", "wait", ("f.py", 1))) == "it's so\n  at f.py:1\n  remedy: wait"


def test_code_without_a_file_is_named_as_python_does():
    code = "import numpy as np, autodiff as ad\n\nad.grad(lambda x: x + np.ones(4))(np.ones(3))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "at <string>:3" in done.stderr
