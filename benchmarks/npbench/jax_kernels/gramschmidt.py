import jax.numpy as jnp
from jax import lax


def kernel(A):
    columns = jnp.arange(A.shape[1])

    def step(k, state):
        A, Q, R = state
        norm = jnp.sqrt(A[:, k] @ A[:, k])
        q = A[:, k] / norm
        row = jnp.where(columns > k, q @ A, 0.0)
        return A - jnp.outer(q, row), Q.at[:, k].set(q), R.at[k].set(row.at[k].set(norm))

    R = jnp.zeros((A.shape[1], A.shape[1]), A.dtype)
    return lax.fori_loop(0, A.shape[1], step, (A, jnp.zeros_like(A), R))
