"""Stockham's fast Fourier transform of R**K numbers, radix R."""

import numpy as np

TEST, BENCH = 4, 13
DIFFERENTIATED = ("x",)
WRITTEN = ("y",)
ANALYTIC = False  # of complex arguments


def initialize(n, rng):
    R, K = 2, n
    N = R**K
    return N, R, K, rng.normal(size=N) + 1j * rng.normal(size=N), np.zeros(N, dtype=np.complex128)


def mgrid(xn, yn):
    Xi = np.empty((xn, yn), dtype=np.int64)
    Yi = np.empty((xn, yn), dtype=np.int64)
    for i in range(xn):
        Xi[i, :] = i
    for j in range(yn):
        Yi[:, j] = j
    return Xi, Yi


def kernel(N, R, K, x, y):
    i_coord, j_coord = mgrid(R, R)
    dft_mat = np.empty((R, R), dtype=np.complex128)
    dft_mat[:] = np.exp(-2.0j * np.pi * i_coord * j_coord / R)
    y[:] = x[:]
    ii_coord, jj_coord = mgrid(R, R**K)
    for i in range(K):
        # Stride permutation, twiddle factors, butterfly.
        yv = np.reshape(y, (R**i, R, R ** (K - i - 1)))
        tmp_perm = np.transpose(yv, axes=(1, 0, 2))
        D = np.empty((R, R**i, R ** (K - i - 1)), dtype=np.complex128)
        tmp = np.exp(-2.0j * np.pi * ii_coord[:, : R**i] * jj_coord[:, : R**i] / R ** (i + 1))
        D[:] = np.repeat(np.reshape(tmp, (R, R**i, 1)), R ** (K - i - 1), axis=2)
        tmp_twid = np.reshape(tmp_perm, (N,)) * np.reshape(D, (N,))
        y[:] = np.reshape(dft_mat @ np.reshape(tmp_twid, (R, R ** (K - i - 1) * R**i)), (N,))
