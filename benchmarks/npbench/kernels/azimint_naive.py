"""Azimuthal integration: the mean of the data over each of some rings."""

import numpy as np

TEST, BENCH = 200, 20_000
DIFFERENTIATED = ("data",)
WRITTEN = ()
ANALYTIC = False  # the result is of dtype float


def initialize(n, rng):
    return rng.uniform(size=n), rng.uniform(size=n), 16 if n < 1000 else 64


def kernel(data, radius, npt):
    rmax = radius.max()
    res = np.zeros(npt, dtype=np.float64)
    for i in range(npt):
        r1 = rmax * i / npt
        r2 = rmax * (i + 1) / npt
        mask_r12 = np.logical_and((r1 <= radius), (radius < r2))
        values_r12 = data[mask_r12]
        res[i] = values_r12.mean()
    return res
