"""What a tape watches, from when on, and what it refuses to watch.

The rules are those of TensorFlow's `GradientTape`, except where its behaviour is an accident: a watch that was lost
without a word, integer sources, errors that speak of attributes.
"""

import warnings

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import LateWatchWarning

pytestmark = pytest.mark.usefixtures("interpreted")


def gradient_of(f, *values, watch=True):
    """The gradients of f at constants, by a tape."""
    xs = [ad.constant(v) for v in values]
    with ad.GradientTape() as tape:
        if watch:
            tape.watch(xs)
        y = f(*xs)
    return tape.gradient(y, xs)


# ---- what is watched -----------------------------------------------------------------------


def test_trainable_variable_is_watched_when_read():
    x = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = x * x
    assert tape.gradient(y, x).numpy() == 6.0


def test_constant_is_not_watched():
    assert gradient_of(lambda x: x * x, 3.0, watch=False) == [None]


def test_watched_constant_is_a_source():
    assert gradient_of(lambda x: x * x, 3.0)[0].numpy() == 6.0


def test_unwatched_constant_stays_a_constant_beside_a_watched_one():
    w, x = ad.constant(2.0), ad.constant(5.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(w)
        y = w * x + x * x
    assert tape.gradient(y, w).numpy() == 5.0
    # x * x was not recorded, so a gradient of 2.0 would be a wrong one.
    assert tape.gradient(y, x) is None


def test_watch_acts_forward_only_and_says_so():
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as tape:
        y = x * x
        with pytest.warns(LateWatchWarning, match="before the first use"):
            tape.watch(x)
        z = x**3
    assert tape.gradient(y, x) is None
    assert tape.gradient(z, x).numpy() == 27.0


def test_late_watch_leaves_earlier_uses_constant():
    w, x = ad.constant(2.0), ad.constant(5.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(w)
        y = w * x
        with pytest.warns(LateWatchWarning):
            tape.watch(x)
        z = y + x * x
    assert tape.gradient(z, x).numpy() == 10.0
    assert tape.gradient(z, w).numpy() == 5.0


def test_watch_before_first_use_does_not_warn():
    x = ad.constant(3.0)
    with ad.GradientTape() as first:
        x * x
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ad.GradientTape() as second:
            second.watch(x)
            y = x * x
    assert first.gradient(y, x) is None
    assert second.gradient(y, x).numpy() == 6.0


def test_intermediate_from_outside_is_a_source_but_nothing_flows_behind_it():
    x = ad.Variable(3.0)
    y = x * x
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(y)
        z = 2.0 * y
    assert tape.gradient(z, y).numpy() == 2.0
    assert tape.gradient(z, x) is None


def test_frozen_variable_needs_a_watch():
    x = ad.Variable(3.0, trainable=False)
    with ad.GradientTape() as tape:
        y = x * x
    assert tape.gradient(y, x) is None
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x).numpy() == 6.0
    assert tape.watched_variables() == (x,)


def test_freezing_takes_effect_at_the_next_read():
    x = ad.Variable(3.0)
    x.trainable = False
    with ad.GradientTape() as tape:
        y = x * x
    assert tape.watched_variables() == ()
    assert tape.gradient(y, x) is None


def test_value_read_outside_is_a_constant():
    x = ad.Variable(3.0)
    outside = x + 1.0
    assert isinstance(outside, ad.Tensor)
    with ad.GradientTape(persistent=True) as tape:
        y = outside * outside
        z = outside * x
    assert tape.gradient(y, x) is None
    assert tape.gradient(z, x).numpy() == 4.0


def test_tensor_read_from_a_variable_outside_is_watched_only_once_the_variable_is_read():
    x = ad.Variable(3.0)
    value = x.read_value()
    with ad.GradientTape() as tape:
        y = value * value
    assert tape.gradient(y, x) is None


def test_automatic_watching_can_be_switched_off():
    x0, x1 = ad.Variable(0.0), ad.Variable(10.0)
    with ad.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x1)
        y = np.sin(x0) + np.log1p(np.exp(x1))
    grads = tape.gradient(y, {"x0": x0, "x1": x1})
    assert grads["x0"] is None
    assert grads["x1"].numpy() == pytest.approx(0.9999546021312976, rel=1e-12)
    assert tape.watched_variables() == (x1,)


def test_watch_takes_nested_structures():
    a, b, c = map(ad.constant, (2.0, 3.0, 4.0))
    with ad.GradientTape() as tape:
        tape.watch([])
        tape.watch({"a": a, "rest": (b, [c])})
        y = a * b * c
    grads = tape.gradient(y, {"a": a, "rest": (b, [c])})
    assert grads["a"].numpy() == 12.0
    assert grads["rest"][0].numpy() == 8.0
    assert grads["rest"][1][0].numpy() == 6.0


