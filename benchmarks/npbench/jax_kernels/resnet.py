import jax
import jax.numpy as jnp
from jax import lax


def convolve(images, weights, padding):
    return lax.conv_general_dilated(images, weights, (1, 1), padding, dimension_numbers=("NHWC", "HWIO", "NHWC"))


def normalise(x, eps=1e-5):
    variance = jnp.var(x, axis=0, keepdims=True)
    positive = variance > 0  # the padding is constant, and the root of 0 has no slope
    std = jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1.0)), 0.0)
    return (x - jnp.mean(x, axis=0, keepdims=True)) / jnp.sqrt(std + eps)


def kernel(input, conv1, conv2, conv3):
    x = jnp.pad(convolve(input, conv1, "VALID"), ((0, 0), (1, 1), (1, 1), (0, 0)))
    x = jax.nn.relu(normalise(x))
    x = jax.nn.relu(normalise(convolve(x, conv2, "VALID")))
    x = normalise(convolve(x, conv3, "VALID"))
    return (jax.nn.relu(x + input),)
