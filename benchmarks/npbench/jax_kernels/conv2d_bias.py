from jax import lax


def kernel(input, weights, bias):
    convolved = lax.conv_general_dilated(input, weights, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return (convolved + bias,)
