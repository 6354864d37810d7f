"""Scalar recurrences in a Python loop, differentiated with respect to their parameters.

The logistic map x <- r x (1 - x), and the Lorenz system by the classical Runge-Kutta method at a stable rho; the loss
is the mean of the squared state. Nothing can be vectorised: what counts is what one step costs.
"""

from types import ModuleType

import numpy

from benchmarks.workload import Argument, Array, Call, Case, Jit, Language, Loss

TITLE = "sequential loops"
LOGISTIC = (Case("logistic 1e3", trips=1_000), Case("logistic 1e5", trips=100_000))
LORENZ = (Case("RK4 1e3", trips=1_000), Case("RK4 1e5", trips=100_000))
CASES = (*LOGISTIC, *LORENZ)
STEP = 0.01


def arguments(case: Case, seed: int) -> tuple[Argument, ...]:
    start = [3.2, 0.3] if case in LOGISTIC else [10.0, 12.0, 8 / 3]
    return (numpy.array(start) + 0.01 * seed,)


def data(case: Case) -> tuple[Array, ...]:
    return ()


def loss(lang: Language, case: Case) -> Loss:
    advance = _logistic if case in LOGISTIC else _runge_kutta
    n = case.trips

    def mean_square(p):
        state = (p[1],) if case in LOGISTIC else (1.0, 1.0, 1.0)
        total = 0.0
        for _ in range(n):
            state = advance(state, p)
            total = total + sum(part * part for part in state)
        return total / n

    def scanned(p):
        def step(carry, _):
            *state, total = carry
            state = advance(state, p)
            return (*state, total + sum(part * part for part in state))

        zero = 0.0 * p[0]  # of the type of the state, as a carry must be
        start = (p[1],) if case in LOGISTIC else (1.0 + zero, 1.0 + zero, 1.0 + zero)
        return lang.scan(step, (*start, zero), numpy.arange(n))[-1] / n

    return scanned if lang.scan else mean_square


def _logistic(state, p):
    (x,) = state
    return (p[0] * x * (1.0 - x),)


def _lorenz(state, p):
    x, y, z = state
    return p[0] * (y - x), x * (p[1] - z) - y, x * y - p[2] * z


def _runge_kutta(state, p):
    def moved(length, slope):
        return tuple(x + length * s for x, s in zip(state, slope, strict=True))

    k1 = _lorenz(state, p)
    k2 = _lorenz(moved(0.5 * STEP, k1), p)
    k3 = _lorenz(moved(0.5 * STEP, k2), p)
    k4 = _lorenz(moved(STEP, k3), p)
    slopes = zip(state, k1, k2, k3, k4, strict=True)
    return tuple(x + STEP / 6 * (a + 2 * b + 2 * c + d) for x, a, b, c, d in slopes)


def limit(njit: Jit, vm: ModuleType, case: Case) -> Call:
    n = case.trips

    @njit(fastmath=True)
    def logistic(p):
        r, x = p
        states = numpy.empty(n)
        value = 0.0
        for t in range(n):
            states[t] = x
            x = r * x * (1.0 - x)
            value += x * x
        ct_r = 0.0
        ct_x = 2.0 / n * x
        for t in range(n - 1, -1, -1):
            x = states[t]
            ct_r += ct_x * x * (1.0 - x)
            ct_x *= r * (1.0 - 2.0 * x)
            if t > 0:
                ct_x += 2.0 / n * x
        return value / n, numpy.array([ct_r, ct_x])

    return logistic if case in LOGISTIC else _lorenz_by_hand(njit, n)


def _lorenz_by_hand(njit: Jit, n: int) -> Call:
    """The states are saved, the four stages of a step computed again on the way back."""
    h = STEP

    @njit(fastmath=True)
    def slope(x, y, z, s, r, b):
        return s * (y - x), x * (r - z) - y, x * y - b * z

    @njit(fastmath=True)
    def pullback(x, y, z, s, r, b, u, v, w):
        """Of `slope`: cotangents of x, y, z, s, r, b."""
        state = -s * u + (r - z) * v + y * w, s * u - v + x * w, -x * v - b * w
        return (*state, (y - x) * u, x * v, -z * w)

    @njit(fastmath=True)
    def value_and_gradient(p):
        s, r, b = p
        states = numpy.empty((n, 3))
        x = y = z = 1.0
        value = 0.0
        for t in range(n):
            states[t, 0], states[t, 1], states[t, 2] = x, y, z
            a1, a2, a3 = slope(x, y, z, s, r, b)
            b1, b2, b3 = slope(x + 0.5 * h * a1, y + 0.5 * h * a2, z + 0.5 * h * a3, s, r, b)
            c1, c2, c3 = slope(x + 0.5 * h * b1, y + 0.5 * h * b2, z + 0.5 * h * b3, s, r, b)
            d1, d2, d3 = slope(x + h * c1, y + h * c2, z + h * c3, s, r, b)
            x += h / 6 * (a1 + 2 * b1 + 2 * c1 + d1)
            y += h / 6 * (a2 + 2 * b2 + 2 * c2 + d2)
            z += h / 6 * (a3 + 2 * b3 + 2 * c3 + d3)
            value += x * x + y * y + z * z
        u, v, w = 2.0 / n * x, 2.0 / n * y, 2.0 / n * z  # cotangents of the state
        ct_s = ct_r = ct_b = 0.0
        k = h / 6
        for t in range(n - 1, -1, -1):
            x, y, z = states[t]
            a1, a2, a3 = slope(x, y, z, s, r, b)
            x2, y2, z2 = x + 0.5 * h * a1, y + 0.5 * h * a2, z + 0.5 * h * a3
            b1, b2, b3 = slope(x2, y2, z2, s, r, b)
            x3, y3, z3 = x + 0.5 * h * b1, y + 0.5 * h * b2, z + 0.5 * h * b3
            c1, c2, c3 = slope(x3, y3, z3, s, r, b)
            x4, y4, z4 = x + h * c1, y + h * c2, z + h * c3
            f1, f2, f3, s4, r4, b4 = pullback(x4, y4, z4, s, r, b, k * u, k * v, k * w)
            u3, v3, w3 = 2 * k * u + h * f1, 2 * k * v + h * f2, 2 * k * w + h * f3
            g1, g2, g3, s3, r3, b3 = pullback(x3, y3, z3, s, r, b, u3, v3, w3)
            u2, v2, w2 = 2 * k * u + 0.5 * h * g1, 2 * k * v + 0.5 * h * g2, 2 * k * w + 0.5 * h * g3
            e1, e2, e3, s2, r2, b2 = pullback(x2, y2, z2, s, r, b, u2, v2, w2)
            u1, v1, w1 = k * u + 0.5 * h * e1, k * v + 0.5 * h * e2, k * w + 0.5 * h * e3
            d1, d2, d3, s1, r1, b1 = pullback(x, y, z, s, r, b, u1, v1, w1)
            ct_s, ct_r, ct_b = ct_s + s1 + s2 + s3 + s4, ct_r + r1 + r2 + r3 + r4, ct_b + b1 + b2 + b3 + b4
            u, v, w = u + d1 + e1 + f1 + g1, v + d2 + e2 + f2 + g2, w + d3 + e3 + f3 + g3
            if t > 0:
                u, v, w = u + 2.0 / n * x, v + 2.0 / n * y, w + 2.0 / n * z
        return value / n, numpy.array([ct_s, ct_r, ct_b])

    return value_and_gradient
