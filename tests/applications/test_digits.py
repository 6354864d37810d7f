"""The demo: both ways learn, agree with each other, and the report says what it should."""

import numpy as np
import pytest

from autodiff.applications import digits


@pytest.fixture(scope="module")
def runs():
    return {"GradientTape": digits.tape_way(epochs=3), "@value_and_grad": digits.decorator_way(epochs=3)}


def numpy_way(epochs):
    """The same training with derivatives by hand: what both ways have to reproduce."""
    params, momentum, losses = digits.initial_params(), digits.Momentum(), []
    for x, y in digits.train_batches().repeat(epochs):
        losses.append(float(digits.mean_loss(params, x, y)))
        hidden = np.tanh(x @ params["w1"] + params["b1"])
        exponentials = np.exp(hidden @ params["w2"] + params["b2"])
        ct_logits = (exponentials / exponentials.sum(axis=1, keepdims=True) - y) / len(x)
        ct_hidden = (ct_logits @ params["w2"].T) * (1 - hidden**2)
        gradients = {
            "w1": x.T @ ct_hidden,
            "b1": ct_hidden.sum(axis=0),
            "w2": hidden.T @ ct_logits,
            "b2": ct_logits.sum(axis=0),
        }
        for name, gradient in gradients.items():
            params[name] = params[name] - momentum.step(name, gradient)
    return digits.Run(params, losses)


def test_both_ways_learn(runs):
    for title, run in runs.items():
        assert digits.accuracy(run) > 0.9, title


def test_both_ways_follow_the_derivatives_by_hand(runs):
    by_hand = numpy_way(epochs=3)
    assert len(by_hand.losses) == 3 * 23
    for run in runs.values():
        np.testing.assert_allclose(run.losses, by_hand.losses, rtol=0, atol=1e-9)
        for name, expected in by_hand.params.items():
            np.testing.assert_allclose(run.params[name], expected, rtol=0, atol=1e-9)


def test_both_ways_agree(runs):
    tape, decorator = runs.values()
    np.testing.assert_allclose(tape.losses, decorator.losses, rtol=0, atol=1e-9)


def test_report_and_plot(tmp_path, capsys):
    assert digits.main(["--epochs", "1", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for words in ("Results", "test accuracy", "compiled for", "plain NumPy", "digits.png"):
        assert words in printed
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")


def test_full_source_is_longer_or_equal(runs):
    head, full = digits.source_lines(full=False), digits.source_lines(full=True)
    assert full[: digits.SOURCE_LINES] == head[: digits.SOURCE_LINES]


def test_epochs_must_be_positive(capsys):
    with pytest.raises(SystemExit):
        digits.main(["--epochs", "0"])
    assert "at least 1" in capsys.readouterr().err
