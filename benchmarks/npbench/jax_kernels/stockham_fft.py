import jax.numpy as jnp


def kernel(N, R, K, x, y):
    radix, whole = jnp.arange(R)[:, None], jnp.arange(R**K)
    dft_mat = jnp.exp(-2.0j * jnp.pi * radix * jnp.arange(R) / R)
    for i in range(K):
        twisted = jnp.transpose(jnp.reshape(x, (R**i, R, R ** (K - i - 1))), (1, 0, 2))
        factors = jnp.exp(-2.0j * jnp.pi * radix * whole[: R**i] / R ** (i + 1))
        x = jnp.reshape(dft_mat @ jnp.reshape(twisted * factors[:, :, None], (R, -1)), (N,))
    return (x,)
