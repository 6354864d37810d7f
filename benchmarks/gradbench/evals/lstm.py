"""lstm: the loss of an elementwise recurrent network over a sequence, and its gradient in all parameters."""

import numpy as np

import autodiff as ad
from benchmarks.gradbench.function import Function, Input


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def loss(main, extra, state, sequence):
    """`main` is (2 layers, 4 b), weights and biases; `state` is (2 layers, b), hidden states and cells, in turn."""
    b = len(extra[0])
    pairs = zip(main[0::2], main[1::2], strict=True)
    layers = [(weights.reshape(4, b), biases.reshape(4, b)) for weights, biases in pairs]
    hidden, cells = list(state[0::2]), list(state[1::2])
    total = 0.0
    for t in range(len(sequence) - 1):
        x = sequence[t] * extra[0]
        for i, (weights, biases) in enumerate(layers):
            forget = sigmoid(x * weights[0] + biases[0])
            ingate = sigmoid(hidden[i] * weights[1] + biases[1])
            outgate = sigmoid(x * weights[2] + biases[2])
            change = np.tanh(hidden[i] * weights[3] + biases[3])
            cells[i] = cells[i] * forget + ingate * change
            hidden[i] = outgate * np.tanh(cells[i])
            x = hidden[i]
        y = x * extra[1] + extra[2]
        y = y - np.log(np.sum(np.exp(y)) + 2.0)
        total += np.sum(sequence[t + 1] * y)
    return -total / ((len(sequence) - 1) * b)


def prepare(given: Input) -> tuple[np.ndarray, ...]:
    names = "main_params", "extra_params", "state", "sequence"
    main, extra, state, sequence = (np.array(given[name], float) for name in names)
    return main, extra, state, sequence


def finish(gradients: tuple[np.ndarray, np.ndarray]) -> list[float]:
    return np.concatenate([gradient.ravel() for gradient in gradients]).tolist()


FUNCTIONS = {
    "objective": Function(ad.jit(loss), prepare),
    "jacobian": Function(ad.grad(loss, argnums=(0, 1)), prepare, finish),
}
