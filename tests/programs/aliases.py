"""Two names for one memory: views and aliases that are written to while a loop runs, as NumPy does it."""

import numpy as np

from programs.zoo import REBINDS, WRITES, program, sample

X = sample(201, 12)
M = sample(202, 9, 5)


def push(y, k, v):
    y[k] = v
    y[0] += 0.1 * v


def doubled(y):
    y *= 2.0
    return y


@program(X)
def alias_from_before_the_loop(x):
    y = x.copy()
    z = y
    for k in range(1, 12):
        y[k] = y[k] * 0.5 + y[k - 1]
    return np.sum(z**2)


@program(X)
def view_from_before_the_loop(x):
    y = x.copy()
    middle = y[3:6]
    for k in range(11):
        y[k] = y[k] * x[k + 1]
        middle[0] += 0.1 * y[k]
    return np.sum(y**2) + middle[1]


@program(X)
def view_is_read_after_the_loop(x):
    y = x.copy()
    tail = y[-4:]
    for k in range(10):
        y[k + 1] += 0.5 * y[k]
    return np.sum(tail**2)


@program(M, no_tape=REBINDS)
def rows_of_a_loop_are_written(m):
    y = m.copy()
    for row in y:
        row *= 1.5
        row[0] += np.sum(row)
    return np.sum(y**2)


@program(M, no_tape=REBINDS)
def row_view_is_written(m):
    y = m.copy()
    for i in range(1, 9):
        row = y[i]
        row += 0.5 * y[i - 1]
        row[2] = row[1] * row[0]
    return np.sum(y**2)


@program(X)
def old_name_sees_the_new_value(x):
    y = x.copy()
    total = 0.0
    for k in range(11):
        old = y
        y[k + 1] = y[k + 1] + 0.3 * y[k]
        total += old[k + 1] ** 2
    return total


@program(X)
def copy_keeps_the_old_value(x):
    y = x.copy()
    total = 0.0
    for k in range(11):
        old = y.copy()
        y[k + 1] = y[k + 1] + 0.3 * y[k]
        total += old[k + 1] * y[k + 1]
    return total


@program(X, no_tape=REBINDS)
def augmented_operators_write(x):
    y = x.copy()
    z = y
    for k in range(10):
        y *= 0.9
        y += 0.1 * k
        y -= np.sin(y)
    return np.sum(z)


@program(X, no_tape=WRITES)
def helper_writes_its_argument(x):
    y = np.zeros(12)
    for k in range(1, 12):
        push(y, k, x[k] * (1.0 + y[k - 1]))
    return np.sum(y**2)


@program(X, no_tape=REBINDS)
def helper_returns_what_it_wrote(x):
    y = x.copy()
    for _ in range(9):
        z = doubled(y)
        z[1:] -= z[:-1]
    return np.sum(y) * 1e-2


@program(X, no_tape=WRITES)
def closure_writes(x):
    y = np.ones(12)

    def put(k, v):
        y[k] = v * y[k - 1]

    for k in range(1, 12):
        put(k, x[k] + 1.0)
    return np.sum(y)


@program(X)
def array_in_a_tuple_is_written(x):
    state = (x.copy(), 1.0)
    for k in range(10):
        y, scale = state
        y[k] *= scale
        state = (y, scale * 0.9 + y[k])
    return np.sum(state[0]) * state[1]


@program(X)
def array_in_a_dict_is_written(x):
    state = {"y": x.copy(), "t": 0.0}
    for k in range(1, 11):
        state["y"][k] += state["y"][k - 1] * state["t"]
        state["t"] += 0.1
    return np.sum(state["y"] ** 2)


@program(X)
def two_views_overlap(x):
    y = x.copy()
    left, right = y[:8], y[4:]
    for k in range(8):
        left[k] = 0.5 * left[k] + 0.25 * right[k]
        right[k] -= 0.1 * left[7 - k]
    return np.sum(y**2)


@program(X)
def strided_and_reshaped_views(x):
    y = x.copy()
    even, table = y[::2], y.reshape(3, 4)
    for k in range(6):
        even[k] *= 1.0 + x[k]
        table[k % 3, k % 4] += 0.5
    return np.sum(y**2) + np.sum(table[1]) + even[2]


@program(M)
def transposed_view_is_written(m):
    y = m.copy()
    for column in y.T:
        column[1:] += 0.5 * column[:-1]
    return np.sum(y**2)


@program(X, unrolled="two views change places and are written to")
def swapped_halves(x):
    y = x.copy()
    for k in range(6):
        y[k], y[k + 6] = y[k + 6] * 0.9, y[k] + y[k + 6]
    a, b = y[:6], y[6:]
    for k in range(9):
        a, b = b, a
        a[k % 6] += 0.5 * b[k % 6]
    return np.sum(y * np.arange(12.0))


@program(X)
def write_in_one_branch(x):
    y = x.copy()
    z = y[2:10]
    for k in range(8):
        if x[k] > 0.0:
            z[k] = y[k] * 2.0
        else:
            y[k + 1] += z[k]
    return np.sum(y**2)


@program(X)
def argument_and_its_alias(x):
    y = x
    for k in range(11):
        y = y + 0.1 * x[k]
    y[3] = 0.0
    return np.sum(y * x)


@program(M)
def overwritten_before_it_is_read(m):
    row = m[0]
    total = 0.0
    for i in range(9):
        row = m[i]
        total = total + np.sum(np.sin(row))
    return total * np.sum(row)


@program(X, no_tape=WRITES)
def scratch_is_reused(x):
    scratch = np.empty(4)
    total = 0.0
    for k in range(9):
        scratch[:] = x[k : k + 4]
        scratch[1:] *= scratch[:-1]
        total += np.sum(scratch**2)
    return total


@program(X, no_tape=WRITES)
def array_kept_by_the_loop_is_a_copy(x):
    history = np.zeros((10, 12))
    y = x.copy()
    for k in range(10):
        history[k] = y
        y[k] = y[k + 1] ** 2
    return np.sum(history[:, 3] * np.arange(10.0)) + np.sum(history[9])


@program(X, no_tape=WRITES)
def out_argument(x):
    y = np.zeros(12)
    for k in range(9):
        np.multiply(x, y + k, out=y)
        np.tanh(y, out=y)
    return np.sum(y)
