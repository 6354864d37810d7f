"""Maxwell's equations in a plane by finite differences in the time domain (Yee's grid)."""

TEST, BENCH = 5, 150
DIFFERENTIATED = ("ex", "ey", "hz", "_fict_")
WRITTEN = ("ex", "ey", "hz")
ANALYTIC = True


def initialize(n, rng):
    steps = 10 if n < 50 else 50
    return steps, *(rng.normal(size=(n, n + 1)) for _ in range(3)), rng.normal(size=steps)


def kernel(TMAX, ex, ey, hz, _fict_):
    for t in range(TMAX):
        ey[0, :] = _fict_[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])
