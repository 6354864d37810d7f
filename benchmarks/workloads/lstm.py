"""LSTM over a sequence: 100 steps, batch 16, 32 inputs, 64 hidden units; gradients of both matrices and the bias.

The loss is the mean square of the last output. The sequence stays, the weights change. One small matrix product per
step in each direction: neither BLAS nor the elementwise part is everything.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "LSTM"
STEPS, BATCH, INPUTS, HIDDEN = 100, 16, 32, 64
CASES = (Case("T=100 B=16 H=64", (STEPS, BATCH, INPUTS), differentiated=3, trips=STEPS),)


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    normal = numpy.random.default_rng(seed).normal
    return 0.2 * normal(size=(INPUTS, 4 * HIDDEN)), 0.1 * normal(size=(HIDDEN, 4 * HIDDEN)), numpy.zeros(4 * HIDDEN)


def data(case: Case) -> tuple[Array, ...]:
    """The sequence, and the state before it."""
    return numpy.random.default_rng(99).normal(size=case.shape), numpy.zeros((BATCH, HIDDEN))


def loss(lang: Language, case: Case) -> Loss:
    np, sigmoid = lang.np, lang.sigmoid

    def cell(state, x, w_x, w_h, bias):
        h, c = state
        z = x @ w_x + h @ w_h + bias
        write, keep = sigmoid(z[:, :HIDDEN]), sigmoid(z[:, HIDDEN : 2 * HIDDEN])
        new, read = np.tanh(z[:, 2 * HIDDEN : 3 * HIDDEN]), sigmoid(z[:, 3 * HIDDEN :])
        c = keep * c + write * new
        return read * np.tanh(c), c

    def mean_square(w_x, w_h, bias, sequence, zeros):
        state = zeros, zeros
        if lang.scan:
            state = lang.scan(lambda state, x: cell(state, x, w_x, w_h, bias), state, sequence)
        else:
            for t in range(STEPS):
                state = cell(state, sequence[t], w_x, w_h, bias)
        return np.mean(state[0] * state[0])

    return mean_square


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    gates = numpy.empty((STEPS * BATCH, 4 * HIDDEN))
    h, c = numpy.zeros((2, STEPS + 1, BATCH, HIDDEN))
    tanh_c = numpy.empty((STEPS, BATCH, HIDDEN))

    @njit(fastmath=True)
    def cell(gates, bias, c_before, c_after, tanh_c, h_after):
        """Pre-activations become the gates write, keep, new, read, in place."""
        for n in range(BATCH):
            row = gates[n]
            for j in range(2 * HIDDEN):
                row[j] = vm.sigmoid(row[j] + bias[j])
            for j in range(2 * HIDDEN, 3 * HIDDEN):
                row[j] = vm.tanh(row[j] + bias[j])
            for j in range(3 * HIDDEN, 4 * HIDDEN):
                row[j] = vm.sigmoid(row[j] + bias[j])
            for j in range(HIDDEN):
                c_after[n, j] = row[HIDDEN + j] * c_before[n, j] + row[j] * row[2 * HIDDEN + j]
                tanh_c[n, j] = vm.tanh(c_after[n, j])
                h_after[n, j] = row[3 * HIDDEN + j] * tanh_c[n, j]

    @njit(fastmath=True)
    def cell_backward(gates, c_before, tanh_c, ct_h, ct_c):
        """Gates become cotangents of the pre-activations, in place; `ct_c` moves one step back."""
        for n in range(BATCH):
            row = gates[n]
            for j in range(HIDDEN):
                write, keep, new, read = row[j], row[HIDDEN + j], row[2 * HIDDEN + j], row[3 * HIDDEN + j]
                t = tanh_c[n, j]
                ct = ct_c[n, j] + ct_h[n, j] * read * (1.0 - t * t)
                row[j] = ct * new * write * (1.0 - write)
                row[HIDDEN + j] = ct * c_before[n, j] * keep * (1.0 - keep)
                row[2 * HIDDEN + j] = ct * write * (1.0 - new * new)
                row[3 * HIDDEN + j] = ct_h[n, j] * t * read * (1.0 - read)
                ct_c[n, j] = ct * keep

    @njit(fastmath=True)
    def value_and_gradients(w_x, w_h, bias, flat, gates, h, c, tanh_c):
        numpy.dot(flat, w_x, gates)  # all steps at once
        part = numpy.empty((BATCH, 4 * HIDDEN))
        for t in range(STEPS):
            here = gates[t * BATCH : (t + 1) * BATCH]
            if t > 0:
                numpy.dot(h[t], w_h, part)
                here += part
            cell(here, bias, c[t], c[t + 1], tanh_c[t], h[t + 1])
        ct_h, ct_c = 2.0 / (BATCH * HIDDEN) * h[STEPS], numpy.zeros((BATCH, HIDDEN))
        value = (h[STEPS] * h[STEPS]).sum() / (BATCH * HIDDEN)
        for t in range(STEPS - 1, -1, -1):
            here = gates[t * BATCH : (t + 1) * BATCH]
            cell_backward(here, c[t], tanh_c[t], ct_h, ct_c)
            if t > 0:
                numpy.dot(here, w_h.T, ct_h)
        ct_bias = numpy.zeros(4 * HIDDEN)
        for n in range(STEPS * BATCH):
            for j in range(4 * HIDDEN):
                ct_bias[j] += gates[n, j]
        before = h[:STEPS].reshape(STEPS * BATCH, HIDDEN)
        return value, numpy.dot(flat.T, gates), numpy.dot(before.T, gates), ct_bias

    def call(w_x, w_h, bias, sequence, zeros):
        flat = sequence.reshape(STEPS * BATCH, INPUTS)
        return value_and_gradients(w_x, w_h, bias, flat, gates, h, c, tanh_c)

    return call
