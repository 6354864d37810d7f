"""Derivatives of derivatives: nested tapes, one persistent tape, mixed derivatives, Hessians, gradient penalties."""

import numpy as np
import pytest

import autodiff as ad

pytestmark = pytest.mark.usefixtures("interpreted")


def value(g):
    return None if g is None else g.numpy().tolist()


def nested(f, x, order):
    """The derivatives of f at x up to an order, by that many nested tapes."""
    x = ad.constant(x)
    found = []

    def derivative(k):
        if k == 0:
            return f(x)
        with ad.GradientTape() as tape:
            tape.watch(x)
            y = derivative(k - 1)
        g = tape.gradient(y, x)
        found.append(g)
        return g

    derivative(order)
    return [value(g) for g in found]


def persistent(f, x, order):
    """The same by one persistent tape, asked inside its own block."""
    x = ad.constant(x)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        found = [f(x)]
        for _ in range(order):
            found.append(tape.gradient(found[-1], x))
    return [value(g) for g in found[1:]]


CASES = [
    ("3x", lambda x: 3.0 * x, 2.0, [3.0, 0.0, 0.0]),
    ("x+1", lambda x: x + 1.0, 2.0, [1.0, 0.0]),
    ("-x", lambda x: -x, 2.0, [-1.0, 0.0]),
    ("x/2", lambda x: x / 2.0, 2.0, [0.5, 0.0]),
    ("x*x", lambda x: x * x, 2.0, [4.0, 2.0, 0.0, 0.0]),
    ("x**2", lambda x: x**2, 2.0, [4.0, 2.0, 0.0, 0.0]),
    ("square", np.square, 2.0, [4.0, 2.0, 0.0]),
    ("x**3", lambda x: x**3, 2.0, [12.0, 12.0, 6.0, 0.0, 0.0]),
    ("abs", abs, 2.0, [1.0, 0.0]),
    ("floor", np.floor, 2.5, [0.0, 0.0]),
    ("maximum", lambda x: np.maximum(x, 0.0), 2.0, [1.0, 0.0]),
    ("exp", np.exp, 2.0, [np.exp(2.0)] * 4),
    ("sin", np.sin, 2.0, [np.cos(2.0), -np.sin(2.0), -np.cos(2.0), np.sin(2.0)]),
    ("sum", np.sum, [2.0, 3.0], [[1.0, 1.0], [0.0, 0.0]]),
    ("x**1.5", lambda x: x**1.5, 4.0, [3.0, 0.375, -0.046875]),
]


