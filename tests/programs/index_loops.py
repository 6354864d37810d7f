"""Reading and writing single places of arrays in loops, in place as NumPy users do."""

import numpy as np

from programs.zoo import WRITES, program, sample

X = sample(41, 12)
M = sample(42, 9, 10)


@program(X, no_tape=WRITES)
def prefix_sums(x):
    y = np.zeros(len(x))
    y[0] = x[0]
    for k in range(1, len(x)):
        y[k] = y[k - 1] + x[k]
    return np.sum(y**2)


@program(X, no_tape=WRITES)
def cumulative_products(x):
    y = np.empty_like(x)
    running = 1.0
    for k, v in enumerate(x):
        running *= 1.0 + 0.3 * v
        y[k] = running
    return np.sum(y * np.arange(12.0))


@program(X)
def recurrence_in_place(x):
    y = x.copy()
    for k in range(2, len(y)):
        y[k] += 0.5 * y[k - 1] * y[k - 2]
    return np.sum(y**2)


@program(X)
def backwards_in_place(x):
    y = 1.0 * x
    for k in range(len(y) - 2, -1, -1):
        y[k] -= np.sin(y[k + 1])
        y[k] *= 1.1
    return np.sum(y)


@program(X, np.array([0, 3, 1, 3, 3, 2, 0, 4, 1, 3, 2, 2]), no_tape=WRITES)
def histogram(weights, places):
    h = np.zeros(5)
    for k in range(len(places)):
        h[places[k]] += weights[k]
    return np.sum(h**3)


@program(X, no_tape=WRITES)
def histogram_of_values(x):
    h = np.zeros(8)
    for v in x:
        place = int(np.floor((v + 1.0) * 4.0))
        h[place] += v**2
    return np.sum(h**2)


@program(X, np.array([3, 1, 4, 11, 5, 9, 2, 6, 0, 7, 10, 8]))
def permuted(x, order):
    total = 0.5
    for k in order:
        total = np.tanh(total + x[k])
    for k in range(len(order)):
        total += x[order[order[k]]] * k
    return total


@program(X, np.array([3, 1, 4, 11, 5, 9, 2, 6, 0, 7, 10, 8]))
def linked_list(x, following):
    place, total = 0, 0.0
    for k in range(15):
        total += x[place] * (k + 1)
        place = following[place]
    return total**2


@program(X)
def bubble_sort(x):
    y = x.copy()
    n = len(y)
    for i in range(n):
        for j in range(n - 1 - i):
            if y[j] > y[j + 1]:
                y[j], y[j + 1] = y[j + 1], y[j]
    return np.sum(y * np.arange(1.0, n + 1.0) ** 2)


@program(X)
def insertion_sort(x):
    y = x.copy()
    for i in range(1, len(y)):
        key = y[i]
        j = i - 1
        while j >= 0 and y[j] > key:
            y[j + 1] = y[j]
            j -= 1
        y[j + 1] = key
    return np.sum(y**2 * np.arange(12.0))


@program(sample(43, 8), no_tape="")
def sorting_network(x):
    y = x.copy()
    for width in (4, 2, 1):
        for k in range(8):
            other = k ^ width
            if other > k:
                low, high = np.minimum(y[k], y[other]), np.maximum(y[k], y[other])
                y[k], y[other] = low, high
    return np.sum(y * np.arange(8.0))


@program(X)
def odd_even_sort(x):
    y = x.copy()
    for phase in range(12):
        for k in range(phase % 2, 11, 2):
            low, high = np.minimum(y[k], y[k + 1]), np.maximum(y[k], y[k + 1])
            y[k] = low
            y[k + 1] = high
    return np.sum(y * np.arange(12.0) ** 2)


@program(X)
def reversed_in_place(x):
    y = x**2
    i, j = 0, len(y) - 1
    while i < j:
        y[i], y[j] = y[j] * x[i], y[i]
        i += 1
        j -= 1
    return np.sum(y * np.arange(12.0))


@program(M)
def double_index(m):
    total = 0.0
    for i in range(m.shape[0]):
        for j in range(m.shape[1]):
            total += m[i, j] ** 2 * m[i - 1, j] * (i + j)
    return total


@program(M)
def index_of_a_row_of_a_matrix(m):
    total = 0.0
    for i in range(9):
        for j in range(i):
            total += m[i][j] * m[j][i]
    return total


@program(M, sample(44, 10, 9), no_tape=WRITES)
def matrix_product(a, b):
    c = np.zeros((9, 9))
    for i in range(9):
        for j in range(9):
            for k in range(10):
                c[i, j] += a[i, k] * b[k, j]
    return np.sum(c**2)


