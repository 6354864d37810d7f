import jax


def kernel(x):
    return (jax.nn.softmax(x),)
