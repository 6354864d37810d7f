"""Factorisations and solvers of linear algebra, written by hand."""

import numpy as np

from programs.zoo import WRITES, program, sample

N = 9
GENERAL = sample(101, N, N) + 4.0 * np.eye(N)
SPD = GENERAL @ GENERAL.T / N + np.eye(N)
B = sample(102, N)


@program(SPD, no_tape=WRITES)
def cholesky_by_elements(a):
    n = len(a)
    factor = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= factor[i, k] * factor[j, k]
            if i == j:
                factor[i, i] = np.sqrt(s)
            else:
                factor[i, j] = s / factor[j, j]
    return np.sum(np.log(np.diag(factor))) + factor[n - 1, 0]


@program(SPD)
def cholesky_in_place(a):
    a = a.copy()
    for k in range(N):
        a[k, k] = np.sqrt(a[k, k])
        for i in range(k + 1, N):
            a[i, k] /= a[k, k]
        for j in range(k + 1, N):
            for i in range(j, N):
                a[i, j] -= a[i, k] * a[j, k]
    total = 0.0
    for i in range(N):
        total += np.log(a[i, i]) + a[i, 0] ** 2
    return total


@program(GENERAL)
def lu_by_rows(a):
    a = a.copy()
    for k in range(N):
        for i in range(k + 1, N):
            a[i, k] /= a[k, k]
            a[i, k + 1 :] -= a[i, k] * a[k, k + 1 :]
    return np.sum(np.log(np.abs(np.diag(a)))) + np.sum(a[:, 0])


@program(GENERAL, B, no_tape=WRITES)
def gaussian_elimination(a, b):
    a, b = a.copy(), b.copy()
    n = len(b)
    for k in range(n):
        for i in range(k + 1, n):
            factor = a[i, k] / a[k, k]
            for j in range(k, n):
                a[i, j] -= factor * a[k, j]
            b[i] -= factor * b[k]
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        s = b[i]
        for j in range(i + 1, n):
            s -= a[i, j] * x[j]
        x[i] = s / a[i, i]
    return np.sum(x**2)


@program(sample(103, N, N, low=-2.0, high=2.0))
def determinant_with_pivots(a):
    a = a.copy()
    sign, total = 1.0, 0.0
    for k in range(N):
        pivot = k + np.argmax(np.abs(a[k:, k]))
        if pivot != k:
            sign = -sign
            row = a[k].copy()
            a[k] = a[pivot]
            a[pivot] = row
        total += np.log(np.abs(a[k, k]))
        for i in range(k + 1, N):
            a[i] -= a[k] * (a[i, k] / a[k, k])
    return sign * total


@program(np.tril(GENERAL), B, no_tape=WRITES)
def forward_substitution(lower, b):
    y = np.zeros(N)
    for i in range(N):
        y[i] = (b[i] - np.sum(lower[i, :] * y)) / lower[i, i]
    return np.sum(y**2)


@program(np.triu(GENERAL), B)
def back_substitution(upper, b):
    x = b.copy()
    for i in reversed(range(N)):
        for j in range(i + 1, N):
            x[i] -= upper[i, j] * x[j]
        x[i] /= upper[i, i]
    return np.sum(x**2)


@program(sample(104, 12), sample(105, 12) + 4.0, sample(106, 12), sample(107, 12))
def thomas(lower, diagonal, upper, b):
    c, d = upper.copy(), b.copy()
    c[0] = upper[0] / diagonal[0]
    d[0] = b[0] / diagonal[0]
    for k in range(1, 12):
        pivot = diagonal[k] - lower[k] * c[k - 1]
        c[k] = upper[k] / pivot
        d[k] = (b[k] - lower[k] * d[k - 1]) / pivot
    for k in range(10, -1, -1):
        d[k] -= c[k] * d[k + 1]
    return np.sum(d**2)


@program(sample(108, 10, 9), no_tape=WRITES)
def gram_schmidt(a):
    q = np.zeros((10, 9))
    r = np.zeros((9, 9))
    for j in range(9):
        v = a[:, j]
        for i in range(j):
            r[i, j] = np.sum(q[:, i] * a[:, j])
            v = v - r[i, j] * q[:, i]
        r[j, j] = np.sqrt(np.sum(v**2))
        q[:, j] = v / r[j, j]
    return np.sum(np.log(np.diag(r))) + r[0, 8] * q[2, 3]


@program(sample(109, 9, 9))
def modified_gram_schmidt(a):
    q = a.copy()
    for j in range(9):
        q[:, j] = q[:, j] / np.sqrt(np.sum(q[:, j] ** 2))
        for i in range(j + 1, 9):
            q[:, i] -= np.sum(q[:, j] * q[:, i]) * q[:, j]
    return np.sum(q[:, 8] * np.arange(9.0)) + q[0, 1]


