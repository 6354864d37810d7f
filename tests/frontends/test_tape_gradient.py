"""The arguments of `GradientTape.gradient`, its results, and what it says of arguments it cannot use."""

import collections
import inspect
import time

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import ArgumentError, DTypeError, NotDifferentiableError, ShapeError

pytestmark = pytest.mark.usefixtures("interpreted")

Pair = collections.namedtuple("Pair", "u v")


@pytest.fixture
def product():
    """A persistent tape on which y = z * k * q was recorded, and its parts."""
    z, k, q = map(ad.constant, (2.0, 3.0, 2.0))
    with ad.GradientTape(persistent=True) as tape:
        tape.watch([z, k, q])
        y = z * k * q
    return tape, y, z, k, q


def plain(nested):
    """Tensors in a nested structure as numbers and lists."""
    if isinstance(nested, ad.Tensor):
        return nested.numpy().tolist()
    if isinstance(nested, dict):
        return {key: plain(value) for key, value in nested.items()}
    if isinstance(nested, Pair):
        return Pair(*map(plain, nested))
    return type(nested)(map(plain, nested)) if isinstance(nested, list | tuple) else nested


# ---- structures -----------------------------------------------------------------------------


def test_result_has_the_structure_of_the_sources(product):
    tape, y, z, k, q = product
    structures = [
        (z, 6.0),
        ([z], [6.0]),
        ((z, k), (6.0, 4.0)),
        ({"z": z, "k": [k, {"q": q}]}, {"z": 6.0, "k": [4.0, {"q": 6.0}]}),
        (Pair(z, (k,)), Pair(6.0, (4.0,))),
        ([], []),
        ({}, {}),
        ([[], [z]], [[], [6.0]]),
    ]
    for sources, expected in structures:
        found = plain(tape.gradient(y, sources))
        assert found == expected
        assert type(found) is type(expected)


def test_dictionaries_keep_their_order(product):
    tape, y, z, k, q = product
    found = tape.gradient(y, {"z": z, "a": k, "m": q})
    assert list(found) == ["z", "a", "m"]
    assert plain(found) == {"z": 6.0, "a": 4.0, "m": 6.0}


