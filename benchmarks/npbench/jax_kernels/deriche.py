import jax.numpy as jnp
from jax import lax


def filtered(image, one, two, three, four, b1, b2):
    """Both recursions along the first axis, added up."""

    def recursion(x, before, first, second, reverse):
        def step(state, x):
            before, y1, y2 = state
            y = first * x + second * before + b1 * y1 + b2 * y2
            return (x, y, y1), y

        zeros = jnp.zeros_like(before)
        return lax.scan(step, (before, zeros, zeros), x, reverse=reverse)[1]

    zeros = jnp.zeros_like(image[:1])
    down = recursion(image, zeros[0], one, two, False)
    up = recursion(jnp.concatenate([image[1:], zeros]), zeros[0], three, four, True)
    return down + up


def kernel(alpha, imgIn):
    decay = jnp.exp(-alpha)
    k = (1.0 - decay) * (1.0 - decay) / (1.0 + alpha * decay - jnp.exp(2.0 * alpha))
    coefficients = k, k * decay * (alpha - 1.0), k * decay * (alpha + 1.0), -k * decay * decay
    recursive = 2.0 ** (-alpha), -decay * decay
    rows = filtered(imgIn.T, *coefficients, *recursive).T
    return (filtered(rows, *coefficients, *recursive),)