@program(sample(110, 10, 9))
def householder(a):
    r = a.copy()
    for k in range(9):
        x = r[k:, k]
        alpha = -np.sign(x[0]) * np.linalg.norm(x)
        v = x.copy()
        v[0] -= alpha
        v = v / np.linalg.norm(v)
        r[k:, k:] -= 2.0 * np.outer(v, v @ r[k:, k:])
    return np.sum(r[:9, :9] * np.triu(np.ones((9, 9)))) + np.sum(r[0] ** 2 * np.arange(9.0))


@program(sample(111, 5, 5))
def givens_rotations(a):
    a = a.copy()
    for j in range(4):
        for i in range(4, j, -1):
            h = np.hypot(a[i - 1, j], a[i, j])
            c, s = a[i - 1, j] / h, a[i, j] / h
            upper = c * a[i - 1] + s * a[i]
            lower = c * a[i] - s * a[i - 1]
            a[i - 1], a[i] = upper, lower
    return np.sum(a[0] * np.arange(1.0, 6.0)) + np.abs(a[4, 4])


@program(SPD)
def power_iteration(a):
    v = np.ones(N)
    for _ in range(20):
        v = a @ v
        v = v / np.sqrt(v @ v)
    return v @ a @ v


@program(np.diag(np.arange(1.0, 10.0)) + 0.1 * SPD)
def inverse_iteration_until_it_settles(a):
    v = np.ones(N) / 3.0
    change = 1.0
    while change > 1e-13:
        w = np.linalg.solve(a, v)
        w = w / np.linalg.norm(w)
        change = np.linalg.norm(w - v)
        v = w
    return v @ a @ v + v[0] * v[1]


@program(0.3 * sample(112, 4, 4), 11)
def matrix_power(a, n):
    result = np.eye(4)
    for _ in range(n):
        result = result @ a + 0.1 * np.eye(4)
    return np.sum(result**2)


@program(0.5 * sample(113, 4, 4))
def exponential_by_series(a):
    total, term = np.eye(4), np.eye(4)
    for k in range(1, 16):
        term = term @ a / k
        total = total + term
    return np.sum(total**2)


@program(GENERAL, B)
def jacobi_solver(a, b):
    diagonal = np.diag(a)
    x = np.zeros(N)
    for _ in range(15):
        x = x + (b - a @ x) / (3.0 * diagonal)
    return np.sum(x**2)


@program(GENERAL, B)
def gauss_seidel_solver(a, b):
    x = b / np.diag(a)
    x = x.copy()
    for _ in range(9):
        for i in range(N):
            x[i] = x[i] + 0.5 * (b[i] - a[i] @ x) / a[i, i]
    return np.sum(x**2)


@program(SPD, B)
def conjugate_gradients(a, b):
    x, r = np.zeros(N), b
    p, rho = r, r @ r
    for _ in range(5):
        q = a @ p
        step = rho / (p @ q)
        x = x + step * p
        r = r - step * q
        new = r @ r
        p = r + new / rho * p
        rho = new
    return np.sum(x**2)


@program(SPD, B, no_tape=WRITES)
def conjugate_gradients_to_a_tolerance(a, b):
    x, r = np.zeros(N), b.copy()
    p = r.copy()
    rho = np.sum(r * r)
    while rho > 1e-4:
        q = a @ p
        step = rho / np.sum(p * q)
        x += step * p
        r -= step * q
        new = np.sum(r * r)
        p = r + (new / rho) * p
        rho = new
    return x @ x


@program(SPD)
def newton_schulz_inverse(a):
    x = a / np.sum(a**2)
    for _ in range(18):
        x = 2.0 * x - x @ a @ x
    return np.trace(x)


@program(SPD[:5, :5], rtol=1e-8)
def jacobi_eigenvalues(a):
    a = a.copy()
    for _ in range(2):
        for p in range(4):
            for q in range(p + 1, 5):
                if abs(a[p, q]) > 1e-12:
                    theta = (a[q, q] - a[p, p]) / (2.0 * a[p, q])
                    t = np.sign(theta) / (abs(theta) + np.sqrt(theta**2 + 1.0))
                    c = 1.0 / np.sqrt(t * t + 1.0)
                    s = t * c
                    left, right = c * a[:, p] - s * a[:, q], s * a[:, p] + c * a[:, q]
                    a[:, p], a[:, q] = left, right
                    upper, lower = c * a[p] - s * a[q], s * a[p] + c * a[q]
                    a[p], a[q] = upper, lower
    return np.sum(np.diag(a) ** 3)


@program(SPD, no_tape=WRITES)
def lanczos(a):
    alpha, beta = np.zeros(5), np.zeros(5)
    v = np.ones(N) / 3.0
    before = np.zeros(N)
    b = 0.0
    for k in range(5):
        w = a @ v - b * before
        alpha[k] = w @ v
        w = w - alpha[k] * v
        b = np.linalg.norm(w)
        beta[k] = b
        before, v = v, w / b
    return np.sum(alpha) + np.prod(beta[:4])


@program(sample(114, N, N))
def sum_over_a_triangle(a):
    total = 0.0
    for i in range(N):
        for j in range(i, N):
            total += a[i, j] * a[j, i] / (1.0 + a[i, i] ** 2)
    return total
