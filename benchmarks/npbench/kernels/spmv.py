"""A sparse matrix, stored by rows, times a vector."""

import numpy as np

TEST, BENCH = 12, 2000
DIFFERENTIATED = ("A_val", "x")
WRITTEN = ()
ANALYTIC = True


def initialize(n, rng):
    lengths = rng.integers(0, 4 if n < 100 else 21, size=n)  # of the rows; a row may be empty
    A_row = np.zeros(n + 1, dtype=np.uint32)
    A_row[1:] = np.cumsum(lengths)
    A_col = np.concatenate([np.sort(rng.choice(n, length, replace=False)) for length in lengths]).astype(np.uint32)
    return A_row, A_col, rng.normal(size=A_col.size), rng.normal(size=n)


def kernel(A_row, A_col, A_val, x):
    y = np.empty(A_row.size - 1, A_val.dtype)
    for i in range(A_row.size - 1):
        cols = A_col[A_row[i] : A_row[i + 1]]
        vals = A_val[A_row[i] : A_row[i + 1]]
        y[i] = vals @ x[cols]
    return y