def test_watch_returns_its_argument_and_a_tensor_for_an_array():
    x = ad.constant(1.0)
    with ad.GradientTape() as tape:
        assert tape.watch(x) is x
        a = tape.watch(np.array([1.0, 2.0]))
        y = a * a
    assert isinstance(a, ad.Tensor)
    np.testing.assert_array_equal(tape.gradient(y, a).numpy(), [2.0, 4.0])


@pytest.mark.parametrize("bad", [3.0, 3, [1.0, 2.0], None, "x", {"a": None}])
def test_watch_refuses_what_it_cannot_follow(bad):
    with ad.GradientTape() as tape, pytest.raises(TypeError, match=r"wrap it first: x = ad\.constant"):
        tape.watch(bad)


def test_watch_before_entering():
    x = ad.constant(3.0)
    tape = ad.GradientTape()
    tape.watch(x)
    with tape:
        y = x * x
    assert tape.gradient(y, x).numpy() == 6.0


def test_watch_between_two_blocks():
    x = ad.constant(3.0)
    tape = ad.GradientTape()
    with tape:
        ad.constant(1.0) + 1.0
    tape.watch(x)
    with tape:
        y = x * x
    assert tape.gradient(y, x).numpy() == 6.0


def test_watch_after_use_counts_for_the_next_block():
    x = ad.constant(3.0)
    tape = ad.GradientTape()
    with tape:
        y = x * x
    assert tape.gradient(y, x) is None
    tape.watch(x)
    with tape:
        y = x * x
    assert tape.gradient(y, x).numpy() == 6.0


def test_variable_watched_between_two_blocks():
    x = ad.Variable(3.0, trainable=False)
    tape = ad.GradientTape()
    with tape:
        y = x * x
    assert tape.gradient(y, x) is None
    tape.watch(x)
    with tape:
        y = x * x
    assert tape.gradient(y, x).numpy() == 6.0


@pytest.mark.parametrize("bad", [3, True, np.array([1, 2])])
def test_integers_and_booleans_cannot_be_watched(bad):
    with ad.GradientTape() as tape, pytest.raises(TypeError, match="not differentiable"):
        tape.watch(ad.constant(bad))


def test_integer_variable_is_not_watched():
    n = ad.Variable(3, dtype=np.int64)
    with ad.GradientTape() as tape:
        y = n * 2.0
    assert tape.watched_variables() == ()
    with pytest.raises(TypeError, match="int64"):
        tape.gradient(y, n)


def test_watching_twice_changes_nothing():
    x, v = ad.constant(3.0), ad.Variable(3.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch([x, x, v])
        tape.watch(x)
        tape.watch(v)
        y = x * x + v * v
    assert tape.gradient(y, x).numpy() == 6.0
    assert tape.gradient(y, v).numpy() == 6.0


def test_variable_made_inside_the_block():
    with ad.GradientTape() as tape:
        x = ad.Variable(3.0)
        y = x * x
    assert tape.gradient(y, x).numpy() == 6.0


# ---- identity ------------------------------------------------------------------------------


def test_equal_constants_are_distinct_sources():
    a, b = ad.constant(1.0), ad.constant(1.0)
    with ad.GradientTape() as tape:
        tape.watch([a, b])
        y = a + 10.0 * b
    assert [g.numpy() for g in tape.gradient(y, [a, b])] == [1.0, 10.0]


def test_copy_made_afterwards_is_another_value():
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    assert tape.gradient(y, x.copy()) is None
    assert tape.gradient(y, np.copy(x)) is None
    assert tape.gradient(y, x[:1]) is None


def test_copy_made_inside_is_an_intermediate():
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        c = x.copy()
        y = c * c + x
    assert tape.gradient(y, c).numpy() == 6.0
    assert tape.gradient(y, x).numpy() == 7.0


# ---- watched_variables ----------------------------------------------------------------------


def test_watched_variables_in_order_of_construction():
    a, b, _unused, frozen = (ad.Variable(1.0), ad.Variable(1.0), ad.Variable(1.0), ad.Variable(1.0, trainable=False))
    tape = ad.GradientTape()
    assert tape.watched_variables() == ()
    with tape:
        y = b * a * frozen
    assert [v is w for v, w in zip(tape.watched_variables(), (a, b), strict=True)] == [True, True]
    tape.gradient(y, a)
    assert len(tape.watched_variables()) == 2


def test_watched_variables_start_afresh_after_reset_and_after_entering_again():
    a, b = ad.Variable(1.0), ad.Variable(1.0)
    with ad.GradientTape() as tape:
        a * 1.0
        tape.reset()
        assert tape.watched_variables() == ()
        y = b * 1.0
    assert len(tape.watched_variables()) == 1
    assert tape.watched_variables()[0] is b
    tape.gradient(y, b)
    with tape:
        a * 1.0
    assert [v is a for v in tape.watched_variables()] == [True]


def test_assigning_and_looking_is_not_reading():
    a, b = ad.Variable(1.0), ad.Variable([1.0, 2.0])
    with ad.GradientTape() as tape:
        a.assign(2.0)
        a.assign_add(1.0)
        b.numpy()
        repr(b)
        assert b.shape == (2,)
    assert tape.watched_variables() == ()


def test_target_that_was_never_read_is_not_watched():
    a, b = ad.Variable(1.0), ad.Variable(2.0)
    with ad.GradientTape(persistent=True) as tape:
        b * 1.0
    assert tape.gradient(a, a).numpy() == 1.0
    assert [v is b for v in tape.watched_variables()] == [True]


# ---- values are captured when they are read ----------------------------------------------------


def test_later_assignment_does_not_change_the_gradient():
    x = ad.Variable(3.0)
    with ad.GradientTape() as tape:
        y = x * x
    x.assign(100.0)
    assert y.numpy() == 9.0
    assert tape.gradient(y, x).numpy() == 6.0
    assert x.numpy() == 100.0


def test_arrays_are_copied_when_they_enter():
    a, b = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    x = ad.constant(a)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * b + x * np.sin(b)
    expected = b + np.sin(b)
    a[:] = 100.0
    b[:] = 100.0
    np.testing.assert_array_equal(x.numpy(), [1.0, 2.0])
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), expected, rtol=1e-15)


