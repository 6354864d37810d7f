"""What keeps a path from source to target, and what breaks it: assignments, plain Python, integers, flat operations."""

import math
import warnings

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import PathBreakWarning

pytestmark = pytest.mark.usefixtures("interpreted")


def value(g):
    return None if g is None else g.numpy().tolist()


def gradients(f, *values):
    """f's gradients at watched constants."""
    xs = [ad.constant(v) for v in values]
    with ad.GradientTape() as tape:
        tape.watch(xs)
        y = f(*xs)
    return [value(g) for g in tape.gradient(y, xs)]


# ---- variables change ---------------------------------------------------------------------------


def test_assign_cuts_the_path_to_what_was_assigned():
    v, x = ad.Variable(2.0), ad.constant(10.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        v.assign(x)
        y = v * v
    assert y.numpy() == 100.0
    assert [value(g) for g in tape.gradient(y, [v, x])] == [20.0, None]


def test_assign_add_cuts_the_path():
    v, x = ad.Variable(2.0), ad.constant(1.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        v.assign_add(x * 1.0)
        y = v * v
    assert y.numpy() == 9.0
    assert [value(g) for g in tape.gradient(y, [x, v])] == [None, 6.0]


def test_reads_before_and_after_an_assignment_add_up():
    v = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = v * v
        v.assign(10.0)
        z = v * v
        total = y + z
    assert value(tape.gradient(total, v)) == 26.0


def test_result_of_assign_is_connected_to_the_variable():
    v, x = ad.Variable(1.0), ad.constant(8.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        w = v.assign(x)
        y = w * w
    assert [value(g) for g in tape.gradient(y, [v, x])] == [16.0, None]


def test_rebinding_a_variable_ends_the_connection():
    v = w = ad.Variable(2.0)
    found = []
    for _ in range(2):
        with ad.GradientTape() as tape:
            y = w * 1.0
        found.append(value(tape.gradient(y, w)))
        w = w - 0.1
    assert found == [1.0, None]
    assert isinstance(v, ad.Variable)
    assert isinstance(w, ad.Tensor)


@pytest.mark.parametrize("operator", ["+", "-", "*", "/", "**", "//", "%", "@"])
def test_augmented_assignment_to_a_variable_is_refused(operator):
    scope = {"v": ad.Variable([[2.0]])}
    with pytest.raises(RuntimeError, match="would rebind the name"):
        exec(f"v {operator}= 1.0", scope)
    assert isinstance(scope["v"], ad.Variable)


def test_augmented_assignment_to_a_tensor_is_an_operation():
    def f(x):
        y = x * 1.0
        y += x
        y *= 3.0
        return y

    assert gradients(f, 2.0) == [6.0]


def test_variable_made_of_a_tensor_is_a_leaf():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        v = ad.Variable(x * 2.0)
        y = v * v
    assert [value(g) for g in tape.gradient(y, [x, v])] == [None, 12.0]


def test_writing_into_a_variable_is_refused():
    v = ad.Variable([1.0, 2.0])
    with pytest.raises(TypeError, match=r"\.at\[.*\]\.set"):
        v[0] = 5.0


def test_functional_updates_stay_connected():
    x, u = [1.0, 2.0, 3.0], 5.0
    assert gradients(lambda x, u: x.at[1].set(u) ** 2, x, u) == [[2.0, 0.0, 6.0], 10.0]
    assert gradients(lambda x, u: x.at[1].add(u) ** 2, x, u) == [[2.0, 14.0, 6.0], 14.0]
    assert gradients(lambda x, u: x.at[[0, 2]].set(u) ** 2, x, [5.0, 6.0]) == [[0.0, 4.0, 0.0], [10.0, 12.0]]
    assert gradients(lambda x, u: x.at[1:].set(u) ** 2, x, 5.0) == [[2.0, 0.0, 0.0], 20.0]
    assert gradients(lambda x, u: x.at[x > 1.5].set(u), x, 5.0) == [[1.0, 0.0, 0.0], 2.0]
    assert gradients(lambda x, u: x.at[[0, 0]].add(u) ** 2, x, [5.0, 6.0]) == [[24.0, 4.0, 6.0], [24.0, 24.0]]


def test_last_of_repeated_settings_wins():
    assert gradients(lambda x, u: x.at[[0, 0]].set(u), [1.0, 2.0], [5.0, 6.0]) == [[0.0, 1.0], [0.0, 1.0]]
    y = ad.constant([1.0, 2.0]).at[[0, 0]].set([5.0, 6.0])
    assert y.tolist() == [6.0, 2.0]


def test_updates_of_matrices():
    x, u = np.arange(6.0).reshape(2, 3), np.array([10.0, 20.0])
    expected = x.copy()
    expected[:, 1] = u
    assert ad.constant(x).at[:, 1].set(u).tolist() == expected.tolist()
    expected = x.copy()
    expected[[0, 1], [2, 0]] = 7.0
    assert ad.constant(x).at[[0, 1], [2, 0]].set(7.0).tolist() == expected.tolist()
    assert ad.constant(x).at[1].get().tolist() == x[1].tolist()


# ---- NumPy and Python in the middle ----------------------------------------------------------------


def test_numpy_functions_are_recorded():
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = np.sum(np.sin(x) * np.ones(2) + np.array([3.0, 4.0]) * x)
    assert isinstance(y, ad.Tensor)
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), np.cos([1.0, 2.0]) + np.array([3.0, 4.0]), rtol=1e-15)


@pytest.mark.parametrize(
    ("leave", "kind"),
    [
        (np.asarray, "NumPy array"),
        (np.array, "NumPy array"),
        (float, "Python float"),
        (math.sin, "Python float"),
    ],
)
def test_leaving_the_tape_warns(leave, kind):
    x, v = ad.constant(1.0), ad.Variable(1.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        for recorded in (x, y, v * 1.0, v):
            with pytest.warns(PathBreakWarning, match=kind) as caught:
                leave(recorded)
            assert caught[0].filename == __file__


def test_leaving_on_purpose_or_outside_does_not_warn():
    x, constant = ad.constant([1.0, 2.0]), ad.constant([1.0, 2.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = x * x
            np.asarray(constant)
            float(constant[0])
            y.numpy(), y.tolist(), y[0].item(), bool(y[0] > 0.0), str(y), repr(y), f"{y[0]:.3f}"
        np.asarray(y)
        float(y[0])
        float(tape.gradient(y, x)[0])


def test_python_functions_on_tensors():
    assert gradients(lambda a, b, c: max([a, b, c]), 1.0, 2.0, 3.0) == [None, None, 1.0]
    assert gradients(lambda a, b, c: sum([a, b, c]), 1.0, 2.0, 3.0) == [1.0, 1.0, 1.0]
    assert gradients(lambda a, b, c: sorted([a, b, c])[0] * 2.0, 1.0, 2.0, 3.0) == [2.0, None, None]
    assert gradients(abs, -3.0) == [-1.0]
    assert gradients(lambda x: pow(x, 2), 3.0) == [6.0]
    assert gradients(lambda x: 5.0 % x, 3.0) == [-1.0]


def test_python_branches_and_loops():
    def branch(x, y):
        return x * 3.0 if x > 1.0 else y

    assert gradients(branch, 2.0, 5.0) == [3.0, None]
    assert gradients(branch, 0.5, 5.0) == [None, 1.0]

    def until(x):
        y, steps = x, 0
        while y < 100.0:
            y, steps = y * y, steps + 1
        assert steps == 3
        return y

    assert gradients(until, 2.0) == [8.0 * 2.0**7]

    def recursive(x, depth):
        return x if depth == 0 else np.sin(recursive(x, depth - 1))

    x = 1.0
    expected = math.cos(math.sin(math.sin(x))) * math.cos(math.sin(x)) * math.cos(x)
    assert gradients(lambda x: recursive(x, 3), x) == [pytest.approx(expected, rel=1e-14)]


def test_containers_and_closures_carry_the_connection():
    x = ad.constant(2.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        box = {"list": [x * 3.0], "f": lambda y: y + x}
        y = box["f"](box["list"][0]) + np.stack([x, x, x])[2] * 3.0
    assert value(tape.gradient(y, x)) == 7.0


def test_lists_of_tensors_become_arrays():
    x, y = ad.constant(2.0), ad.constant(5.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch([x, y])
        parts = [x * k for k in range(1, 4)]
        total = np.sum(np.stack(parts)) + np.sum(ad.constant([y, 1.0, x]))
        matrix = ad.constant([[x, 1.0], [y, x * y]])
        dotted = ad.constant([1.0, 2.0]) @ [x, y]
    assert [value(g) for g in tape.gradient(total, [x, y])] == [7.0, 1.0]
    assert matrix.shape == (2, 2)
    assert [value(g) for g in tape.gradient(matrix, [x, y])] == [6.0, 3.0]
    assert [value(g) for g in tape.gradient(dotted, [x, y])] == [1.0, 2.0]


def test_lists_that_only_numpy_sees_leave_the_tape_with_a_warning():
    x = ad.constant(2.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        for leave in (lambda: np.array([x, 1.0]), lambda: np.stack([[x, x], [x, x]]), lambda: np.ones(2) @ [x, x]):
            with pytest.warns(PathBreakWarning):
                assert isinstance(leave(), np.ndarray | np.generic)


def test_constant_of_a_tensor_is_the_tensor():
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = ad.constant(x) * 2.0
        z = ad.constant(x, dtype=np.float32)
    assert value(tape.gradient(y, x)) == 2.0
    assert value(tape.gradient(z, x)) == 1.0


# ---- integers, booleans, flat operations ------------------------------------------------------------


def test_path_through_integers_is_broken():
    assert gradients(lambda x: x.astype(int).astype(float) * 2.0, 3.7) == [None]
    assert gradients(lambda x: x.astype(int).astype(float) * x, 3.7) == [3.0]
    assert gradients(lambda x: (x > 1.0).astype(float) + x, 3.7) == [1.0]
    assert gradients(lambda x: (x > 1.0) * 2.0, 3.7) == [None]
    assert gradients(lambda x: np.isnan(x).astype(float), 3.7) == [None]
    assert gradients(lambda x: np.argmax(x) * 1.0, [1.0, 2.0]) == [None]


FLAT = {
    **{f.__name__: f for f in (np.floor, np.ceil, np.rint, np.round, np.trunc, np.fix, np.sign)},
    "floordiv": lambda x: x // 2.0,
    "heaviside": lambda x: np.heaviside(x, 0.5),
    "zero times": lambda x: 0.0 * x,
    "difference": lambda x: x - x,
    "power 0": lambda x: x**0.0,
}


@pytest.mark.parametrize("flat", FLAT.values(), ids=FLAT)
def test_flat_functions_are_connected_with_slope_zero(flat):
    assert gradients(flat, 3.7) == [0.0]
    assert gradients(lambda x: flat(x) * x, 3.7) == [pytest.approx(float(flat(np.float64(3.7))))]


def test_constants_of_a_shape_are_not_connected():
    assert gradients(lambda x: np.zeros_like(x) + 1.0, 3.0) == [None]
    assert gradients(lambda x: np.ones_like(x) * np.shape(x)[0], [3.0]) == [None]


def test_masks_and_index_arrays():
    x = [-1.0, 2.0, -3.0, 4.0]
    assert gradients(lambda x: x[x > 0.0] ** 2, x) == [[0.0, 4.0, 0.0, 8.0]]
    assert gradients(lambda x: np.where(x > 0.0, x**2, 0.0), x) == [[0.0, 4.0, 0.0, 8.0]]
    assert gradients(lambda x: x[[1, 3, 1]] * 2.0, x) == [[0.0, 4.0, 0.0, 2.0]]
    assert gradients(lambda x: x[-1] + x[np.argmin(x)], x) == [[0.0, 0.0, 1.0, 1.0]]


def test_lanes_that_where_does_not_take_are_silent():
    assert gradients(lambda x: np.where(x > 0.0, np.log(x), 0.0), [-1.0, 0.0, 4.0]) == [[0.0, 0.0, 0.25]]
    assert gradients(lambda x: np.where(x != 0.0, 1.0 / x, 0.0), [0.0, 2.0]) == [[0.0, -0.25]]
    # A real nan stays visible: nothing was masked here.
    assert np.isnan(gradients(lambda x: np.sqrt(x) ** 2, [0.0])[0]).all()


def test_random_numbers_drawn_outside_reparameterise():
    noise = np.random.default_rng(0).normal(size=3)
    found = gradients(lambda m, s: m + s * noise, [0.0] * 3, 1.0)
    assert found[0] == [1.0] * 3
    assert found[1] == pytest.approx(noise.sum())


def test_stop_gradient_blocks_one_path():
    assert gradients(lambda x: ad.stop_gradient(x) * x, 3.0) == [3.0]
    assert gradients(lambda x: ad.stop_gradient(x) * 2.0, 3.0) == [None]
    # The straight-through estimator.
    assert gradients(lambda x: x + ad.stop_gradient(np.round(x) - x), 3.7) == [1.0]
