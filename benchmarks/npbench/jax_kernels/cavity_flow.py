import jax.numpy as jnp
from jax import lax


def source(rho, dt, u, v, dx, dy):
    u_x, u_y = (u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx), (u[2:, 1:-1] - u[:-2, 1:-1]) / (2 * dy)
    v_x, v_y = (v[1:-1, 2:] - v[1:-1, :-2]) / (2 * dx), (v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dy)
    return rho * ((u_x + v_y) / dt - u_x**2 - 2 * u_y * v_x - v_y**2)


def pressure(nit, p, dx, dy, b):
    def step(_, p):
        mean = (p[1:-1, 2:] + p[1:-1, :-2]) * dy**2 + (p[2:, 1:-1] + p[:-2, 1:-1]) * dx**2
        p = p.at[1:-1, 1:-1].set((mean - dx**2 * dy**2 * b) / (2 * (dx**2 + dy**2)))
        p = p.at[:, -1].set(p[:, -2])
        p = p.at[0].set(p[1])
        p = p.at[:, 0].set(p[:, 1])
        return p.at[-1].set(0.0)

    return lax.fori_loop(0, nit, step, p)


def moved(w, u, v, dt, dx, dy, nu, push):
    middle = w[1:-1, 1:-1]
    carried = u[1:-1, 1:-1] * dt / dx * (middle - w[1:-1, :-2]) + v[1:-1, 1:-1] * dt / dy * (middle - w[:-2, 1:-1])
    spread = dt / dx**2 * (w[1:-1, 2:] - 2 * middle + w[1:-1, :-2]) + dt / dy**2 * (
        w[2:, 1:-1] - 2 * middle + w[:-2, 1:-1]
    )
    return middle - carried - push + nu * spread


def kernel(nx, ny, nt, nit, u, v, dt, dx, dy, p, rho, nu):
    def step(_, state):
        u, v, p = state
        p = pressure(nit, p, dx, dy, source(rho, dt, u, v, dx, dy))
        push_u = dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, :-2])
        push_v = dt / (2 * rho * dy) * (p[2:, 1:-1] - p[:-2, 1:-1])
        new_u = jnp.pad(moved(u, u, v, dt, dx, dy, nu, push_u), 1).at[-1].set(1.0)
        return new_u, jnp.pad(moved(v, u, v, dt, dx, dy, nu, push_v), 1), p

    return lax.fori_loop(0, nt, step, (u, v, p))
