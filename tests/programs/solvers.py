"""Differential equations stepped through, and iterations towards a solution."""

import numpy as np

from programs.zoo import COLLECTS, WRITES, program, sample


def pendulum(t, y, damping):
    return np.array([y[1], -np.sin(y[0]) - damping * y[1] + 0.1 * np.cos(t)])


def pendulum_in_arrays(y, damping):
    return np.stack([y[1], -np.sin(y[0]) - damping * y[1]])


def predator_prey(x, y, a, b):
    return a * x - x * y, b * x * y - y


@program(1.2, 0.3)
def pendulum_by_euler(angle, damping):
    speed = 0.0
    for _ in range(40):
        force = -np.sin(angle) - damping * speed
        angle, speed = angle + 0.05 * speed, speed + 0.05 * force
    return angle**2 + speed


@program(np.array([1.2, 0.1]), 0.3)
def runge_kutta(y, damping):
    h = 0.1
    for _ in range(12):
        k1 = pendulum_in_arrays(y, damping)
        k2 = pendulum_in_arrays(y + 0.5 * h * k1, damping)
        k3 = pendulum_in_arrays(y + 0.5 * h * k2, damping)
        k4 = pendulum_in_arrays(y + h * k3, damping)
        y = y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
    return np.sum(y**2)


@program(np.array([1.2, 0.1]), 0.3, no_tape=COLLECTS)
def midpoint_with_time(y, damping):
    t, h = 0.0, 0.1
    for step in range(11):
        t = step * h
        half = y + 0.5 * h * pendulum(t, y, damping)
        y = y + h * pendulum(t + 0.5 * h, half, damping)
    return y[0] * y[1] + t * y[0]


@program(1.5, 0.7, 1.1, 0.9)
def lotka_volterra(x, y, a, b):
    h = 0.05
    for _ in range(20):
        dx1, dy1 = predator_prey(x, y, a, b)
        dx2, dy2 = predator_prey(x + h * dx1, y + h * dy1, a, b)
        x = x + 0.5 * h * (dx1 + dx2)
        y = y + 0.5 * h * (dy1 + dy2)
    return x * y


@program(np.array([1.0, 0.0]), np.array([0.0, 0.8]))
def orbit_by_verlet(position, velocity):
    h = 0.05
    force = -position / np.sum(position**2) ** 1.5
    for _ in range(15):
        velocity = velocity + 0.5 * h * force
        position = position + h * velocity
        force = -position / np.sum(position**2) ** 1.5
        velocity = velocity + 0.5 * h * force
    return np.sum(position * velocity) + position[0]


@program(1.0, 1.3)
def adaptive_steps(y, rate):
    t, h, steps = 0.0, 0.2, 0
    while t < 1.0:
        h = np.minimum(h, 1.0 - t)
        k1 = -rate * y + np.sin(t)
        k2 = -rate * (y + h * k1) + np.sin(t + h)
        error = 0.5 * h * abs(k2 - k1)
        if error < 2e-3:
            t += h
            y += 0.5 * h * (k1 + k2)
            h = h * 1.5
        else:
            h = h * 0.5
        steps += 1
        if steps > 200:
            break
    return y**2


@program(np.array([1.0, 0.5]), 2.0)
def adaptive_runge_kutta_fehlberg(y, stiffness):
    t, h, rejected = 0.0, 0.25, 0
    end = 2.0
    while end - t > 1e-12:
        if t + h > end:
            h = end - t
        k1 = np.stack([y[1], stiffness * (1.0 - y[0] ** 2) * y[1] - y[0]])
        z = y + h * 0.5 * k1
        k2 = np.stack([z[1], stiffness * (1.0 - z[0] ** 2) * z[1] - z[0]])
        z = y + h * (-k1 + 2.0 * k2)
        k3 = np.stack([z[1], stiffness * (1.0 - z[0] ** 2) * z[1] - z[0]])
        error = np.max(np.abs(h * (k1 - 2.0 * k2 + k3) / 6.0))
        if error > 1e-2:
            rejected += 1
            h *= 0.5
            continue
        t = t + h
        y = y + h * (k1 + 4.0 * k2 + k3) / 6.0
        if error < 1e-3:
            h *= 1.7
    return np.sum(y**2) + rejected


