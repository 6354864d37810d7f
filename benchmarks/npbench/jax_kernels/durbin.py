import jax.numpy as jnp
from jax import lax


def kernel(r):
    place = jnp.arange(r.shape[0])

    def step(k, state):
        y, alpha, beta = state
        before = place < k
        beta = beta * (1.0 - alpha * alpha)
        alpha = -(r[k] + jnp.sum(jnp.where(before, r[k - 1 - place] * y, 0.0))) / beta
        y = y + alpha * jnp.where(before, y[k - 1 - place], 0.0)
        return y.at[k].set(alpha), alpha, beta

    y, _, _ = lax.fori_loop(1, r.shape[0], step, (jnp.zeros_like(r).at[0].set(-r[0]), -r[0], 1.0))
    return (y,)
