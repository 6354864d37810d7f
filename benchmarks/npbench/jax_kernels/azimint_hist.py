import jax.numpy as jnp


def kernel(data, radius, npt):
    return (jnp.histogram(radius, npt, weights=data)[0] / jnp.histogram(radius, npt)[0],)
