"""Index arrays whose numbers are known: what is read, and its gradient, are NumPy's."""

import numpy as np
import pytest

import autodiff as ad

X = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "index",
    [
        (np.array([1, 0, 1], np.uint8),),
        (np.array([0, 1, 1]), np.array([-1, 2, -3])),
        (np.array([[0], [1]]), np.array([0, -3, 2])),
        (np.array([0, 1]), slice(1, None)),
        (slice(None), np.array([-1, 0]), 2),
        (Ellipsis, np.array([3, -4])),
        (np.array([0, 1]), None, np.array([0, 1])),
        (np.array(-1), np.array(2)),
        (np.array([], np.uint64), np.array([0])),
        (np.array([1, 0])[::-1], np.array([0, 1], np.int32)),
    ],
    ids=str,
)
def test_reads_and_differentiates_as_numpy(index):
    x = ad.Variable(X)
    with ad.GradientTape() as tape:
        y = x[index]
        total = np.sum(y * y)
    expected = np.zeros_like(X)
    np.add.at(expected, index, 2 * X[index])
    np.testing.assert_array_equal(tape.gradient(total, x).numpy(), expected)
    np.testing.assert_array_equal(y.numpy(), X[index])


@pytest.mark.parametrize(
    ("index", "says"),
    [
        ((np.array([0, 2]),), "index 2 is out of bounds for axis 0 with size 2"),
        ((np.array([-3]),), "index -3 is out of bounds for axis 0 with size 2"),
        ((np.array([0]), np.array([3])), "index 3 is out of bounds for axis 1 with size 3"),
        ((np.array([0, 1]), np.array([0, -4])), "index -4 is out of bounds for axis 1 with size 3"),
    ],
    ids=str,
)
def test_an_index_outside_its_own_axis_is_refused(index, says):
    with pytest.raises(ad.errors.AxisError, match=says):
        ad.Variable(X)[index]


def test_what_is_recorded_is_a_copy_of_the_index():
    x, index = ad.Variable(np.arange(4.0)), np.array([0, 1])
    with ad.GradientTape() as tape:
        y = np.sum(x[index])
    index[:] = 3
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [1, 1, 0, 0])
