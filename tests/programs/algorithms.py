"""Algorithms of the textbooks: searches, transforms, quadrature, optimisation, graphs."""

import numpy as np

from programs.zoo import WRITES, program, sample

X = sample(221, 16)
SORTED = np.sort(sample(222, 16))


def quartic(x, a):
    return x**4 - a * x**3 + np.sin(x) - 0.5


def bowl(x, y, a):
    return (x - 1.0) ** 2 + a * (y + 0.5) ** 2 + 0.3 * x * y + 0.1 * x**4


@program(SORTED, sample(223, 16), 0.21)
def binary_search(knots, values, x):
    low, high = 0, len(knots) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle] <= x:
            low = middle
        else:
            high = middle
    share = (x - knots[low]) / (knots[high] - knots[low])
    return values[low] + share * (values[high] - values[low])


@program(X)
def walsh_hadamard(x):
    y = x.copy()
    h = 1
    while h < len(y):
        for i in range(0, len(y), 2 * h):
            for j in range(i, i + h):
                a, b = y[j], y[j + h]
                y[j], y[j + h] = a + b, a - b
        h *= 2
    return np.sum(np.sin(y))


@program(X)
def haar_wavelet(x):
    y = x.copy()
    n = 16
    while n > 1:
        half = n // 2
        new = y.copy()
        for k in range(half):
            new[k] = (y[2 * k] + y[2 * k + 1]) * 0.7
            new[half + k] = (y[2 * k] - y[2 * k + 1]) * 0.7
        y = new
        n = half
    return np.sum(y**3)


@program(X, no_tape=WRITES)
def fourier_sums(x):
    n = len(x)
    power = np.zeros(n)
    for k in range(n):
        re, im = 0.0, 0.0
        for j in range(n):
            angle = 2.0 * np.pi * k * j / n
            re += x[j] * np.cos(angle)
            im -= x[j] * np.sin(angle)
        power[k] = re**2 + im**2
    return np.sum(np.sqrt(power))


@program(sample(224, 20), no_tape="its integers are of Python")
def sum_over_primes(x):
    prime = np.ones(20, dtype=bool)
    total = 0.0
    for k in range(2, 20):
        if prime[k]:
            total += x[k] ** 2
            for j in range(k * k, 20, k):
                prime[j] = False
    return total


@program(0.7, 48, 18)
def euclid(x, a, b):
    while b != 0:
        x = x * (1.0 + a / (b + 1.0)) ** 0.1
        a, b = b, a % b
    return x * a


@program(0.3, 0.8)
def noise_from_integers(drift, scale):
    seed, position = 12345, 0.0
    for _ in range(20):
        seed = (seed * 1103515245 + 12345) % 2147483648
        position = 0.9 * position + drift + scale * (seed / 2147483648 - 0.5)
    return position**2


@program(1.3, 0.2)
def digits(x, a):
    total = 0.0
    for k in range(1, 30):
        rest, ones = k, 0
        while rest:
            ones += rest & 1
            rest >>= 1
        total += np.sin(x * ones) * a**ones / (1 << (k % 4))
    return total


@program(0.4, 2.1, 1.2)
def simpson(low, high, a):
    n = 20
    h = (high - low) / n
    total = np.exp(-a * low**2) + np.exp(-a * high**2)
    for k in range(1, n):
        total += (4.0 if k % 2 else 2.0) * np.exp(-a * (low + k * h) ** 2)
    return total * h / 3.0


@program(0.4, 2.1, 1.2, no_tape=WRITES)
def romberg(low, high, a):
    table = np.zeros((6, 6))
    for i in range(6):
        n = 2**i
        h = (high - low) / n
        s = 0.5 * (np.sin(a * low) + np.sin(a * high))
        for k in range(1, n):
            s += np.sin(a * (low + k * h))
        table[i, 0] = s * h
        for j in range(1, i + 1):
            table[i, j] = table[i, j - 1] + (table[i, j - 1] - table[i - 1, j - 1]) / (4**j - 1)
    return table[5, 5]


@program(0.0, 2.0, 3.0, no_tape=WRITES)
def adaptive_quadrature_with_a_stack(low, high, a):
    lows, highs = np.zeros(30), np.zeros(30)
    lows[0], highs[0] = low, high
    top, total = 1, 0.0
    while top > 0:
        top -= 1
        left, right = lows[top], highs[top]
        middle = 0.5 * (left + right)
        fl, fm, fr = 1.0 / (0.05 + left * a), 1.0 / (0.05 + middle * a), 1.0 / (0.05 + right * a)
        coarse, fine = 0.5 * (right - left) * (fl + fr), (right - left) * (fl + 4.0 * fm + fr) / 6.0
        if abs(coarse - fine) < 2e-2 or top > 27:
            total += fine
        else:
            lows[top], highs[top] = left, middle
            lows[top + 1], highs[top + 1] = middle, right
            top += 2
    return total


