import jax.numpy as jnp


def kernel(M, float_n, data):
    stddev = jnp.std(data, axis=0)
    data = (data - jnp.mean(data, axis=0)) / (jnp.sqrt(float_n) * jnp.where(stddev <= 0.1, 1.0, stddev))
    return data, jnp.where(jnp.eye(M, dtype=bool), 1.0, data.T @ data)