def test_arrays_given_to_assign_are_copied():
    a = np.array([1.0, 2.0])
    v = ad.Variable(a)
    v.assign(a)
    a[:] = 100.0
    np.testing.assert_array_equal(v.numpy(), [1.0, 2.0])


def test_numpy_gives_writable_copies():
    x, v = ad.constant([1.0, 2.0]), ad.Variable([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x + v
    first, second = tape.gradient(y, [x, v])
    for t in (x, v, y, first, second):
        before = t.numpy()
        before[:] = 100.0
        assert not (t.numpy() == 100.0).any()
        assert not np.shares_memory(t.numpy(), t.numpy())
    assert not np.shares_memory(first.value(), second.value())


def test_two_gradients_are_distinct_objects():
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
    first, second = tape.gradient(y, x), tape.gradient(y, x)
    assert first is not second
    assert not np.shares_memory(first.value(), second.value())


# ---- variables as arrays -----------------------------------------------------------------------


def test_indexing_and_iterating_a_variable():
    v = ad.Variable([1.0, 2.0, 3.0])
    with ad.GradientTape(persistent=True) as tape:
        first = v[0] * 2.0
        rest = np.sum(v[1:] * 3.0)
        whole = sum(x * x for x in v)
        dotted = v[::-1] @ np.array([1.0, 10.0, 100.0])
    np.testing.assert_array_equal(tape.gradient(first, v).numpy(), [2, 0, 0])
    np.testing.assert_array_equal(tape.gradient(rest, v).numpy(), [0, 3, 3])
    np.testing.assert_array_equal(tape.gradient(whole, v).numpy(), [2, 4, 6])
    np.testing.assert_array_equal(tape.gradient(dotted, v).numpy(), [100, 10, 1])


def test_numbers_and_arrays_are_constants_as_operands():
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = np.float64(2.0) * x + x * [3.0, 3.0] - 1 + np.array(0.0)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [5.0, 5.0])


def test_tensors_compare_element_by_element_and_are_keys():
    x, y = ad.constant([1.0, 2.0]), ad.constant([1.0, 3.0])
    assert (x == y).tolist() == [True, False]
    assert (x != y).tolist() == [False, True]
    assert {x: 1, y: 2}[y] == 2
    assert bool(ad.constant(1.0) == 1.0)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(x == y)


# ---- the first examples every reader tries --------------------------------------------------------


def test_quadratic_at_five():
    x = ad.Variable(5.0)
    with ad.GradientTape() as tape:
        y = x**2 + 2 * x + 1
    assert tape.gradient(y, x).numpy() == 12.0


def test_persistent_powers():
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert tape.gradient(y, x).numpy() == 6.0
    assert tape.gradient(z, x).numpy() == 108.0


def test_watching_what_is_not_used_gives_none():
    x, unused = ad.constant(3.0), ad.constant(1.0)
    with ad.GradientTape() as tape:
        tape.watch([x, unused])
        y = x * x
    first, second = tape.gradient(y, [x, unused])
    assert first.numpy() == 6.0
    assert second is None


def test_linear_regression_by_hand():
    x = np.array([[1.0, 2.0]], np.float32)
    w = ad.Variable(np.array([[0.25], [0.15]], np.float32))
    target = np.float32(0.75)
    with ad.GradientTape() as tape:
        loss = (target - x @ w) ** 2
    g = tape.gradient(loss, w)
    assert g.dtype == np.float32
    np.testing.assert_allclose(g.numpy(), [[-0.4], [-0.8]], rtol=1e-6)
    w.assign_sub(np.float32(0.1) * g)
    np.testing.assert_allclose(w.numpy(), [[0.29], [0.23]], rtol=1e-6)