@program(SORTED[:9], sample(225, 9), 0.1)
def divided_differences(x, y, at):
    c = y.copy()
    for level in range(1, 9):
        for k in range(8, level - 1, -1):
            c[k] = (c[k] - c[k - 1]) / (x[k] - x[k - level])
    value = c[8]
    for k in range(7, -1, -1):
        value = value * (at - x[k]) + c[k]
    return value * 1e-3


@program(sample(226, 10, 2), 0.35)
def de_casteljau(points, t):
    p = points.copy()
    for level in range(9):
        for k in range(9 - level):
            p[k] = (1.0 - t) * p[k] + t * p[k + 1]
    return p[0] @ p[0]


@program(sample(227, 11), no_tape=WRITES)
def natural_spline(y):
    n = 11
    c, d, curve = np.zeros(n), np.zeros(n), np.zeros(n)
    for k in range(1, n - 1):
        pivot = 4.0 - c[k - 1]
        c[k] = 1.0 / pivot
        d[k] = (6.0 * (y[k + 1] - 2.0 * y[k] + y[k - 1]) - d[k - 1]) / pivot
    for k in range(n - 2, 0, -1):
        curve[k] = d[k] - c[k] * curve[k + 1]
    return np.sum(curve**2)


@program(sample(228, 6, 7), np.ones(6) / 6.0, np.ones(7) / 7.0, wrt=(0,))
def sinkhorn(cost, a, b):
    kernel = np.exp(-2.0 * cost)
    u, v = np.ones(6), np.ones(7)
    change = 1.0
    while change > 1e-13:
        before = u
        u = a / (kernel @ v)
        v = b / (kernel.T @ u)
        change = np.max(np.abs(u - before))
    return np.sum(u[:, None] * kernel * v[None, :] * cost)


@program(sample(229, 24), np.array([-0.5, 0.4]))
def mixture_by_expectations(x, mean):
    for _ in range(10):
        near = np.exp(-2.0 * (x[:, None] - mean[None, :]) ** 2)
        share = near / np.sum(near, axis=1)[:, None]
        mean = np.sum(share * x[:, None], axis=0) / np.sum(share, axis=0)
    return mean[0] * mean[1]


@program(sample(230, 20, 2), sample(231, 3, 2), no_tape=WRITES)
def hard_clusters(points, centres):
    for _ in range(3):
        sums, counts = np.zeros((3, 2)), np.zeros(3)
        for p in points:
            near = np.argmin(np.sum((centres - p) ** 2, axis=1))
            sums[near] += p
            counts[near] += 1.0
        centres = (sums + 0.1 * centres) / (counts + 0.1)[:, None]
    return np.sum(centres**2)


@program(sample(232, 18), np.arange(18) % 7, (np.arange(18) * 3 + 2) % 7, no_tape=WRITES)
def page_rank(strength, tails, heads):
    weight = np.exp(strength)
    rank = np.ones(7) / 7.0
    for _ in range(12):
        new = np.full(7, 0.02)
        for i, j, w in zip(tails, heads, weight):
            new[j] += w * rank[i]
        rank = new / np.sum(new)
    return np.sum(rank * np.arange(7.0) ** 2)


@program(sample(233, 15), np.arange(15) % 5, (np.arange(15) * 2 + 1) % 5 + 5, 0.4, no_tape=WRITES)
def ratings_after_games(outcome, winners, losers, k):
    rating = np.zeros(10)
    for game in range(15):
        a, b = winners[game], losers[game]
        expected = 1.0 / (1.0 + np.exp(rating[b] - rating[a]))
        rating[a] += k * (outcome[game] - expected)
        rating[b] -= k * (outcome[game] - expected)
    return np.sum(rating**2)


@program(sample(234, 10), np.array([[1, 2, -1], [0, 3, 4], [0, 5, -1], [1, -1, -1], [1, 9, -1]] * 2))
def neighbours_until_a_mark(x, neighbours):
    total = 0.0
    for i in range(10):
        for j in neighbours[i]:
            if j < 0:
                break
            total += x[i] * x[j] ** 2
    return total


@program(sample(235, 10, 3), 0.9)
def particles_with_a_cutoff(r, cutoff):
    energy = 0.0
    for i in range(10):
        for j in range(i):
            d2 = np.sum((r[i] - r[j]) ** 2)
            if d2 < cutoff**2:
                s = 0.05 / d2
                energy += s**3 - s + (1.0 - d2 / cutoff**2) ** 2
    return energy


@program(X)
def reads_only_inside_the_bounds(x):
    total = 0.0
    for k in range(len(x)):
        if k + 3 < len(x):
            total += x[k] * x[k + 3]
        if k >= 5:
            total -= x[k - 5] ** 2
        total += x[k + 1] if k < 15 else 0.0
    return total


