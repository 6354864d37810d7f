"""Azimuthal integration by two histograms, one weighted with the data."""

import numpy as np

TEST, BENCH = 60, 20_000
DIFFERENTIATED = ("data",)
WRITTEN = ()
ANALYTIC = False  # histograms are real


def initialize(n, rng):
    return rng.uniform(size=n), rng.uniform(size=n), 4 if n < 1000 else 64


def kernel(data, radius, npt):
    histu = np.histogram(radius, npt)[0]
    histw = np.histogram(radius, npt, weights=data)[0]
    return histw / histu
