"""Grids that are updated step by step: diffusion, waves, relaxation, automata."""

import numpy as np

from programs.zoo import WRITES, program, sample

U = sample(61, 14)
G = sample(62, 8, 9)


@program(U, 0.2)
def heat_by_elements(u, a):
    for _ in range(9):
        new = u.copy()
        for k in range(1, len(u) - 1):
            new[k] = u[k] + a * (u[k + 1] - 2.0 * u[k] + u[k - 1])
        u = new
    return np.sum(u**2)


@program(G, 0.15)
def heat_in_two_dimensions(u, a):
    u = u.copy()
    for _ in range(10):
        inner = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - 4.0 * u[1:-1, 1:-1]
        u[1:-1, 1:-1] += a * inner
    return np.sum(u**2)


@program(G)
def jacobi_relaxation(f):
    u = np.zeros_like(f)
    for _ in range(12):
        v = u.copy()
        v[1:-1, 1:-1] = 0.25 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2] - f[1:-1, 1:-1])
        u = v
    return np.sum(u**2)


@program(sample(63, 6, 7))
def gauss_seidel_sweeps(u):
    u = u.copy()
    for _ in range(9):
        for i in range(1, 5):
            for j in range(1, 6):
                u[i, j] = 0.25 * (u[i - 1, j] + u[i + 1, j] + u[i, j - 1] + u[i, j + 1])
    return np.sum(u**3)


@program(sample(64, 10, 10))
def gauss_seidel_nine_points(a):
    a = a * 1.0
    for _ in range(2):
        for i in range(1, 9):
            for j in range(1, 9):
                a[i, j] = np.sum(a[i - 1 : i + 2, j - 1 : j + 2]) / 9.0
    return np.sum(a**2)


@program(U, 0.5)
def wave_equation(u, c):
    before, now = u, u + 0.01 * np.sin(u)
    for _ in range(12):
        after = 2.0 * now - before + c**2 * (np.roll(now, 1) - 2.0 * now + np.roll(now, -1))
        before, now = now, after
    return np.sum(now**2)


@program(U)
def buffers_swap(u):
    a, b = u.copy(), np.zeros_like(u)
    for _ in range(10):
        for k in range(1, 13):
            b[k] = (a[k - 1] + a[k] + a[k + 1]) / 3.0
        a, b = b, a
    return np.sum(a * b)


@program(U, 0.4, name="upwind_from_the_left")
@program(U, -0.4, name="upwind_from_the_right")
def upwind(u, speed):
    u = u.copy()
    for _ in range(10):
        if speed > 0:
            u[1:] = u[1:] - speed * (u[1:] - u[:-1])
        else:
            u[:-1] = u[:-1] - speed * (u[1:] - u[:-1])
    return np.sum(u**2)


@program(U, 0.1)
def burgers(u, nu):
    u = u.copy()
    for _ in range(9):
        new = u.copy()
        for k in range(1, 13):
            slope = u[k] - u[k - 1] if u[k] > 0 else u[k + 1] - u[k]
            new[k] = u[k] - 0.1 * u[k] * slope + nu * (u[k + 1] - 2.0 * u[k] + u[k - 1])
        u = new
    return np.sum(u**2)


@program(G)
def smooth_automaton(cells):
    for _ in range(9):
        around = np.zeros_like(cells)
        for i in (-1, 0, 1):
            for j in (-1, 0, 1):
                if i != 0 or j != 0:
                    around = around + np.roll(np.roll(cells, i, axis=0), j, axis=1)
        cells = 1.0 / (1.0 + np.exp(-4.0 * (around - 2.5) * cells))
    return np.sum(cells)


@program(U)
def reaction_diffusion(u):
    v = np.ones(14) * 0.5
    for _ in range(15):
        spread = np.roll(u, 1) + np.roll(u, -1) - 2.0 * u
        u, v = u + 0.1 * (spread + u - u**3 - v), v + 0.02 * (u + 0.7 - 0.8 * v)
    return np.sum(u * v)


@program(U)
def crank_nicolson(u):
    n, a = 14, 0.4
    u = u.copy()
    c = np.zeros(n)
    for _ in range(9):
        d = u.copy()
        d[1:-1] = u[1:-1] + 0.5 * a * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        c[0] = 0.0
        for k in range(1, n - 1):
            pivot = 1.0 + a + 0.5 * a * c[k - 1]
            c[k] = -0.5 * a / pivot
            d[k] = (d[k] + 0.5 * a * d[k - 1]) / pivot
        u[-1] = d[-1]
        for k in range(n - 2, -1, -1):
            u[k] = d[k] - c[k] * u[k + 1]
    return np.sum(u**2)


@program(U, 11)
def steps_are_an_argument(u, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] = 0.5 * (u[2:] + u[:-2]) * np.cos(u[1:-1])
    return np.sum(u**2)


@program(U)
def red_and_black(u):
    u = u.copy()
    for sweep in range(10):
        for k in range(1 + sweep % 2, 13, 2):
            u[k] = 0.5 * (u[k - 1] + u[k + 1])
    return np.sum(u**2)


@program(sample(65, 12, 12), no_tape=WRITES)
def summed_area(image):
    table = np.zeros((13, 13))
    for i in range(1, 13):
        for j in range(1, 13):
            table[i, j] = image[i - 1, j - 1] + table[i - 1, j] + table[i, j - 1] - table[i - 1, j - 1]
    return np.sum((table[4:, 4:] - table[:-4, 4:] - table[4:, :-4] + table[:-4, :-4]) ** 2)


@program(sample(66, 10, 11))
def until_it_settles(u):
    u = u.copy()
    change, sweeps = 1.0, 0
    while change > 0.05 and sweeps < 50:
        before = u.copy()
        u[1:-1, 1:-1] = 0.25 * (u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2])
        change = np.max(np.abs(u - before))
        sweeps += 1
    return np.sum(u**2) * sweeps
