import jax
import jax.numpy as jnp
from jax import lax


def convolve(images, weights):
    return lax.conv_general_dilated(images, weights, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def pool(images):
    return lax.reduce_window(images, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def kernel(input, conv1, conv1bias, conv2, conv2bias, fc1w, fc1b, fc2w, fc2b, fc3w, fc3b, N, C_before_fc1):
    x = pool(jax.nn.relu(convolve(input, conv1) + conv1bias))
    x = pool(jax.nn.relu(convolve(x, conv2) + conv2bias))
    x = jnp.reshape(x, (N, C_before_fc1))
    x = jax.nn.relu(x @ fc1w + fc1b)
    x = jax.nn.relu(x @ fc2w + fc2b)
    return (x @ fc3w + fc3b,)
