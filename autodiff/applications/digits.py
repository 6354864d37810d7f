"""The demo: a digit classifier trained twice, with the tape and with the decorator. Run by `make demo`.

    python -m autodiff.applications.digits [--epochs N] [--out DIR] [--full-source]

The model is a 64-64-10 perceptron with tanh, the loss softmax cross-entropy, the training gradient descent with
momentum on mini-batches of 64. Both ways see the same batches from the same start, so their loss curves agree to
rounding. The file reads in that order: the model, `tape_way` and `decorator_way` (all there is to learn about the
library is in these two), the training loop they share, then what is reported and plotted.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import autodiff as ad
from autodiff.data import Dataset, load_digits

Array = NDArray[np.float64]
Params = dict[str, Array]

# Found by a small search: 97 % of test digits after 10 epochs, no better after 20.
EPOCHS, BATCH, HIDDEN, RATE, MOMENTUM, SEED = 20, 64, 64, 0.2, 0.9, 0
SOURCE_LINES, SHOWN_DIGITS = 24, 12


# ----- The model, in plain NumPy -----


def initial_params(seed: int = SEED) -> Params:
    """Return weights of shapes (64, 64) and (64, 10), scaled by 1 / sqrt(inputs), and zero biases."""
    rng = np.random.default_rng(seed)
    return {
        "w1": rng.normal(size=(64, HIDDEN)) / np.sqrt(64),
        "b1": np.zeros(HIDDEN),
        "w2": rng.normal(size=(HIDDEN, 10)) / np.sqrt(HIDDEN),
        "b2": np.zeros(10),
    }


def predict(params: Params, x: Array) -> Array:
    """Return the logits, one row of ten for each digit in `x`."""
    hidden = np.tanh(x @ params["w1"] + params["b1"])
    return hidden @ params["w2"] + params["b2"]


def mean_loss(params: Params, x: Array, y: Array) -> Any:
    """Return the mean softmax cross-entropy of a batch; `y` is one-hot."""
    logits = predict(params, x)
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_normalizer = np.log(np.sum(np.exp(shifted), axis=1))
    return np.mean(log_normalizer - np.sum(y * shifted, axis=1))


@ad.value_and_grad
def loss_and_gradient(params: Params, x: Array, y: Array) -> Any:
    """Return the loss of a batch and, thanks to the decorator, its gradient with respect to `params`."""
    return mean_loss(params, x, y)


# ----- Two ways to train it -----


@dataclass
class Momentum:
    """Gradient descent with momentum: remembers one velocity per parameter."""

    velocities: Params = field(default_factory=dict)

    def step(self, name: str, gradient: Array) -> Array:
        """Return what to subtract from the parameter `name`."""
        velocity = MOMENTUM * self.velocities.get(name, 0.0) + RATE * gradient
        self.velocities[name] = velocity
        return velocity


@dataclass
class Run:
    """What a training run leaves behind: the trained parameters, and loss and seconds of each step."""

    params: Params
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def tape_way(epochs: int) -> Run:
    """Train with `GradientTape`: variables, and the loss written with NumPy functions as it goes."""
    variables = {name: ad.Variable(value, name=name) for name, value in initial_params().items()}
    w1, b1, w2, b2 = variables.values()
    momentum = Momentum()

    def step(x: Array, y: Array) -> float:
        with ad.GradientTape() as tape:
            logits = np.tanh(x @ w1 + b1) @ w2 + b2
            loss = np.mean(ad.nn.softmax_cross_entropy(logits, y))
        gradients = tape.gradient(loss, [w1, b1, w2, b2])
        for variable, gradient in zip(variables.values(), gradients, strict=True):
            variable.assign_sub(momentum.step(variable.name, gradient.numpy()))
        return float(loss)

    losses, seconds = train(step, epochs, "GradientTape")
    return Run({name: variable.numpy() for name, variable in variables.items()}, losses, seconds)


def decorator_way(epochs: int) -> Run:
    """Train with `@value_and_grad`: a dict of arrays in, the loss and a dict of gradients out."""
    params = initial_params()
    momentum = Momentum()

    def step(x: Array, y: Array) -> float:
        loss, gradients = loss_and_gradient(params, x, y)
        for name, gradient in gradients.items():
            params[name] = params[name] - momentum.step(name, gradient)
        return float(loss)

    losses, seconds = train(step, epochs, "@value_and_grad")
    return Run(params, losses, seconds)


def train(step: Callable[[Array, Array], float], epochs: int, title: str) -> tuple[list[float], list[float]]:
    """Call `step` on every batch of every epoch; return the loss and the seconds of each call."""
    from tqdm import tqdm

    batches = train_batches()
    losses, seconds = [], []
    # disable=None: no progress bar when the output is not a terminal.
    for _ in tqdm(range(epochs), desc=f"  {title:<16}", unit="epoch", disable=None, file=sys.stdout):
        for x, y in batches:
            start = time.perf_counter()
            losses.append(step(x, y))
            seconds.append(time.perf_counter() - start)
    return losses, seconds


def train_batches() -> Dataset:
    """Return the training digits with one-hot labels, shuffled, in batches; the same in every call."""
    (x, y), _ = load_digits()
    return Dataset.from_arrays((x, np.eye(10)[y])).shuffle(seed=SEED).batch(BATCH)


def accuracy(run: Run) -> float:
    """Return the share of test digits that the trained parameters get right."""
    _, (x, y) = load_digits()
    return float(np.mean(np.argmax(predict(run.params, x), axis=1) == y))


# ----- What is reported -----


def plain_numpy_seconds() -> list[float]:
    """Return the seconds NumPy takes for the loss alone, without gradients, of each batch of three epochs."""
    params, seconds = initial_params(), []
    for x, y in train_batches().repeat(3):
        start = time.perf_counter()
        mean_loss(params, x, y)
        seconds.append(time.perf_counter() - start)
    return seconds


def show(title: str, lines: Iterable[str]) -> None:
    """Print one headed section."""
    print(f"\n{title}\n{'-' * len(title)}", *lines, sep="\n  ")


def accuracy_lines(runs: dict[str, Run]) -> list[str]:
    """Return one line per run, and how far their loss curves are apart."""
    first, second = runs.values()
    apart = np.max(np.abs(np.subtract(first.losses, second.losses)))
    return [
        *(
            f"{title:<16} loss {run.losses[0]:.3f} -> {run.losses[-1]:.3f}, test accuracy {accuracy(run):.1%}"
            for title, run in runs.items()
        ),
        f"The two loss curves differ by at most {apart:.0e}.",
    ]


def source_lines(full: bool) -> list[str]:
    """Return the head of the kernel's source, or all of it."""
    lines = str(loss_and_gradient.source()).splitlines()
    if full or len(lines) <= SOURCE_LINES:
        return lines
    python, here = Path(sys.executable), Path.cwd()
    shown = python.relative_to(here) if python.is_relative_to(here) else python
    return [
        *lines[:SOURCE_LINES],
        f"... {len(lines) - SOURCE_LINES} more lines. To see all of them:",
        f"    {shown} -m autodiff.applications.digits --full-source",
        "or in Python: print(loss_and_gradient.source())",
    ]


