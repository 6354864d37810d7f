"""Distances on the unit sphere by the haversine formula."""

import numpy as np

TEST, BENCH = 7, 100_000
DIFFERENTIATED = ("theta_1", "phi_1", "theta_2", "phi_2")
WRITTEN = ()
ANALYTIC = False  # arctan2 takes real numbers


def initialize(n, rng):
    return tuple(rng.uniform(size=n) for _ in range(4))


def kernel(theta_1, phi_1, theta_2, phi_2):
    temp = np.sin((theta_2 - theta_1) / 2) ** 2 + np.cos(theta_1) * np.cos(theta_2) * np.sin((phi_2 - phi_1) / 2) ** 2
    return 2 * np.arctan2(np.sqrt(temp), np.sqrt(1 - temp))