@program(M, no_tape=WRITES)
def rows_written(m):
    y = np.zeros_like(m)
    y[0] = m[0]
    for i in range(1, 9):
        y[i] = 0.5 * y[i - 1] + np.sin(m[i])
    return np.sum(y**2)


@program(M, no_tape=WRITES)
def columns_written(m):
    y = np.zeros((9, 10))
    for j in range(10):
        y[:, j] = m[:, j] * m[:, (j + 1) % 10]
        y[j % 9, :] += m[0]
    return np.sum(y**2)


@program(X)
def slices_written(x):
    y = x.copy()
    for k in range(10):
        y[k : k + 3] = y[k : k + 3] * 0.5 + x[k]
        y[:2] += y[k] ** 2 * 0.1
    return np.sum(y**2)


@program(X)
def slice_of_all_but_the_edges(x):
    y = x.copy()
    for _ in range(9):
        y[1:-1] += 0.1 * (y[2:] - 2.0 * y[1:-1] + y[:-2])
        y[0] = y[-2]
        y[-1] = y[1]
    return np.sum(y**2)


@program(sample(45, 15), np.arange(15) % 6, np.array([0, 3, 3, 7, 9, 12, 15]), sample(46, 6), no_tape=WRITES)
def sparse_rows_times_vector(data, columns, starts, v):
    y = np.zeros(6)
    for i in range(6):
        for k in range(starts[i], starts[i + 1]):
            y[i] += data[k] * v[columns[k]]
    return np.sum(y**2)


@program(X, no_tape=WRITES)
def convolution(x):
    kernel = np.array([0.25, 0.5, -0.25])
    y = np.zeros(12)
    for i in range(12):
        for k in range(3):
            if 0 <= i - k + 1 < 12:
                y[i] += kernel[k] * x[i - k + 1]
    return np.sum(y**2)


@program(M, sample(47, 3, 3), no_tape=WRITES)
def convolution_in_two_dimensions(image, kernel):
    out = np.zeros((7, 8))
    for i in range(7):
        for j in range(8):
            out[i, j] = np.sum(image[i : i + 3, j : j + 3] * kernel)
    return np.sum(np.tanh(out))


@program(X, no_tape=WRITES)
def pooling(x):
    y = np.zeros(10)
    for k in range(10):
        y[k] = np.max(x[k : k + 3])
    return np.sum(y**2)


@program(sample(48, 20), no_tape=WRITES)
def infinite_response_filter(x):
    y = np.zeros(20)
    for n in range(20):
        y[n] = 0.4 * x[n]
        if n >= 1:
            y[n] += 0.3 * x[n - 1] + 0.5 * y[n - 1]
        if n >= 2:
            y[n] -= 0.2 * y[n - 2]
    return np.sum(y**2)


@program(X, no_tape=WRITES)
def ring_buffer(x):
    buffer = np.zeros(4)
    total = 0.0
    for k in range(12):
        buffer[k % 4] = x[k]
        total += np.sum(buffer) ** 2 - buffer[(k + 1) % 4]
    return total


@program(X, no_tape=WRITES)
def compaction(x):
    kept = np.zeros(12)
    count = 0
    for v in x:
        if v > 0:
            kept[count] = v
            count += 1
    return np.sum(kept[:6] * np.arange(1.0, 7.0)) * count


@program(X, no_tape=WRITES)
def polynomial_coefficients_from_roots(roots):
    c = np.zeros(13)
    c[0] = 1.0
    for k in range(12):
        for j in range(k + 1, 0, -1):
            c[j] -= roots[k] * c[j - 1]
    return np.sum(c**2)


@program(X)
def negative_indices(x):
    y = x.copy()
    for k in range(1, 11):
        y[-k] = y[-k - 1] * 0.5 + y[k] ** 2
    return np.sum(y)


@program(X)
def write_then_read_what_was(x):
    y = x.copy()
    total = 0.0
    for k in range(11):
        before = y[k + 1]
        y[k + 1] = before * y[k]
        total += before - y[k + 1] ** 2
    return total


@program(X, no_tape="watched tensors cannot be written to")
def argument_is_written_to(x):
    for k in range(1, 12):
        x[k] = x[k] + 0.5 * x[k - 1]
    return np.sum(x**2)


@program(M)
def flat_index(m):
    flat = m.ravel()
    total = 0.0
    for k in range(0, 90, 7):
        total += flat[k] * m[k // 10, k % 10]
    return total
