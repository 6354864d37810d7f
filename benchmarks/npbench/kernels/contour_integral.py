"""Moments of an inverse matrix polynomial, summed over points around a contour (Beyn 2012)."""

import numpy as np

TEST, BENCH = 4, 60
DIFFERENTIATED = ("Ham", "Y")
WRITTEN = ()
ANALYTIC = False  # of complex arguments; the sums of P0 and P1 are over a number of points given as an array


def initialize(n, rng):
    columns, slabs, points = n - 1, 2, 10 if n < 20 else 16
    angles = 2.0 * np.pi * (np.arange(points) + 0.3) / points
    radii = np.where(np.arange(points) % 2, 0.5, 2.0)

    def random(*shape):
        return rng.normal(size=shape) + 1j * rng.normal(size=shape)

    return n, columns, slabs, random(slabs + 1, n, n), radii * np.exp(1j * angles), random(n, columns)


def kernel(NR, NM, slab_per_bc, Ham, int_pts, Y):
    P0 = np.zeros((NR, NM), dtype=np.complex128)
    P1 = np.zeros((NR, NM), dtype=np.complex128)
    for z in int_pts:
        Tz = np.zeros((NR, NR), dtype=np.complex128)
        for n in range(slab_per_bc + 1):
            zz = np.power(z, slab_per_bc / 2 - n)
            Tz += zz * Ham[n]
        if NR == NM:
            X = np.linalg.inv(Tz)
        else:
            X = np.linalg.solve(Tz, Y)
        if abs(z) < 1.0:
            X = -X
        P0 += X
        P1 += z * X
    return P0, P1
