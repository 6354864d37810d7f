"""Simulations: bodies, rays, paths of prices, populations."""

import numpy as np

from programs.zoo import WRITES, program, sample

BODIES = sample(171, 9, 3)
MASSES = sample(172, 9, low=0.5, high=2.0)


@program(BODIES, MASSES)
def energy_of_pairs(r, m):
    energy = 0.0
    for i in range(len(m)):
        for j in range(i + 1, len(m)):
            energy -= m[i] * m[j] / np.sqrt(np.sum((r[i] - r[j]) ** 2) + 0.1)
    return energy


@program(BODIES, MASSES, no_tape=WRITES)
def forces_of_pairs(r, m):
    force = np.zeros_like(r)
    for i in range(9):
        for j in range(9):
            if i == j:
                continue
            d = r[j] - r[i]
            force[i] += m[j] * d / (d @ d + 0.1) ** 1.5
    return np.sum(force**2)


@program(BODIES[:3], MASSES[:3])
def three_bodies(r, m):
    v = np.zeros((3, 3))
    for _ in range(10):
        d = r[None, :, :] - r[:, None, :]
        weight = m[None, :] / (np.sum(d**2, axis=2) + 0.2) ** 1.5
        v = v + 0.05 * np.sum(weight[:, :, None] * d, axis=1)
        r = r + 0.05 * v
    return np.sum(r * v)


@program(np.array([0.1, -0.2, 1.0]), 0.8)
def ray_marching(direction, radius):
    direction = direction / np.sqrt(np.sum(direction**2))
    centre = np.array([0.0, 0.0, 3.0])
    t, steps = 0.0, 0
    while steps < 60:
        point = t * direction
        distance = np.sqrt(np.sum((point - centre) ** 2)) - radius
        if distance < 1e-8:
            break
        t += distance
        if t > 20.0:
            return t
        steps += 1
    return t * t


@program(100.0, 0.2, 0.05, sample(173, 20, 12, low=-1.5, high=1.5), wrt=(0, 1, 2))
def asian_option(s0, volatility, rate, noise):
    payoff = 0.0
    for path in noise:
        s, mean = s0, 0.0
        for z in path:
            s = s * np.exp((rate - 0.5 * volatility**2) / 12.0 + volatility * np.sqrt(1.0 / 12.0) * z)
            mean += s / 12.0
        payoff += np.maximum(mean - 100.0, 0.0)
    return np.exp(-rate) * payoff / len(noise)


@program(100.0, 0.25, sample(174, 15, 12, low=-1.5, high=1.5))
def barrier_option(s0, volatility, noise):
    payoff = 0.0
    for i in range(noise.shape[0]):
        s, alive = s0, True
        for j in range(noise.shape[1]):
            s *= np.exp(volatility * 0.3 * noise[i, j] - 0.5 * (volatility * 0.3) ** 2)
            if s > 130.0:
                alive = False
                break
        if alive:
            payoff += max(s - 95.0, 0.0)
    return payoff / noise.shape[0]


@program(100.0, 95.0, 0.05, 0.3, no_tape=WRITES)
def american_put_on_a_tree(s0, strike, rate, volatility):
    n, dt = 12, 1.0 / 12.0
    up = np.exp(volatility * np.sqrt(dt))
    p = (np.exp(rate * dt) - 1.0 / up) / (up - 1.0 / up)
    value = np.zeros(n + 1)
    for j in range(n + 1):
        value[j] = np.maximum(strike - s0 * up ** (2 * j - n), 0.0)
    for i in range(n - 1, -1, -1):
        for j in range(i + 1):
            hold = np.exp(-rate * dt) * (p * value[j + 1] + (1.0 - p) * value[j])
            value[j] = np.maximum(hold, strike - s0 * up ** (2 * j - i))
    return value[0]


