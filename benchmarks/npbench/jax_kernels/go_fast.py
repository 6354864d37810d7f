import jax.numpy as jnp


def kernel(a):
    return (a + jnp.sum(jnp.tanh(jnp.diagonal(a))),)