@program(1.5, 0.71)
def bounds_from_values(x, a):
    total = 0.0
    for k in range(int(np.ceil(7 * x))):
        total += np.cos(a * k) * x
    count = int(a * 20)
    for k in range(count, 0, -1):
        total += a**k
    return total


@program(-0.3, 1.1, 0.6)
def brent(a, b, p):
    fa, fb = quartic(a, p), quartic(b, p)
    c, fc = a, fa
    count = 0
    while abs(fb) > 1e-12 and count < 60:
        if fa != fc and fb != fc and count > 0:
            s = a * fb * fc / ((fa - fb) * (fa - fc))
            s = s + b * fa * fc / ((fb - fa) * (fb - fc)) + c * fa * fb / ((fc - fa) * (fc - fb))
        else:
            s = b - fb * (b - a) / (fb - fa)
        if not (min(a, b) < s < max(a, b)):
            s = 0.5 * (a + b)
        fs = quartic(s, p)
        c, fc = b, fb
        if fa * fs < 0.0:
            b, fb = s, fs
        else:
            a, fa = s, fs
        if abs(fa) < abs(fb):
            a, b, fa, fb = b, a, fb, fa
        count += 1
    return b


@program(sample(236, 4), 1.0)
def line_search(x, start):
    scale = np.arange(1.0, 5.0)
    for _ in range(9):
        slope = scale * np.sinh(x)
        value = np.sum(scale * np.cosh(x))
        rate = start
        while np.sum(scale * np.cosh(x - rate * slope)) > value - 0.3 * rate * np.sum(slope**2):
            rate *= 0.5
        x = x - 0.9 * rate * slope + 0.02
    return np.sum(x**2 * scale)


@program(np.array([-2.0, -1.1, -1.4]), np.array([1.1, 2.0, 1.4]), 2.0)
def nelder_mead(x, y, a):
    x, y = x.copy(), y.copy()
    for _ in range(9):
        f = bowl(x, y, a)
        order = np.argsort(f)
        x, y, f = x[order], y[order], f[order]
        cx, cy = 0.5 * (x[0] + x[1]), 0.5 * (y[0] + y[1])
        rx, ry = 2.0 * cx - x[2], 2.0 * cy - y[2]
        fr = bowl(rx, ry, a)
        if fr < f[0]:
            ex, ey = 3.0 * cx - 2.0 * x[2], 3.0 * cy - 2.0 * y[2]
            if bowl(ex, ey, a) < fr:
                x[2], y[2] = ex, ey
            else:
                x[2], y[2] = rx, ry
        elif fr < f[1]:
            x[2], y[2] = rx, ry
        else:
            kx, ky = 0.5 * (cx + x[2]), 0.5 * (cy + y[2])
            if bowl(kx, ky, a) < f[2]:
                x[2], y[2] = kx, ky
            else:
                x[1:] = 0.5 * (x[1:] + x[0])
                y[1:] = 0.5 * (y[1:] + y[0])
    return bowl(x[0], y[0], a) + 0.1 * x[0]


@program(sample(237, 5), 9)
def quasi_newton_with_a_memory(x, steps):
    inverse = np.eye(5)
    weight = np.arange(1.0, 6.0)
    slope = weight * x + 0.1 * x**3 - 0.5
    for _ in range(steps):
        step = -0.5 * (inverse @ slope)
        x = x + step
        new = weight * x + 0.1 * x**3 - 0.5
        change = new - slope
        curvature = step @ change
        if curvature > 1e-10:
            left = np.eye(5) - np.outer(step, change) / curvature
            inverse = left @ inverse @ left.T + np.outer(step, step) / curvature
        slope = new
    return np.sum((x - 0.2) ** 2)


@program(np.array([-0.5, 0.2, 0.0, 1.0, 0.3, 0.0, 2.0, 0.1, 0.5]), 0.7, wrt=(1,))
def root_where_there_is_one(x, a):
    total = 0.0
    for v in x:
        if v > 0.0:
            total += np.sqrt(a * v) + np.log(a * v)
        else:
            total += a * v
        total += np.sqrt(a * v) if v > 0.15 else 1.0 / (1.0 + a)
    return total


@program(sample(238, 9, 9), 0.5)
def triple_loop_with_jumps(m, limit):
    total = 0.0
    for i in range(9):
        if m[i, i] < -0.8:
            continue
        for j in range(9):
            if m[i, j] > 0.9:
                break
            k = 0
            while k < 9:
                k += 1
                if m[j, k - 1] < 0.0:
                    continue
                total = 0.9 * total + m[j, k - 1] * m[i, j]
                if total > limit * 6:
                    return total * m[i, j]
                if k > j:
                    break
    return total