@pytest.mark.parametrize("how", [nested, persistent])
@pytest.mark.parametrize(("f", "x", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_derivatives_of_every_order(how, f, x, expected):
    found = how(f, x, len(expected))
    for ours, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, right, rtol=1e-14, atol=0.0)


def test_inner_gradient_belongs_into_the_outer_block():
    x = ad.Variable(1.0)
    with ad.GradientTape() as outer:
        with ad.GradientTape() as inner:
            y = x**3
        first = inner.gradient(y, x)
    assert (value(first), value(outer.gradient(first, x))) == (3.0, 6.0)
    with ad.GradientTape() as outer, ad.GradientTape() as inner:
        y = x**3
    first = inner.gradient(y, x)
    assert (value(first), outer.gradient(first, x)) == (3.0, None)


def test_every_tape_needs_its_own_watch():
    x = ad.constant(2.0)
    for watching in ("inner", "outer"):
        with ad.GradientTape() as outer:
            with ad.GradientTape() as inner:
                (inner if watching == "inner" else outer).watch(x)
                y = x**3
            first = inner.gradient(y, x)
        if watching == "inner":
            assert value(first) == 12.0
            assert outer.gradient(first, x) is None
        else:
            assert first is None


def test_persistent_tape_asked_outside_knows_no_second_derivative():
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x**3
    first = tape.gradient(y, x)
    assert value(first) == 27.0
    assert tape.gradient(first, x) is None
    with tape:
        first = tape.gradient(y, x)
    assert value(tape.gradient(first, x)) == 18.0


def test_unconnected_second_derivative_is_none_or_zeros():
    x, u = ad.constant(3.0), ad.constant([1.0, 2.0])
    with ad.GradientTape(persistent=True) as outer:
        outer.watch([x, u])
        with ad.GradientTape() as inner:
            inner.watch(x)
            y = x * x
        first = inner.gradient(y, x)
    assert outer.gradient(first, u) is None
    assert value(outer.gradient(first, u, unconnected_gradients="zero")) == [0.0, 0.0]


def test_gradients_are_ordinary_tensors():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
    g = tape.gradient(y, x)
    with ad.GradientTape() as tape:
        tape.watch(g)
        z = g * g
    assert value(tape.gradient(z, g)) == 12.0


def test_mixed_derivative_through_two_tapes():
    x, y = ad.constant(2.0), ad.constant(3.0)
    with ad.GradientTape() as outer:
        outer.watch(y)
        with ad.GradientTape() as inner:
            inner.watch(x)
            z = x**2 * y**3
        gx = inner.gradient(z, x)
    assert value(outer.gradient(gx, y)) == 108.0


def test_hessian_row_by_row():
    x = ad.constant([1.0, 2.0])
    with ad.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with ad.GradientTape() as inner:
            inner.watch(x)
            y = x[0] ** 2 * x[1] ** 3
        g = inner.gradient(y, x)
        rows = [g[k] for k in range(2)]
    assert value(g) == [16.0, 12.0]
    assert [value(outer.gradient(r, x)) for r in rows] == [[16.0, 24.0], [24.0, 12.0]]


def test_hessian_vector_product_by_output_gradients():
    x, direction = ad.constant([1.0, 2.0]), [-2.0, 1.5]
    with ad.GradientTape() as outer:
        outer.watch(x)
        with ad.GradientTape() as inner:
            inner.watch(x)
            y = x[0] ** 2 * x[1] ** 3
        g = inner.gradient(y, x)
    hessian = np.array([[16.0, 24.0], [24.0, 12.0]])
    np.testing.assert_allclose(outer.gradient(g, x, output_gradients=direction).numpy(), hessian @ direction)


def test_gradient_penalty():
    rng = np.random.default_rng(1)
    x, w = rng.normal(size=(1, 2)), rng.normal(size=(2, 1))

    def norm_of_gradient(w):
        # y = sum(tanh(x w)): dy/dx = (1 - tanh^2) w^T
        return np.linalg.norm((1.0 - np.tanh(x @ w) ** 2) * w.T)

    weights, inputs = ad.Variable(w), ad.constant(x)
    with ad.GradientTape() as outer:
        with ad.GradientTape() as inner:
            inner.watch(inputs)
            y = np.sum(np.tanh(inputs @ weights))
        penalty = np.linalg.norm(inner.gradient(y, inputs))
    found = outer.gradient(penalty, weights).numpy()
    assert penalty.numpy() == pytest.approx(norm_of_gradient(w), rel=1e-13)
    h = 1e-6
    for k in range(2):
        step = np.zeros((2, 1))
        step[k] = h
        slope = (norm_of_gradient(w + step) - norm_of_gradient(w - step)) / (2 * h)
        assert found[k, 0] == pytest.approx(slope, rel=1e-7)


def test_gradient_step_inside_the_block_is_differentiated():
    """One step of descent, then the loss after it, with respect to the step size."""
    x, rate = ad.constant(3.0), ad.constant(0.1)
    with ad.GradientTape() as outer:
        outer.watch(rate)
        with ad.GradientTape() as inner:
            inner.watch(x)
            y = x * x
        moved = x - rate * inner.gradient(y, x)
        loss = moved * moved
    # loss = x^2 (1 - 2 r)^2
    assert value(outer.gradient(loss, rate)) == pytest.approx(-4.0 * 9.0 * 0.8)


def test_second_derivative_of_a_variance():
    x = ad.constant([1.0, 2.0, 4.0])
    with ad.GradientTape(persistent=True) as outer:
        outer.watch(x)
        with ad.GradientTape() as inner:
            inner.watch(x)
            y = np.var(x)
        g = inner.gradient(y, x)
        rows = list(g)
    found = [value(outer.gradient(r, x)) for r in rows]
    np.testing.assert_allclose(found, (2.0 / 3.0) * (np.eye(3) - 1.0 / 3.0), rtol=1e-13)


def test_masked_lanes_stay_silent_at_second_order():
    x = ad.constant([-1.0, 0.0, 4.0])
    with ad.GradientTape() as outer:
        outer.watch(x)
        with ad.GradientTape() as inner:
            inner.watch(x)
            y = np.where(x > 0.0, np.log(x), 0.0)
        g = inner.gradient(y, x)
    assert value(outer.gradient(g, x)) == [0.0, 0.0, -1.0 / 16.0]


def test_inner_tape_inside_a_loop_of_the_outer_one():
    x = ad.constant(2.0)
    with ad.GradientTape() as outer:
        outer.watch(x)
        total = ad.constant(0.0)
        for k in range(1, 4):
            with ad.GradientTape() as inner:
                inner.watch(x)
                y = x**k
            total = total + inner.gradient(y, x)
    # d/dx (1 + 2x + 3x^2)
    assert value(outer.gradient(total, x)) == pytest.approx(2.0 + 6.0 * 2.0)
