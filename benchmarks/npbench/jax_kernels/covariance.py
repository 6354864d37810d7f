import jax.numpy as jnp


def kernel(M, float_n, data):
    data = data - jnp.mean(data, axis=0)
    return data, data.T @ data / (float_n - 1.0)
