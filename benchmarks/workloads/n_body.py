"""Potential energy of 100 bodies, -sum over pairs of 1 / distance (softened), and the forces.

`loop` is the double loop of the textbook; `vectorised` the same by broadcasting, n x n x 3.
"""

import math
from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "n-body"
BODIES, SOFTENING = 100, 1e-2
LOOP = Case("loop n=100", (BODIES, 3), trips=BODIES * (BODIES - 1) // 2)
VECTORISED = Case("vectorised n=100", (BODIES, 3))
CASES = (LOOP, VECTORISED)


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    return (numpy.random.default_rng(seed).normal(size=case.shape),)


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(lang: Language, case: Case) -> Loss:
    np = lang.np

    def loop(r):
        energy = 0.0
        for i in range(BODIES):
            for j in range(i):
                dx, dy, dz = r[i, 0] - r[j, 0], r[i, 1] - r[j, 1], r[i, 2] - r[j, 2]
                energy = energy - 1.0 / np.sqrt(dx * dx + dy * dy + dz * dz + SOFTENING)
        return energy

    def scanned(r):
        """Loops of fixed length, for what differentiates no other: the pairs j >= i are masked."""
        bodies = numpy.arange(BODIES)

        def row(energy, i):
            def pair(energy, j):
                d = r[i] - r[j]
                squared = np.where(j < i, np.sum(d * d), 1.0)
                return energy - np.where(j < i, 1.0 / np.sqrt(squared + SOFTENING), 0.0)

            return lang.scan(pair, energy, bodies)

        return lang.scan(row, 0.0 * r[0, 0], bodies)

    def vectorised(r):
        d = r[:, None, :] - r[None, :, :]
        near = 1.0 / np.sqrt(np.sum(d * d, 2) + SOFTENING)
        return -0.5 * (np.sum(near) - BODIES / math.sqrt(SOFTENING))

    if case is VECTORISED:
        return vectorised
    return scanned if lang.scan else loop


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    @njit(fastmath=True)
    def value_and_gradient(r):
        """Full rows instead of j < i: twice the pairs, but the inner loop vectorises."""
        n = r.shape[0]
        x, y, z = r[:, 0].copy(), r[:, 1].copy(), r[:, 2].copy()
        gradient = numpy.empty((n, 3))
        value = 0.0
        for i in range(n):
            a, b, c = x[i], y[i], z[i]
            gx = gy = gz = total = 0.0
            for j in range(n):
                dx, dy, dz = a - x[j], b - y[j], c - z[j]
                q = 1.0 / math.sqrt(dx * dx + dy * dy + dz * dz + SOFTENING)
                total += q
                q = q * q * q
                gx += dx * q
                gy += dy * q
                gz += dz * q
            value -= 0.5 * (total - 1.0 / math.sqrt(SOFTENING))
            gradient[i, 0], gradient[i, 1], gradient[i, 2] = gx, gy, gz
        return value, gradient

    return value_and_gradient