def test_repeated_sources_each_get_the_full_gradient():
    x = ad.constant(1.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert plain(tape.gradient(y, [x, x])) == [2.0, 2.0]


def test_intermediates_and_the_target_are_sources():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert plain(tape.gradient(z, [x, y, z])) == [108.0, 18.0, 1.0]


def test_several_targets_are_added_up():
    x = ad.constant(2.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = 1.0 / x
    assert plain(tape.gradient([y, z], x)) == 3.75
    assert plain(tape.gradient({"y": y, "z": (z,)}, x)) == 3.75
    assert plain(tape.gradient([y, y], x)) == 8.0
    assert plain(tape.gradient([y, x], x)) == 5.0
    assert tape.gradient([], x) is None
    assert tape.gradient([], [x]) == [None]


def test_array_target_is_summed():
    x = ad.constant(2.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = ad.constant([[x * 3.0, x], [x + 1.0, x * x]])
    assert plain(tape.gradient(y, x)) == 9.0


def test_target_is_the_source():
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
    assert plain(tape.gradient(x, x)) == [1.0, 1.0]
    assert plain(tape.gradient(x, [x])) == [[1.0, 1.0]]
    other = ad.constant([5.0, 5.0])
    assert plain(tape.gradient(other, other)) == [1.0, 1.0]
    assert tape.gradient(other, x) is None


def test_variable_as_a_target():
    v, x = ad.Variable(2.0), ad.constant(3.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = v * 4.0
    assert plain(tape.gradient(v, v)) == 1.0
    assert tape.gradient(v, x) is None
    assert plain(tape.gradient([v, y], v)) == 5.0
    v.assign(7.0)
    assert plain(tape.gradient([v, y], v)) == 5.0


# ---- bad targets and sources ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        (None, "sources is None"),
        (lambda x: [x, None], r"sources\[1\] is None"),
        (lambda x: {"a": {"b": 2.0}}, r"sources\['a'\]\['b'\] is a Python float \(2.0\)"),
        (3.0, "sources is a Python float"),
        (np.ones(2), "sources is a NumPy array, which was never watched"),
        (lambda x: ad.constant(1), "int64, which is not differentiable"),
    ],
)
def test_bad_sources_are_named(sources, message):
    x = ad.constant(2.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(TypeError, match=message):
        tape.gradient(y, sources(x) if callable(sources) else sources)
    assert plain(tape.gradient(y, x)) == 4.0  # not consumed by the failure


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (None, "target is None"),
        (lambda y: [y, None], r"target\[1\] is None"),
        (1.5, "target is a Python float"),
        (np.ones(2), "target is a NumPy array"),
    ],
)
def test_bad_targets_are_named(target, message):
    x = ad.constant(2.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    with pytest.raises(TypeError, match=message):
        tape.gradient(target(y) if callable(target) else target, x)
    assert plain(tape.gradient(y, x)) == 4.0


def test_integer_targets():
    x = ad.constant(2.5)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        n = x.astype(int)
        y = x * x
    with pytest.raises(DTypeError, match="int64, which has no gradient"):
        tape.gradient(n, x)
    # Beside a float target it just has nothing to add.
    assert plain(tape.gradient([y, n], x)) == 5.0
    assert plain(tape.gradient([n, y], x, output_gradients=[None, 10.0])) == 50.0


# ---- unconnected sources ------------------------------------------------------------------------


@pytest.fixture
def unconnected():
    x, u = ad.constant(3.0), ad.constant([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        tape.watch([x, u])
        y = x * x
    return tape, y, [u, x]


def test_unconnected_sources_are_none_by_default(unconnected):
    tape, y, sources = unconnected
    for argument in ("none", "NONE", ad.UnconnectedGradients.NONE):
        assert plain(tape.gradient(y, sources, unconnected_gradients=argument)) == [None, 6.0]


def test_unconnected_sources_are_zeros_on_request(unconnected):
    tape, y, sources = unconnected
    for argument in ("zero", "ZERO", "Zero", ad.UnconnectedGradients.ZERO):
        assert plain(tape.gradient(y, sources, unconnected_gradients=argument)) == [[0.0, 0.0], 6.0]


@pytest.mark.parametrize("bad", ["nonsense", None, 0, "zeros"])
def test_unknown_value_for_unconnected_gradients(unconnected, bad):
    tape, y, sources = unconnected
    with pytest.raises(ValueError, match=f"^Unknown value for unconnected_gradients: {bad!r}"):
        tape.gradient(y, sources, unconnected_gradients=bad)


def test_zeros_have_the_dtype_of_their_source():
    half, unwatched = ad.constant(np.ones(2, np.float16)), ad.constant(np.ones((2, 1), np.float32))
    x = ad.constant(1.0)
    with ad.GradientTape() as tape:
        tape.watch([half, x])
        y = x * x
    a, b = tape.gradient(y, [half, unwatched], unconnected_gradients="zero")
    assert (a.dtype, a.shape, b.dtype, b.shape) == (np.float16, (2,), np.float32, (2, 1))
    assert not a.numpy().any()


# ---- output_gradients ---------------------------------------------------------------------------


@pytest.fixture
def squares():
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = 3.0 * x[0]
    return tape, x, y, z


@pytest.mark.parametrize(
    "given",
    [
        np.array([1.0, 10.0]),
        [1.0, 10.0],
        (1, 10),
        np.array([1, 10]),
        np.array([1.0, 10.0], np.float32),
        [np.float64(1), 10],
    ],
)
def test_a_list_for_one_target_is_an_array_of_its_shape(squares, given):
    tape, x, y, _ = squares
    found = tape.gradient(y, x, output_gradients=given)
    assert found.dtype == np.float64
    assert plain(found) == [2.0, 40.0]


def test_cotangent_may_be_a_tensor_or_a_variable(squares):
    tape, x, y, _ = squares
    assert plain(tape.gradient(y, x, output_gradients=ad.constant([1.0, 10.0]))) == [2.0, 40.0]
    assert plain(tape.gradient(y, x, output_gradients=ad.Variable([1.0, 10.0]))) == [2.0, 40.0]
    assert plain(tape.gradient(y, x, output_gradients=y)) == [2.0, 16.0]
    assert plain(tape.gradient(y, x, ad.constant([1.0, 10.0]))) == [2.0, 40.0]


def test_none_stands_for_ones(squares):
    tape, x, y, z = squares
    assert plain(tape.gradient(y, x, output_gradients=None)) == [2.0, 4.0]
    assert plain(tape.gradient([y, z], x, output_gradients=[None, None])) == [5.0, 4.0]
    assert plain(tape.gradient([y, z], x, output_gradients=[None, 2.0])) == [8.0, 4.0]
    assert plain(tape.gradient([y, z], x, output_gradients=[[1.0, 10.0], None])) == [5.0, 40.0]


def test_cotangents_follow_the_structure_of_the_target(squares):
    tape, x, y, z = squares
    given = {"z": 2.0, "a": [[1.0, 10.0]]}
    assert plain(tape.gradient({"z": z, "a": [y]}, x, output_gradients=given)) == [8.0, 40.0]
    assert plain(tape.gradient({"a": [y], "z": z}, x, output_gradients=given)) == [8.0, 40.0]


@pytest.mark.parametrize("given", [[None], [None, None, None], (None, None), {"y": None}, 1.0])
def test_cotangents_of_another_structure_are_refused(squares, given):
    tape, x, y, z = squares
    with pytest.raises(ArgumentError, match="output_gradients must have the structure of target"):
        tape.gradient([y, z], x, output_gradients=given)


@pytest.mark.parametrize("given", [1.0, [1.0], [1.0, 2.0, 3.0], [[1.0, 2.0]]])
def test_cotangents_of_another_shape_are_refused(squares, given):
    tape, x, y, _ = squares
    with pytest.raises(ShapeError, match=r"entry 0 has shape \(.*\), its target has shape \(2,\)"):
        tape.gradient(y, x, output_gradients=given)


@pytest.mark.parametrize("given", ["ab", [None, 1.0], object()])
def test_cotangents_that_are_no_numbers_are_refused(squares, given):
    tape, x, y, _ = squares
    with pytest.raises(TypeError, match="cannot compute with"):
        tape.gradient(y, x, output_gradients=given)


def test_complex_cotangents_of_a_real_target_are_refused(squares):
    tape, x, y, _ = squares
    with pytest.raises(TypeError, match="drops the imaginary part"):
        tape.gradient(y, x, output_gradients=[1j, 2.0])


def test_cotangent_of_a_target_that_is_a_source_is_added():
    x = ad.constant([1.0])
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = 3.0 * x
    assert plain(tape.gradient([x, y], x)) == [4.0]


# ---- use and failure ---------------------------------------------------------------------------


def test_second_use_of_a_tape_that_is_not_persistent():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    tape.gradient(y, x)
    message = r"A non-persistent GradientTape can only be used to compute one set of gradients \(or jacobians\)"
    with pytest.raises(RuntimeError, match=message) as caught:
        tape.gradient(y, x)
    assert "test_tape_gradient.py" in str(caught.value)
    assert "persistent=True" in str(caught.value)


def test_tape_that_was_never_entered():
    x = ad.constant(3.0)
    with pytest.raises(RuntimeError, match="never entered"):
        ad.GradientTape().gradient(x, x)


def test_failures_do_not_consume_the_tape(squares):
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    for bad in (
        lambda: tape.gradient(None, x),
        lambda: tape.gradient(y, None),
        lambda: tape.gradient(y, x, unconnected_gradients="bad"),
        lambda: tape.gradient(y, x, output_gradients=1.0),
        lambda: tape.gradient([y], x, output_gradients=[]),
    ):
        with pytest.raises((TypeError, ValueError)):
            bad()
    assert plain(tape.gradient(y, x)) == [2.0, 4.0]


def test_failure_inside_the_block_leaves_the_tape_recording():
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        with pytest.raises(ShapeError):
            tape.gradient(y, x, output_gradients=1.0)
        z = y * x
    assert plain(tape.gradient(z, x)) == [3.0, 12.0]


def test_gradient_inside_the_block_ends_the_recording():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        g = tape.gradient(y, x)
        y * y
    assert plain(g) == 6.0
    with pytest.raises(RuntimeError):
        tape.gradient(y, x)


def test_gradient_inside_a_persistent_block_is_recorded():
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x**3
        g = tape.gradient(y, x)
    assert plain(g) == 27.0
    assert plain(tape.gradient(g, x)) == 18.0


def test_target_computed_after_the_block_is_not_connected():
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    after = y * 2.0
    assert tape.gradient(after, x) is None
    assert tape.gradient(x * x, x) is None


def test_gradient_on_another_tape_is_recorded_there():
    x = ad.constant(3.0)
    with ad.GradientTape() as outer:
        outer.watch(x)
        with ad.GradientTape() as inner:
            inner.watch(x)
            y = x**3
        g = inner.gradient(y, x)
        z = g * x
    assert plain(outer.gradient(z, x)) == 81.0


def test_function_without_a_rule_raises_when_it_is_called():
    x = ad.constant([3.0, 1.0])
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        with pytest.raises(NotDifferentiableError, match=r"np\.roots"):
            np.roots(x)
    assert issubclass(NotDifferentiableError, LookupError)
    assert plain(tape.gradient(y, x)) == [6.0, 2.0]


def test_signature():
    assert str(inspect.signature(ad.GradientTape)).startswith("(persistent: 'bool' = False, watch_accessed_variables")
    parameters = inspect.signature(ad.GradientTape.gradient).parameters
    assert list(parameters) == ["self", "target", "sources", "output_gradients", "unconnected_gradients"]
    assert parameters["output_gradients"].default is None
    assert parameters["unconnected_gradients"].default == ad.UnconnectedGradients.NONE == "none"
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert plain(tape.gradient(sources=x, target=y)) == 6.0


# ---- dtypes, shapes, sizes ------------------------------------------------------------------------


def test_gradient_has_the_dtype_of_its_source():
    x64, x32 = ad.constant(2.0), ad.constant(np.float32(2.0))
    with ad.GradientTape() as tape:
        tape.watch([x64, x32])
        y = x64 * x32.astype(np.float64) + (x64.astype(np.float32) * x32).astype(np.float64)
    a, b = tape.gradient(y, [x64, x32])
    assert (a.dtype, b.dtype) == (np.float64, np.float32)
    assert plain([a, b]) == [4.0, 4.0]


def test_dtypes_promote_as_in_numpy_and_gradients_do_not():
    x32, x64 = ad.constant(np.ones(2, np.float32)), ad.constant(np.full(2, 3.0))
    with ad.GradientTape() as tape:
        tape.watch([x32, x64])
        y = x32 * x64
        weak = x32 * 2.5 + 1
        whole = x32 * ad.constant([1, 2])
    assert (y.dtype, weak.dtype, whole.dtype) == (np.float64, np.float32, np.float64)
    a, b = tape.gradient(y, [x32, x64])
    assert (a.dtype, b.dtype) == (np.float32, np.float64)


def test_broadcasts_are_added_up_to_the_shape_of_the_source():
    scalar, row, column = ad.constant(2.0), ad.constant(np.ones((1, 3))), ad.constant(np.ones((2, 1)))
    matrix = ad.constant(np.arange(6.0).reshape(2, 3))
    with ad.GradientTape() as tape:
        tape.watch([scalar, row, column])
        y = scalar * row * column * matrix
    a, b, c = tape.gradient(y, [scalar, row, column])
    assert plain([a, b, c]) == [15.0, [[6.0, 10.0, 14.0]], [[6.0], [24.0]]]


def test_arrays_without_elements():
    x = ad.constant(np.ones((0, 3)))
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = np.sum(np.exp(x) * x)
        m = x @ np.ones((3, 2))
    assert tape.gradient(y, x).shape == (0, 3)
    assert tape.gradient(m, x).shape == (0, 3)
    assert y.numpy() == 0.0


def test_large_fan_out():
    x = ad.constant(1.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = sum([x] * 1000)
    assert plain(tape.gradient(y, x)) == 1000.0


def test_nan_and_infinity_pass_through():
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * np.array([np.nan, np.inf])
        z = np.maximum(x - 5.0, 0.0) * np.log(0.0 * x)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [np.nan, np.inf])
    assert np.isnan(tape.gradient(z, x).numpy()).all()


@pytest.mark.filterwarnings("ignore")
def test_chain_of_ten_thousand_operations():
    x = ad.constant(1.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x
        for _ in range(10_000):
            y = y + x
    before = time.process_time()
    found = tape.gradient(y, x)
    assert plain(found) == 10_001.0
    assert time.process_time() - before < 15.0  # about 1.5 s; blocks are verified in the tests
