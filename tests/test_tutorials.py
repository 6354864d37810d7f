"""The numbers that tutorials of gradient tapes print, reproduced through the public names."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import TapeError


def test_a_parabola():
    x = ad.Variable(5.0)
    with ad.GradientTape() as tape:
        y = x**2 + 2 * x + 1
    assert float(y) == 36.0
    assert float(tape.gradient(y, x)) == 12.0


def test_a_constant_has_a_gradient_once_it_is_watched():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x**2
    assert float(tape.gradient(y, x)) == 6.0


def test_a_constant_that_is_not_watched_has_none():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        y = x**2
    assert tape.gradient(y, x) is None


def test_a_persistent_tape_answers_twice():
    x = ad.constant(3.0)
    with ad.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert float(tape.gradient(z, x)) == 108.0
    assert float(tape.gradient(y, x)) == 6.0


def test_any_other_tape_answers_once():
    x = ad.constant(3.0)
    with ad.GradientTape() as tape:
        tape.watch(x)
        y = x * x
        z = y * y
    assert float(tape.gradient(z, x)) == 108.0
    with pytest.raises(TapeError, match="persistent=True"):
        tape.gradient(y, x)


def squared_loss(output):
    return ad.math.squared_difference(0.75, output)


def root_loss(output):
    return ad.math.sqrt(0.75**2 - output**2)


def test_a_neuron():
    w = ad.Variable([[0.25], [0.15]])
    with ad.GradientTape() as tape:
        output = ad.linalg.matmul([[1.0, 2.0]], w)
        loss = squared_loss(output)
    np.testing.assert_allclose(output.numpy(), [[0.55]], rtol=1e-15)
    np.testing.assert_allclose(tape.gradient(loss, w).numpy(), [[-0.4], [-0.8]], rtol=1e-14)


def test_a_neuron_with_another_loss():
    w = ad.Variable([[0.25], [0.15]])
    with ad.GradientTape() as tape:
        output = ad.linalg.matmul([[1.0, 2.0]], w)
        loss = root_loss(output)
    slope = -0.55 / np.sqrt(0.75**2 - 0.55**2)
    np.testing.assert_allclose(tape.gradient(loss, w).numpy(), [[slope], [2 * slope]], rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_training_loop(dtype):
    features = np.array([[5, 2], [3, 3], [4, 1.5]], dtype)
    targets = np.array([0.75, 0.5, 0.4], dtype)
    weights = ad.Variable(np.array([[0.55], [0.75]], dtype))
    for x, y in ad.data.Dataset.zip((features, targets)):
        with ad.GradientTape() as tape:
            output = ad.linalg.matmul([x], weights)
            loss = ad.math.squared_difference(y, output)
        gradient = tape.gradient(loss, weights)
        assert gradient.dtype == dtype
        weights.assign_sub(0.01 * gradient)
    assert weights.dtype == dtype
    expected = plain_training_loop(features.astype(float), targets.astype(float))
    np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-12 if dtype == np.float64 else 1e-5)
    np.testing.assert_allclose(weights.numpy(), [[0.0299520], [0.4738570]], atol=1e-6)


def plain_training_loop(features, targets):
    weights = np.array([[0.55], [0.75]])
    for x, y in zip(features, targets, strict=True):
        weights = weights - 0.01 * -2 * (y - x @ weights) * x[:, None]
    return weights


def test_three_derivatives_side_by_side(capsys):
    def f(x1, x4, x6):
        return np.sin(np.sqrt(np.log(x1) * x4) * x6)

    report = ad.testing.check_grads(f, (2.0, 3.0, 0.5))
    printed = capsys.readouterr().out
    for column in ("differences", "forward mode", "reverse mode"):
        assert column in printed
    for c in report.comparisons:
        assert f"{c.differences:.10g}"[:10] in printed
        assert c.forward == pytest.approx(c.reverse, rel=1e-14)
        assert c.differences == pytest.approx(c.reverse, rel=1e-9)
