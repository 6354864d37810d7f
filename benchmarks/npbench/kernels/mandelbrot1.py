"""Mandelbrot's iteration on a grid; each point stops when it leaves the horizon. Differentiated: the grid's corners."""

import numpy as np

TEST, BENCH = 7, 110
DIFFERENTIATED = ("xmin", "xmax", "ymin", "ymax")
WRITTEN = ()
ANALYTIC = False


def initialize(n, rng):
    return -1.75, 0.25, -1.01, 1.03, n, n + 1, 9 if n < 50 else 20, 2.0


def kernel(xmin, xmax, ymin, ymax, xn, yn, maxiter, horizon):
    X = np.linspace(xmin, xmax, xn, dtype=np.float64)
    Y = np.linspace(ymin, ymax, yn, dtype=np.float64)
    C = X + Y[:, None] * 1j
    N = np.zeros(C.shape, dtype=np.int64)
    Z = np.zeros(C.shape, dtype=np.complex128)
    for n in range(maxiter):
        I = np.less(abs(Z), horizon)
        N[I] = n
        Z[I] = Z[I] ** 2 + C[I]
    N[N == maxiter - 1] = 0
    return Z, N