@program(1.0, 2.0, 0.85)
def bouncing_ball(height, speed, restitution):
    h, v = height, speed
    for _ in range(60):
        v -= 9.81 * 0.02
        h += v * 0.02
        if h < 0.0:
            h = -h * restitution
            v = -v * restitution
    return h + 0.1 * v


@program(8.0, 0.7, 0.05)
def projectile_until_the_ground(speed, angle, drag):
    x, y = 0.0, 0.0
    vx, vy = speed * np.cos(angle), speed * np.sin(angle)
    while y >= 0.0:
        old_x, old_y = x, y
        v = np.hypot(vx, vy)
        vx, vy = vx - 0.02 * drag * v * vx, vy - 0.02 * (9.81 + drag * v * vy)
        x, y = x + 0.02 * vx, y + 0.02 * vy
    return old_x + (x - old_x) * old_y / (old_y - y)


@program(0.4, 0.1, 0.02)
def epidemic_with_measures(contact, recovery, start):
    s, i, worst = 1.0 - start, start, 0.0
    for day in range(40):
        measure = 0.5 if day > 15 and i > 0.05 else 1.0
        new = measure * contact * s * i
        s, i = s - new, i + new - recovery * i
        worst = max(worst, i)
    return worst + i


@program(np.array([0.0, 0.1, 0.3, 0.45, 0.7]), 0.1)
def cars_on_a_ring(position, gain):
    speed = np.ones(5) * 0.1
    for _ in range(15):
        gap = np.concatenate((position[1:], position[:1] + 1.0)) - position
        speed = speed + gain * (np.tanh(5.0 * gap) * 0.3 - speed)
        position = position + 0.1 * speed
    return np.sum(speed**2) + position[0]


@program(sample(175, 30), 0.4)
def reflected_walk(noise, step):
    x, y = 0.0, 0.0
    for k in range(0, len(noise), 2):
        x = np.abs(x + step * noise[k])
        y = y + step * np.sin(noise[k + 1]) * x
    return x * x + y


@program(sample(176, 6, 6), 0.6)
def metropolis_with_given_noise(noise, coupling):
    spin = np.cos(np.arange(36.0)).reshape(6, 6)
    energy = 0.0
    for i in range(6):
        for j in range(6):
            around = spin[i - 1, j] + spin[i, j - 1]
            trial = np.tanh(noise[i, j] + coupling * around)
            cost = -coupling * (trial - spin[i, j]) * around
            if cost < 0.3 and not trial > 0.8:
                energy += cost
    return energy


@program(1.3, 0.4)
def billiard(x, y):
    vx, vy = 0.31, 0.47
    bounces = 0
    while bounces < 12:
        x, y = x + vx, y + vy
        if not -2.0 < x < 2.0:
            vx = -0.95 * vx
            x = 4.0 - x if x > 0 else -4.0 - x
            bounces += 1
        if not -2.0 < y < 2.0:
            vy = -0.95 * vy
            y = 4.0 - y if y > 0 else -4.0 - y
            bounces += 1
    return x * y + vx * bounces


@program(sample(177, 12, low=0.5, high=1.5), 1.2)
def light_through_layers(thickness, index):
    angle, position = 0.3, 0.0
    for k, d in enumerate(thickness):
        s = np.sin(angle) / (index if k % 2 else 1.0)
        if abs(s) > 0.99:
            break
        position += d * s / np.sqrt(1.0 - s * s)
        angle = np.arcsin(s) * 1.01
    return position


@program(sample(178, 10, 2), 0.3, no_tape=WRITES)
def springs_in_a_chain(r, k):
    v = np.zeros((10, 2))
    for _ in range(12):
        stretch = r[1:] - r[:-1]
        force = k * stretch * (1.0 - 0.5 / np.sqrt(np.sum(stretch**2, axis=1) + 1e-3))[:, None]
        v[1:] -= 0.1 * force
        v[:-1] += 0.1 * force
        r = r + 0.1 * v
    return np.sum(r**2)