@program(0.8, 1.5)
def implicit_euler_with_newton(y, a):
    h = 0.1
    for _ in range(10):
        new = y
        for _ in range(9):
            residual = new - y + h * a * new**3
            new = new - residual / (1.0 + 3.0 * h * a * new**2)
        y = new
    return y


@program(0.8, 1.5)
def implicit_midpoint_until_solved(y, a):
    for _ in range(10):
        new = y
        change = 1.0
        while abs(change) > 1e-13:
            middle = 0.5 * (y + new)
            change = new - y + 0.05 * a * np.sin(middle)
            new = new - change
        y = new
    return y**2


@program(1.0, 0.5)
def adams_bashforth(y, a):
    h = 0.1
    before = -a * y**2
    y = y + h * before
    for k in range(1, 13):
        now = -a * y**2 + 0.1 * k * h
        y = y + h * (1.5 * now - 0.5 * before)
        before = now
    return y


@program(sample(91, 20), 0.05, 0.3)
def euler_maruyama(noise, drift, volatility):
    s, dt = 1.0, 0.1
    for dw in noise:
        s = s + drift * s * dt + volatility * s * np.sqrt(dt) * dw
    return np.maximum(s - 0.9, 0.0) + s


@program(sample(92, 4), sample(93, 4))
def gradient_descent(x, target):
    for k in range(15):
        slope = 2.0 * (x - target) + 0.4 * x**3
        x = x - 0.1 / (1.0 + 0.1 * k) * slope
    return np.sum((x - 0.5) ** 2)


@program(sample(94, 4), 0.1, 0.8)
def momentum(x, rate, friction):
    velocity = np.zeros(4)
    for _ in range(12):
        velocity = friction * velocity - rate * (np.sinh(x) - 0.5)
        x = x + velocity
    return np.sum(np.cosh(x) - 0.5 * x)


@program(sample(95, 4), 0.05)
def adam(x, rate):
    m, v = np.zeros(4), np.zeros(4)
    for t in range(1, 12):
        g = np.tanh(x) + x
        m = 0.9 * m + 0.1 * g
        v = 0.99 * v + 0.01 * g**2
        x = x - rate * (m / (1.0 - 0.9**t)) / (np.sqrt(v / (1.0 - 0.99**t)) + 1e-8)
    return np.sum(x**2)


@program(np.array([0.5, 0.2]), 1.3)
def newton_in_two_dimensions(x, a):
    for _ in range(10):
        f = np.stack([x[0] ** 2 + x[1] - a, np.exp(x[0]) - x[1] - 1.0])
        jacobian = np.stack([np.stack([2.0 * x[0], 1.0 + 0.0 * a]), np.stack([np.exp(x[0]), -1.0 + 0.0 * a])])
        x = x - np.linalg.solve(jacobian, f)
    return x[0] * x[1]


@program(0.7, 0.2)
def shooting(slope, a):
    for _ in range(9):
        y, v, dy, dv = 0.0, slope, 0.0, 1.0
        for k in range(20):
            x = 0.05 * k
            y, v = y + 0.05 * v, v + 0.05 * (a * y**2 - x)
            dy, dv = dy + 0.05 * dv, dv + 0.05 * 2.0 * a * y * dy
        slope = slope - 0.9 * (y - 0.5) / dy
    return slope


@program(sample(96, 9), no_tape=WRITES)
def trajectory_is_kept(forcing):
    path = np.zeros((10, 2))
    path[0, 0] = 1.0
    for k in range(9):
        path[k + 1, 0] = path[k, 0] + 0.1 * path[k, 1]
        path[k + 1, 1] = path[k, 1] + 0.1 * (forcing[k] - path[k, 0])
    return np.sum(path**2)


@program(0.4)
def picard_iteration(a):
    t = np.linspace(0.0, 1.0, 11)
    y = np.ones(11)
    for _ in range(10):
        slope = a * y * (1.0 - 0.2 * y)
        y = 1.0 + np.cumsum(slope) * (t[1] - t[0])
    return y[-1]


@program(1.0, 0.8, 0.3)
def golden_section(a, b, c):
    ratio = 0.5 * (np.sqrt(5.0) - 1.0)
    low, high = -1.0 * a, 3.0 * b
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    for _ in range(12):
        if (left - c) ** 2 < (right - c) ** 2:
            high, right = right, left
            left = high - ratio * (high - low)
        else:
            low, left = left, right
            right = low + ratio * (high - low)
    return 0.5 * (low + high) * a
