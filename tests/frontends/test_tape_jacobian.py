"""`GradientTape.jacobian` and `batch_jacobian`."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import ArgumentError, DTypeError, ShapeError, TapeError

X = np.array([[1.0, 2.0], [3.0, 4.0]])


def taped(f, *values, **options):
    """(tape, variables, result) of a recorded function."""
    variables = [ad.Variable(v) for v in values]
    with ad.GradientTape(**options) as tape:
        y = f(*variables)
    return tape, variables, y


def close(a, b):
    np.testing.assert_allclose(np.asarray(a.numpy()), b, rtol=1e-12, atol=1e-14)
    assert a.shape == np.shape(b)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x**2, np.array([1.0, 2.0])),
        (lambda x: np.stack([np.cos(x), np.exp(x)]), 0.3),
        (lambda x: np.sum(x**2), X),
        (lambda x: x * x, 2.0),
        (lambda x: np.tanh(np.array([[1.0, -1.0], [0.5, 2.0], [1.0, 1.0]]) @ x), X),
        (lambda x: x[np.array([1, 0, 1])] ** 2, X),
        (lambda x: np.cumsum(x) * 3.0, np.zeros((0,))),
    ],
    ids=["vector", "number", "to number", "between numbers", "matrices", "gather", "empty"],
)
def test_agrees_with_the_function_transform(f, x):
    expected = ad.jacrev(f)(x)
    for _ in range(3):  # interpreted at first, then by a kernel
        tape, (v,), y = taped(f, x)
        close(tape.jacobian(y, v), expected)


def test_structures():
    tape, (x, w), (y, z) = taped(lambda x, w: ((x * w), np.sum(x)), np.ones(2), np.array([2.0, 3.0]))
    found = tape.jacobian({"y": y, "z": [z]}, [x, {"w": w}])
    close(found["y"][0], np.diag([2.0, 3.0]))
    close(found["y"][1]["w"], np.eye(2))
    close(found["z"][0][0], np.ones(2))
    assert found["z"][0][1]["w"] is None


def test_unconnected_sources():
    tape, (_, u), y = taped(lambda x, u: x**2, np.array([1.0, 2.0]), np.ones(3), persistent=True)
    assert tape.jacobian(y, u) is None
    close(tape.jacobian(y, u, unconnected_gradients="zero"), np.zeros((2, 3)))
    with pytest.raises(ArgumentError, match="Unknown value"):
        tape.jacobian(y, u, unconnected_gradients="nonsense")


def test_intermediate_and_target_as_sources():
    x = ad.Variable([0.5, 2.0])
    with ad.GradientTape() as tape:
        s = np.exp(x)
        y = s * s
    inner, own = tape.jacobian(y, [s, y])
    close(inner, np.diag(2 * np.exp([0.5, 2.0])))
    close(own, np.eye(2))


def test_is_one_use_of_the_tape():
    tape, (x,), y = taped(lambda x: x**2, np.array([1.0, 2.0]))
    close(tape.jacobian(y, x, parallel_iterations=3, experimental_use_pfor=False), np.diag([2.0, 4.0]))
    with pytest.raises(TapeError, match="non-persistent"):
        tape.jacobian(y, x)
    with pytest.raises(TapeError, match=r"jacobian\(\) on a tape that was never entered"):
        ad.GradientTape().jacobian(y, x)


def test_a_bad_argument_does_not_consume_the_tape():
    tape, (x,), y = taped(lambda x: x**2, np.array([1.0, 2.0]))
    for target, source in [(None, x), (y, None), (ad.constant([1, 2]), x), (y, 3.0)]:
        with pytest.raises(DTypeError):
            tape.jacobian(target, source)
    close(tape.jacobian(y, x), np.diag([2.0, 4.0]))


def test_variable_read_twice():
    x = ad.Variable([1.0, 2.0])
    with ad.GradientTape() as tape:
        y = x * x
        x.assign([5.0, 5.0])
        z = y * x
    close(tape.jacobian(z, x), np.diag([2 * 1 * 5 + 1, 2 * 2 * 5 + 4]))


def test_inside_the_block_and_nested():
    x = ad.Variable([1.0, 2.0])
    with ad.GradientTape() as outer:
        with ad.GradientTape() as inner:
            y = x**3
        j = inner.jacobian(y, x)
    close(j, np.diag([3.0, 12.0]))
    expected = np.zeros((2, 2, 2))
    expected[0, 0, 0], expected[1, 1, 1] = 6.0, 12.0
    close(outer.jacobian(j, x), expected)

    with ad.GradientTape(persistent=True) as tape:
        y = x**3
        j = tape.jacobian(y, x)
    close(tape.jacobian(j, x), expected)


def test_jacobian_of_an_intermediate_of_the_outer_tape():
    x = ad.Variable([1.0, 2.0])
    with ad.GradientTape() as outer:
        s = x * 2.0
        with ad.GradientTape() as inner:
            inner.watch(s)
            y = s**3
        trace = np.trace(inner.jacobian(y, s))
    close(outer.gradient(trace, s), np.array([12.0, 24.0]))


def test_inside_a_traced_function():
    @ad.jit
    def f(x):
        with ad.GradientTape() as tape:
            x = tape.watch(x)
            y = np.sin(x)
        return tape.jacobian(y, x)

    np.testing.assert_allclose(f(np.array([0.0, 1.0])), np.diag(np.cos([0.0, 1.0])))


def test_the_same_recording_again_is_looked_up():
    programs = [taped(lambda x: np.tanh(x) * 2.0, np.ones(3)) for _ in range(2)]
    first, second = (tape.jacobian(y, x).numpy() for tape, (x,), y in programs)
    np.testing.assert_array_equal(first, second)


# ---- batch_jacobian --------------------------------------------------------------------------------


def diagonal(j, rest):
    n = j.shape[0]
    return np.stack([j[(i, *(slice(None),) * (rest - 1), i)] for i in range(n)])


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x**2,
        lambda x: np.stack([x[:, 0] * x[:, 1], np.sum(x, 1), x[:, 1] ** 2], axis=1),
        lambda x: np.cumsum(x, axis=0) * x,
        lambda x: (x @ x.T)[:, :, None] * x[:, None, :],
    ],
    ids=["elementwise", "rows", "down the rows", "all rows"],
)
def test_blocks_on_the_diagonal_also_when_rows_interact(f):
    tape, (x,), y = taped(f, X, persistent=True)
    close(tape.batch_jacobian(y, x), diagonal(tape.jacobian(y, x).numpy(), len(y.shape)))


def test_rows_that_interact():
    """Adding up the columns of the Jacobian would give [[4, 0], [0, 8]] for the first row."""
    tape, (x,), y = taped(lambda x: np.cumsum(x**2, axis=0), X)
    close(tape.batch_jacobian(y, x), np.stack([np.diag(row) for row in 2 * X]))


def test_batch_structures_and_unconnected():
    tape, (x, u), y = taped(lambda x, u: x**2, X, np.ones((2, 3)), persistent=True)
    found = tape.batch_jacobian(y, {"x": x, "u": u})
    close(found["x"], np.stack([np.diag(row) for row in 2 * X]))
    assert found["u"] is None
    close(tape.batch_jacobian(y, u, unconnected_gradients="zero"), np.zeros((2, 2, 3)))


def test_empty_batch():
    tape, (x,), y = taped(lambda x: x**2, np.zeros((0, 3)))
    assert tape.batch_jacobian(y, x).shape == (0, 3, 3)


def test_batch_refuses():
    tape, (_, _, v), y = taped(lambda x, w, v: x @ w + v, X, np.ones((2, 2)), np.ones(2), persistent=True)
    with pytest.raises(ShapeError, match=r"shape \(2,\) of the source must have rank at least 2"):
        tape.batch_jacobian(y, v)
    tape, (x, z), y = taped(lambda x, z: x**2, X, np.ones((3, 2)), persistent=True)
    with pytest.raises(ShapeError, match=r"target shape \(2, 2\) and source shape \(3, 2\) to match"):
        tape.batch_jacobian(y, z)
    with pytest.raises(DTypeError, match="target is a Python list"):
        tape.batch_jacobian([y], x)
