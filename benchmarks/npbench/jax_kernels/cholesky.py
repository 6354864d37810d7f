import jax.numpy as jnp


def kernel(A):
    lower = jnp.tril(A)
    symmetric = lower + jnp.tril(A, -1).T
    return (jnp.linalg.cholesky(symmetric, symmetrize_input=False) + jnp.triu(A, 1),)
