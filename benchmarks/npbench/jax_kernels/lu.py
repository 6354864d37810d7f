import jax.numpy as jnp
from jax import lax


def kernel(A):
    n = A.shape[0]
    after = jnp.arange(n)

    def eliminate(k, A):
        column = jnp.where(after > k, A[:, k] / A[k, k], 0.0)
        A = A - jnp.outer(column, jnp.where(after > k, A[k], 0.0))
        return A.at[:, k].set(jnp.where(after > k, column, A[:, k]))

    return (lax.fori_loop(0, n - 1, eliminate, A),)
