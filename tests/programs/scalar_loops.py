"""Loops over a range whose state is one number, or a few."""

import numpy as np

from programs.zoo import program, sample

C = sample(1, 12)


@program(C, 0.7)
def horner(c, x):
    y = 0.0
    for k in range(len(c) - 1, -1, -1):
        y = y * x + c[k]
    return y


@program(C, 0.3)
def clenshaw(c, x):
    b1, b2 = 0.0, 0.0
    for k in reversed(range(1, len(c))):
        b1, b2 = c[k] + 2.0 * x * b1 - b2, b1
    return c[0] + x * b1 - b2


@program(0.8)
def arctangent_fraction(x):
    tail = 0.0
    for k in range(14, 0, -1):
        tail = (k * x) ** 2 / (2 * k + 1 + tail)
    return x / (1.0 + tail)


@program(1.0, 2.5)
def arithmetic_geometric_mean(a, b):
    for _ in range(9):
        a, b = 0.5 * (a + b), np.sqrt(a * b)
    return a


@program(2.8, 0.3)
def logistic_map(r, x):
    for _ in range(20):
        x = r * x * (1.0 - x)
    return x


@program(0.9, 0, name="series_of_none")
@program(0.9, 1, name="series_of_one")
@program(0.9, 3, name="series_of_three")
@program(0.9, 25, name="series_of_many")
@program(0.9, -4, name="series_of_less_than_none")
@program(0.9, 25, name="series_of_a_static_number", static=(1,))
def geometric_series(q, n):
    total, power = 1.5 * q, 1.0
    for _ in range(n):
        power = power * q
        total = total + power
    return total


@program(0.4)
def triangle_of_products(x):
    total = 0.0
    for i in range(9):
        for j in range(i):
            total += np.sin(x * i) * np.cos(x * j)
    return total


@program(0.3, 11)
def three_deep(x, n):
    total = x
    for i in range(3, n):
        row = 0.0
        for j in range(i, n):
            for k in range(0, j, 2):
                row += np.exp(-x * (i + k)) / (1 + j)
            row *= 1.0 + 0.1 * x
        total = 0.5 * total + row
    return total


@program(1.1, 13, name="power_by_squaring")
@program(1.1, 0, name="power_by_squaring_zero", no_tape="the result is a constant")
@program(1.1, 13, name="power_by_squaring_static", static=(1,))
def power_by_squaring(x, n):
    result = 1.0
    while n > 0:
        if n % 2 == 1:
            result = result * x
        x = x * x
        n //= 2
    return result


@program(0.4, 10)
def legendre(x, degree):
    before, now = 1.0, x
    for k in range(1, degree):
        before, now = now, ((2 * k + 1) * x * now - k * before) / (k + 1)
    return now


@program(1.3)
def sine_by_series(x):
    term = x
    total = x
    for k in range(1, 12):
        term *= -x * x / (2 * k * (2 * k + 1))
        total += term
    return total


@program(0.05, 100.0)
def savings(rate, deposit):
    balance = 0.0
    paid = 0
    for year in range(1, 21):
        balance = balance * (1.0 + rate) + deposit
        paid += 1
        if year % 5 == 0:
            balance -= 0.1 * balance * rate
    return balance / paid


@program(sample(2, 15))
def moving_mean(x):
    mean = x[0]
    for k in range(1, len(x)):
        mean += 0.3 * (x[k] - mean)
    return mean**2


@program(0.6)
def counter_after_the_loop(x):
    for k in range(12):
        x = np.sin(x + 0.1 * k)
    return x * k


@program(0.6)
def last_of_the_loop(x):
    for k in range(1, 12):
        last = np.cos(x * k) / k
        x = x + 0.1 * last
    return last * x


@program(sample(3, 10, low=0.5, high=1.5))
def sum_that_starts_as_an_integer(x):
    total = 0
    product = 1
    for k in range(len(x)):
        total = total + x[k] ** 2
        product *= x[k]
    return total * product


@program(0.3, 1.7)
def fibonacci_of_floats(x, y):
    a, b = x, y
    for _ in range(10):
        a, b = b, a + 0.5 * b
    return a * b


@program(0.5)
def nothing_depends_on_the_loop(x):
    junk = 1.0
    for k in range(15):
        junk = junk * 0.5 + k
        scale = np.exp(x)
    return scale * x + 0.0 * junk


@program(1.7, 14, 3)
def bounds_are_arguments(x, first, last):
    total = 0.0
    for k in range(first, last, -2):
        total += np.log(x + k)
    for k in range(last, first, 3):
        total -= np.sqrt(x * k)
    for k in range(first, last):
        total += 1000.0 * x * k
    return total


@program(np.float32(0.9), np.float32(0.2), rtol=2e-5)
def single_precision(x, y):
    for _ in range(10):
        x = x + np.float32(0.1) * np.tanh(y * x)
    return x


@program(sample(4, 12).astype(np.float32), rtol=2e-5)
def single_precision_sum(x):
    total = np.float32(0.0)
    for k in range(len(x)):
        total += x[k] * x[k] / 3
    return total


@program(0.8)
def sign_alternates(x):
    total, sign = 0.0, 1.0
    for k in range(1, 16):
        total += sign * x**k / k
        sign = -sign
    return total


@program(0.7)
def loop_after_loop(x):
    y = x
    for _ in range(9):
        y = np.tanh(1.2 * y)
    z = y
    for _ in range(10):
        z = 0.5 * z + x * y
    return y * z


@program(0.37, 9)
def else_of_a_loop(x, n):
    for k in range(n):
        x = x * (1.1 - 0.1 * x)
        if k > 20:
            break
    else:
        x = x + 1.0
    return x
