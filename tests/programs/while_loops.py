"""`while`: loops whose values decide how often they run."""

import numpy as np

from programs.zoo import program, sample


@program(2.7)
def heron(a):
    x = a
    while abs(x * x - a) > 1e-13:
        x = 0.5 * (x + a / x)
    return x


@program(0.3, 0.9)
def kepler(eccentricity, mean):
    angle, change = mean, 1.0
    while np.abs(change) > 1e-12:
        change = (angle - eccentricity * np.sin(angle) - mean) / (1.0 - eccentricity * np.cos(angle))
        angle = angle - change
    return angle


@program(0.9)
def cosine_fixed_point(a):
    x, before = 1.0, 0.0
    while abs(x - before) > 1e-13:
        before, x = x, np.cos(a * x)
    return x


@program(1.4)
def lambert_w(y):
    w = 0.5
    while True:
        e = np.exp(w)
        step = (w * e - y) / (e * (w + 1.0) - 0.5 * (w + 2.0) * (w * e - y) / (w + 1.0))
        w -= step
        if abs(step) < 1e-12:
            break
    return w


@program(0.0, 2.0, 0.7)
def bisection_then_newton(low, high, a):
    while high - low > 1e-3:
        middle = 0.5 * (low + high)
        if middle**3 + a * middle - 2.0 > 0:
            high = middle
        else:
            low = middle
    x = 0.5 * (low + high)
    for _ in range(10):
        x -= (x**3 + a * x - 2.0) / (3 * x**2 + a)
    return x


@program(0.4, 0.4)
def mandelbrot_escape(re, im):
    x, y, steps = 0.0, 0.0, 0
    while x * x + y * y < 1e4 and steps < 100:
        x, y = x * x - y * y + re, 2.0 * x * y + im
        steps += 1
    return steps + 1.0 - np.log(np.log(x * x + y * y)) / np.log(2.0)


@program(1.02, 27)
def collatz(x, n):
    steps = 0
    while n != 1:
        if n % 2 == 0:
            n = n // 2
            x = x * 0.97
        else:
            n = 3 * n + 1
            x = x + 0.01 * x**2
        steps += 1
    return x * steps


@program(0.25)
def zero_trips(x):
    y = x * x
    while y > 1.0:
        y = 0.5 * y
    return y + x


@program(1.5)
def one_trip(x):
    y = x * x
    while y > 1.2:
        y = 0.5 * y * x
    return y + x


@program(1000.0, 0.8)
def halving_with_a_cost(x, a):
    cost = 0.0
    while x > 1.0:
        x *= a * 0.7
        cost += np.sqrt(x)
    return cost


@program(0.5)
def secant(a):
    x0, x1 = 0.0, 1.0
    f0, f1 = x0 * np.exp(x0) - a, x1 * np.exp(x1) - a
    count = 0
    while abs(f1) > 1e-11 and count < 50:
        x0, x1 = x1, x1 - f1 * (x1 - x0) / (f1 - f0)
        f0, f1 = f1, x1 * np.exp(x1) - a
        count += 1
    return x1


@program(0.8, 1.3)
def while_in_while(x, limit):
    total = 0.0
    while total < 20.0:
        step = x
        while step < limit + 0.1 * total:
            step = step * 1.3
        total += step
        x += 0.05
    return total * x


@program(0.6)
def while_in_for(x):
    total = 0.0
    for k in range(1, 10):
        y = x * k
        while y > 1.0:
            y = y - np.sqrt(y) * 0.9
        total += y**2
    return total


@program(0.2)
def for_in_while(x):
    y = x
    while y < 3.0:
        s = 0.0
        for k in range(10):
            s += np.sin(y * k) ** 2
        y = y + 0.1 * s
    return y


@program(0.9)
def series_until_small(x):
    total, term, k = 0.0, 1.0, 0
    while abs(term) > 1e-14:
        total += term
        k += 1
        term *= -x / k
    return total


@program(sample(7, 40, low=-0.3, high=0.5), 1.0)
def walk_until_the_barrier(noise, barrier):
    position, k = 0.0, 0
    while position < barrier and k < len(noise):
        position = 0.95 * position + noise[k]
        k += 1
    return position * barrier + k


@program(np.linspace(0.0, 3.0, 16) ** 1.5, np.cos(np.arange(16.0)), 2.2)
def interpolation_by_search(knots, values, x):
    k = 0
    while k + 2 < len(knots) and knots[k + 1] < x:
        k += 1
    share = (x - knots[k]) / (knots[k + 1] - knots[k])
    return (1.0 - share) * values[k] + share * values[k + 1]


@program(np.array([3.0, 2.0, 1.5, 0.7]), name="the_end_guards_the_read")
@program(np.array([3.0, 2.0, -1.5, 0.7]), name="the_end_guards_the_read_in_the_middle")
def sum_of_leading_positives(x):
    i, total = 0, 0.0
    while i < len(x) and x[i] > 0:
        total += x[i] ** 2
        i += 1
    return total


@program(sample(8, 5), sample(9, 5), 0.4)
def descent_until_flat(x, target, rate):
    gradient = np.ones(5)
    while np.sqrt(np.sum(gradient**2)) > 1e-11:
        gradient = np.sinh(x) + 0.5 * x - target
        x = x - rate * gradient
    return np.sum(x**2 * np.arange(5.0))


@program(1.9)
def assigned_in_the_test(x):
    y = 4.0
    while (error := y - x / y) > 1e-12:
        y -= 0.5 * error
    return y + error


@program(0.7)
def continue_in_while(x):
    k, total = 0, 0.0
    while k < 14:
        k += 1
        if k % 3 == 0:
            continue
        total += np.sin(k * x)
    return total


@program(1.6)
def return_from_while(x):
    y = x
    while True:
        y = y * x
        if y > 50.0:
            return np.log(y) * x
        if y < 0.0:
            return y


@program(30.0, 1.2)
def else_of_a_while(x, a):
    while x > 1.0:
        x = x / (1.0 + a)
        if x > 100.0:
            break
    else:
        x = x * a
    return x


@program(3.0, 0.097)
def countdown_in_floats(x, step):
    t, energy = 1.0, 0.0
    while t > 1e-9:
        energy += np.cos(x * t) * step
        t -= step
    return energy


@program(0.5, 20)
def not_and_or(x, n):
    k = 0
    while not (x > 3.0 or k >= n) and (k < 15 or x > 0.0):
        x = x * 1.1 + 0.01
        k = k + 1
    return x * x


@program(1.3, 0.8)
def stern_brocot(target, weight):
    a, b, c, d = 0.0, 1.0, 1.0, 0.0
    trips = 0
    while abs((a + c) / (b + d) - target) > 1e-2 and trips < 60:
        if (a + c) / (b + d) < target:
            a, b = a + c, b + d
        else:
            c, d = a + c, b + d
        trips += 1
    return weight**2 * (a + c) / (b + d) + np.exp(-target * weight)
