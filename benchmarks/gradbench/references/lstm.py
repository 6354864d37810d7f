"""lstm: all derivatives by complex steps at once, in a batch of as many networks as there are parameters."""

from itertools import pairwise

import numpy as np

from benchmarks.gradbench.references.complex_step import STEP

VALUE, DERIVATIVES = "objective", ("jacobian",)
BITS = 14  # of the largest code point of the text
TEXT = "It is a truth universally acknowledged\u2019, that a text\u2019s letters are numbers, and numbers are bits. "
# layers, characters
SIZES = tuple((layers, count) for layers in (2, 4, 6) for count in (1024, 4096, 8192))
DEFAULT = ((2, 1024), (4, 1024))
TINY = ((2, 4), (1, 2))


def make(size, random):
    layers, count = size
    characters = (TEXT * (count // len(TEXT) + 1))[:count]
    return {
        "main_params": random.uniform(size=(2 * layers, 4 * BITS)).tolist(),
        "extra_params": random.uniform(size=(3, BITS)).tolist(),
        "state": random.uniform(size=(2 * layers, BITS)).tolist(),
        "sequence": [[float(ord(c) >> bit & 1) for bit in range(BITS)] for c in characters],
    }


def expected(function, given):
    main, extra = np.array(given["main_params"]), np.array(given["extra_params"])
    parameters = np.concatenate([main.ravel(), extra.ravel()])
    if function == "objective":
        return float(losses(parameters[None], given)[0])
    moved = parameters + 1j * STEP * np.eye(len(parameters))
    return (losses(moved, given).imag / STEP).tolist()


def losses(parameters, given):
    """One loss for each row of parameters."""
    state, sequence = np.array(given["state"]), np.array(given["sequence"])
    layers, bits = len(state) // 2, state.shape[1]
    cut = 8 * layers * bits
    main = parameters[:, :cut].reshape(-1, layers, 2, 4, bits)
    enter, scale, shift = parameters[:, cut:].reshape(-1, 3, bits).transpose(1, 0, 2)
    hidden, cells = [state[2 * i] + 0.0 * enter for i in range(layers)], [state[2 * i + 1] for i in range(layers)]
    total = 0.0
    for now, following in pairwise(sequence):
        x = now * enter
        for i in range(layers):
            inputs = np.stack([x, hidden[i], x, hidden[i]], axis=1) * main[:, i, 0] + main[:, i, 1]
            forget, ingate, outgate = (1.0 / (1.0 + np.exp(-inputs[:, gate])) for gate in range(3))
            cells[i] = cells[i] * forget + ingate * np.tanh(inputs[:, 3])
            x = hidden[i] = outgate * np.tanh(cells[i])
        y = x * scale + shift
        total = total + ((y - np.log(np.exp(y).sum(axis=1) + 2.0)[:, None]) * following).sum(axis=1)
    return -total / ((len(sequence) - 1) * bits)
