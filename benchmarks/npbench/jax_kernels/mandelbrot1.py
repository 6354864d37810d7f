import jax.numpy as jnp
from jax import lax


def kernel(xmin, xmax, ymin, ymax, xn, yn, maxiter, horizon):
    C = jnp.linspace(xmin, xmax, xn) + jnp.linspace(ymin, ymax, yn)[:, None] * 1j

    def step(n, state):
        Z, N = state
        inside = Z.real**2 + Z.imag**2 < horizon**2
        return jnp.where(inside, Z**2 + C, Z), jnp.where(inside, n, N)

    Z, N = lax.fori_loop(0, maxiter, step, (jnp.zeros_like(C), jnp.zeros(C.shape, int)))
    return Z, jnp.where(maxiter - 1 == N, 0, N)