def kernel_lines() -> list[str]:
    """Return how many kernels were compiled and how often they were used again."""
    return [
        f"{title:<20} {info.compiled} compiled for {info.compiled + info.hits} programs, run {info.runs:,} times"
        for title, info in (("loss_and_gradient", loss_and_gradient.cache_info()), ("all together", ad.cache_info()))
    ]


def time_lines(runs: dict[str, Run]) -> list[str]:
    """Return the median time per step of each run, and of the loss alone in NumPy."""
    rows = [(f"{title}: loss, gradients, update", run.seconds) for title, run in runs.items()]
    rows.append(("plain NumPy: loss only, no gradients", plain_numpy_seconds()))
    return [f"{title:<42} {1e6 * statistics.median(seconds):8.0f} us" for title, seconds in rows]


def save_plot(runs: dict[str, Run], path: Path) -> None:
    """Save the loss curves of the runs above a row of test digits with their predictions, wrong ones in red."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.5), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[3, 1])
    axes = top.subplots()
    # The curves lie on each other: a broad pale one below, a thin one above.
    styles: list[dict[str, Any]] = [{"linewidth": 5, "markersize": 10, "alpha": 0.35}, {"markersize": 3}]
    for (title, run), style in zip(runs.items(), styles, strict=True):
        means = np.reshape(run.losses, (-1, len(train_batches()))).mean(axis=1)
        axes.semilogy(
            range(1, len(means) + 1), means, "o-", label=f"{title}: test accuracy {accuracy(run):.1%}", **style
        )
    axes.set(xlabel="epoch", ylabel="mean loss of its mini-batches", title="Handwritten digits, one network, two ways")
    axes.legend()
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.3)
    draw_digits(bottom, next(reversed(runs.values())).params)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def draw_digits(figure: Any, params: Params) -> None:
    """Draw test digits in a row, each under its prediction; a few mistakes are always among them."""
    _, (x, y) = load_digits()
    predicted = np.argmax(predict(params, x), axis=1)
    wrong = np.flatnonzero(predicted != y)[: SHOWN_DIGITS // 4]
    right = np.flatnonzero(predicted == y)[: SHOWN_DIGITS - len(wrong)]
    figure.suptitle("Test digits and what they were taken for (mistakes in red)", fontsize="medium")
    for axes, k in zip(figure.subplots(1, SHOWN_DIGITS), np.sort([*right, *wrong]), strict=True):
        axes.imshow(x[k].reshape(8, 8), cmap="gray_r")
        mistaken = predicted[k] != y[k]
        axes.set_title(f"{predicted[k]} (is {y[k]})" if mistaken else f"{predicted[k]}", fontsize="medium")
        axes.title.set_color("red" if mistaken else "black")
        axes.set_axis_off()


def main(arguments: list[str] | None = None) -> int:
    """Train both ways, report and plot; return the exit status."""
    parser = argparse.ArgumentParser(prog="autodiff.applications.digits", description="Train a digit classifier twice.")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="passes over the training digits (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("demo_output"), help="where the plot goes (%(default)s/)")
    parser.add_argument("--full-source", action="store_true", help="print the whole source of the compiled kernel")
    options = parser.parse_args(arguments)
    if options.epochs < 1:
        parser.error(f"--epochs must be at least 1, got {options.epochs}")

    show(
        "Training one network in two ways",
        [
            f"{len(load_digits()[0][0]):,} handwritten digits, {options.epochs} epochs in mini-batches of {BATCH};",
            f"64-{HIDDEN}-10 perceptron, softmax cross-entropy, gradient descent with momentum.",
        ],
    )
    runs = {"GradientTape": tape_way(options.epochs), "@value_and_grad": decorator_way(options.epochs)}
    show("Results", accuracy_lines(runs))
    show("The kernel behind loss_and_gradient, as readable Python", source_lines(options.full_source))
    show("Kernels", kernel_lines())
    show(f"Time per step (median, {BATCH} digits)", time_lines(runs))
    path = options.out / "digits.png"
    save_plot(runs, path)
    show("Plot", [str(path)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
