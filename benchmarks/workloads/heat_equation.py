"""Heat equation on a periodic 128 x 128 grid, 100 explicit steps; the gradient with respect to the initial field.

The loss is half the mean squared distance from a target. `linear` diffuses only: the adjoint needs no saved field.
`cubic` adds the source 0.01 (u - u**3): the adjoint reads every field on the way back.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "heat equation"
N, STEPS, DIFFUSION, SOURCE = 128, 100, 0.1, 0.01
LINEAR = Case("linear", (N, N), trips=STEPS)
CUBIC = Case("cubic", (N, N), trips=STEPS)
CASES = (LINEAR, CUBIC)


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    return (numpy.random.default_rng(seed).normal(size=case.shape),)


def data(case: Case) -> tuple[Array, ...]:
    """The target."""
    return (numpy.random.default_rng(99).normal(size=case.shape),)


def loss(lang: Language, case: Case) -> Loss:
    np = lang.np

    def step(u, _=None):
        laplace = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1) - 4.0 * u
        diffused = u + DIFFUSION * laplace
        return diffused + SOURCE * (u - u * u * u) if case is CUBIC else diffused

    def distance(u, target):
        if lang.scan:
            u = lang.scan(step, u, numpy.arange(STEPS))
        else:
            for _ in range(STEPS):
                u = step(u)
        return 0.5 * np.mean((u - target) ** 2)

    return distance


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    cubic = case is CUBIC
    source = SOURCE if cubic else 0.0
    fields = numpy.empty((STEPS + 1 if cubic else 2, N, N))
    scratch = numpy.empty((N, N))

    @njit(fastmath=True)
    def diffuse(u, out, i, centre):
        """Row i of: centre * u + DIFFUSION * (the four neighbours of u)."""
        n = u.shape[0]
        above, below, row, to = u[i - 1 if i > 0 else n - 1], u[i + 1 if i < n - 1 else 0], u[i], out[i]
        to[0] = centre * row[0] + DIFFUSION * (above[0] + below[0] + row[n - 1] + row[1])
        for j in range(1, n - 1):
            to[j] = centre * row[j] + DIFFUSION * (above[j] + below[j] + row[j - 1] + row[j + 1])
        to[n - 1] = centre * row[n - 1] + DIFFUSION * (above[n - 1] + below[n - 1] + row[n - 2] + row[0])

    @njit(fastmath=True)
    def into(u, target, fields, gradient, scratch):
        centre = 1.0 - 4.0 * DIFFUSION + source
        last = fields.shape[0] - 1
        fields[0] = u
        for t in range(STEPS):
            # The cubic case keeps every field, the linear one swaps two.
            before, after = (fields[t], fields[t + 1]) if cubic else (fields[t & 1], fields[(t + 1) & 1])
            for i in range(N):
                diffuse(before, after, i, centre)
                if cubic:
                    for j in range(N):
                        after[i, j] -= source * before[i, j] * before[i, j] * before[i, j]
        end = fields[last] if cubic else fields[STEPS & 1]
        value = 0.0
        for i in range(N):
            for j in range(N):
                off = end[i, j] - target[i, j]
                value += off * off
                gradient[i, j] = off / (N * N)
        for t in range(STEPS - 1, -1, -1):
            # STEPS is even, so the last result is in `gradient`.
            ct, to = (gradient, scratch) if (STEPS - 1 - t) & 1 == 0 else (scratch, gradient)
            for i in range(N):
                diffuse(ct, to, i, centre)
                if cubic:
                    for j in range(N):
                        to[i, j] -= 3.0 * source * fields[t, i, j] * fields[t, i, j] * ct[i, j]
        return 0.5 * value / (N * N)

    def value_and_gradient(u, target):
        gradient = numpy.empty_like(u)
        return into(u, target, fields, gradient, scratch), gradient

    return value_and_gradient
