"""A fluid driven through a channel, periodic in x, until it is steady (step 12 of Barba's CFD course)."""

import numpy as np

TEST, BENCH = 6, 31
DIFFERENTIATED = ("u", "v", "dt", "dx", "dy", "p", "rho", "nu", "F")
WRITTEN = ("u", "v", "p")
ANALYTIC = False  # b is of dtype float


def initialize(n, rng):
    dx, dy = 2.0 / n, 2.0 / (n - 1)
    if n >= 20:  # from rest, as published; at a step of 0.01 the flow is unstable, and its gradient 1e79
        return 10, np.zeros((n, n + 1)), np.zeros((n, n + 1)), 0.003, dx, dy, np.ones((n, n + 1)), 1.0, 0.1, 1.0
    y = dy * np.arange(n)[:, None]
    u = 0.95 * y * (2.0 - y) * (1.0 + 0.02 * rng.normal(size=(n, n + 1)))  # near the end: about 20 steps
    v, p = (0.02 * rng.normal(size=u.shape) for _ in range(2))
    return 9, u, v, 0.05, dx, dy, p, 1.0, 0.5, 1.0


def build_up_b(rho, dt, dx, dy, u, v):
    b = np.zeros_like(u)
    b[1:-1, 1:-1] = rho * (
        1 / dt * ((u[1:-1, 2:] - u[1:-1, 0:-2]) / (2 * dx) + (v[2:, 1:-1] - v[0:-2, 1:-1]) / (2 * dy))
        - ((u[1:-1, 2:] - u[1:-1, 0:-2]) / (2 * dx)) ** 2
        - 2 * ((u[2:, 1:-1] - u[0:-2, 1:-1]) / (2 * dy) * (v[1:-1, 2:] - v[1:-1, 0:-2]) / (2 * dx))
        - ((v[2:, 1:-1] - v[0:-2, 1:-1]) / (2 * dy)) ** 2
    )
    # The last column, whose right neighbour is the first one; then the first.
    b[1:-1, -1] = rho * (
        1 / dt * ((u[1:-1, 0] - u[1:-1, -2]) / (2 * dx) + (v[2:, -1] - v[0:-2, -1]) / (2 * dy))
        - ((u[1:-1, 0] - u[1:-1, -2]) / (2 * dx)) ** 2
        - 2 * ((u[2:, -1] - u[0:-2, -1]) / (2 * dy) * (v[1:-1, 0] - v[1:-1, -2]) / (2 * dx))
        - ((v[2:, -1] - v[0:-2, -1]) / (2 * dy)) ** 2
    )
    b[1:-1, 0] = rho * (
        1 / dt * ((u[1:-1, 1] - u[1:-1, -1]) / (2 * dx) + (v[2:, 0] - v[0:-2, 0]) / (2 * dy))
        - ((u[1:-1, 1] - u[1:-1, -1]) / (2 * dx)) ** 2
        - 2 * ((u[2:, 0] - u[0:-2, 0]) / (2 * dy) * (v[1:-1, 1] - v[1:-1, -1]) / (2 * dx))
        - ((v[2:, 0] - v[0:-2, 0]) / (2 * dy)) ** 2
    )
    return b


def pressure_poisson_periodic(nit, p, dx, dy, b):
    for q in range(nit):
        pn = p.copy()
        p[1:-1, 1:-1] = ((pn[1:-1, 2:] + pn[1:-1, 0:-2]) * dy**2 + (pn[2:, 1:-1] + pn[0:-2, 1:-1]) * dx**2) / (
            2 * (dx**2 + dy**2)
        ) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 1:-1]
        p[1:-1, -1] = ((pn[1:-1, 0] + pn[1:-1, -2]) * dy**2 + (pn[2:, -1] + pn[0:-2, -1]) * dx**2) / (
            2 * (dx**2 + dy**2)
        ) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, -1]
        p[1:-1, 0] = ((pn[1:-1, 1] + pn[1:-1, -1]) * dy**2 + (pn[2:, 0] + pn[0:-2, 0]) * dx**2) / (
            2 * (dx**2 + dy**2)
        ) - dx**2 * dy**2 / (2 * (dx**2 + dy**2)) * b[1:-1, 0]
        p[-1, :] = p[-2, :]
        p[0, :] = p[1, :]


def kernel(nit, u, v, dt, dx, dy, p, rho, nu, F):
    udiff = 1
    stepcount = 0
    while udiff > 0.001:
        un = u.copy()
        vn = v.copy()
        b = build_up_b(rho, dt, dx, dy, u, v)
        pressure_poisson_periodic(nit, p, dx, dy, b)

        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, 0:-2])
            - vn[1:-1, 1:-1] * dt / dy * (un[1:-1, 1:-1] - un[0:-2, 1:-1])
            - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, 0:-2])
            + nu
            * (
                dt / dx**2 * (un[1:-1, 2:] - 2 * un[1:-1, 1:-1] + un[1:-1, 0:-2])
                + dt / dy**2 * (un[2:, 1:-1] - 2 * un[1:-1, 1:-1] + un[0:-2, 1:-1])
            )
            + F * dt
        )
        v[1:-1, 1:-1] = (
            vn[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (vn[1:-1, 1:-1] - vn[1:-1, 0:-2])
            - vn[1:-1, 1:-1] * dt / dy * (vn[1:-1, 1:-1] - vn[0:-2, 1:-1])
            - dt / (2 * rho * dy) * (p[2:, 1:-1] - p[0:-2, 1:-1])
            + nu
            * (
                dt / dx**2 * (vn[1:-1, 2:] - 2 * vn[1:-1, 1:-1] + vn[1:-1, 0:-2])
                + dt / dy**2 * (vn[2:, 1:-1] - 2 * vn[1:-1, 1:-1] + vn[0:-2, 1:-1])
            )
        )
        # The columns at the ends, each the other's neighbour.
        for here, left, right in ((-1, -2, 0), (0, -1, 1)):
            u[1:-1, here] = (
                un[1:-1, here]
                - un[1:-1, here] * dt / dx * (un[1:-1, here] - un[1:-1, left])
                - vn[1:-1, here] * dt / dy * (un[1:-1, here] - un[0:-2, here])
                - dt / (2 * rho * dx) * (p[1:-1, right] - p[1:-1, left])
                + nu
                * (
                    dt / dx**2 * (un[1:-1, right] - 2 * un[1:-1, here] + un[1:-1, left])
                    + dt / dy**2 * (un[2:, here] - 2 * un[1:-1, here] + un[0:-2, here])
                )
                + F * dt
            )
            v[1:-1, here] = (
                vn[1:-1, here]
                - un[1:-1, here] * dt / dx * (vn[1:-1, here] - vn[1:-1, left])
                - vn[1:-1, here] * dt / dy * (vn[1:-1, here] - vn[0:-2, here])
                - dt / (2 * rho * dy) * (p[2:, here] - p[0:-2, here])
                + nu
                * (
                    dt / dx**2 * (vn[1:-1, right] - 2 * vn[1:-1, here] + vn[1:-1, left])
                    + dt / dy**2 * (vn[2:, here] - 2 * vn[1:-1, here] + vn[0:-2, here])
                )
            )
        u[0, :] = 0
        u[-1, :] = 0
        v[0, :] = 0
        v[-1, :] = 0
        udiff = (np.sum(u) - np.sum(un)) / np.sum(u)
        stepcount += 1
    return stepcount
